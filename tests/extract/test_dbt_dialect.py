"""The dialect of dbt: which reader a span is for, what can't be read, and runs that are completed later."""

import importlib
import json
from pathlib import Path

import msgspec
import pytest
import yaml

from otel_bridge.extract import Wanted, extract, markers
from otel_bridge.extract.data_sources import Attached, Connection
from otel_bridge.extract.dialects.dbt import attributes as names
from otel_bridge.extract.dialects.dbt import completion, facts, jobs, mapping, merging, relations, states
from otel_bridge.extract.dialects.dbt.facts import Invocation, Kind, Node, Relation, Result, Told
from otel_bridge.model import (
    JobRef,
    LogEvent,
    Noted,
    Run,
    RunObserved,
    RunRef,
    Scope,
    Span,
    SpanEvent,
    SpanLink,
    SpanRef,
    SpanSeen,
    State,
    Status,
    Unusable,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dbt, Namespace

NAMES = Namespaces(Namespace())
TRACE, SPAN, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b" * 16, "c" * 16
ID = "0af76519-16cd-43dd-8448-eb211c80319c"
NODE = {
    "dbt.convention": 1,
    "dbt.kind": "node",
    "unique_id": "model.shop.orders",
    "openlineage.job.name": "model.shop.orders",
}
NATIVE = Scope("dbt.runner")
GOLDEN = Path(__file__).parents[1] / "golden" / "dbt"
TABLE = yaml.safe_load((Path(__file__).parents[2] / "convention" / "dbt.yaml").read_text())


def span(attributes=None, name="x", **said) -> Span:
    place = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": ABOVE, "start_ns": 100, "end_ns": 200}
    return Span(**(place | said), name=name, attributes=attributes or {})


def one(item, wanted=Wanted()):  # noqa: B008
    (found,) = extract(item, NAMES, wanted)
    return found


def told(run: RunObserved) -> Told:
    return msgspec.convert(run.run_values[mapping.TOLD], Told)


class TestClaims:
    @pytest.mark.parametrize(
        "item",
        [
            span(NODE),
            span({"unique_id": "model.shop.orders"}, scope=NATIVE),
            span({"dbt_core_event_code": "Q025"}),
            span({"eval_args": "{}", "raw_command": "dbt build"}),
        ],
    )
    def test_spans_of_dbt_are_its_own(self, item):
        assert not isinstance(one(item), RunObserved) or one(item).evidence.rule.startswith("dbt.")

    def test_others_are_not(self):
        assert (
            one(span({"openlineage.job.name": "load", "unique_id": "model.shop.orders"})).evidence.rule
            == "bridge.span"
        )
        assert isinstance(one(span({"eval_args": "{}"})), SpanSeen)

    def test_markers(self):
        assert {b"dbt.runner", b"dbt_core_event_code", b"eval_args"} <= set(markers())


class TestOurs:
    def test_what_the_span_says_in_the_bridges_convention_goes_before(self):
        own = {
            "openlineage.job.name": "mine",
            "openlineage.run.state": "ABORT",
            "openlineage.run.tags": ["manual"],
            "openlineage.run.facets": {"acme_cost": {"eur": 1}},
            "openlineage.outputs": '["file|/tmp/report.html"]',
        }
        output = {"schema": "marts", "identifier": "orders", "database": "shop"}
        connection = json.dumps({"type": "postgres", "host": "db.example"})
        node = {
            "dbt.node": '{"tags": ["finance"]}',
            "dbt.output": json.dumps(output),
            "dbt.connection": connection,
        }
        run = one(span(NODE | node | own | {"node_outcome": "success"}))
        assert (run.job.name, run.state) == ("mine", State.ABORT)
        assert [d.name for d in run.outputs] == ["shop.marts.orders", "/tmp/report.html"]
        assert [t["key"] if isinstance(t, dict) else t for t in run.run_values["tags"]] == [
            "finance",
            "manual",
        ]
        assert set(run.run_facets) == {"dbt_result", "acme_cost"}

    def test_the_cut_copy_of_a_span_is_no_run(self):
        assert isinstance(one(span(NODE | {"openlineage.export": "partial"})), SpanSeen)

    def test_a_span_without_anything_to_name_its_job(self):
        found = one(span({"dbt.convention": 1, "dbt.kind": "node"}))
        assert isinstance(found, Unusable)
        assert "otel-bridge-dbt" in found.omissions[-1].reason

    def test_context_of_statements(self):
        connection = {"type": "postgres", "host": "db.example", "database": "shop", "schema": "marts"}
        columns = [{"name": "id"}, {"name": "dbt_valid_to", "generated": True}]
        output = {"schema": "marts", "identifier": "orders", "columns": columns}
        run = one(span(NODE | {"dbt.connection": json.dumps(connection), "dbt.output": json.dumps(output)}))
        assert run.job_values["sql_context"] == {
            "namespace": "postgres://db.example:5432",
            "database": "shop",
            "schema": "marts",
            "dialect": "postgres",
            "generated": ["dbt_valid_to"],
        }

    def test_an_event_without_ids_is_unusable(self):
        found = one(LogEvent("openlineage.run.start", attributes=NODE))
        assert isinstance(found, Unusable)


class TestNative:
    def node(self, name="model.shop.orders", **said):
        outcome = {"unique_id": name, "node_outcome": "success", "node_type": name.partition(".")[0]}
        return span(outcome | said.pop("attributes", {}), name=name, scope=NATIVE, **said)

    def test_a_node_waits_for_its_invocation_and_keeps_its_facts(self):
        where = {"database": "shop", "schema": "marts", "identifier": "orders", "materialization": "table"}
        run = one(
            self.node(attributes=where | {"rows_affected": 7, "query_id": "q"}),
            Wanted(dbt=Dbt(invocation_wait=9)),
        )
        assert (run.job.name, run.patience_s, run.awaits) == ("model.shop.orders", 9.0, "")
        assert told(run).node.output == Relation(
            unique_id="model.shop.orders",
            resource_type="model",
            database="shop",
            schema="marts",
            identifier="orders",
            materialization="table",
        )
        assert told(run).result == Result(status="success", rows_affected=7, query_id="q")

    def test_the_invocation_waits_for_its_artifacts(self):
        said = {"command": "freshness", "invocation_id": ID, "version": "1.12.6"}
        run = one(span(said, name="dbt.invocation", scope=NATIVE), Wanted(dbt=Dbt(artifacts_wait=3)))
        assert (run.job.name, run.awaits, run.awaits_s, run.patience_s) == (
            "dbt-source-freshness",
            f"dbt:{ID}",
            3.0,
            None,
        )

    def test_links_are_runs_that_it_had_to_wait_for(self):
        link = SpanLink(TRACE, "d" * 16, {"upstream.name": "model.shop.stg_orders"})
        run = one(self.node(links=(link, SpanLink(TRACE, "e" * 16))))
        (above,) = run.run_facets["jobDependencies"]["upstream"]
        assert above["job"]["name"] == "model.shop.stg_orders"
        assert above["run"]["runId"] == run_id_of(TRACE, "d" * 16)
        assert run.inputs == ()

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            ("warn", State.COMPLETE),
            ("fail", State.FAIL),
            ("skipped", State.SKIP),
            ("partial success", State.FAIL),
        ],
    )
    def test_the_outcome_decides_and_not_the_status(self, outcome, state):
        status = Status.OK if state is State.FAIL else Status.ERROR
        assert one(self.node(attributes={"node_outcome": outcome}, status=status)).state is state

    def test_a_node_that_was_interrupted(self):
        killed = SpanEvent("exception", 1, {"exception.type": "KeyboardInterrupt"})
        item = span(name="model.shop.orders", scope=NATIVE, status=Status.ERROR, events=(killed,))
        assert one(item).state is State.ABORT

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("metadata.setup", {}),
            ("on-run-end", {"hook_type": "on-run-end"}),
            ("hooks.pre_hook.inside_transaction", {"hook_count": 1, "unique_id": "model.shop.orders"}),
            ("exposure.shop.board", {"unique_id": "exposure.shop.board", "node_type": "exposure"}),
            ("model.shop.x", {"unique_id": "model.shop.x", "materialization": "ephemeral"}),
            ("something new", {}),
        ],
    )
    def test_spans_that_are_no_runs(self, name, said):
        assert isinstance(one(span(said, name=name, scope=NATIVE)), SpanSeen)

    def test_hooks_of_the_project(self):
        said = {
            "hook_type": "on-run-start",
            "hook_outcome": "error",
            "hook_index": 2,
            "unique_id": "operation.shop.x-1",
        }
        run = one(span(said, name="operation.shop.x-1", scope=NATIVE))
        assert (run.state, told(run).hook.type, told(run).hook.index) == (State.FAIL, "on-run-start", 1)


