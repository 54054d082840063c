"""Statements that can't be answered, and those that are large."""

import logging

import pytest

from otel_bridge.sql import Column, Statement, Table
from otel_bridge.sql.lineage import DEEPEST, LONGEST, analyse

T = Table(("t",), tuple(Column(f"c{index}") for index in range(300)))
OUT = Table(("out",))


def failure(sql, dialect="postgres"):
    return analyse(Statement(sql=sql, dialect=dialect, tables=(T,), target=OUT)).failure


def resolved(sql, dialect="postgres"):
    analysis = analyse(Statement(sql=sql, dialect=dialect, tables=(T,), target=OUT))
    assert not analysis.failure
    assert not analysis.columns[0].unresolved
    return analysis.columns[0].columns


@pytest.mark.parametrize(
    "sql",
    [
        "select 'hunter2' from from",
        "select 'hunter2",
        "insert into t values ('hunter2'",
        "call login('hunter2')",
        "do $$ begin perform 'hunter2'; end $$",
        "create function f() returns text as 'hunter2' language sql",
        "execute immediate 'hunter2'",
        "alter user x with password 'hunter2' frobnicate",
    ],
)
def test_a_failure_tells_no_literal(sql, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        said = failure(sql)
    assert said
    assert "hunter2" not in said
    assert "hunter2" not in caplog.text
    assert "hunter2" not in "".join(capfd.readouterr())


def test_a_parse_error_says_where():
    assert failure("select a\nfrom from") == "not understood as postgres SQL (line 2, column 9)"


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("if 1 = 1 begin select 1 end", "tsql"),
        ("begin insert into t (c0) values (1); end;", "bigquery"),
        ("call p()", "snowflake"),
        ("create procedure p() as begin delete from t; end", "tsql"),
        ("exec p", "tsql"),
        ("do $$ begin delete from t; end $$", "postgres"),
    ],
)
def test_procedural_code_is_not_guessed(sql, dialect):
    analysis = analyse(Statement(sql=sql, dialect=dialect, tables=(T,)))
    assert analysis.failure
    assert not analysis.writes
    assert not analysis.columns


@pytest.mark.parametrize(
    "sql", ["", ";;", "-- nothing", "set x = 1", "grant select on t to x", "analyze t", "commit"]
)
def test_statements_that_move_nothing(sql):
    analysis = analyse(Statement(sql=sql, dialect="postgres", tables=(T,), target=OUT))
    assert not (analysis.failure)
    assert not (analysis.reads)
    assert not (analysis.writes)
    assert not (analysis.columns)


def test_long_statements_are_left():
    assert failure("select " + "1," * LONGEST + "1") == f"longer than {LONGEST} characters"


def test_deep_statements_are_left():
    sql = "select " + "(" * (DEEPEST + 1) + "c0" + ")" * (DEEPEST + 1) + " from t"
    assert failure(sql) == f"more than {DEEPEST} parentheses in each other"
    assert failure("select " + "not " * 5000 + "c0 as x from t") == "nested too deeply"


def test_parentheses_in_texts_are_no_depth():
    assert resolved("select '" + "(" * 500 + "' || c0 as x from t").keys() == {"x"}


def test_long_chains_are_read():
    conditions = " and ".join(f"c{index % 300} = {index}" for index in range(1500))
    assert resolved(f"select c0 from t where {conditions}").keys() == {"c0"}
    assert (
        len(resolved("select " + "+".join(f"c{index % 300}" for index in range(1500)) + " as x from t")["x"])
        == 300
    )
    assert (
        len(resolved(" union all ".join(f"select c{index} as x from t" for index in range(200)))["x"]) == 200
    )


def test_many_ctes_of_many_columns_are_read_once_each():
    """Each CTE is used twice by the next: read anew for each use it would be 2**50 times."""
    chain = ["q0 as (select * from t)"]
    chain += [f"q{i} as (select a.* from q{i - 1} a join q{i - 1} b on a.c1 = b.c2)" for i in range(1, 50)]
    assert len(resolved(f"with {', '.join(chain)} select * from q49")) == 300


def test_a_recursive_query_that_shifts_its_columns_ends():
    names = [f"c{index}" for index in range(100)]
    shifted = ", ".join([*names[1:], names[0]])
    sql = f"with recursive r as (select {', '.join(names)} from t union all select {shifted} from r) select * from r"
    analysis = analyse(Statement(sql=sql, dialect="postgres", tables=(T,), target=OUT))
    assert not analysis.failure
    assert analysis.columns[0].unresolved.keys() == set(names)


@pytest.mark.parametrize(
    "dialect", ["", "no such dialect", "postgresql", "sqlserver", "GLUE", "microsoft.sql_server"]
)
def test_any_name_of_a_dialect_is_taken(dialect):
    assert resolved("select c0 as x from t", dialect).keys() == {"x"}
