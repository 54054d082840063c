"""What a real Marquez shows of whole pipelines, by its REST API.

What Marquez 0.51.1 does by itself, whoever sends: the lineage graph holds the datasets of a job's latest run
only, so that a dataset which only earlier runs used is no node of it (`test_changing_inputs`); a dataset that only
failed runs wrote has no fields, since its current version moves with COMPLETE alone; the transformations
of column lineage stay in the facet; times are kept to the microsecond, but `durationMs` is the difference of both
cut to milliseconds, which may be one more or less than what passed (the spans here last whole milliseconds).
"""

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from otel_bridge.model.ids import run_id_of
from tests.e2e.marquez_line import Line
from tests.otlp import record, span, span_id, trace_id

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e


def test_three_levels(line: Line) -> None:
    """Jobs with parents, runs, exact durations, datasets, fields, column lineage and facets; nothing else."""
    before = line.marquez.namespaces()
    run = three_levels(line)
    jobs = line.marquez.jobs(line.jobs_at)
    assert {name: job["parentJobName"] for name, job in jobs.items()} == {
        "nightly": None, "nightly.load": "nightly", "nightly.load.copy": "nightly.load"
    }  # fmt: skip
    assert {name: shown(job["latestRun"]) for name, job in jobs.items()} == {
        "nightly": ("COMPLETED", 60_250), "nightly.load": ("COMPLETED", 40_499),
        "nightly.load.copy": ("COMPLETED", 10_345),
    }  # fmt: skip
    assert {name: job["latestRun"]["id"] for name, job in jobs.items()} == run
    assert line.marquez.namespaces() - before == {line.jobs_at, line.data_at}
    assert line.edges("nightly.load.copy") == {
        ("orders", "nightly.load.copy"),
        ("nightly.load.copy", "daily"),
    }
    check_datasets(line, run["nightly.load.copy"])
    check_facets(line, run)


def test_a_failing_step_keeps_its_edges(line: Line) -> None:
    """FAIL carries the inputs and outputs known by then; a FAIL without them would leave the job an orphan."""
    trace, top = trace_id(), span_id()
    tables = {"openlineage__inputs": [line.table("orders")], "openlineage__outputs": [line.table("daily")]}
    line.send(
        span(trace, span_id(), top, job="nightly.load", error="disk full", end_s=4.5, **tables),
        span(trace, top, job="nightly", error="load failed", end_s=5),
    )
    jobs = line.marquez.jobs(line.jobs_at)
    assert {name: shown(job["latestRun"]) for name, job in jobs.items()} == {
        "nightly": ("FAILED", 5000), "nightly.load": ("FAILED", 4500)
    }  # fmt: skip
    assert line.edges("nightly.load") == {("orders", "nightly.load"), ("nightly.load", "daily")}
    facets = run_facets(line, jobs["nightly.load"]["latestRun"]["id"])
    assert facets["errorMessage"]["message"] == "disk full"


def test_a_live_run_fails_after_it_was_shown_running(line: Line) -> None:
    """The start event has the inputs; the failing span adds the output; RUNNING, then FAILED, the edges stay."""
    trace, own = trace_id(), span_id()
    inputs = {"openlineage__job__name": "live", "openlineage__inputs": [line.table("orders")]}
    line.announce(record("openlineage.run.start", trace, own, at_s=1, **inputs))
    assert shown(line.marquez.jobs(line.jobs_at)["live"]["latestRun"]) == ("RUNNING", None)
    outputs = {"openlineage__outputs": [line.table("daily")]}
    line.send(span(trace, own, job="live", error="gone", start_s=1, end_s=8.25, **outputs), events=1)
    (run,) = line.marquez.runs(line.jobs_at, "live")
    assert shown(run) == ("FAILED", 7250)
    assert line.edges("live") == {("orders", "live"), ("live", "daily")}


def test_a_live_run_completes(line: Line) -> None:
    trace, own = trace_id(), span_id()
    line.announce(record("openlineage.run.start", trace, own, at_s=1, openlineage__job__name="live"))
    (run,) = line.marquez.runs(line.jobs_at, "live")
    assert (shown(run), run["startedAt"]) == (("RUNNING", None), "2026-09-21T14:13:21Z")
    line.send(span(trace, own, job="live", start_s=1, end_s=3.007), events=1)
    (run,) = line.marquez.runs(line.jobs_at, "live")
    assert (shown(run), run["startedAt"], run["endedAt"]) == (
        ("COMPLETED", 2007), "2026-09-21T14:13:21Z", "2026-09-21T14:13:23.007Z"
    )  # fmt: skip