class TestFusion:
    def node(self, **said):
        common = {
            "unique_id": "model.shop.orders",
            "node_type": "NODE_TYPE_MODEL",
            "node_outcome": "NODE_OUTCOME_SUCCESS",
            "materialization": "NODE_MATERIALIZATION_TABLE",
            "last_phase": "EXECUTION_PHASE_RUN",
            "dbt_core_event_code": "Q025",
            "in_selection": True,
        }
        return span(common | said, status=Status.OK)

    def test_the_trace_is_the_invocation(self):
        run = one(self.node(rows_affected="120", identifier="orders", schema="MARTS", database="SHOP"))
        assert told(run).invocation.invocation_id == ID
        assert told(run).result.rows_affected == 120

    @pytest.mark.parametrize(
        ("detail", "state", "status"),
        [
            ('{"failing_rows": 0}', State.COMPLETE, "pass"),
            ("{}", State.COMPLETE, "pass"),
            ('{"test_outcome": "TEST_OUTCOME_WARNED", "failing_rows": 3}', State.COMPLETE, "warn"),
            ('{"test_outcome": "TEST_OUTCOME_FAILED", "failing_rows": 3}', State.FAIL, "fail"),
        ],
    )
    def test_a_failed_test_is_a_failed_test(self, detail, state, status):
        run = one(self.node(node_type="NODE_TYPE_TEST", unique_id="test.shop.t.1", node_test_detail=detail))
        assert (run.state, told(run).result.status) == (state, status)

    def test_a_test_that_does_not_say_how_it_ended(self):
        run = one(self.node(node_type="NODE_TYPE_TEST", unique_id="test.shop.t.1"))
        assert told(run).result is None

    @pytest.mark.parametrize(
        ("reason", "state", "status"),
        [
            ("UPSTREAM", State.SKIP, "skipped"),
            ("CACHED", State.COMPLETE, "reused"),
            ("NO_OP", State.COMPLETE, "no-op"),
            ("PHASE_SKIPPED", State.SKIP, "skipped"),
        ],
    )
    def test_skipped_for_a_reason(self, reason, state, status):
        cause = (
            {"node_skip_upstream_detail": '{"upstream_unique_id": "model.shop.broken"}'}
            if reason == "UPSTREAM"
            else {}
        )
        run = one(
            self.node(
                node_outcome="NODE_OUTCOME_SKIPPED", node_skip_reason=f"NODE_SKIP_REASON_{reason}", **cause
            )
        )
        assert (run.state, told(run).result.status) == (state, status)
        assert told(run).result.skip_cause.unique_id == ("model.shop.broken" if cause else "")

    def test_canceled_is_aborted(self):
        assert one(self.node(node_outcome="NODE_OUTCOME_CANCELED")).state is State.ABORT

    def test_only_selected_nodes_are_runs(self):
        without = self.node()
        without = Span(
            TRACE, SPAN, attributes={k: v for k, v in without.attributes.items() if k != "in_selection"}
        )
        assert isinstance(one(without), SpanSeen)

    def test_queries_are_notes_for_their_node(self):
        said = {
            "sql": "create table x as select 1",
            "sql_hash": "0",
            "adapter_type": "snowflake",
            "query_id": "01",
            "unique_id": "model.shop.orders",
            "phase": "EXECUTION_PHASE_RUN",
            "dbt_core_event_code": "E017",
        }
        note = one(span(said))
        assert isinstance(note, Noted)
        assert (note.scope, note.part, note.at_ns) == (f"dbt:{ID}", "model.shop.orders", 100)
        found = msgspec.convert(note.said, Told)
        assert (found.node.sql, found.result.query_id, found.invocation.connection.type) == (
            said["sql"],
            "01",
            "snowflake",
        )
        assert isinstance(one(span(said | {"phase": "EXECUTION_PHASE_RENDER"})), SpanSeen)
        assert isinstance(one(span({k: v for k, v in said.items() if k != "unique_id"})), SpanSeen)

    def test_the_invocation(self):
        said = {
            "invocation_id": ID,
            "raw_command": "dbt build --full-refresh",
            "eval_args": '{"command": "build", "target": "prod", "profile": "shop"}',
            "process_info": '{"package": "dbt-fusion", "version": "v2.0.9"}',
            "metrics": '{"total_errors": "2", "status_counts": {"error": "2", "success": "5"}}',
        }
        run = one(span(said))
        assert (run.job.name, run.state, run.error.message) == ("dbt-build", State.FAIL, "2 error, 5 success")
        found = told(run).invocation
        assert (found.version, found.target, found.flags) == ("2.0.9", "prod", {"full_refresh": True})


