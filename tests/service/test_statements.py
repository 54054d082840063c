"""Statements of spans inside a run, through conversion: what its terminal event says of tables and columns."""

import uuid
from functools import cache
from typing import Any

import pytest

from otel_bridge.settings import Dialects, Settings
from otel_bridge.testing.in_process import InProcessBridge
from tests import otlp

POSTGRES = {"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "db"}
NS = "postgres://db:5432"


@cache
def bridge() -> InProcessBridge:
    """One for all, so that statements are analysed by one process."""
    return InProcessBridge()


def ran(
    *statements: str | dict[str, Any],
    about: dict[str, Any] = POSTGRES,
    settings: Settings | None = None,
    run: dict[str, Any] | None = None,
    error: str = "",
) -> dict[str, Any]:
    """The terminal event of a run in which these statements were executed one after the other."""
    taker = bridge() if settings is None else InProcessBridge(settings)
    trace, run_id, outermost = otlp.trace_id(), str(uuid.uuid4()), otlp.span_id()
    inner = []
    for number, each in enumerate(statements, 1):
        said = {"db.query.text": each} if isinstance(each, str) else dict(each)
        broken = said.pop("error", "")
        span = otlp.span(trace, number.to_bytes(8, "big"), outermost, error=broken, end_s=number / 1000)
        span.attributes.extend(otlp.pairs({"openlineage.run.id": run_id, **about, **said}))
        inner.append(span)
    outer = otlp.span(trace, outermost, job="etl", error=error)
    outer.attributes.extend(
        otlp.pairs({"openlineage.run.id": run_id, "openlineage.io.spans": len(inner), **(run or {})})
    )
    taker.receive("traces", otlp.traces(*inner, outer))
    told = [dict(event) for event in taker.settle() if event["run"]["runId"] == run_id]
    return told[-1]


def names(event: dict[str, Any], side: str) -> list[str]:
    return [d["name"] for d in event[side]]


def came_from(event: dict[str, Any], name: str) -> dict[str, list[str]]:
    """For each column of an output the columns that its values come from."""
    [output] = [d for d in event["outputs"] if d["name"] == name]
    fields = output["facets"]["columnLineage"]["fields"]
    return {
        column: [
            f"{f['name']}.{f['field']}" for f in said["inputFields"]
            if any(t["type"] == "DIRECT" for t in f.get("transformations", [{"type": "DIRECT"}]))
        ]
        for column, said in fields.items()
    }  # fmt: skip


def test_tables_and_columns_of_several_statements():
    event = ran(
        "select max(day) from marts.daily",
        "insert into marts.daily (day, revenue) select o.day, sum(o.amount * r.rate) from raw.orders o join raw.rates r"
        " on r.day = o.day where o.state = %s group by o.day",
        "update public.jobs set seen = now() where name = %(name)s",
    )
    assert event["inputs"][0]["namespace"] == NS
    assert names(event, "inputs") == ["shop.marts.daily", "shop.raw.orders", "shop.raw.rates"]
    assert names(event, "outputs") == ["shop.marts.daily", "shop.public.jobs"]
    assert came_from(event, "shop.marts.daily") == {
        "day": ["shop.raw.orders.day"],
        "revenue": ["shop.raw.orders.amount", "shop.raw.rates.rate"],
    }
    coverage = event["run"]["facets"]["otel_lineage_coverage"]
    assert (coverage["columns"], coverage["resolved"]) == (3, 3)


class TestReadAndWritten:
    def test_read_before_written_is_both(self):
        event = ran("select a from t", "insert into t (a) values (1)")
        assert (names(event, "inputs"), names(event, "outputs")) == (["shop.public.t"], ["shop.public.t"])

    def test_written_before_read_is_an_output(self):
        event = ran("insert into t (a) values (1)", "select count(*) from t")
        assert (names(event, "inputs"), names(event, "outputs")) == ([], ["shop.public.t"])

    def test_a_statement_that_does_both_reads_first(self):
        event = ran("insert into t (a) select a + 1 from t")
        assert (names(event, "inputs"), names(event, "outputs")) == (["shop.public.t"], ["shop.public.t"])


class TestMadeHere:
    def test_a_temporary_table_leads_through(self):
        event = ran(
            "create temp table picked as select id, amount * 2 as double from orders where state = $1",
            "insert into daily (id, double) select id, double from picked",
            "drop table picked",
        )
        assert (names(event, "inputs"), names(event, "outputs")) == (
            ["shop.public.orders"],
            ["shop.public.daily"],
        )
        assert came_from(event, "shop.public.daily") == {
            "id": ["shop.public.orders.id"],
            "double": ["shop.public.orders.amount"],
        }
        whole = event["outputs"][0]["facets"]["columnLineage"]["dataset"]
        assert [f["field"] for f in whole] == ["state"]

    def test_a_temporary_table_of_all_columns(self):
        event = ran(
            "create temp table picked as select * from orders where state = 'x'",
            "insert into daily (id, total) select p.id, p.a + p.b from picked p",
        )
        assert came_from(event, "shop.public.daily") == {
            "id": ["shop.public.orders.id"],
            "total": ["shop.public.orders.a", "shop.public.orders.b"],
        }

    def test_a_temporary_table_filled_later(self):
        event = ran(
            "create temp table picked (id int, note text)",
            "insert into picked (id) select id from orders",
            "insert into daily select * from picked",
            run={"openlineage.outputs": f'[{{"namespace": "{NS}", "name": "shop.public.daily", "schema": [{{"name": "id"}}, {{"name": "note"}}]}}]'},  # noqa: E501
        )  # fmt: skip
        assert names(event, "inputs") == ["shop.public.orders"]
        assert came_from(event, "shop.public.daily") == {"id": ["shop.public.orders.id"], "note": []}

    def test_tables_of_all_columns_of_each_other(self):
        event = ran(
            *(f"create temp table t{n} as select * from t{n - 1}" for n in range(1, 70)),
            "insert into near (a) select a from t40",
            "insert into far (a) select a from t69",
        )
        assert names(event, "inputs") == ["shop.public.t0"]
        assert came_from(event, "shop.public.near") == {"a": ["shop.public.t0.a"]}
        [gap] = event["run"]["facets"]["otel_lineage_coverage"]["reasons"]
        assert gap["dataset"] == "shop.public.far"

    def test_created_and_dropped_is_no_dataset(self):
        event = ran(
            "drop table if exists stage.picked",
            "create table stage.picked as select id from orders",
            "insert into daily (id) select id from stage.picked",
            "drop table stage.picked",
        )
        assert names(event, "outputs") == ["shop.public.daily"]
        assert came_from(event, "shop.public.daily") == {"id": ["shop.public.orders.id"]}

    @pytest.mark.parametrize("how", ["create table if not exists", "create or replace table"])
    def test_perhaps_there_before_is_a_dataset(self, how):
        event = ran(f"{how} picked as select id from orders", "drop table picked")
        assert names(event, "outputs") == ["shop.public.picked"]

    def test_kept_is_an_output_and_leads_through(self):
        event = ran(
            "create table picked as select id, state from orders",
            "insert into daily (id) select upper(id) from picked where state = 'x'",
        )
        assert (names(event, "inputs"), names(event, "outputs")) == (
            ["shop.public.orders"],
            ["shop.public.picked", "shop.public.daily"],
        )
        assert came_from(event, "shop.public.daily") == {"id": ["shop.public.orders.id"]}
        fields = event["outputs"][0]["facets"]["schema"]["fields"]
        assert [f["name"] for f in fields] == ["id", "state"]

    def test_swapped_by_renaming(self):
        event = ran(
            "create table daily__new as select id from orders",
            "alter table daily rename to daily__old",
            "alter table daily__new rename to daily",
            "drop table daily__old",
        )
        assert (names(event, "inputs"), names(event, "outputs")) == (
            ["shop.public.orders"],
            ["shop.public.daily"],
        )
        assert came_from(event, "shop.public.daily") == {"id": ["shop.public.orders.id"]}

    def test_making_sure_that_a_table_is_there_writes_nothing(self):
        event = ran("create table if not exists log (at timestamp)")
        assert names(event, "outputs") == []


class TestNames:
    def test_the_schema_of_the_connection(self):
        event = ran("select a from t", about={**POSTGRES, "db.namespace": "shop|sales"})
        assert names(event, "inputs") == ["shop.sales.t"]

    def test_a_search_path(self):
        event = ran(
            "set search_path to sales", "select a from t", "set search_path = x, y", "select a from u"
        )
        assert names(event, "inputs") == ["shop.sales.t"]

    def test_another_default_schema(self):
        settings = Settings(data_dir="", dialects=Dialects(schemas={"postgresql": "app"}))
        assert names(ran("select a from t", settings=settings), "inputs") == ["shop.app.t"]

    def test_no_default_schema(self):
        settings = Settings(data_dir="", dialects=Dialects(schemas={"postgresql": ""}))
        assert names(ran("select a from t, app.u", settings=settings), "inputs") == ["shop.app.u"]

    def test_the_databases_own_tables(self):
        event = ran(
            "select 1 from pg_catalog.pg_class c, information_schema.tables t, pg_namespace n, orders where c.oid = 1"
        )
        assert names(event, "inputs") == ["shop.public.orders"]

    def test_use(self):
        mysql = {"db.system": "mysql", "db.name": "shop", "net.peer.name": "db", "net.peer.port": 3307}
        event = ran("select a from t", "use stock", "select b from t", about=mysql)
        assert names(event, "inputs") == ["shop.t", "stock.t"]
        assert event["inputs"][0]["namespace"] == "mysql://db:3307"

    def test_a_name_alone_is_in_the_connections_schema(self):
        event = ran(
            "create table stage.t as select a, b from s",
            "insert into u (a) select a from t",
            "insert into stage.w select * from stage.t",
            run={"openlineage.inputs": [{"namespace": NS, "name": "shop.raw.s"}]},
        )
        assert names(event, "inputs") == ["shop.raw.s", "shop.public.s", "shop.public.t"]
        assert came_from(event, "shop.public.u") == {"a": ["shop.public.t.a"]}

    def test_a_file(self):
        lite = {"db.system": "sqlite", "db.name": "/data/shop.db"}
        event = ran("insert into Orders (a) select a from main.raw", "select * from orders", about=lite)
        assert event["inputs"][0]["namespace"] == "sqlite:///data/shop.db"
        assert (names(event, "inputs"), names(event, "outputs")) == (["raw"], ["Orders"])

    def test_a_file_that_is_not_told(self):
        lite = {"db.system": "sqlite", "db.name": ""}
        assert names(ran("select a from t", about=lite), "inputs") == []
        settings = Settings(data_dir="", dialects=Dialects(namespaces={"sqlite": "sqlite:///data/shop.db"}))
        event = ran("select a from t", about=lite, settings=settings)
        assert event["inputs"][0]["namespace"] == "sqlite:///data/shop.db"

    def test_the_namespace_of_the_tables_that_the_run_lists(self):
        lite = {"db.system": "sqlite"}
        listed = [{"namespace": "sqlite:///data/shop.db", "name": name} for name in ("orders", "daily")]
        event = ran(
            "insert into daily (a) select o.a from orders o, other",
            about=lite,
            run={"openlineage.inputs": listed[:1], "openlineage.outputs": listed[1:]},
        )
        assert names(event, "inputs") == ["orders"]
        assert came_from(event, "daily") == {"a": ["orders.a"]}


class TestWhatFails:
    def test_a_statement_that_failed_did_nothing(self):
        event = ran({"db.query.text": "insert into t (a) select a from s", "error": "no such table"})
        assert (names(event, "inputs"), names(event, "outputs")) == ([], [])

    def test_unless_the_run_failed_with_it(self):
        failing = {"db.query.text": "insert into t (a) select a from s", "error": "no such table"}
        event = ran(failing, error="no such table")
        assert event["eventType"] == "FAIL"
        assert (names(event, "inputs"), names(event, "outputs")) == (["shop.public.s"], ["shop.public.t"])

    def test_one_that_is_not_understood_costs_itself_alone(self):
        event = ran("selct 1", "do something", "insert into t (a) select a from s")
        assert names(event, "outputs") == ["shop.public.t"]

    def test_statements_of_dbt_are_how_it_does_what_it_says_itself(self):
        event = ran("create table t as select a from s", run={"openlineage.job.integration": "DBT"})
        assert (names(event, "inputs"), names(event, "outputs")) == ([], [])


def test_what_the_run_says_of_columns_itself_stands():
    own = [{"namespace": NS, "name": "shop.public.s", "field": "mine"}]
    output = {"namespace": NS, "name": "shop.public.t", "columns": {"a": own}}
    event = ran("insert into t (a) select a from s", run={"openlineage.outputs": [output]})
    assert came_from(event, "shop.public.t") == {"a": ["shop.public.s.mine"]}
    assert names(event, "inputs") == ["shop.public.s"]


ASSET = {"namespace": "dagster://shop", "name": "marts/daily", "logical": True, "documentation": "Revenue."}


class TestALogicalName:
    def test_of_the_one_table_that_is_written(self):
        event = ran("insert into daily (a) select a from s", run={"openlineage.outputs": [ASSET]})
        [output] = event["outputs"]
        assert (output["namespace"], output["name"]) == (NS, "shop.public.daily")
        link = {"namespace": "dagster://shop", "name": "marts/daily", "type": "ASSET"}
        assert output["facets"]["symlinks"]["identifiers"] == [link]
        assert output["facets"]["documentation"]["description"] == "Revenue."
        assert came_from(event, "shop.public.daily") == {"a": ["shop.public.s.a"]}

    def test_stays_if_two_are_written(self):
        event = ran(
            "insert into t values (1)", "insert into u values (1)", run={"openlineage.outputs": [ASSET]}
        )
        assert names(event, "outputs") == ["marts/daily", "shop.public.t", "shop.public.u"]

    def test_stays_if_none_is(self):
        event = ran("select 1", run={"openlineage.outputs": [ASSET]})
        assert names(event, "outputs") == ["marts/daily"]


def test_own_sql_and_statements():
    event = ran(
        "insert into u (b) select b from r",
        run={
            "openlineage.sql": "insert into shop.public.t (a) select a from shop.public.s",
            "openlineage.sql.dialect": "postgres",
            "openlineage.outputs": [{"namespace": NS, "name": "shop.public.t"}],
        },
    )
    assert names(event, "outputs") == ["shop.public.t", "shop.public.u"]
    assert came_from(event, "shop.public.t") == {"a": ["shop.public.s.a"]}
    assert came_from(event, "shop.public.u") == {"b": ["shop.public.r.b"]}
    coverage = event["run"]["facets"]["otel_lineage_coverage"]
    assert (coverage["columns"], coverage["resolved"]) == (2, 2)
