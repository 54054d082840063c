"""The dialect of Dagster: what is claimed, names, what a start may say, subsets, and ids that hold with the instrumentation."""

import importlib.util
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otel_bridge.extract import extract
from otel_bridge.extract.data_sources import Connection, Name
from otel_bridge.extract.dialects.dagster import ids, jobs, naming, partitions
from otel_bridge.extract.dialects.dagster.facts import Partitions, Range, Relation, Thing
from otel_bridge.model import (
    DatasetObserved,
    LogEvent,
    Phase,
    RunObserved,
    Scope,
    Span,
    SpanEvent,
    SpanSeen,
    State,
    Status,
    Unusable,
)
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Namespace

ROOT = Path(__file__).parents[2]
NAMES = Namespaces(Namespace())
RUN = "7d3c1a52-94e4-4c57-9a53-0b9a4f1f6c01"
TRACE, SPAN, ABOVE = ids.trace_id(RUN), "b" * 16, "c" * 16
COMMON = {
    "dagster.convention": 1,
    "dagster.run_id": RUN,
    "dagster.job_name": "nightly",
    "dagster.code_location": "shop",
}
STEP = COMMON | {"dagster.kind": "step", "dagster.step_key": "daily", "dagster.step_attempt": 1}
ASSET = STEP | {"dagster.kind": "asset", "dagster.asset": {"key": ["daily"]}}
DUCK = {"type": "duckdb", "path": "/srv/shop.duckdb"}
ORDERS = {
    "asset_key": ["orders"],
    "connection": DUCK,
    "relation": {"schema": "raw", "identifier": "orders"},
    "found_by": "io_manager",
}
DAILY = ORDERS | {"asset_key": ["daily"], "relation": {"schema": "marts", "identifier": "daily"}}
KEY_ONLY = {"asset_key": ["clients"]}


def span(attributes=None, **said) -> Span:
    place = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": ABOVE, "start_ns": 100, "end_ns": 200}
    return Span(**(place | said), name="x", attributes=attributes or {})


def start(attributes) -> LogEvent:
    return LogEvent("openlineage.run.start", TRACE, SPAN, time_ns=100, attributes=attributes)


def one(item) -> RunObserved:
    (found,) = extract(item, NAMES)
    return found


def told(datasets) -> list[tuple[str, str]]:
    return [(d.namespace, d.name) for d in datasets]


class TestClaims:
    def test_spans_and_starts_with_the_version_of_the_table(self):
        assert one(span(STEP)).evidence.rule == "dagster.run"
        assert (one(start(STEP)).evidence.rule, one(start(STEP)).phase) == ("dagster.start", Phase.START)

    def test_dagster_without_the_table_is_not_ours(self):
        assert isinstance(one(span({"dagster.run_id": RUN, "dagster.step_key": "daily"})), SpanSeen)
        assert extract(start({"dagster.run_id": RUN}), NAMES) == [] or isinstance(
            one(start({"dagster.run_id": RUN})), Unusable
        )

    def test_a_cut_copy_is_no_run(self):
        assert isinstance(one(span(STEP | {"openlineage.export": "partial"})), SpanSeen)

    def test_a_span_that_names_no_job(self):
        found = one(span({"dagster.convention": 1}))
        assert isinstance(found, Unusable)
        assert "otel-bridge-dagster" in found.omissions[-1].reason

    def test_a_start_without_a_span(self):
        assert isinstance(one(LogEvent("openlineage.run.start", attributes=STEP)), Unusable)