class TestCompleting:
    INVOCATION = RunRef("0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11", JobRef("ns", "dbt-build"))
    ARTIFACTS = Told(
        tier="D",
        invocation=Invocation(
            ID, "build", "1.12.6", project="shop", target="prod", connection=Connection("postgres")
        ),
        node=Node(
            unique_id="model.shop.orders",
            package="shop",
            inputs=(Relation(unique_id="source.shop.raw.o", database="shop", schema="raw", identifier="o"),),
            sql="select * from o",
            tags=("finance",),
        ),
        result=Result(status="error", message="Database Error", failures=1),
    )

    def run(self, **said):
        kept = said.pop("told", Told(tier="B", node=Node(unique_id="model.shop.orders", node_type="model")))
        place = {"job": JobRef("ns", "model.shop.orders"), "parent": self.INVOCATION, "root": self.INVOCATION}
        values = {"trace": {"flags": 1}} | mapping.noted(kept)
        return Run(
            **(
                {"run_id": ID, "span": SpanRef(TRACE, SPAN), "started_ns": 1, "run_values": values}
                | place
                | said
            )
        )

    def completed(self, run, *more, dbt=Dbt()):  # noqa: B008
        return mapping.completed(run, merging.merged(mapping.told_of(run), *more), NAMES, Wanted(dbt=dbt))

    def test_with_artifacts(self):
        run = self.completed(
            self.run(state=State.COMPLETE), self.ARTIFACTS, dbt=Dbt(namespaces={"shop": "postgres://db:5432"})
        )
        assert [(d.namespace, d.name) for d in run.inputs] == [("postgres://db:5432", "shop.raw.o")]
        assert (run.state, run.error.message) == (State.FAIL, "Database Error")
        assert run.parent.job.name == run.root.job.name == "dbt-build-shop"
        assert (run.job_values["sql"], run.job_values["sql_dialect"]) == ("select * from o", "postgres")
        assert run.run_values["trace"] == {"flags": 1}
        assert mapping.TOLD not in run.run_values
        assert run.run_facets["dbt_run"]["project_name"] == "shop"

    def test_without_any_it_still_says_what_it_is(self):
        output = Relation(unique_id="model.shop.orders", database="shop", schema="marts", identifier="orders")
        kept = Told(tier="B", node=Node(unique_id="model.shop.orders", node_type="model", output=output))
        run = self.completed(self.run(told=kept, state=State.COMPLETE))
        assert [(d.namespace, d.name) for d in run.outputs] == [("dbt://ns", "shop.marts.orders")]
        assert [o.path for o in run.omissions] == ["dbt.connection"]
        assert run.job_values["type"] == "MODEL"
        assert (run.parent, run.inputs) == (self.INVOCATION, ())

    def test_figures_of_the_catalog_are_those_of_the_table_and_not_of_the_run(self):
        output = Relation(unique_id="model.shop.orders", identifier="orders", row_count=7, bytes=70)
        more = Told(node=Node(output=output), result=Result(status="success", rows_affected=2))
        (found,) = self.completed(self.run(state=State.COMPLETE), more).outputs
        assert (found.values["metrics"], found.values["row_count"]) == ({"row_count": 7, "bytes": 70}, 2)

    def test_what_the_span_says_wins(self):
        kept = Told(tier="B", node=Node(unique_id="model.shop.orders"), result=Result(status="skipped"))
        assert self.completed(self.run(told=kept, state=State.SKIP), self.ARTIFACTS).state is State.SKIP

    def test_a_package_of_another_project_is_named_after_the_root(self):
        kept = Told(tier="B", node=Node(unique_id="model.audit.log", package="audit"))
        more = Told(invocation=Invocation(project="shop", command="build"))
        run = self.completed(self.run(told=kept, job=JobRef("ns", "model.audit.log")), more)
        assert run.job.name == "shop.model.audit.log"

    def test_same_named_children_are_batches(self):
        model = RunRef(self.INVOCATION.run_id, JobRef("ns", "model.shop.orders"))
        run = self.completed(self.run(parent=model))
        assert (run.job.name, run.job_values["type"]) == ("model.shop.orders.batch", "BATCH")
        assert run.parent.job.name == "model.shop.orders"

    def test_a_start_has_no_state(self):
        run = self.completed(self.run(), self.ARTIFACTS)
        assert (run.state, run.error) == (None, None)

    def test_a_design_is_the_job_without_the_run(self):
        run = self.completed(self.run(), self.ARTIFACTS)
        job = mapping.design(run)
        assert (job.job, job.inputs, job.job_values) == (run.job, run.inputs, run.job_values)


