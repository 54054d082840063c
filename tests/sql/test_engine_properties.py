"""What must hold for any statement: generated queries, rewritten in ways that change nothing."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_bridge.sql import Analysis, Column, Statement, Table
from otel_bridge.sql.lineage import analyse

SCHEMAS = {"orders": ("id", "customer_id", "amount", "note"), "customers": ("id", "region", "amount")}
TABLES = tuple(
    Table(("shop", "raw", name), tuple(Column(column) for column in columns))
    for name, columns in SCHEMAS.items()
)
TARGET = Table(("shop", "marts", "result"))
DIALECTS = st.sampled_from(
    ["postgres", "snowflake", "bigquery", "duckdb", "spark", "redshift", "trino", "tsql"]
)

quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def table(name):
    return f"shop.raw.{name}"


@st.composite
def expressions(draw, alias, columns, depth=0):
    column = f"{alias}.{draw(st.sampled_from(columns))}"
    kind = draw(
        st.sampled_from(["column", "sum", "case", "coalesce", "constant"] if depth < 2 else ["column"])
    )
    if kind == "constant":
        return "1"
    if kind == "column":
        return column
    inner = draw(expressions(alias, columns, depth + 1))
    return {
        "sum": f"({column} + {inner})",
        "case": f"case when {column} > 1 then {inner} end",
        "coalesce": f"coalesce({column}, {inner})",
    }[kind]


@st.composite
def queries(draw, alias="t0", source=None):
    """A SELECT over one table or over `source`, with names for all its columns."""
    name = draw(st.sampled_from(sorted(SCHEMAS)))
    columns = SCHEMAS[name]
    outputs = draw(st.lists(expressions(alias, columns), min_size=1, max_size=4))
    where = draw(st.sampled_from(["", f" where {alias}.id > 3"]))
    selected = ", ".join(f"{expression} as c{index}" for index, expression in enumerate(outputs))
    return f"select {selected} from {source or table(name)} {alias}{where}", len(outputs)


def told(sql, dialect="postgres"):
    analysis = analyse(Statement(sql=sql, dialect=dialect, tables=TABLES, target=TARGET))
    assert not analysis.failure, sql
    return analysis


def facts(analysis: Analysis):
    """Everything that is said, whatever the case of the target's columns."""
    (written,) = analysis.columns
    assert not written.unresolved
    return (
        set(analysis.reads),
        {name.lower(): uses for name, uses in written.columns.items()},
        written.dataset,
    )


@quick
@given(queries(), DIALECTS)
def test_a_cte_changes_nothing(query, dialect):
    sql, _ = query
    assert facts(told(f"with orders as ({sql}) select * from orders", dialect)) == facts(told(sql, dialect))


@quick
@given(queries(), DIALECTS)
def test_a_subquery_changes_nothing(query, dialect):
    sql, count = query
    names = ", ".join(f"q.c{index}" for index in range(count))
    assert facts(told(f"select {names} from ({sql}) q", dialect)) == facts(told(sql, dialect))


@quick
@given(queries(alias="t0"), st.from_regex(r"[a-z]{3,8}_x", fullmatch=True))
def test_names_of_aliases_do_not_matter(query, alias):
    sql, _ = query
    assert facts(told(sql.replace("t0", alias))) == facts(told(sql))


@quick
@given(queries())
def test_a_union_with_itself_changes_nothing(query):
    sql, _ = query
    assert facts(told(f"{sql} union all {sql}")) == facts(told(sql))


@quick
@given(queries(), st.integers(1, 30))
def test_a_chain_of_ctes_changes_nothing(query, length):
    sql, _ = query
    chain = [f"q0 as ({sql})", *(f"q{index} as (select * from q{index - 1})" for index in range(1, length))]
    assert facts(told(f"with {', '.join(chain)} select * from q{length - 1}")) == facts(told(sql))


@quick
@given(queries(), DIALECTS)
def test_uses_are_of_known_columns_and_reads_are_known_tables(query, dialect):
    sql, _ = query
    analysis = told(f"with orders as ({sql}) select * from orders o", dialect)
    known = {(each.name, column.name) for each in TABLES for column in each.columns or ()}
    assert set(analysis.reads) <= {each.name for each in TABLES}
    used = [use for uses in analysis.columns[0].columns.values() for use in uses]
    assert {(use.table, use.column) for use in [*used, *analysis.columns[0].dataset]} <= known


@quick
@given(queries())
def test_what_is_known_without_schemas_is_true(query):
    """Less knowledge gives fewer answers, never others."""
    sql, _ = query
    bare = analyse(
        Statement(sql=sql, dialect="postgres", tables=tuple(Table(t.name) for t in TABLES), target=TARGET)
    )
    known = told(sql)
    for name, uses in bare.columns[0].columns.items():
        assert uses == known.columns[0].columns[name]


@quick
@given(st.text(max_size=60), DIALECTS)
def test_any_text_is_answered(text, dialect):
    analyse(Statement(sql=text, dialect=dialect, target=TARGET))


@quick
@given(queries(), st.integers(1, 200), DIALECTS)
def test_half_a_statement_is_answered(query, cut, dialect):
    sql, _ = query
    analyse(Statement(sql=sql[:cut], dialect=dialect, tables=TABLES, target=TARGET))