class TestRuns:
    @pytest.mark.parametrize(
        ("attributes", "name", "kind", "run"),
        [
            (COMMON | {"dagster.kind": "run"}, "shop.nightly", "JOB", RUN),
            (STEP, "shop.nightly.daily", "STEP", ids.step_run(RUN, "daily", 1)),
            (ASSET, "shop.daily", "ASSET", ids.asset_run(RUN, "daily", "daily", 1)),
        ],
    )
    def test_without_words_of_otel_lineage(self, attributes, name, kind, run):
        found = one(span(attributes))
        assert (found.job.name, found.job_values["type"], found.run_id) == (name, kind, run)
        assert found.job_values["integration"] == "DAGSTER"

    def test_parents_of_a_step_and_an_asset(self):
        step, asset = one(span(STEP)), one(span(ASSET))
        assert (step.parent.run_id, step.parent.job.name, step.root) == (RUN, "shop.nightly", None)
        assert asset.parent.run_id == step.run_id
        assert (asset.root.run_id, asset.root.job.name) == (RUN, "shop.nightly")

    def test_a_backfill_is_above_all_of_its_runs(self):
        backfill = {"dagster.backfill": {"id": "kqwzxmna"}}
        above = {one(span(said | backfill)).root.run_id for said in (COMMON, STEP, ASSET)}
        assert above == {ids.backfill_run("kqwzxmna")}
        assert one(span(COMMON | backfill)).parent.job.name == "shop.backfill"

    def test_but_not_above_what_is_in_somebodys_trace(self):
        backfill = COMMON | {"dagster.backfill": {"id": "kqwzxmna"}}
        found = one(span(backfill, trace_id="d" * 32))
        assert (found.parent, found.root) == (None, None)

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("success", State.COMPLETE),
            ("failure", State.FAIL),
            ("up_for_retry", State.FAIL),
            ("skipped", State.SKIP),
            ("canceled", State.ABORT),
            ("odd", State.COMPLETE),
        ],
    )
    def test_states(self, status, state):
        assert one(span(STEP | {"dagster.result": {"status": status}})).state is state

    def test_the_state_of_otel_lineage_goes_before(self):
        said = {"dagster.result": {"status": "success"}, "openlineage.run.state": "ABORT"}
        assert one(span(STEP | said)).state is State.ABORT

    def test_the_exception_with_its_stack_is_the_error(self):
        said = {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "stack"}
        failed = STEP | {"dagster.result": {"status": "failure", "message": "step failed"}}
        event = SpanEvent("exception", 150, said)
        assert one(span(failed, events=(event,), status=Status.ERROR)).error.message == "ValueError: no"
        assert one(span(failed, status=Status.ERROR, status_message="?")).error.message == "step failed"


class TestWhatAStartMaySay:
    def test_what_has_its_final_name(self):
        found = one(start(ASSET | {"dagster.inputs": [ORDERS], "dagster.outputs": [DAILY]}))
        assert told(found.inputs) == [("duckdb:///srv/shop.duckdb", "shop.raw.orders")]
        assert told(found.outputs) == [("duckdb:///srv/shop.duckdb", "shop.marts.daily")]

    def test_no_output_before_all_inputs_have_their_names(self):
        found = one(start(ASSET | {"dagster.inputs": [ORDERS, KEY_ONLY], "dagster.outputs": [DAILY]}))
        assert (len(found.inputs), found.outputs) == (1, ())

    def test_no_output_by_its_key(self):
        found = one(start(ASSET | {"dagster.inputs": [ORDERS], "dagster.outputs": [KEY_ONLY]}))
        assert (len(found.inputs), found.outputs) == (1, ())

    def test_the_end_says_all_and_marks_what_io_may_name(self):
        found = one(span(ASSET | {"dagster.inputs": [ORDERS], "dagster.outputs": [KEY_ONLY]}))
        assert told(found.outputs) == [("dagster://default", "clients")]
        assert found.outputs[0].values["logical"] is True
        assert "logical" not in found.inputs[0].values

    def test_a_failure_says_all_that_is_known(self):
        said = {
            "dagster.inputs": [ORDERS],
            "dagster.outputs": [DAILY],
            "dagster.result": {"status": "failure"},
        }
        found = one(span(ASSET | said, status=Status.ERROR))
        assert (found.state, len(found.inputs), len(found.outputs)) == (State.FAIL, 1, 1)