class TestMerging:
    def test_the_first_that_says_anything_wins_in_every_field(self):
        first = Told(tier="B", node=Node(name="a"), result=Result(status="fail"))
        second = Told(tier="D", node=Node(name="b", package="p"), result=Result(status="x", message="m"))
        found = merging.merged(first, second)
        assert (found.tier, found.node.name, found.node.package) == ("B", "a", "p")
        assert (found.result.status, found.result.message) == ("fail", "m")

    def test_what_run_it_is_the_first_says(self):
        found = merging.merged(Told(tier="B"), Told(tier="D", kind=Kind.INVOCATION, node=Node(name="n")))
        assert (found.tier, found.kind, found.node.name) == ("B", Kind.NODE, "n")

    def test_queries_in_order(self):
        notes = [
            Told(node=Node(sql="a;"), result=Result(query_id="1")),
            Told(node=Node(sql="b"), result=Result(query_id="2")),
        ]
        found = merging.in_order(notes)
        assert (found.node.sql, found.result.query_id) == ("a;\nb", "2")
        assert merging.in_order([]) == Told()


class TestStates:
    def test_every_outcome_of_the_table_has_a_state(self):
        row = next(r for r in TABLE["attributes"] if r["constant"] == "NODE_OUTCOME")
        for word in (
            "success",
            "error",
            "fail",
            "warn",
            "pass",
            "skipped",
            "no-op",
            "reused",
            "partial success",
            "runtime error",
        ):
            assert f"`{word}`" in row["doc"]
            assert states.state_of(Told(result=Result(status=word))) is states.STATES[word]

    @pytest.mark.parametrize("command", ["compile", "docs generate", "parse", "list", "show", "debug"])
    def test_commands_that_move_nothing(self, command):
        assert not states.moves_data(command)

    @pytest.mark.parametrize("command", sorted(states.MOVING))
    def test_commands_that_do(self, command):
        assert states.moves_data(command)


