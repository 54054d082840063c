"""Which table and which column a name means, and what is said where that can't be told."""

import pytest

from otel_bridge.sql import Column, Statement, Table
from otel_bridge.sql.lineage import analyse


def table(name, columns=None):
    parts = tuple(name.split("."))
    return Table(parts, None if columns is None else tuple(Column(each) for each in columns.split()))


def reads(sql, tables, dialect="postgres", **connection):
    analysis = analyse(Statement(sql=sql, dialect=dialect, tables=tuple(map(table, tables)), **connection))
    assert not analysis.failure
    return {".".join(read) for read in analysis.reads}


def written(sql, tables, dialect="postgres", target=None, **connection):
    target = target or table("out")
    analysis = analyse(Statement(sql=sql, dialect=dialect, tables=tuple(tables), target=target, **connection))
    assert not analysis.failure
    return analysis.columns[0]


def uses(columns):
    return {name: {f"{'.'.join(use.table)}.{use.column}" for use in each} for name, each in columns.items()}


@pytest.mark.parametrize(
    ("dialect", "written_as", "known", "same"),
    [
        ("postgres", "Orders", "orders", True),
        ("postgres", '"Orders"', "Orders", True),
        ("postgres", '"Orders"', "orders", False),
        ("postgres", "Orders", "Orders", False),
        ("snowflake", "orders", "ORDERS", True),
        ("snowflake", "orders", "orders", True),
        ("snowflake", '"orders"', "ORDERS", False),
        ("snowflake", '"orders"', "orders", True),
        ("duckdb", '"ORDERS"', "orders", True),
        ("tsql", "[Orders]", "ORDERS", True),
        ("bigquery", "`p.d.orders`", "p.d.orders", True),
        ("bigquery", "Orders", "orders", False),
        ("spark", "Orders", "orders", True),
        ("trino", '"Orders"', "orders", True),
    ],
)
def test_case(dialect, written_as, known, same):
    assert (reads(f"select 1 as x from {written_as}", [known], dialect) == {known}) == same


@pytest.mark.parametrize(
    ("name", "tables", "connection", "expected"),
    [
        ("orders", ["d.s.orders"], {}, "d.s.orders"),
        ("s.orders", ["d.s.orders", "d.t.orders"], {}, "d.s.orders"),
        ("d.s.orders", ["orders"], {}, "orders"),
        ("d.s.orders", ["s.orders", "t.orders"], {}, "s.orders"),
        ("orders", ["d.s.orders", "d.t.orders"], {"database": "d", "schema": "t"}, "d.t.orders"),
        ("orders", ["d.s.orders"], {"database": "d", "schema": "t"}, "d.s.orders"),
        ("x.orders", ["d.s.orders"], {"database": "d"}, "d.x.orders"),
        ("orders", [], {"database": "d", "schema": "t"}, "d.t.orders"),
        ("orders", ["d.s.preorders"], {}, "orders"),
    ],
)
def test_dotted_suffix(name, tables, connection, expected):
    assert reads(f"select 1 as x from {name}", tables, **connection) == {expected}


def test_a_name_of_two_tables_is_none_of_them():
    told = written(
        "select orders.id, c.name from orders, c",
        [table("a.orders", "id"), table("b.orders", "id"), table("c")],
    )
    assert uses(told.columns) == {"name": {"c.name"}}
    assert told.unresolved == {"id": "`orders` may be `a.orders` or `b.orders`"}


@pytest.mark.parametrize(
    "sql",
    [
        "with orders as (select 1 as id) select id from orders",
        "with orders as (select 1 as id), o as (select * from orders) select o.id from o",
        "select f.value as id from generate_series(1, 2) as f(value)",
        "select v.id from (values (1)) as v(id)",
        "with recursive r as (select 1 as id union all select id + 1 from r) select id from r",
        "create temp table x as select 1 as id; select id from x",
        "with x as (select 1 as id) select (select max(id) from x) as id",
    ],
)
def test_what_is_no_table_is_not_read(sql):
    assert reads(sql, []) == set()


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("select a from read_csv('orders.csv')", "duckdb"),
        ("select a from 'orders.parquet'", "duckdb"),
        ("select t.$1 as a from @stage/orders t", "snowflake"),
        ("select a from delta.`/lake/orders`", "spark"),
        ("select a from #orders", "tsql"),
        ("select a from @orders", "tsql"),
        ("select a from some_function(1)", "postgres"),
        ("select a from `p.d.events_*`", "bigquery"),
    ],
)
def test_rows_from_elsewhere_have_no_lineage(sql, dialect):
    analysis = analyse(Statement(sql=sql, dialect=dialect, target=table("out")))
    assert analysis.reads == ()
    assert not analysis.columns[0].columns
    assert len(analysis.columns[0].unresolved) == 1


