"""`dagster dev`: web server, daemon, code server and run workers tell one trace a run, whatever becomes of it."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dagster.comparing import below
from tests.dagster.dev import Dev
from tests.dagster.running import Project, require_dagster
from tests.dbt.running import settled

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dagster-dev"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    require_dagster()
    folder = tmp_path_factory.mktemp("dev")
    project = Project.copy("everything", folder)
    slow = {"SLOW_STARTED": str(folder / "started"), "SLOW_ENDS": str(folder / "ends")}
    with BridgeProcess(folder / "bridge") as bridge, Dev(project, bridge, env=slow) as running:
        yield running


def told(dev: Dev, run_id: str) -> Events:
    return below(settled(dev.bridge, 60), {run_id})


def started(dev: Dev) -> str:
    """A run in the midst of its only step."""
    flag = Path(dev.env["SLOW_STARTED"])
    flag.unlink(missing_ok=True)
    run_id = dev.launch("slow_job")
    dev.bridge.wait(flag.exists, "shows the step at work", 90)
    return run_id


def errors(events: Events, job: str) -> Any:
    return events.of(job).all[-1]["run"]["facets"].get("errorMessage", {}).get("message")


def test_a_run_in_worker_and_step_processes(dev: Dev) -> None:
    run_id = dev.launch("daily", **{"dagster/partition": "2026-11-02", "team": "shop"})
    assert dev.ended(run_id) == "SUCCESS"
    events = told(dev, run_id)
    assert events.jobs() == {"everything.daily", "everything.daily.daily_orders", "everything.daily_orders"}
    assert {job: events.types(job) for job in events.jobs()} == {
        job: ["START", "COMPLETE"] for job in events.jobs()
    }
    (trace,) = {event["run"]["facets"]["otel_trace"]["traceId"] for event in events}
    tags = dev.tags(run_id)
    assert (tags["otel/trace_id"], tags["team"]) == (trace, "shop")
    assert tags["otel/span_id"] == events.facet("everything.daily", "otel_trace")["spanId"]
    assert trace in dev.log.read_text(), "the ids are in Dagster's log lines"


def test_a_failed_run_executed_again(dev: Dev) -> None:
    first = dev.launch("trouble", "in_process")
    assert dev.ended(first) == "FAILURE"
    second = dev.again(first)
    assert dev.ended(second) == "FAILURE"
    events = told(dev, second)
    assert "everything.trouble.flaky" not in events.jobs(), "what succeeded is not executed again"
    assert events.state_of("everything.broken") == "FAIL"
    assert first in str(events.of("everything.trouble").all[-1]["run"]["facets"])
    assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in events}) == 1


def test_a_run_that_is_terminated(dev: Dev) -> None:
    run_id = started(dev)
    dev.terminate(run_id)
    assert dev.ended(run_id) == "CANCELED"
    events = told(dev, run_id)
    assert events.state_of("everything.slow_job") == "ABORT"
    assert events.state_of("everything.slow_job.slow") in {"ABORT", "FAIL"}


def test_a_run_whose_worker_is_killed(dev: Dev) -> None:
    """By the out-of-memory killer, say: the code server notices, and Dagster tells nobody else."""
    run_id = started(dev)
    worker = worker_of(dev, run_id)
    for pid in [*children(worker), worker]:
        os.kill(pid, signal.SIGKILL)
    assert dev.ended(run_id) == "FAILURE"
    events = told(dev, run_id)
    assert events.state_of("everything.slow_job") in {"FAIL", "ABORT"}
    assert errors(events, "everything.slow_job")
    assert events.state_of("everything.slow_job.slow") in {"FAIL", "ABORT"}


def test_a_backfill_groups_its_runs(dev: Dev) -> None:
    backfill = dev.backfill("compared", "2026-11-03", "2026-11-04")
    runs = dev.backfilled(backfill, 2)
    events = settled(dev.bridge, 60)
    roots = set()
    for run in runs:
        (event,) = [e for e in events if e["run"]["runId"] == run and e["eventType"] == "COMPLETE"]
        assert backfill in str(event["run"]["facets"])
        roots.add(event["run"]["facets"].get("parent", {}).get("root", {}).get("run", {}).get("runId"))
    assert len(roots) == 1
    assert None not in roots


def worker_of(dev: Dev, run_id: str) -> int:
    """The process of a run, as its event log names it."""
    (run,) = dev.project.runs(run_id)
    said = "\n".join(event["message"] for event in run["events"])
    return int(re.findall(r"parent process \(pid: (\d+)\)", said)[0])


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(entry.parent.name), *children(int(entry.parent.name))]
    return found