class TestJobs:
    SHOP = Invocation(command="build", project="shop")

    @pytest.mark.parametrize(
        ("said", "name"),
        [
            ({"kind": Kind.INVOCATION}, "dbt-build-shop"),
            ({"node": Node(unique_id="model.shop.orders")}, "model.shop.orders"),
            ({"node": Node(unique_id="model.audit.log")}, "shop.model.audit.log"),
            ({"kind": Kind.BATCH, "node": Node(unique_id="model.shop.orders")}, "model.shop.orders.batch"),
            (
                {
                    "kind": Kind.HOOK,
                    "node": Node(unique_id="model.shop.orders"),
                    "hook": facts.Hook("post-hook", 2),
                },
                "model.shop.orders.post-hook.2",
            ),
            ({"kind": Kind.HOOK, "hook": facts.Hook("on-run-end", 1)}, "dbt-build-shop.on-run-end.1"),
            ({"kind": Kind.OPERATION, "operation": facts.Operation("grant_all")}, "operation.shop.grant_all"),
        ],
    )
    def test_name(self, said, name):
        assert jobs.name_of(Told(invocation=self.SHOP, **said)) == name


class TestConvention:
    def test_every_name_of_the_table_has_a_golden_case(self):
        said = "".join(path.read_text() for path in GOLDEN.glob("*/input.jsonl")).replace('\\"', '"')
        rows = [*TABLE["attributes"], *(row for keys in TABLE["maps"] for row in keys["rows"])]
        wanted = {row["name"] for row in rows}
        assert {name for name in wanted if f'"{name}"' not in said} == set()

    def test_every_attribute_is_read(self):
        used = "".join(
            path.read_text()
            for path in Path(facts.__file__).parent.glob("*.py")
            if path.name != "attributes.py"
        )
        constants = {row["constant"] for row in TABLE["attributes"]}
        assert {
            name for name in constants if f"names.{name}" not in used and f"names_of.{name}" not in used
        } == set()

    def test_every_key_of_a_relation_has_a_field(self):
        assert set(names.RELATION_KEYS) <= set(Relation.__struct_fields__)

    def test_what_is_written_in_the_table_of_a_connection_is_read(self):
        row = next(r for r in TABLE["attributes"] if r["constant"] == "CONNECTION")
        fields = {*Connection.__struct_fields__, *Attached.__struct_fields__}
        assert {
            word
            for word in ("type", "version", "host", "port", "account", "project", "path", "alias")
            if f"{word}" in row["doc"]
        } <= fields


