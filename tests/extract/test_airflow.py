"""The dialect of Airflow's spans: run ids, attempts, states, and what runs inside tasks.

The spans of tests/golden/airflow were recorded from Airflow 3.3.2 with its OpenLineage provider 2.20.3 beside them, whose
run ids are those below.
"""

from datetime import datetime
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from otel_bridge.assemble import MemoryRecords
from otel_bridge.config import load
from otel_bridge.extract import Wanted, extract, markers
from otel_bridge.extract.dialects import airflow_ids
from otel_bridge.model import JobRef, Kind, RunObserved, RunRef, Span, SpanSeen, State, Status, run_id_of
from otel_bridge.namespaces import Namespaces
from otel_bridge.receive import Selection, transcode
from otel_bridge.service.conversion import Conversion
from otel_bridge.service.offline import convert_files
from otel_bridge.settings import Dialects, Namespace

NAMES = Namespaces(Namespace())
GOLDEN = Path(__file__).parents[1] / "golden" / "airflow"
TRACE, DAG_SPAN, TASK_SPAN, WORKER_SPAN = "0af7651916cd43dd8448eb211c80319c", "a" * 16, "b" * 16, "c" * 16
DAG = {"airflow.dag_id": "shop", "airflow.dag_run.run_id": "scheduled__2026-11-23T00:00:00+00:00"}
TASK = DAG | {
    "airflow.task_id": "load",
    "airflow.task_instance.try_number": 1,
    "airflow.task_instance.map_index": -1,
}
PROVIDER = Wanted()
OWN = Wanted(dialects=Dialects(airflow="own"))

EMITTED = {
    ("daily", "-", "-"): "01a20ada-2c00-77ff-b1c8-1a816729fc22",
    ("daily.one", "1", "-"): "01a20ada-2c00-7d30-9456-9f4703cefa82",
    ("daily.one", "2", "-"): "01a20ada-2c00-71a3-b664-dd3c64de3e4f",
    ("shop", "-", "-"): "01a21235-2cbf-7402-bc8a-eb3ce0dd9186",
    ("shop.extract", "1", "-"): "01a21235-2cbf-717a-a58a-866af0463555",
    ("shop.extract", "2", "-"): "01a21235-2cbf-7d4d-b5cd-07f9ca8693ad",
    ("shop.load", "1", "0"): "01a21235-2cbf-7719-bc99-131f0881956a",
    ("shop.load", "1", "1"): "01a21235-2cbf-7ab3-97fa-d179073fc689",
    ("shop.skipped", "1", "-"): "01a21235-2cbf-741e-9abc-0539c2afe010",
    ("shop.broken", "1", "-"): "01a21235-2cbf-79f8-920c-a1c8232b1ac4",
}
"""What the provider emitted for the recorded runs: job, attempt and map index -> run id."""
CLEARED = "01a20ada-2c00-76e8-9224-c2082d67b5c3"
"""What it emitted for the DAG run `daily` after it was cleared, which the spans do not tell."""

CALCULATED = [
    ("2026-11-23T00:00:00+00:00", "01a205b3-d000-7abd-8fac-91d4edcbf021", "01a205b3-d000-79d0-8fb4-3932fb3b1b63"),
    ("2026-10-25T02:30:00.123456+02:00", "01a17076-dbbb-7b8f-b510-475c2a94c268", "01a17076-dbbb-74b8-ab71-9aaa730e9cc0"),
    ("1969-12-31T23:59:59.999000+00:00", "ffffffff-ffff-7571-ba83-c90a10e20020", "ffffffff-ffff-704e-80e2-54b9749ebc16"),
    ("2026-11-25T10:16:44.479896-05:30", "01a21363-4c7f-7b3c-97d5-5b62a7bca25f", "01a21363-4c7f-7dab-9b60-d83e4a9e5484"),
]  # fmt: skip
"""What its two functions gave: of DAG `sales.orders`, and of attempt 3 of its task `load[7]`, in `floe.prod.sales`."""


def span(name: str, attributes: dict, span_id: str = TASK_SPAN, parent: str = DAG_SPAN, **said) -> Span:
    return Span(TRACE, span_id, parent, name=name, attributes=attributes, start_ns=5, end_ns=9, **said)


def dag_run(**said) -> Span:
    return span("dag_run.shop", DAG | said.pop("more", {}), DAG_SPAN, "", **said)


def task_run(state: str = "success", attempt: int = 1, **said) -> Span:
    own = {"airflow.task_instance.state": state, "airflow.task_instance.try_number": attempt}
    return span("task_run.load", TASK | own, **said)