class TestNames:
    @pytest.mark.parametrize(
        ("thing", "name"),
        [
            (Thing(connection=Connection("duckdb", path="/s/a.b.duckdb"), relation=Relation("", "RAW", "T")),
             Name("duckdb:///s/a.b.duckdb", "a.b.raw.t")),
            (Thing(connection=Connection("duckdb", path="md:shop"), relation=Relation("", "raw", "t")),
             Name("motherduck://", "shop.raw.t")),
            (Thing(connection=Connection("snowflake", account="acme-prod", database="shop"), relation=Relation("", "raw", "t")),
             Name("snowflake://acme-prod", "SHOP.RAW.T")),
            (Thing(connection=Connection("bigquery", project="p"), relation=Relation("", "raw", "t")), Name("bigquery", "p.raw.t")),
            (Thing(connection=Connection("mysql", host="db", database="shop"), relation=Relation("", "", "t")),
             Name("mysql://db:3306", "shop.t")),
            (Thing(connection=Connection("sqlite", path="/s/a.db"), relation=Relation("", "", "t")), Name("sqlite:///s/a.db", "t")),
            (Thing(connection=Connection("iceberg", path="http://c:8181/", warehouse="s3://w"), relation=Relation("", "db", "t")),
             Name("http://c:8181", "db.t")),
            (Thing(connection=Connection("iceberg", path="sqlite:///c.db", warehouse="s3://w"), relation=Relation("", "db", "t")),
             Name("s3://w", "db.t")),
            (Thing(connection=Connection("iceberg", path="sqlite:///c.db", warehouse="demo"), relation=Relation("", "db", "t")),
             Name("sqlite:///c.db", "db.t")),
            (Thing(location="s3://lake/t"), Name("s3://lake", "t")),
        ],
    )  # fmt: skip
    def test_physical_ones(self, thing, name):
        found = naming.identity(thing, "prod")
        assert (found.name, found.physical) == (name, True)

    @pytest.mark.parametrize(
        "thing",
        [
            Thing(connection=Connection("duckdb"), relation=Relation("shop", "raw", "t")),
            Thing(connection=Connection("duckdb", path="shop.duckdb"), relation=Relation("", "raw", "t")),
            Thing(connection=Connection("duckdb", path="/s/shop.duckdb"), relation=Relation("", "", "t")),
            Thing(connection=Connection("postgres", host="db"), relation=Relation("", "public", "t")),
            Thing(connection=Connection("postgres"), relation=Relation("shop", "public", "t")),
            Thing(connection=Connection("iceberg"), relation=Relation("", "db", "t")),
            Thing(connection=Connection(), relation=Relation("shop", "public", "t")),
            Thing(location="data/t.csv"),
            Thing(),
        ],
    )
    def test_what_is_not_whole_is_never_guessed(self, thing):
        assert naming.identity(thing, "prod") is None
        keyed = naming.identity(replace(thing, asset_key=("raw", "t")), "prod")
        assert keyed == naming.Identity(Name("dagster://prod", "raw/t"), (), physical=False)

    def test_of_a_lake_the_place_goes_before_the_catalog(self):
        connection = Connection("iceberg", path="http://c:8181")
        thing = Thing(("a",), connection, Relation("", "db", "t"), "s3a://lake/db/t/")
        found = naming.identity(thing, "")
        assert found.name == Name("s3://lake", "db/t")
        assert [(x["namespace"], x["name"], x["type"]) for x in found.others] == [
            ("http://c:8181", "db.t", "TABLE"),
            ("dagster://default", "a", "ASSET"),
        ]

    def test_of_a_warehouse_the_table_goes_before_the_place(self):
        thing = Thing((), Connection("postgres", host="db"), Relation("shop", "public", "t"), "/exports/t")
        found = naming.identity(thing, "")
        assert (found.name.name, [x["type"] for x in found.others]) == ("shop.public.t", ["LOCATION"])


