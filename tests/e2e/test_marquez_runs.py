"""Many short runs at once, and Marquez killed under them: no run stays RUNNING, none is lost, none is there twice.

Marquez takes the event it processed last for a run's state, whatever its time: a START that overtakes or follows
its COMPLETE would leave the run RUNNING for good.
"""

from collections import Counter
from pathlib import Path

import pytest

from otel_bridge.model.ids import run_id_of
from tests.e2e.marquez_line import Line, line_to
from tests.otlp import Exporter, Span, span, span_id, trace_id, traces
from tests.parts import marquez as part
from tests.parts.required import require

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

JOBS, RUNS = 10, 100


def test_start_and_complete_sent_together_never_leave_a_run_running(line: Line) -> None:
    """Over eight connections; the runs of a job overlap each other."""
    spans, ids = short_runs(line)
    line.send(*spans)
    check_all_ended(line, ids)
    assert line.edges("job-0") == {("in-0", "job-0"), ("job-0", "out-0")}


def test_marquez_killed_while_events_flow(tmp_path: Path) -> None:
    """Killed amid its work, started again: what was under way is sent again and changes nothing."""
    require("marquez")
    with part.run(directory=tmp_path) as own, line_to(own, tmp_path) as line:
        spans, ids = short_runs(line)
        Exporter(line.bridge.endpoints.http).post("/v1/traces", traces(*spans, resource=line.resource))
        line.bridge.wait(lambda: line.delivered > 0, "delivers the first events", 60)
        own.kill()
        assert line.delivered < 2 * RUNS, "Marquez was killed too late to show anything"
        own.start()
        line.wait_for(2 * RUNS, 120)
        check_all_ended(line, ids)
        assert own.namespaces() == {"default", line.jobs_at, line.data_at}


def short_runs(line: Line) -> tuple[list[Span], Counter[tuple[str, str]]]:
    """Spans of a few milliseconds, and (job, run id) of each."""
    spans, ids = [], Counter[tuple[str, str]]()
    for n in range(RUNS):
        trace, own, job = trace_id(), span_id(), n % JOBS
        tables = {
            "openlineage__inputs": [line.table(f"in-{job}")],
            "openlineage__outputs": [line.table(f"out-{job}")],
        }
        at = n * 0.003
        spans.append(span(trace, own, job=f"job-{job}", start_s=at, end_s=at + 0.005, **tables))
        ids[(f"job-{job}", run_id_of(trace.hex(), own.hex()))] += 1
    return spans, ids


def check_all_ended(line: Line, ids: Counter[tuple[str, str]]) -> None:
    """Each run once, under its job, COMPLETED after 5 ms."""
    assert set(line.marquez.jobs(line.jobs_at)) == {job for job, _ in ids}
    runs = {job: line.marquez.runs(line.jobs_at, job) for job, _ in ids}
    assert Counter((job, run["id"]) for job, found in runs.items() for run in found) == ids
    ends = Counter((run["state"], run["durationMs"]) for found in runs.values() for run in found)
    assert ends == {("COMPLETED", 5): RUNS}