def test_a_table_has_the_columns_and_facets_of_the_run_that_wrote_it(line: Line) -> None:
    """START knows no columns and COMPLETE does: one version a run, that of COMPLETE (rule marquez.start-outputs).

    With outputs in START each of these tables would have two, and a third of the tables the wrong one.
    """
    starts = [
        record("openlineage.run.start", trace_id(), span_id(), at_s=1, **writes(line, n)) for n in range(30)
    ]
    line.announce(*starts)
    line.send(
        *(
            span(
                start.trace_id,
                start.span_id,
                start_s=1,
                end_s=3,
                job=f"job-{n}",
                **writes(line, n, day="date"),
            )
            for n, start in enumerate(starts)
        ),
        events=len(starts),
    )
    tables = line.marquez.datasets(line.data_at)
    assert set(tables) == {"source", *(f"table-{n}" for n in range(30))}
    del tables["source"]
    for name, table in tables.items():
        (version,) = line.marquez.versions(line.data_at, name)
        assert version["version"] == table["currentVersion"], name
        assert [field["name"] for field in table["fields"]] == ["day"], name
        path = f"/api/v1/namespaces/{quote(line.data_at, safe='')}/datasets/{name}"
        assert "schema" in line.marquez.get(path)["facets"], name


def test_a_job_that_runs_again_keeps_its_outputs(line: Line) -> None:
    """Its START names none of them: the graph lacks them until it ends, its own page does not. FAIL brings them back."""
    line.send(span(trace_id(), span_id(), job="job-0", start_s=1, end_s=3, **writes(line, 0)))
    trace, own = trace_id(), span_id()
    line.announce(record("openlineage.run.start", trace, own, at_s=11, **writes(line, 0)))
    job = line.marquez.get(f"/api/v1/namespaces/{line.jobs_at}/jobs/job-0")
    assert (job["latestRun"]["state"], [one["name"] for one in job["outputs"]]) == ("RUNNING", ["table-0"])
    assert line.edges("job-0") == {("source", "job-0")}
    line.send(span(trace, own, job="job-0", error="gone", start_s=11, end_s=13, **writes(line, 0)), events=1)
    assert line.edges("job-0") == {("source", "job-0"), ("job-0", "table-0")}


def test_a_streaming_job_shows_its_outputs_from_its_start(line: Line) -> None:
    """It may never end, and Marquez takes the datasets of such a job from each event."""
    known = writes(line, 0, day="date") | {"openlineage__job__processing_type": "STREAMING"}
    line.announce(record("openlineage.run.start", trace_id(), span_id(), at_s=1, **known))
    assert line.edges("job-0") == {("source", "job-0"), ("job-0", "table-0")}
    (field,) = line.marquez.datasets(line.data_at)["table-0"]["fields"]
    assert field["name"] == "day"


def test_a_second_run_of_the_same_jobs(line: Line) -> None:
    """The same jobs and the same version of them, a run more each, a version more of what they write."""
    first = three_levels(line)
    second = three_levels(line, 3600)
    assert set(line.marquez.jobs(line.jobs_at)) == set(first)
    for job, run in second.items():
        runs = line.marquez.runs(line.jobs_at, job)
        assert [found["id"] for found in runs] == [run, first[job]]
        assert {found["state"] for found in runs} == {"COMPLETED"}
        assert len({found["jobVersion"]["version"] for found in runs if found["jobVersion"]}) <= 1
    writers = [v["createdByRun"]["id"] for v in line.marquez.versions(line.data_at, "daily")]
    assert list(dict.fromkeys(writers)) == [second["nightly.load.copy"], first["nightly.load.copy"]]
    assert line.edges("nightly.load.copy") == {
        ("orders", "nightly.load.copy"),
        ("nightly.load.copy", "daily"),
    }


def test_changing_inputs(line: Line) -> None:
    """The graph follows the latest run; each run still says what it read itself; the job stays one job."""
    for at, source in enumerate(["north", "south"]):
        tables = {"openlineage__inputs": [line.table(source)], "openlineage__outputs": [line.table("all")]}
        line.send(span(trace_id(), span_id(), job="merge", start_s=10 * at, end_s=10 * at + 5, **tables))
    assert set(line.marquez.jobs(line.jobs_at)) == {"merge"}
    assert line.edges("merge") == {("south", "merge"), ("merge", "all")}
    south, north = line.marquez.runs(line.jobs_at, "merge")
    assert [read_by(north), read_by(south)] == [{"north"}, {"south"}]
    assert north["jobVersion"]["version"] != south["jobVersion"]["version"]


def test_two_pipelines_meet_at_a_dataset(line: Line) -> None:
    """What one writes another reads, in another trace: one node, one connected graph."""
    raw, clean, report = (line.table(name) for name in ("raw", "clean", "report"))
    for job, source, target in (("ingest", raw, clean), ("publish", clean, report)):
        tables = {"openlineage__inputs": [source], "openlineage__outputs": [target]}
        line.send(span(trace_id(), span_id(), job=job, **tables))
    assert line.edges("ingest") == {
        ("raw", "ingest"), ("ingest", "clean"), ("clean", "publish"), ("publish", "report")
    }  # fmt: skip
    assert set(line.marquez.datasets(line.data_at)) == {"raw", "clean", "report"}