def worker(attempt: int = 1) -> Span:
    return span("worker.load", TASK | {"airflow.task_instance.try_number": attempt}, WORKER_SPAN, TASK_SPAN)


def ended_by_the_provider(job: str, run_id: str) -> bytes:
    """An event of the provider, without its facets."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-25T10:16:48.672673+00:00",
        "run": {"runId": run_id, "facets": {}},
        "job": {"namespace": "floe.test.sales", "name": job, "facets": {}},
        "producer": "https://github.com/apache/airflow/tree/providers-openlineage/2.20.3",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return msgspec.json.encode(event)


def one(item: Span, wanted: Wanted = OWN):
    (found,) = extract(item, NAMES, wanted)
    return found


def events(case: str, lines=None):
    settings = load(None, ["data_dir=unused"], environ={})
    content = (GOLDEN / case / "input.jsonl").read_bytes() if lines is None else b"\n".join(lines)
    return [msgspec.json.decode(event.body) for event in convert_files([("input", content)], settings)]


def told(event: dict) -> tuple[str, str, str]:
    tags = {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}
    return event["job"]["name"], tags.get("try_number", "-"), tags.get("map_index", "-")


class TestRunIds:
    @pytest.mark.parametrize(("due", "of_dag", "of_task"), CALCULATED)
    def test_as_the_provider_calculates_them(self, due, of_dag, of_task) -> None:
        at = datetime.fromisoformat(due)
        assert airflow_ids.provider_dag_run("floe.prod.sales", "sales.orders", at) == of_dag
        assert airflow_ids.provider_attempt("floe.prod.sales", "sales.orders", "load", 3, 7, at) == of_task

    def test_both_sources_meet_in_the_recorded_runs(self) -> None:
        made = [(told(e), e["run"]["runId"]) for e in events("run_ids_of_its_provider")]
        assert {ids for ids in made if ids[0] != ("daily", "-", "-")} == {
            (job, run_id) for job, run_id in EMITTED.items() if job != ("daily", "-", "-")
        }
        assert (("daily", "-", "-"), EMITTED["daily", "-", "-"]) in made

    def test_where_the_provider_ended_the_run_the_spans_only_add_to_it(self) -> None:
        settings = load(None, ["data_dir=unused"], environ={})
        conversion = Conversion(settings, MemoryRecords())
        selection = Selection(markers(), settings.receive, 10)
        retried = EMITTED["shop.extract", "2", "-"]
        conversion.feed(Kind.EVENT, ended_by_the_provider("shop.extract", retried), 0)
        lines = (GOLDEN / "dag_with_retry_and_mapped_task/input.jsonl").read_bytes().splitlines()
        rows = [
            row for line in lines for row in selection.select("traces", transcode("traces", line), 0).rows
        ]
        made = [event for row in rows for event in conversion.feed(row.kind, row.payload, 0)]
        assert [event.type for event in made if event.key == retried] == ["OTHER", "OTHER"]
        assert {event.type for event in made if event.job_name == "shop.load"} == {"START", "COMPLETE"}

    def test_a_cleared_dag_run_is_no_other_run(self) -> None:
        daily = {e["run"]["runId"] for e in events("run_ids_of_its_provider") if e["job"]["name"] == "daily"}
        assert len(daily) == 2
        assert CLEARED not in daily

    def test_tasks_name_the_dag_run_as_their_parent(self) -> None:
        parents = {
            e["job"]["name"]: e["run"]["facets"]["parent"]["run"]["runId"]
            for e in events("run_ids_of_its_provider")
            if "parent" in e["run"]["facets"]
        }
        assert parents["shop.load"] == EMITTED["shop", "-", "-"]
        assert parents["daily.one"] == EMITTED["daily", "-", "-"]

    def test_they_may_come_from_the_span(self) -> None:
        assert one(dag_run()).run_id == run_id_of(TRACE, DAG_SPAN)
        assert one(task_run()).run_id == run_id_of(TRACE, TASK_SPAN)

    def test_a_run_id_of_the_users_own_has_no_time_in_it(self) -> None:
        named = {"airflow.dag_run.run_id": "the March backfill"}
        assert one(dag_run(more=named), PROVIDER).run_id == run_id_of(TRACE, DAG_SPAN)

    @pytest.mark.parametrize("time", ["2026-13-45T99:00:00+00:00", "0001-01-01T00:00:00+14:00"])
    def test_a_time_that_is_none(self, time) -> None:
        assert airflow_ids.due_of(f"manual__{time}") is None


class TestAttempts:
    def test_each_is_a_run_of_its_own(self) -> None:
        first, second = one(task_run("up_for_retry", 1)), one(task_run("success", 2))
        assert (first.state, second.state) == (State.FAIL, State.COMPLETE)
        assert first.run_id != second.run_id
        assert first.span != second.span
        assert first.parent == second.parent == RunRef(run_id_of(TRACE, DAG_SPAN), one(dag_run()).job)

    @pytest.mark.parametrize("attempt", [1, 2])
    @pytest.mark.parametrize("wanted", [OWN, PROVIDER])
    def test_what_runs_inside_belongs_to_its_attempt(self, attempt, wanted) -> None:
        inside = one(worker(attempt), wanted)
        assert isinstance(inside, SpanSeen)
        assert inside.enclosing_run_id == one(task_run(attempt=attempt), wanted).run_id

    def test_the_recorded_ones_arrive_in_any_order(self) -> None:
        lines = (GOLDEN / "dag_with_retry_and_mapped_task/input.jsonl").read_bytes().splitlines()
        retried = [line for line in lines if b".extract" in line]
        expected = sorted(map(str, ended(events("", retried))))
        for order in permutations(retried):
            assert sorted(map(str, ended(events("", order)))) == expected
        assert len(expected) == 2

    def test_the_facet_names_the_span_that_airflow_sent(self) -> None:
        spans = {
            e["run"]["facets"]["otel_trace"]["spanId"]
            for e in events("run_ids_of_its_provider")
            if e["job"]["name"] == "shop.extract"
        }
        assert len(spans) == 1


def ended(made):
    return [(told(e), e["eventType"], e["run"]["runId"]) for e in made if e["eventType"] != "START"]


class TestStates:
    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ("success", State.COMPLETE),
            ("failed", State.FAIL),
            ("up_for_retry", State.FAIL),
            ("skipped", State.SKIP),
            ("removed", State.ABORT),
            ("something new", State.FAIL),
        ],
    )
    def test_of_an_attempt(self, state, expected) -> None:
        found = one(task_run(state, status=Status.OK if state == "success" else Status.ERROR))
        assert found.state is expected
        assert (found.error is not None) == (expected is State.FAIL)

    def test_skipped_is_complete_where_the_provider_says_so_too(self) -> None:
        assert one(task_run("skipped", status=Status.ERROR), PROVIDER).state is State.COMPLETE

    def test_of_a_dag_run(self) -> None:
        assert one(dag_run(status=Status.OK)).state is State.COMPLETE
        failed = one(dag_run(status=Status.ERROR))
        assert (failed.state, failed.error.message) == (
            State.FAIL,
            "Airflow ended the run of DAG shop as failed.",
        )


class TestJobs:
    def test_names_and_types(self) -> None:
        found = [one(dag_run()), one(task_run())]
        assert [run.job for run in found] == [
            JobRef("floe.dev.default", "shop"),
            JobRef("floe.dev.default", "shop.load"),
        ]
        assert [(run.job_values["type"], run.job_values["integration"]) for run in found] == [
            ("DAG", "AIRFLOW"),
            ("TASK", "AIRFLOW"),
        ]

    def test_the_time_that_a_run_is_for(self) -> None:
        dated = dag_run(more={"airflow.dag_run.logical_date": "2026-11-23 00:00:00+00:00"})
        assert one(dated).run_values["nominal_start"] == "2026-11-23 00:00:00+00:00"
        assert "nominal_start" not in one(dag_run()).run_values


class TestWhatIsNoRun:
    def test_a_span_inside_that_names_its_run(self) -> None:
        stated = "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11"
        spans = worker()
        marked = msgspec.structs.replace(spans, attributes=spans.attributes | {"openlineage.run.id": stated})
        assert one(marked).enclosing_run_id == stated

    def test_other_spans_with_the_dag(self) -> None:
        assert isinstance(one(span("anything", DAG)), SpanSeen)

    def test_turned_off(self) -> None:
        off = Dialects(airflow="off")
        assert isinstance(one(dag_run(), Wanted(dialects=off)), SpanSeen)
        assert b"airflow.dag_id" in set(markers()) - set(markers(off))

    def test_the_convention_goes_before(self) -> None:
        found = one(dag_run(more={"openlineage.job.name": "mine"}))
        assert isinstance(found, RunObserved)
        assert (found.job.name, found.evidence.rule) == ("mine", "bridge.span")

    @pytest.mark.parametrize("value", [7, [], {"a": 1}, " ", True])
    def test_hostile_values(self, value) -> None:
        for key in (*TASK, "airflow.task_instance.state", "airflow.dag_run.queued_at"):
            for item in (task_run(), dag_run(), worker()):
                extract(msgspec.structs.replace(item, attributes=item.attributes | {key: value}), NAMES)
