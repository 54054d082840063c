"""`python -m tests.sql.score [--write] [--why [NAME ...]]`: how much of the corpus is right. `--peer` asks openlineage-sql.

`--peer` runs in any interpreter that has openlineage_sql and PyYAML, and keeps its figures in corpus/peer.json; `--write`
puts both into docs/column-lineage.md.
"""

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.sql.answers import Peer, PeerFound, ours
from tests.sql.cases import CORPUS, DIALECTS, Case, cases
from tests.sql.judge import Judgement, Verdict, judge, sources_fit

PAGE = Path(__file__).parents[2] / "docs/column-lineage.md"
PEER = CORPUS / "peer.json"
BEGIN, END = "<!-- score -->\n", "<!-- /score -->\n"
ALL = "all"
NAMES = {
    "bigquery": "BigQuery",
    "databricks": "Databricks",
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "redshift": "Redshift",
    "snowflake": "Snowflake",
    "spark": "Spark",
    "trino": "Trino",
    "tsql": "T-SQL",
    ALL: "all",
}
VERDICTS = ("right", "absent", "wrong")

Figures = dict[str, Counter[str]]
"""Counts by dialect, and `all`."""


def main() -> int:
    options = argparse.ArgumentParser(prog="tests.sql.score", description=__doc__)
    options.add_argument("--peer", action="store_true", help="ask openlineage-sql and keep the figures")
    options.add_argument("--write", action="store_true", help="write the tables into docs/column-lineage.md")
    options.add_argument("--why", nargs="*", help="what is not right, of all or of these statements")
    given = options.parse_args()
    corpus = cases()
    if given.peer:
        PEER.write_text(json.dumps(peer_figures(corpus), indent=1) + "\n")
        return 0
    started = time.process_time()
    judged = [judge(case, ours(case)) for case in corpus]
    spent_ms = (time.process_time() - started) * 1000
    if given.why is not None:
        _explain(judged, given.why)
    text = published(judged, json.loads(PEER.read_text()))
    print(text)
    print(f"{spent_ms / len(corpus):.1f} ms CPU a statement, in one go")
    if given.write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.split(END)[1])
    return 0 if not any(one.whole == "wrong" for one in judged) else 1


def figures(judged: Iterable[Judgement]) -> Figures:
    """Counts of statements by verdict, of columns by verdict and of columns with the right sources."""
    found: Figures = {dialect: Counter() for dialect in (*DIALECTS, ALL)}
    for one in judged:
        counts = Counter({"statements": 1, f"statement {one.whole}": 1, "invented": len(one.invented)})
        counts.update(f"column {verdict}" for verdict in one.columns.values())
        counts.update(f"source {verdict}" for verdict in one.sources.values())
        for dialect in (one.case.dialect, ALL):
            found[dialect].update(counts)
    return found


def digest(corpus: Iterable[Case]) -> str:
    """Of the files, so that figures of another corpus are noticed."""
    files = b"".join(case.path.read_bytes() for case in corpus)
    return hashlib.sha256(files).hexdigest()[:16]


def peer_figures(corpus: list[Case]) -> dict[str, Any]:
    """What openlineage-sql makes of the corpus, with the dialect and without."""
    said: dict[str, Any] = {}
    for key, with_dialect in (("dialect", True), ("no_dialect", False)):
        peer = Peer(with_dialect=with_dialect)
        found: Figures = {dialect: Counter() for dialect in (*DIALECTS, ALL)}
        for case in corpus:
            counts = _peer_counts(case, peer(case))
            for dialect in (case.dialect, ALL):
                found[dialect].update(counts)
        said[key] = {dialect: dict(sorted(counts.items())) for dialect, counts in found.items()}
        said[f"{key}_cpu_ms"] = round(statistics.median(peer.cpu_ms), 3)
    return {
        "version": version("openlineage-sql"),
        "command": "python -m tests.sql.score --peer",
        "python": platform.python_version(),
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "corpus": digest(corpus),
        "statements": len(corpus),
        **said,
    }


