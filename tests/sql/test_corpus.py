"""The corpus: each statement gives the lineage that was worked out by hand, or less where its file says so; never a wrong edge."""

import json
from pathlib import Path

import pytest

from tests.sql.answers import ours
from tests.sql.cases import CORPUS, DIALECTS, Case, CorpusError, cases, load
from tests.sql.judge import Found, FoundTable, Judgement, Used, judge
from tests.sql.score import BEGIN, END, PAGE, PEER, digest, published

ALL = cases()


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgement]:
    return {str(case): judge(case, ours(case)) for case in ALL}


@pytest.mark.parametrize("case", ALL, ids=str)
def test_statement(case: Case, judged: dict[str, Judgement]) -> None:
    found = judged[str(case)]
    assert found.whole != "wrong", "\n".join(found.why)
    if case.known_gap:
        assert found.whole in {"partial", "error"}, "the gap is closed: take known_gap out of the file"
    else:
        assert found.whole == "exact", "\n".join(found.why)


@pytest.mark.parametrize("case", [case for case in ALL if not case.known_gap], ids=str)
def test_columns_that_a_statement_defines_are_told_in_order(case: Case) -> None:
    """They may become the schema of a table that has none."""
    found = ours(case)
    for table, expected in case.writes.items():
        if table not in case.tables and not expected.unresolved:
            assert list(found.writes[table].columns) == list(expected.columns)


def test_the_page_has_the_score(judged: dict[str, Judgement]) -> None:
    """`python -m tests.sql.score --write` brings it up to date."""
    peer = json.loads(PEER.read_text())
    assert published(judged.values(), peer) == PAGE.read_text().split(BEGIN)[1].split(END)[0]


def test_the_peer_was_asked_the_same() -> None:
    """`python -m tests.sql.score --peer` in an environment with openlineage-sql and PyYAML asks it again."""
    assert json.loads(PEER.read_text())["corpus"] == digest(ALL)


def test_every_dialect_has_its_share() -> None:
    counts = {dialect: sum(case.dialect == dialect for case in ALL) for dialect in DIALECTS}
    assert min(counts.values()) >= 14
    assert len(ALL) >= 165


def test_files_of_the_corpus_are_statements() -> None:
    assert {path.suffix for path in CORPUS.glob("*/*")} == {".yaml"}
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} == set(DIALECTS)


GIVEN = """\
dialect: duckdb
note: n
tables: {shop.raw.orders: "id int, status varchar"}
target: shop.marts.orders
sql: select id from shop.raw.orders where status = 'new'
expect:
  reads: [shop.raw.orders]
  writes:
    shop.marts.orders:
      columns: {id: IDENTITY orders.id}
      dataset: [FILTER orders.status]
"""
ORDERS, MART = ("shop", "raw", "orders"), ("shop", "marts", "orders")
ID, STATUS = Used(ORDERS, "id", "IDENTITY"), Used(ORDERS, "status", "FILTER")


def loaded(tmp_path: Path, text: str) -> Case:
    (tmp_path / "duckdb").mkdir(exist_ok=True)
    path = tmp_path / "duckdb/one.yaml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("note: n", "note: n\nnotes: m", r"unknown keys \['notes'\]"),
        ("note: n\n", "", r"\['note'\] missing"),
        ("dialect: duckdb", "dialect: spark", "name of the folder"),
        ("orders.id", "orders.key", "has no column key"),
        ("orders.id", "items.id", "column of 0 known tables"),
        ("IDENTITY", "SAME", r"\['SAME'\] are no subtypes"),
        ("IDENTITY orders.id", "IDENTITY", "names no column"),
        ("dataset: [", "unresolved: [id]\n      dataset: [", "resolved and unresolved"),
        ("dataset: [FILTER orders.status]", "rows: []", r"unknown keys \['rows'\]"),
        ("note: n", "note: [", "no YAML"),
    ],
)
def test_a_file_with_an_error_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        loaded(tmp_path, GIVEN.replace(old, new))


@pytest.mark.parametrize(
    ("columns", "dataset", "whole"),
    [
        ({"id": {ID}}, {STATUS}, "exact"),
        ({"id": {ID}}, set(), "partial"),
        ({}, {STATUS}, "partial"),
        ({"id": set()}, {STATUS}, "partial"),
        ({"id": {ID, Used(ORDERS, "status", "CONDITIONAL")}}, {STATUS}, "wrong"),
        ({"id": {Used(ORDERS, "id", "TRANSFORMATION")}}, {STATUS}, "wrong"),
        ({"id": {Used(ORDERS, "id", "IDENTITY", masking=True)}}, {STATUS}, "wrong"),
        ({"id": {ID}, "status": set()}, {STATUS}, "wrong"),
        ({"id": {ID}}, {Used(ORDERS, "id", "JOIN"), STATUS}, "wrong"),
    ],
)
def test_an_answer_is_judged(tmp_path: Path, columns: dict, dataset: set[Used], whole: str) -> None:
    found = Found(reads={ORDERS}, writes={MART: FoundTable(columns, dataset)})
    assert judge(loaded(tmp_path, GIVEN), found).whole == whole


def test_an_invented_table_is_wrong(tmp_path: Path) -> None:
    found = Found(reads={ORDERS, ("final",)}, writes={MART: FoundTable({"id": {ID}}, {STATUS})})
    assert judge(loaded(tmp_path, GIVEN), found).whole == "wrong"


def test_a_choice_of_the_notation(tmp_path: Path) -> None:
    """One of several subtypes, some more that are allowed, either masking."""
    text = GIVEN.replace(
        "IDENTITY orders.id",
        "TRANSFORMATION|AGGREGATION?CONDITIONAL orders.id masking?; ?WINDOW orders.status",
    )
    case = loaded(tmp_path, text)

    def judged_with(*uses: Used) -> str:
        return judge(case, Found({ORDERS}, {MART: FoundTable({"id": set(uses)}, {STATUS})})).whole

    hidden = Used(ORDERS, "id", "AGGREGATION", masking=True)
    assert judged_with(hidden) == "exact"
    assert judged_with(hidden, Used(ORDERS, "id", "CONDITIONAL"), Used(ORDERS, "status", "WINDOW")) == "exact"
    assert judged_with(Used(ORDERS, "id", "CONDITIONAL")) == "partial"
    assert judged_with(ID) == "wrong"


def test_what_must_be_unresolved_needs_a_reason_and_no_edges(tmp_path: Path) -> None:
    text = GIVEN.replace("columns: {id: IDENTITY orders.id}", "unresolved: [id]")
    case = loaded(tmp_path, text)

    def judged_with(table: FoundTable) -> str:
        return judge(case, Found({ORDERS}, {MART: table})).whole

    assert judged_with(FoundTable({}, {STATUS}, {"id"})) == "exact"
    assert judged_with(FoundTable({}, {STATUS}, {"*"})) == "exact"
    assert judged_with(FoundTable({}, {STATUS})) == "partial"
    assert judged_with(FoundTable({"id": {ID}}, {STATUS})) == "wrong"
