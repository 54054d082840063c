"""Any sequence of statements over a few tables: what it comes to holds together."""

from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.sql.lineage import analyse
from otel_bridge.sql.session import Place, Session
from otel_bridge.sql.values import Analysis

PLACE = Place("postgres://db:5432", "shop", "public", "postgres")
NAMES = st.sampled_from(["a", "b", "stage.a", "c"])
STATEMENTS = st.sampled_from([
    "select x, y from {0} join {1} using (id)",
    "insert into {0} (x, y) select x, y from {1} where z > %s",
    "insert into {0} select * from {1}",
    "create table {0} as select * from {1}",
    "create table {0} as select x, max(y) as y from {1} group by x",
    "create table {0} (x int, y int)",
    "create table if not exists {0} (x int)",
    "create temp table {0} as select x, y from {1}",
    "create temp table {0} as select * from {1}",
    "update {0} set x = {1}.y from {1} where {0}.id = {1}.id",
    "delete from {0} where x in (select x from {1})",
    "drop table {0}",
    "drop table if exists {0}, {1}",
    "alter table {0} rename to {1}",
    "truncate {0}",
    "set search_path to stage",
    "set search_path to public",
    "with {2} as (select * from {0}) insert into {1} (x) select x from {2}",
])  # fmt: skip
SCRIPTS = st.lists(
    st.builds(lambda text, one, two: text.format(one, two, "w"), STATEMENTS, NAMES, NAMES), max_size=8
)


def told(statements: list[str]) -> Analysis:
    session = Session()
    for sql in statements:
        analysis = analyse(session.asked(sql, PLACE))
        if not analysis.failure:
            session.take(PLACE, analysis)
    return session.result()


@given(SCRIPTS)
def test_what_it_comes_to(statements):
    found = told(statements)
    written = [w.table for w in found.writes]
    assert len(set(written)) == len(written)
    assert {part.table for part in found.columns} <= set(written)
    for key in (*found.reads, *written):
        assert key[0] == PLACE.namespace
        assert key[1].count(".") == 2
    uses = (use for part in found.columns for of in (*part.columns.values(), part.dataset) for use in of)
    assert {use.table for use in uses} <= set(found.reads) | set(written)


@given(SCRIPTS)
def test_a_sequence_that_ends_by_dropping_what_it_made_leaves_nothing_of_it(statements):
    found = told([*statements, "create table made_here as select 1 as x", "drop table made_here"])
    assert not [key for key in (*found.reads, *(w.table for w in found.writes)) if "made_here" in key[1]]