def _peer_counts(case: Case, found: PeerFound) -> Counter[str]:
    """Judged as ours are by sources alone. A constant that it says nothing of is right, and so is an unresolved column."""
    verdicts: list[Verdict] = []
    for expected in case.writes.values():
        for column, edges in expected.columns.items():
            folded = {(edge.table, edge.column.casefold()): edge for edge in edges}
            sources = found.columns.get(column.casefold(), set())
            known = {(at[0], folded[at].column) if at in folded else at for at in sources}
            verdicts.append(sources_fit(edges, known))
        unresolved = (found.columns.get(column.casefold()) for column in expected.unresolved)
        verdicts.extend("wrong" if sources else "right" for sources in unresolved)
    allowed = case.reads | case.may_read | case.writes.keys()
    invented = (found.reads - allowed) | (found.writes - case.writes.keys())
    whole = _peer_whole(case, found, verdicts, bool(invented))
    counts = Counter({"statements": 1, f"statement {whole}": 1, "invented": len(invented)})
    counts.update(f"source {verdict}" for verdict in verdicts)
    return counts


def _peer_whole(case: Case, found: PeerFound, verdicts: list[Verdict], invented: bool) -> str:
    if invented or "wrong" in verdicts:
        return "wrong"
    if found.failure:
        return "error"
    missed = case.reads - found.reads or (not case.target and case.writes.keys() - found.writes)
    return "partial" if missed or "absent" in verdicts else "exact"


def published(judged: Iterable[Judgement], peer: Mapping[str, Any]) -> str:
    """What docs/column-lineage.md has between its marks."""
    judged = list(judged)
    gaps = [f"- {NAMES[one.case.dialect]}: {one.case.known_gap}" for one in judged if one.case.known_gap]
    return _tables(figures(judged), peer) + "\n".join(["", "Known gaps, absent all of them:", "", *gaps, ""])


def _tables(our: Figures, peer: Mapping[str, Any]) -> str:
    lines = [
        "| dialect | statements | exact | partial | wrong | error | columns | right | absent | wrong | tables invented |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for dialect, counts in our.items():
        wholes = [counts[f"statement {whole}"] for whole in ("exact", "partial", "wrong", "error")]
        columns = [counts[f"column {verdict}"] for verdict in VERDICTS]
        row = [NAMES[dialect], counts["statements"], *wholes, sum(columns), *columns, counts["invented"]]
        lines.append(f"| {' | '.join(map(str, row))} |")
    lines += [
        "",
        "By the columns that values come from alone, since openlineage-sql has no subtypes:",
        "",
        "| | statements wrong | error | columns | right | absent | wrong | tables invented |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    called = f"openlineage-sql {peer['version']}"
    rows = (
        ("the bridge", our[ALL]),
        (f"{called}, told the dialect", Counter(peer["dialect"][ALL])),
        (f"{called}, as dbt-ol calls it", Counter(peer["no_dialect"][ALL])),
    )
    for label, counts in rows:
        columns = [counts[f"source {verdict}"] for verdict in VERDICTS]
        row = [
            label,
            counts["statement wrong"],
            counts["statement error"],
            sum(columns),
            *columns,
            counts["invented"],
        ]
        lines.append(f"| {' | '.join(map(str, row))} |")
    asked = f"`{peer['command']}` on {peer['date']}, Python {peer['python']}, {peer['machine']}"
    lines += [
        "",
        "Ours: `python -m tests.sql.score --write`; a test compares it with this page.",
        f"The peer: {asked}.",
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Processor and cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"


def _explain(judged: Iterable[Judgement], names: list[str]) -> None:
    for one in judged:
        if one.why and (not names or str(one.case) in names):
            print(f"{one.case}: {one.whole}", *(f"    {line}" for line in one.why), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