def test_a_star_over_an_unknown_table_leaves_the_others():
    told = written(
        "select o.*, c.name from orders o join c on c.id = o.c_id", [table("orders"), table("c", "id name")]
    )
    assert uses(told.columns) == {"name": {"c.name"}}
    assert told.unresolved == {"*": "the columns of `orders` are not known"}


def test_an_unknown_star_still_gives_what_is_named_later():
    told = written(
        "with s as (select * from orders) select id, amount * 2 as double from s", [table("orders")]
    )
    assert uses(told.columns) == {"id": {"orders.id"}, "double": {"orders.amount"}}


def test_a_bare_name_over_two_unknown_tables():
    told = written("select a, t.b from t join u on t.k = u.k", [])
    assert uses(told.columns) == {"b": {"t.b"}}
    assert told.unresolved == {"a": "`a` may come from `t` or `u`, whose columns are not known"}


def test_a_bare_name_that_a_known_table_has():
    told = written("select a, b from t join u on t.k = u.k", [table("t", "a k"), table("u")])
    assert uses(told.columns) == {"a": {"t.a"}, "b": {"u.b"}}


def test_a_bare_name_in_a_correlated_subquery_of_unknown_tables():
    told = written("select (select max(x) from u where u.k = t.k) as m from t", [])
    assert not told.columns
    assert told.unresolved == {"m": "`x` may be a column of `u` or of the enclosing query"}


def test_an_alias_or_a_column():
    sql = "select x as a, a * 2 as b from t"
    assert uses(written(sql, [table("t", "x a")], "snowflake").columns)["B"] == {"t.a"}
    assert uses(written(sql, [table("t", "x")], "snowflake").columns)["B"] == {"t.x"}
    assert written(sql, [table("t")], "snowflake").unresolved == {
        "B": "`A` may be a column of `T` or an alias"
    }
    assert uses(written(sql, [table("t")], "postgres").columns)["b"] == {"t.a"}


def test_columns_of_the_target_that_the_query_does_not_give():
    target = table("out", "ID added")
    told = written("select id, other from t", [table("t", "id other")], target=target)
    assert uses(told.columns) == {"ID": {"t.id"}}
    assert told.unresolved == {
        "other": "not a column of the table that is written",
        "added": "added by what writes the table",
    }


def test_a_column_without_a_name_stands_where_the_target_has_one():
    target = table("out", "id total")
    tables = [table("t", "id x")]
    assert uses(written("select id, sum(x) + 1 from t group by 1", tables, target=target).columns) == {
        "id": {"t.id"},
        "total": {"t.x"},
    }
    told = written("select sum(x) + 1, id from t group by 2", tables, target=target)
    assert told.unresolved == {"total": "an expression without a name"}


def test_insert_goes_by_position():
    tables = [table("t", "a b"), table("u", "a b c")]
    assert uses(written("insert into u select b, a from t", tables).columns) == {"a": {"t.b"}, "b": {"t.a"}}
    assert uses(written("insert into u (c, a) select a, b from t", tables).columns) == {
        "c": {"t.a"},
        "a": {"t.b"},
    }
    assert written("insert into v select a from t", tables).unresolved == {
        "*": "the columns of the table that is written are not known"
    }
    assert set(written("insert into t select a, b, c from u", tables).unresolved) == {"a", "b"}


def test_a_table_of_the_script_is_read_with_its_columns():
    sql = "create table mid as select a as x from t; insert into u (a) select * from mid"
    analysis = analyse(Statement(sql=sql, dialect="postgres", tables=(table("t", "a"), table("u", "a"))))
    assert uses(analysis.columns[1].columns) == {"a": {"mid.x"}}
    sql = sql.replace("create", "create temp")
    analysis = analyse(Statement(sql=sql, dialect="postgres", tables=(table("t", "a"), table("u", "a"))))
    assert uses(analysis.columns[0].columns) == {"a": {"t.a"}}
    assert [write.table for write in analysis.writes] == [("u",)]


def test_a_qualified_name_shows_whose_column_it_is():
    told = written("select t.a, a as again, b from t join u on t.k = u.k", [])
    assert uses(told.columns) == {"a": {"t.a"}, "again": {"t.a"}}
    assert told.unresolved.keys() == {"b"}


def test_the_right_of_a_semi_join_has_no_columns_outside():
    told = written("select k from t semi join u on t.a = u.k", [], "spark")
    assert uses(told.columns) == {"k": {"t.k"}}


def test_a_condition_that_may_reach_out_of_its_query_is_not_told():
    sql = "select a from t where exists (select 1 from u where u.k = x and u.b = 1)"
    told = written(sql, [])
    assert {(use.table, use.column, use.subtype) for use in told.dataset} == {(("u",), "b", "FILTER")}
    told = written(sql, [table("t", "a x"), table("u", "k b")])
    assert {(use.table, use.column, use.subtype) for use in told.dataset} == {
        (("u",), "b", "FILTER"),
        (("u",), "k", "JOIN"),
        (("t",), "x", "JOIN"),
    }
