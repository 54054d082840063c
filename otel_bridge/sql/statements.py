"""The statements that spans inside a run executed (`job_values["statements"]`), told in terms of the run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from otel_bridge.model import Dataset, Omission, Run, State, Value
from otel_bridge.sql.answers import COVERAGE, Coverage, answered, with_coverage
from otel_bridge.sql.questions import Key, Question, schema_of, table_name
from otel_bridge.sql.session import Place, Session
from otel_bridge.sql.values import Statement, Table

STATEMENTS: Final = "statements"
"""Key of the job value: a list of `{sql, dialect, context, failed}`."""
TOLD_BY_ITSELF: Final = "DBT"
"""Integration whose runs know all that they read and write; the statements are how."""
PATH: Final = "db.query.text"


def executed(run: Run) -> list[tuple[str, Place]]:
    """Each statement with its connection, in order. One that failed counts if its run failed, too."""
    given = run.job_values.get(STATEMENTS)
    if not isinstance(given, list | tuple) or run.job_values.get("integration") == TOLD_BY_ITSELF:
        return []
    failed = run.state not in (State.COMPLETE, None)
    found = [
        _read(each) for each in given if isinstance(each, Mapping) and (failed or not each.get("failed"))
    ]
    return [one for one in found if one[0]]


def without(run: Run) -> Run:
    """The run without its statements: they are no facet."""
    return replace(run, job_values={k: v for k, v in run.job_values.items() if k != STATEMENTS})


def session_of(run: Run) -> Session:
    """A session with the tables that the run lists."""
    tables: dict[Key, Table] = {}
    for dataset in (*run.inputs, *run.outputs):
        key, name = (dataset.namespace, dataset.name), table_name(dataset)
        if name is not None and (key not in tables or tables[key].columns is None):
            tables[key] = Table(name, schema_of(dataset))
    return Session(tables.items())


def told(run: Run, session: Session) -> tuple[Run, Coverage]:
    """The run with what the session came to."""
    result = session.result()
    keys = {name: (name[0], name[1]) for name in (*result.reads, *(w.table for w in result.writes))}
    uses = (use for part in result.columns for of in (*part.columns.values(), part.dataset) for use in of)
    keys |= {use.table: (use.table[0], use.table[1]) for use in uses if len(use.table) == 2}
    before = run.run_values.get(COVERAGE)
    run, coverage = answered(run, Question(Statement(""), datasets=keys, adds=True), result)
    if before is not None:
        run = with_coverage(run, _both(msgspec.convert(before, Coverage), coverage))
    schemas = {table.name: table.columns for table in result.made}
    outputs = tuple(_with_schema(d, schemas.get((d.namespace, d.name))) for d in run.outputs)
    return replace(run, outputs=outputs), coverage


def omissions(failures: Counter[str]) -> tuple[Omission, ...]:
    """How many statements say nothing, by reason, wherever in them it is."""
    reasons: Counter[str] = Counter()
    for reason, count in failures.items():
        reasons[reason.partition(" (line ")[0]] += count
    return tuple(
        Omission(PATH, f"{count} {'statement is' if count == 1 else 'statements are'} left out: {reason}")
        for reason, count in reasons.items()
    )


def _both(one: Coverage, other: Coverage) -> Coverage:
    return Coverage(
        columns=one.columns + other.columns,
        resolved=one.resolved + other.resolved,
        gaps=(*one.gaps, *other.gaps),
        found=(*one.found, *other.found),
    )


def _read(said: Mapping[str, Value]) -> tuple[str, Place]:
    sql, given = said.get("sql"), said.get("context")
    context = given if isinstance(given, Mapping) else {}
    texts = {
        key: text for key in ("namespace", "database", "schema") if isinstance(text := context.get(key), str)
    }
    dialect, parts = said.get("dialect") or context.get("dialect"), context.get("parts")
    place = Place(
        **texts,
        dialect=dialect if isinstance(dialect, str) else "",
        parts=parts if isinstance(parts, int) else 3,
    )
    return (sql if isinstance(sql, str) else "").strip(), place


def _with_schema(dataset: Dataset, columns: Iterable[object] | None) -> Dataset:
    """What a statement made the table of, if nothing else is known of its columns."""
    if columns is None or "schema" in dataset.values or "schema" in dataset.facets:
        return dataset
    return replace(dataset, values={**dataset.values, "schema": [msgspec.to_builtins(c) for c in columns]})