class TestPartitions:
    def test_a_range_of_times_with_a_column_is_its_window(self):
        said = Partitions(ranges=(Range("a", "c"),), start="2026-01-01", end="2026-02-01", expression="day")
        found = partitions.condition(said)
        assert found["left"]["right"]["value"] == "2026-01-01"
        assert (found["right"]["comparison"], found["right"]["right"]["value"]) == ("LESS_THAN", "2026-02-01")

    def test_with_gaps_there_is_no_window(self):
        said = Partitions(ranges=(Range("a", "c"), Range("f", "f")), start="2026-01-01", expression="day")
        found = partitions.condition(said)
        assert (found["operator"], found["right"]["comparison"]) == ("OR", "EQUAL")

    @pytest.mark.parametrize(
        "said",
        [
            Partitions(ranges=(Range("a|x", "c|y"),), count=60, expression={"one": "a", "two": "b"}),
            Partitions(ranges=tuple(Range(str(n), str(n)) for n in range(99)), count=99),
            Partitions(keys=tuple(map(str, range(60)))),
            Partitions(count=1000),
        ],
    )
    def test_too_many_are_left_out_with_a_reason(self, said):
        assert partitions.listed(said) == []
        assert partitions.condition(said) is None
        assert "too many" in partitions.unsaid(said)

    def test_nothing_to_say_needs_no_reason(self):
        assert partitions.unsaid(Partitions(start="2026-01-01")) == ""
        assert partitions.unsaid(Partitions(keys=("a",), count=1)) == ""


class TestDependencies:
    def upstream(self, produced_by, **said):
        inputs = [ORDERS | {"produced_by": produced_by}]
        found = one(span(ASSET | {"dagster.inputs": inputs} | said)).run_facets
        return found.get("jobDependencies", {}).get("upstream", [])

    def test_the_run_that_made_an_input_by_its_span(self):
        before = str(uuid.uuid4())
        made = {"run_id": before, "step_key": "o", "span_id": ids.asset_span(before, "o", "orders", 3)}
        (found,) = self.upstream(made)
        assert found["run"]["runId"] == ids.asset_run(before, "o", "orders", 3)
        assert found["job"]["name"] == "shop.orders"

    def test_a_span_that_is_not_of_an_attempt_tells_the_job_only(self):
        (found,) = self.upstream({"run_id": RUN, "step_key": "o", "span_id": "0" * 16})
        assert "run" not in found

    def test_the_attempt_before(self):
        (found,) = self.upstream({}, **{"dagster.step_attempt": 2})
        assert found["run"]["runId"] == ids.asset_run(RUN, "daily", "daily", 1)
        assert found["status_trigger_rule"] == "EXECUTE_ON_FAILURE"


class TestColumnsAndChecks:
    def test_a_column_of_an_asset_that_is_no_input_is_left_out_with_a_reason(self):
        columns = {
            "a": [{"asset_key": ["orders"], "column": "x"}],
            "b": [{"asset_key": ["rates"], "column": "y"}],
        }
        found = one(
            span(ASSET | {"dagster.inputs": [ORDERS], "dagster.outputs": [DAILY | {"columns": columns}]})
        )
        assert set(found.outputs[0].values["columns"]) == {"a"}
        assert [(o.path, "`rates`" in o.reason) for o in found.omissions] == [
            ("openlineage.outputs[0].columns.b", True)
        ]

    def test_a_check_of_what_the_run_writes_is_no_input(self):
        checks = [{"asset_key": ["daily"], "name": "total", "passed": True}]
        found = one(span(ASSET | {"dagster.outputs": [DAILY], "dagster.checks": checks}))
        assert found.inputs == ()
        assert found.run_facets["test"]["tests"][0]["name"] == "daily:total"


class TestAssetsThatDbtTells:
    SAID = ASSET | {"dagster.asset": {"key": ["daily"], "told_by_dbt": True, "owners": ["team:sales"]}}

    def test_are_no_runs_but_tell_their_table(self):
        seen, table = extract(span(self.SAID | {"dagster.outputs": [DAILY]}), NAMES)
        assert isinstance(seen, SpanSeen)
        assert isinstance(table, DatasetObserved)
        assert table.dataset.values["owners"] == ["team:sales"]
        assert table.dataset.values["symlinks"][0]["type"] == "ASSET"

    def test_tell_nothing_of_a_table_that_is_not_known(self):
        assert [type(o) for o in extract(span(self.SAID | {"dagster.outputs": [KEY_ONLY]}), NAMES)] == [
            SpanSeen
        ]

    def test_have_no_start(self):
        assert extract(start(self.SAID), NAMES) == []