def three_levels(line: Line, at_s: float = 0) -> dict[str, str]:
    """Send a pipeline of three levels, the lowest first; job to run id."""
    trace = trace_id()
    top, load, copy = span_id(), span_id(), span_id()
    source = line.table("orders", amount="numeric", country="text")
    columns = {"total": [source_field(line, "amount")], "land": [source_field(line, "country")]}
    target = line.table("daily", total="numeric", land="text") | {
        "columns": columns,
        "row_count": 3,
        "bytes": 99,
    }
    work = {
        "openlineage__inputs": [source],
        "openlineage__outputs": [target],
        "openlineage__sql": "insert into daily select sum(amount), country from orders group by 2",
        "openlineage__job__type": "TASK",
        "openlineage__job__integration": "DBT",
        "openlineage__nominal_start": "2026-09-21T00:00:00Z",
    }
    line.send(
        span(trace, copy, load, job="nightly.load.copy", start_s=at_s + 2, end_s=at_s + 12.345, **work),
        span(trace, load, top, job="nightly.load", start_s=at_s + 1.001, end_s=at_s + 41.5),
        span(trace, top, job="nightly", start_s=at_s, end_s=at_s + 60.25),
    )
    owns = {"nightly": top, "nightly.load": load, "nightly.load.copy": copy}
    return {job: run_id_of(trace.hex(), own.hex()) for job, own in owns.items()}


def writes(line: Line, number: int, **columns: str) -> dict[str, Any]:
    """Attributes of a job that reads `source` and writes a table of its own."""
    return {
        "openlineage__job__name": f"job-{number}",
        "openlineage__inputs": [line.table("source")],
        "openlineage__outputs": [line.table(f"table-{number}", **columns)],
    }


def source_field(line: Line, column: str) -> dict[str, Any]:
    return {
        "namespace": line.data_at,
        "name": "orders",
        "field": column,
        "transformations": [{"type": "DIRECT"}],
    }


def check_datasets(line: Line, writer: str) -> None:
    datasets = line.marquez.datasets(line.data_at)
    fields = {name: {f["name"]: f["type"] for f in data["fields"]} for name, data in datasets.items()}
    assert fields == {
        "orders": {"amount": "numeric", "country": "text"}, "daily": {"total": "numeric", "land": "text"}
    }  # fmt: skip
    assert line.column_edges("daily") == {
        ("orders.amount", "daily.total"), ("orders.country", "daily.land")
    }  # fmt: skip
    lineage = datasets["daily"]["facets"]["columnLineage"]["fields"]
    assert lineage["total"]["inputFields"][0]["transformations"] == [{"type": "DIRECT"}]
    current = line.marquez.versions(line.data_at, "daily")[0]
    assert current["createdByRun"]["id"] == writer
    assert current["version"] == datasets["daily"]["currentVersion"]


def check_facets(line: Line, run: dict[str, str]) -> None:
    job = line.marquez.jobs(line.jobs_at)["nightly.load.copy"]
    assert job["facets"]["sql"]["query"].startswith("insert into daily")
    kind = {key: job["facets"]["jobType"][key] for key in ("processingType", "integration", "jobType")}
    assert kind == {"processingType": "BATCH", "integration": "DBT", "jobType": "TASK"}
    (written,) = job["latestRun"]["outputDatasetVersions"]
    statistics = written["facets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (3, 99)
    facets = run_facets(line, run["nightly.load.copy"])
    assert facets["nominalTime"]["nominalStartTime"] == "2026-09-21T00:00:00Z"
    assert UUID(hex=facets["otel_trace"]["traceId"])
    parent = facets["parent"]
    assert (parent["job"]["name"], parent["run"]["runId"]) == ("nightly.load", run["nightly.load"])
    assert (parent["root"]["job"]["name"], parent["root"]["run"]["runId"]) == ("nightly", run["nightly"])


def run_facets(line: Line, run_id: str) -> dict[str, Any]:
    facets: dict[str, Any] = line.marquez.get(f"/api/v1/jobs/runs/{quote(run_id)}/facets?type=run")["facets"]
    return facets


def shown(run: dict[str, Any]) -> tuple[str, int | None]:
    """State and duration in milliseconds."""
    return run["state"], run["durationMs"]


def read_by(run: dict[str, Any]) -> set[str]:
    return {version["datasetVersionId"]["name"] for version in run["inputDatasetVersions"]}


def test_instrumented_processes(line: Line) -> None:
    """Three processes under otel-lineage, live: shown RUNNING while they work, and the failing one FAILED."""
    arguments = [sys.executable, str(Path(__file__).with_name("program.py")), "nightly"]
    wrapper = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    process = subprocess.Popen([wrapper, *arguments], env=line.program_env())
    line.bridge.wait(lambda: state_of(line, "nightly") == "RUNNING", "shows the pipeline at work", 30)
    assert process.wait(60) == 0
    line.wait_for(6)
    jobs = line.marquez.jobs(line.jobs_at)
    assert {name: (job["parentJobName"], job["latestRun"]["state"]) for name, job in jobs.items()} == {
        "nightly": (None, "COMPLETED"), "nightly.load": ("nightly", "COMPLETED"),
        "nightly.report": ("nightly", "FAILED"),
    }  # fmt: skip
    assert all(len(line.marquez.runs(line.jobs_at, job)) == 1 for job in jobs)


def state_of(line: Line, job: str) -> str | None:
    run = line.marquez.jobs(line.jobs_at).get(job, {}).get("latestRun")
    return run["state"] if run else None
