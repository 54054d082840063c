"""From a run to a question and back: names, namespaces, coverage. The analyses are made by hand."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from otel_bridge.model import Dataset, JobRef, Run, SpanRef, State
from otel_bridge.sql import Analysis, Column, Table, TableColumns, Use, Written
from otel_bridge.sql.answers import COVERAGE, answered, unanswerable
from otel_bridge.sql.questions import question
from otel_bridge.sql.values import ADDED

DB = "postgres://db.example:5432"
OTHER = "postgres://other.example:5432"
ORDERS = ("shop", "public", "orders")
DAILY = ("shop", "public", "daily")


def dataset(name: str, *columns: str, namespace: str = DB, **values: Any) -> Dataset:
    schema = {"schema": [{"name": column, "type": "int"} for column in columns]} if columns else {}
    return Dataset(namespace, name, {**schema, **values})


def run(
    sql: str = "select 1",
    inputs: Any = (),
    outputs: Any = (),
    state: State | None = State.COMPLETE,
    **values: Any,
) -> Run:
    return Run(
        "r", JobRef("n", "j"), SpanRef("t", "s"), 0, state=state,
        inputs=tuple(inputs), outputs=tuple(outputs), job_values={"sql": sql, **values},
    )  # fmt: skip


def tell(of: Run, analysis: Analysis) -> tuple[Run, dict[str, Any]]:
    asked = question(of)
    assert asked
    told, _ = answered(of, asked, analysis)
    return told, msgspec.json.decode(msgspec.json.encode(told.run_values.get(COVERAGE, {})))


def written(table: Any = DAILY, by: str = "query", **parts: Any) -> Analysis:
    reads = parts.pop("reads", (ORDERS,))
    return Analysis(reads, (Written(table, by),), (TableColumns(table, **parts),))


def uses(column: str, *more: Use, table: Any = ORDERS) -> tuple[Use, ...]:
    return (Use(table, column, "IDENTITY"), *more)


def test_a_run_without_statement_asks_nothing() -> None:
    assert question(Run("r", JobRef("n", "j"), SpanRef("t", "s"), 0)) is None
    assert question(run("  ")) is None
    assert question(run(state=State.SKIP, outputs=[dataset("shop.public.daily")])) is None


def test_nothing_is_asked_where_nothing_could_come_of_it() -> None:
    assert question(run()) is None
    assert question(run(sql_context={"namespace": DB})) is not None


def test_tables_have_the_columns_of_the_schema() -> None:
    facet = Dataset(DB, "shop.public.c", facets={"schema": {"fields": [{"name": "x", "type": "text"}]}})
    partial = dataset("shop.public.p", "a", schema_partial=True)
    asked = question(run(inputs=[dataset("shop.public.orders", "id"), facet, partial]))
    assert asked.statement.tables == (
        Table(("shop", "public", "c"), (Column("x", "text"),)),
        Table(ORDERS, (Column("id", "int"),)),
        Table(("shop", "public", "p")),
    )


def test_the_order_of_inputs_is_no_part_of_the_question() -> None:
    both = [dataset("shop.public.orders", "id"), dataset("shop.public.items", "id")]
    assert question(run(inputs=both)) == question(run(inputs=both[::-1]))


@pytest.mark.parametrize(
    ("namespace", "name", "parts"),
    [
        (DB, 'shop.public."odd.name"', ("shop", "public", "odd.name")),
        ("bigquery", "`a-b`.c.d", ("a-b", "c", "d")),
        ("arn:aws:glue:eu-west-1:1", "table/raw/orders", ("raw", "orders")),
        ("https://catalog.example", "raw.orders", ("raw", "orders")),
        ("https://api.example", "orders", None),
        ("file", "/data/orders.csv", None),
        ("s3://lake", "orders", None),
        ("kafka://broker:9092", "orders", None),
        (DB, "shop..orders", None),
    ],
)
def test_names_in_parts(namespace: str, name: str, parts: Any) -> None:
    both = [Dataset(namespace, name)], [dataset("output", namespace="file")]
    tables = question(run(inputs=both[0], outputs=both[1])).statement.tables
    assert [table.name for table in tables] == ([parts] if parts else [])


def test_the_one_output_is_where_a_bare_query_goes() -> None:
    daily = dataset("shop.public.daily", "day")
    assert question(run(outputs=[daily])).statement.target == Table(DAILY, (Column("day", "int"),))
    assert question(run(outputs=[daily, dataset("shop.public.x")])).statement.target is None
    for kind in ("TEST", "UNIT_TEST", "HOOK", "OPERATION"):
        assert question(run(outputs=[daily], type=kind)).statement.target is None


def test_the_dialect_is_told_or_that_of_the_namespace() -> None:
    inputs = [dataset("shop.public.orders")]
    assert question(run(inputs=inputs)).statement.dialect == "postgres"
    assert question(run(inputs=inputs, sql_context={"dialect": "redshift"})).statement.dialect == "redshift"
    assert question(run(inputs=inputs, sql_dialect="trino")).statement.dialect == "trino"
    assert question(run(outputs=[dataset("a", namespace="file")])).statement.dialect == ""


def test_columns_become_short_forms() -> None:
    amount = uses("amount", Use(ORDERS, "state", "CONDITIONAL", True))
    analysis = written(
        columns={"day": (), "total": amount}, dataset=(Use(ORDERS, "state", "FILTER"),), reads=(ORDERS, DAILY)
    )
    of = run(
        inputs=[dataset("shop.public.orders", "amount", "state")],
        outputs=[dataset("shop.public.daily", "DAY", "total")],
    )
    told, coverage = tell(of, analysis)
    state = {"namespace": DB, "name": "shop.public.orders", "field": "state"}
    assert told.outputs[0].values["columns"] == {
        "DAY": [],
        "total": [
            {**state, "field": "amount", "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]},
            {**state, "transformations": [{"type": "INDIRECT", "subtype": "CONDITIONAL", "masking": True}]},
        ],
        "*": [{**state, "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}],
    }
    assert told.inputs == of.inputs
    assert coverage == {"columns": 2, "resolved": 2, "gaps": [], "found": []}


@pytest.mark.parametrize(
    "own",
    [{"values": {"columns": {"x": []}}}, {"facets": {"columnLineage": {"fields": {}}}}],
    ids=["short", "facet"],
)
def test_what_the_producer_says_of_columns_stands(own: dict[str, Any]) -> None:
    output = Dataset(DB, "shop.public.daily", **own)
    assert question(run(outputs=[output])) is None
    of = run(inputs=[dataset("shop.public.orders")], outputs=[output, dataset("shop.public.x")])
    told, coverage = tell(of, written(by="insert", columns={"day": uses("day")}))
    assert told.outputs == of.outputs
    assert coverage == {}


def test_schemas_go_with_it() -> None:
    analysis = written(columns={"day": uses("day"), "n": ()}, dataset=(Use(ORDERS, "state", "FILTER"),))
    told, _ = tell(
        run(inputs=[dataset("shop.public.orders")], outputs=[dataset("shop.public.daily")]), analysis
    )
    assert told.outputs[0].values["schema"] == [{"name": "day"}, {"name": "n"}]
    assert told.inputs[0].values["schema"] == [{"name": "day"}, {"name": "state"}]


def test_a_partial_schema_is_completed_by_what_is_used() -> None:
    of = run(
        inputs=[dataset("shop.public.orders", "ID", schema_partial=True)],
        outputs=[dataset("shop.public.daily", "id", schema_partial=True)],
    )
    told, _ = tell(of, written(columns={"id": uses("id"), "day": uses("day")}))
    assert [c["name"] for c in told.inputs[0].values["schema"]] == ["ID", "day"]
    assert [c["name"] for c in told.outputs[0].values["schema"]] == ["id", "day"]


def test_an_insert_does_not_say_which_columns_there_are() -> None:
    of = run(inputs=[dataset("shop.public.orders", "day")], outputs=[dataset("shop.public.daily")])
    told, _ = tell(of, written(by="insert", columns={"day": uses("day")}))
    assert "schema" not in told.outputs[0].values


def test_gaps_are_counted_and_told() -> None:
    of = run(
        inputs=[dataset("shop.public.orders", "a")],
        outputs=[dataset("shop.public.daily", "a", "b", "c", "d")],
    )
    analysis = written(
        columns={"a": uses("a"), "z": uses("a")}, unresolved={"b": "it is ambiguous", "*": "unknown star"}
    )
    _, coverage = tell(of, analysis)
    assert [(g["column"], g["reason"], g["columns"]) for g in coverage["gaps"]] == [
        ("z", "the output has no column of that name", 1),
        ("b", "it is ambiguous", 1),
        ("*", "unknown star", 2),
    ]
    assert (coverage["columns"], coverage["resolved"]) == (5, 1)


def test_a_failure_leaves_everything_out() -> None:
    outputs = [dataset("shop.public.daily", "a", "b"), dataset("shop.public.other")]
    of = run(outputs=outputs)
    told, coverage = tell(of, Analysis(failure="no SQL"))
    assert told.outputs == of.outputs
    assert (coverage["columns"], coverage["resolved"]) == (3, 0)
    assert {g["reason"] for g in coverage["gaps"]} == {"no SQL"}
    assert tell(run(sql_context={"namespace": DB}), Analysis(failure="no SQL"))[1] == {}


def test_reading_itself_is_no_edge() -> None:
    analysis = written(
        columns={"day": (*uses("day"), *uses("day", table=DAILY))},
        dataset=(Use(DAILY, "day", "FILTER"),),
        reads=(ORDERS, DAILY),
    )
    told, coverage = tell(
        run(inputs=[dataset("shop.public.orders")], outputs=[dataset("shop.public.daily")]), analysis
    )
    assert {f["name"] for uses in told.outputs[0].values["columns"].values() for f in uses} == {
        "shop.public.orders"
    }
    assert [d.name for d in told.inputs] == ["shop.public.orders"]
    assert coverage["resolved"] == 1


UNLISTED = ("shop", "public", "rates")


def test_a_table_that_is_not_listed_is_one_of_the_same_namespace() -> None:
    of = run(inputs=[dataset("shop.public.orders", "a")], outputs=[dataset("shop.public.daily", "a")])
    analysis = written(
        columns={"a": uses("a", table=UNLISTED)}, reads=(ORDERS, UNLISTED, ("public", "short"))
    )
    told, coverage = tell(of, analysis)
    assert [(d.namespace, d.name) for d in told.inputs] == [
        (DB, "shop.public.orders"),
        (DB, "shop.public.rates"),
    ]
    assert told.inputs[1].values["schema"] == [{"name": "a"}]
    assert coverage["found"] == [[DB, "shop.public.rates"]]


@pytest.mark.parametrize(
    "inputs",
    [
        [dataset("shop.public.orders"), dataset("shop.public.x", namespace=OTHER)],
        [dataset("shop.public.orders"), dataset("public.x")],
        [],
    ],
    ids=["two namespaces", "names of two lengths", "none"],
)
def test_a_table_of_no_known_namespace_is_left_out(inputs: list[Dataset]) -> None:
    of = run(inputs=inputs, outputs=[dataset("/tmp/daily.csv", namespace="file")])
    output = question(of).statement.target.name
    analysis = written(output, columns={"a": uses("a", table=UNLISTED), "b": ()}, reads=(UNLISTED,))
    told, coverage = tell(of, analysis)
    assert told.inputs == of.inputs
    assert list(told.outputs[0].values["columns"]) == ["b"]
    assert [g["reason"] for g in coverage["gaps"]] == ["it comes from a table whose namespace is not known"]


def test_the_connection_tells_the_namespace() -> None:
    context = {"namespace": DB, "database": "shop", "schema": "public"}
    told, coverage = tell(
        run(sql_context=context), written(("shop", "public", "audit"), "insert", columns={"a": uses("a")})
    )
    assert [d.name for d in told.inputs] == ["shop.public.orders"]
    assert [d.name for d in told.outputs] == ["shop.public.audit"]
    assert list(told.outputs[0].values["columns"]) == ["a"]
    assert coverage["found"] == [[DB, "shop.public.orders"], [DB, "shop.public.audit"]]


def test_a_table_that_is_written_beside_the_outputs_is_no_output() -> None:
    of = run(outputs=[dataset("shop.public.daily", "a")])
    told, _ = tell(of, written(("shop", "public", "audit"), "insert", columns={"a": ()}, reads=()))
    assert told.outputs == of.outputs


def test_one_name_in_two_namespaces_is_nobody() -> None:
    inputs = [dataset("shop.public.orders", "a"), dataset("shop.public.orders", "a", namespace=OTHER)]
    output = dataset("shop.public.daily", "a")
    of = run(inputs=inputs, outputs=[output])
    told, coverage = tell(of, written(columns={"a": uses("a")}))
    assert "columns" not in told.outputs[0].values
    assert told.inputs == of.inputs
    assert "several datasets" in coverage["gaps"][0]["reason"]
    told, coverage = tell(
        run(inputs=inputs, outputs=[output], sql_context={"namespace": OTHER}),
        written(columns={"a": uses("a")}),
    )
    assert told.outputs[0].values["columns"]["a"][0]["namespace"] == OTHER
    assert coverage["gaps"] == []


def test_columns_of_a_snapshot_that_are_not_in_its_query_are_generated() -> None:
    of = run(outputs=[dataset("shop.public.daily", "id", "dbt_valid_from")], type="SNAPSHOT")
    analysis = written(columns={"id": uses("id")}, unresolved={"dbt_valid_from": ADDED})
    told, coverage = tell(of, analysis)
    assert told.outputs[0].values["columns"]["dbt_valid_from"] == []
    assert coverage["resolved"] == 2


def test_a_model_of_dbt_without_sql_is_told_as_such() -> None:
    of = run("", outputs=[dataset("shop.public.daily", "a", "b")], integration="DBT", type="MODEL")
    assert question(of) is None
    coverage = unanswerable(of)
    assert (coverage.columns, coverage.resolved, coverage.gaps[0].reason) == (
        2,
        0,
        "there is no SQL to read it from",
    )
    assert unanswerable(run("", type="MODEL")) is None
    assert unanswerable(replace(of, state=State.FAIL)) is None


def test_two_statements_for_one_table_are_told_together() -> None:
    parts = (
        TableColumns(DAILY, {"a": uses("x"), "b": uses("y")}),
        TableColumns(DAILY, {"a": uses("z")}, (), {"b": "it is ambiguous"}),
    )
    of = run(inputs=[dataset("shop.public.orders")], outputs=[dataset("shop.public.daily")])
    told, coverage = tell(of, Analysis((ORDERS,), (Written(DAILY, "insert"),), parts))
    assert [f["field"] for f in told.outputs[0].values["columns"]["a"]] == ["x", "z"]
    assert [g["column"] for g in coverage["gaps"]] == ["b"]