PEER = {"dagster.run_id": RUN, "dagster.job_name": "nightly", "dagster.step_key": "daily"}


class TestDagsterOtel:
    def test_a_step_is_below_its_run_not_below_the_step_before(self):
        found = one(span(PEER | {"dagster.asset_keys": "a/b,c"}, scope=Scope("dagster_otel")))
        assert (found.run_id, found.parent.run_id) == (ids.step_run(RUN, "daily", 1), RUN)
        assert told(found.outputs) == [("dagster://default", "a/b"), ("dagster://default", "c")]
        assert found.patience_s == 0

    def test_others_of_its_spans_only_connect(self):
        for said in (
            {"dagster.asset_key": "a"},
            {"dagster.sensor_name": "s"},
            PEER | {"dagster.step_key": ""},
        ):
            assert isinstance(one(span(said, scope=Scope("dagster_otel"))), SpanSeen)

    def test_the_same_attributes_of_somebody_else_are_not_read(self):
        assert isinstance(one(span(PEER, scope=Scope("mine"))), SpanSeen)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(["[1]", '{"a":1}', "run"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["asset_key", "key", "keys", "connection", "type", "relation", "location", "columns", "ranges",
                         "dimensions", "expression", "status", "never_reached", "name", "passed", "produced_by"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
TABLE = yaml.safe_load((ROOT / "convention" / "dagster.yaml").read_text())
ATTRIBUTES = [row["name"] for row in TABLE["attributes"]]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=8))
def test_no_attribute_breaks_a_span_or_a_start(attributes):
    for item in (span(COMMON | attributes), start(STEP | attributes)):
        for found in extract(item, NAMES):
            assert not isinstance(found, RunObserved) or found.job.name


class TestTheInstrumentation:
    """otel-bridge-dagster has the same rules; its modules import neither Dagster nor the bridge."""

    @staticmethod
    def module(name: str):
        path = ROOT / "instrumentation" / "otel-bridge-dagster" / "otel_bridge_dagster" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"otel_bridge_dagster_{name}", path)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = loaded
        spec.loader.exec_module(loaded)
        return loaded

    @pytest.mark.parametrize("run", [RUN, RUN.upper(), "no-uuid"])
    def test_ids(self, run):
        theirs = self.module("ids")
        assert f"{theirs.trace_id(run):032x}" == ids.trace_id(run)
        assert f"{theirs.run_span_id(run):016x}" == ids.run_span(run)
        assert f"{theirs.step_span_id(run, 'a[1]', 2):016x}" == ids.step_span(run, "a[1]", 2)
        assert f"{theirs.asset_span_id(run, 'a', 'x/y', 2):016x}" == ids.asset_span(run, "a", "x/y", 2)
        assert str(theirs.run_uuid(run)) == ids.run_of(run)
        assert theirs.step_run_id(run, "a[1]", 2) == ids.step_run(run, "a[1]", 2)
        assert theirs.asset_run_id(run, "a", "x/y", 2) == ids.asset_run(run, "a", "x/y", 2)

    @pytest.mark.parametrize("location", ["shop", ""])
    def test_names_of_jobs(self, location):
        theirs = self.module("jobs")
        assert theirs.run_name(location, "nightly") == jobs.run_name(location, "nightly")
        assert theirs.asset_name(location, "raw/orders") == jobs.asset_name(location, "raw/orders")
        for key in ("load", "load[eu].write", "graph.load[2026-01-01]", "load[?]"):
            assert theirs.step_name(location, "nightly", key) == jobs.step_name(location, "nightly", key)


def test_every_name_of_the_table_has_a_golden_case():
    folder = ROOT / "tests" / "golden"
    cases = [*folder.glob("dagster/*/input.jsonl"), *folder.glob("dagster_recorded/*/input.jsonl")]
    said = "".join(case.read_text() for case in cases).replace('\\"', '"')
    keys = [row["name"] for group in TABLE["maps"] for row in group["rows"]]
    assert {name for name in (*ATTRIBUTES, *keys) if f'"{name}"' not in said} == set()