PEER = {
    "run_dbt_run": {"invocation_id", "project_name", "dbt_runtime", "profile_name", "full_refresh"},
    "run_dbt_version": {"version"},
    "job_dbt_node": {"unique_id", "original_file_path", "database", "schema", "alias", "test_type"},
    "dataset_dbt_model": {"config"},
    "dataset_dbt_exposures": {"exposures"},
}
"""Fields of openlineage-dbt 1.54, but those that only dbt Cloud and a project's version fill."""


class TestFacets:
    @pytest.mark.parametrize("module", PEER)
    def test_fields_of_openlineage_dbt_are_found_again(self, module):
        found = importlib.import_module(f"otel_bridge.openlineage.facets.{module}")
        fields = {field.encode_name for field in msgspec.structs.fields(found.SHAPE)}
        assert PEER[module] <= fields

    def test_parts_of_a_models_configuration(self):
        incremental = {
            "incremental_strategy": "merge",
            "unique_key": "id",
            "predicates": ["a > 1"],
            "partition_by": ["day"],
            "lookback": 1,
            "event_time": "at",
            "full_refresh": False,
        }
        found = relations.incremental(incremental)
        assert found == {
            "strategy": "merge",
            "unique_key": ["id"],
            "incremental_predicates": ["a > 1"],
            "partition_by": {"columns": ["day"]},
            "full_refresh": False,
        }
        batched = relations.incremental(
            {"incremental_strategy": "microbatch", "lookback": 2, "batch_size": "day"}
        )
        assert batched == {"strategy": "microbatch", "lookback": 2, "batch_size": "day"}
        assert relations.incremental({}) == {"strategy": "default"}


class TestNumbersOfHooks:
    """dbt prints and counts them from 0, through all packages, its own project's last."""

    def test_artifacts_count_through_all_packages(self):
        hooks = [
            "operation.shop.shop-on-run-start-0",
            "operation.shop.shop-on-run-start-1",
            "operation.audit.audit-on-run-start-0",
            "operation.shop.shop-on-run-end-0",
            "model.shop.orders",
        ]
        assert completion.hook_places(hooks, "shop") == {hooks[0]: 1, hooks[1]: 2, hooks[2]: 0, hooks[3]: 0}

    def test_spans_of_dbt_core_are_counted_down(self):
        said = {"hook_type": "on-run-end", "hook_outcome": "success", "name": "shop-on-run-end-0"}
        named = one(span(said, name="operation.shop.shop-on-run-end-0", scope=NATIVE))
        placed = one(span(said | {"hook_index": 3}, name="operation.shop.shop-on-run-end-0", scope=NATIVE))
        assert (told(named).hook.index, told(placed).hook.index) == (0, 2)
