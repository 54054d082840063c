"""Events of another producer, sent with openlineage-python to our API, and our own, in one Marquez."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run, job_type_job, parent_run, schema_dataset
from openlineage.client.uuid import generate_new_uuid

from otel_bridge.model.ids import run_id_of
from tests.e2e.marquez_line import Line
from tests.otlp import T0, Exporter, span, span_id, trace_id, traces

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

PRODUCER = "https://example.com/spark-like"
BEGIN = datetime.fromtimestamp(T0 / 1e9, UTC)


def test_both_in_one_graph(line: Line) -> None:
    """What the other one writes ours reads: one graph over both job namespaces, nobody's jobs under the other's."""
    before = line.marquez.namespaces()
    with Foreign(line).client() as foreign:
        foreign.run("ingest", inputs=["raw"], outputs=["orders"])
    line.send(
        span(
            trace_id(),
            span_id(),
            job="daily",
            openlineage__inputs=[line.table("orders")],
            openlineage__outputs=[line.table("daily")],
        )
    )
    assert line.marquez.namespaces() - before == {line.jobs_at, foreign.jobs_at, line.data_at}
    (field,) = line.marquez.datasets(line.data_at)["orders"]["fields"]
    assert (field["name"], field["type"]) == ("amount", "bigint")
    assert set(line.marquez.jobs(line.jobs_at)) == {"daily"}
    assert set(line.marquez.jobs(foreign.jobs_at)) == {"ingest"}
    assert line.edges("daily") == {
        ("raw", f"job:{foreign.jobs_at}:ingest"), (f"job:{foreign.jobs_at}:ingest", "orders"),
        ("orders", "daily"), ("daily", "daily"),
    }  # fmt: skip


def test_what_the_other_producer_said_is_kept(line: Line) -> None:
    """Facets with its own producer, its run id, times, and its failure."""
    with Foreign(line).client() as foreign:
        run = foreign.run("ingest", outputs=["orders"], error="disk full")
    found = line.marquez.jobs(foreign.jobs_at)["ingest"]
    kind = found["facets"]["jobType"]
    assert (kind["integration"], kind["_producer"].split("/")[-1]) == ("SPARK", "python"), (
        "the client's own facet"
    )
    latest = found["latestRun"]
    assert (latest["id"], latest["state"], latest["durationMs"]) == (run, "FAILED", 2500)
    assert latest["facets"]["errorMessage"]["message"] == "disk full"


def test_jobs_of_the_same_name_at_the_same_time(line: Line) -> None:
    """Forty runs of each side, interleaved: each under its own namespace, each COMPLETED."""
    foreign = Foreign(line)
    ours = [(trace_id(), span_id()) for _ in range(40)]
    with foreign.client(), ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(lambda: [foreign.run("load", outputs=["a"], wait=False) for _ in range(40)])
        for trace, own in ours:
            tables = {"openlineage__outputs": [line.table("b")]}
            Exporter(line.bridge.endpoints.http).post(
                "/v1/traces", traces(span(trace, own, job="load", **tables), resource=line.resource)
            )
        expected = {
            line.jobs_at: {run_id_of(t.hex(), o.hex()) for t, o in ours},
            foreign.jobs_at: set(theirs.result()),
        }
    line.wait_for(4 * 40)
    for namespace, runs in expected.items():
        found = line.marquez.runs(namespace, "load")
        assert {run["id"] for run in found} == runs
        assert {run["state"] for run in found} == {"COMPLETED"}


def test_an_event_sent_twice_is_delivered_once(line: Line) -> None:
    """As a client does whose first answer was lost."""
    with Foreign(line).client() as foreign:
        event = foreign.event(RunState.START, str(generate_new_uuid()), "ingest", 0)
        foreign.emit(event)
        foreign.emit(event, new=0)
    line.bridge.wait(lambda: line.bridge.health()["received"]["duplicate"] == 1, "counts the second")
    assert line.bridge.health()["events"]["START"] == 1
    assert len(line.marquez.runs(foreign.jobs_at, "ingest")) == 1


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same_namespace", "other_namespace"])
@pytest.mark.parametrize("children_first", [False, True], ids=["parent_first", "children_first"])
def test_a_foreign_parent_with_children_of_ours(line: Line, elsewhere: bool, children_first: bool) -> None:
    """A scheduler starts an instrumented program, whose spans carry the scheduler's run and trace as parent.

    They wait for the scheduler's START: Marquez would file a child that comes first under a stub of its own.
    """
    before = line.marquez.namespaces()
    with Foreign(line, "" if elsewhere else line.jobs_at).client() as foreign:
        run = str(generate_new_uuid())
        start = foreign.event(RunState.START, run, "dag", 0)
        if children_first:
            send_children(line, foreign.jobs_at, run)
            line.bridge.wait(
                lambda: line.bridge.health()["conversion"]["converted"] == 2, "reads the children"
            )
            foreign.emit(start, wait=False)
        else:
            foreign.emit(start)
            send_children(line, foreign.jobs_at, run)
        line.wait_for(5 if children_first else 4)
        foreign.emit(foreign.event(RunState.COMPLETE, run, "dag", 5))
    assert line.marquez.namespaces() - before == {line.jobs_at, foreign.jobs_at}
    jobs = {
        (at, name): job
        for at in (line.jobs_at, foreign.jobs_at)
        for name, job in line.marquez.jobs(at).items()
    }
    assert {at_and_name: job["parentJobName"] for at_and_name, job in jobs.items()} == {
        (foreign.jobs_at, "dag"): None, (line.jobs_at, "dag.task"): "dag",
        (line.jobs_at, "dag.task.step"): "dag.task",
    }  # fmt: skip
    assert {job["latestRun"]["state"] for job in jobs.values()} == {"COMPLETED"}
    assert [r["id"] for r in line.marquez.runs(foreign.jobs_at, "dag")] == [run]
    task = jobs[line.jobs_at, "dag.task"]["latestRun"]
    assert task["facets"]["parent"]["run"]["runId"] == run


def test_a_chain_of_two_levels_each(line: Line) -> None:
    """Each side names its jobs plainly; Marquez has the whole path of each, and no job twice."""
    with Foreign(line, line.jobs_at).client() as foreign:
        top, run = str(generate_new_uuid()), str(generate_new_uuid())
        above = (top, "scheduler")
        foreign.emit(foreign.event(RunState.START, top, "scheduler", 0))
        foreign.emit(foreign.event(RunState.START, run, "dag", 0.5, parent=above))
        send_children(line, foreign.jobs_at, run)
        line.wait_for(4)
        foreign.emit(foreign.event(RunState.COMPLETE, run, "dag", 5, parent=above))
        foreign.emit(foreign.event(RunState.COMPLETE, top, "scheduler", 6))
    jobs = line.marquez.jobs(line.jobs_at)
    assert {name: (job["parentJobName"], job["latestRun"]["state"]) for name, job in jobs.items()} == {
        "scheduler": (None, "COMPLETED"), "scheduler.dag": ("scheduler", "COMPLETED"),
        "scheduler.dag.task": ("scheduler.dag", "COMPLETED"),
        "scheduler.dag.task.step": ("scheduler.dag.task", "COMPLETED"),
    }  # fmt: skip


def send_children(line: Line, parent_at: str, run: str) -> None:
    """Spans of a task that carries a parent run, and of a step below it; not waited for."""
    carried = {
        "openlineage__parent__run__id": run,
        "openlineage__parent__job__namespace": parent_at,
        "openlineage__parent__job__name": "dag",
    }
    trace, task, step, scheduler = trace_id(), span_id(), span_id(), span_id()
    line.send(
        span(trace, step, task, job="step", start_s=2, end_s=3),
        span(trace, task, scheduler, job="task", start_s=1, end_s=4, **carried),
        events=0,
    )


def test_a_parent_of_ours_with_a_foreign_child(line: Line) -> None:
    """The program hands its run on to another tool, which names it in its own parent facet."""
    trace, own = trace_id(), span_id()
    run = str(uuid.uuid4())
    with Foreign(line, line.jobs_at).client() as foreign:
        line.send(span(trace, own, job="nightly", openlineage__run__id=run))
        foreign.run("nightly.dbt", outputs=["orders"], parent=(run, "nightly"))
    jobs = line.marquez.jobs(line.jobs_at)
    assert {name: job["parentJobName"] for name, job in jobs.items()} == {
        "nightly": None,
        "nightly.dbt": "nightly",
    }
    assert [r["id"] for r in line.marquez.runs(line.jobs_at, "nightly")] == [run]
    assert {job["latestRun"]["state"] for job in jobs.values()} == {"COMPLETED"}


class Foreign:
    """Another producer: openlineage-python, configured as its users do, with our API as its URL."""

    def __init__(self, line: Line, jobs_at: str = "") -> None:
        self._line = line
        self.jobs_at = jobs_at or f"spark.{line.domain}"

    @contextmanager
    def client(self) -> Iterator["Foreign"]:
        """Connect, and close at the end."""
        self._client = OpenLineageClient(
            config={"transport": {"type": "http", "url": self._line.bridge.api_url}}
        )
        try:
            yield self
        finally:
            self._client.close()

    def run(
        self,
        job: str,
        *,
        inputs: Any = (),
        outputs: Any = (),
        error: str = "",
        parent: tuple[str, str] | None = None,
        wait: bool = True,
    ) -> str:
        """A whole run of 2.5 seconds; its id."""
        run_id = str(generate_new_uuid())
        self.emit(self.event(RunState.START, run_id, job, 0, parent=parent), wait=wait)
        end = RunState.FAIL if error else RunState.COMPLETE
        self.emit(self.event(end, run_id, job, 2.5, inputs, outputs, error, parent), wait=wait)
        return run_id

    def emit(self, event: RunEvent, *, new: int = 1, wait: bool = True) -> None:
        """Send it, and wait until it is delivered."""
        self._client.emit(event)
        if wait:
            self._line.wait_for(new)

    def event(
        self,
        state: RunState,
        run_id: str,
        job: str,
        at_s: float,
        inputs: Any = (),
        outputs: Any = (),
        error: str = "",
        parent: tuple[str, str] | None = None,
    ) -> RunEvent:
        facets: dict[str, Any] = {}
        if error:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(error, "java")
        if parent:
            above = parent_run.Job(self.jobs_at, parent[1])
            facets["parent"] = parent_run.ParentRunFacet(parent_run.Run(parent[0]), above)
        kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="SPARK", jobType="JOB")
        columns = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields("amount", "bigint")]
        )
        at = self._line.data_at
        return RunEvent(
            eventType=state,
            eventTime=(BEGIN + timedelta(seconds=at_s)).isoformat(),
            run=Run(run_id, facets),
            job=Job(self.jobs_at, job, {"jobType": kind}),
            producer=PRODUCER,
            inputs=[InputDataset(at, name, facets={"schema": columns}) for name in inputs],
            outputs=[OutputDataset(at, name, facets={"schema": columns}) for name in outputs],
        )
