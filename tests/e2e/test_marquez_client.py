"""Marquez' own Python client reads what we sent.

Of marquez-python 0.50.0 `list_events` is left out: it asks for `/api/v1/events`, which no Marquez serves. It has
no way to read facets or the lineage graph; `test_marquez_pipelines.py` asks the API itself for those.
"""

from typing import Any

import pytest

from otel_bridge.model.ids import run_id_of
from tests.e2e.marquez_line import Line
from tests.otlp import span, span_id, trace_id
from tests.parts import marquez_client
from tests.parts.required import require

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e


def test_it_reads_what_was_sent(line: Line) -> None:
    require("marquez_client")
    run_id = send_pipeline(line)
    assert line.jobs_at in names(read(line, "list_namespaces")["namespaces"])
    assert read(line, "get_namespace", line.data_at)["name"] == line.data_at
    check_job(line, run_id)
    check_dataset(line, run_id)
    fields = read(line, "get_column_lineage_by_dataset_field", line.data_at, "public/daily", "total")
    ids = {node["id"] for node in fields["graph"]}
    assert f"datasetField:{line.data_at}:public/orders:amount" in ids


def check_job(line: Line, run_id: str) -> None:
    assert names(read(line, "list_jobs", line.jobs_at)["jobs"]) == {"nightly", "nightly.load"}
    job = read(line, "get_job", line.jobs_at, "nightly.load")
    assert (job["parentJobName"], names(job["inputs"]), names(job["outputs"])) == (
        "nightly", {"public/orders"}, {"public/daily"}
    )  # fmt: skip
    (run,) = read(line, "list_job_runs", line.jobs_at, "nightly.load")["runs"]
    assert read(line, "get_job_run", run_id) == run
    assert (run["id"], run["state"], run["durationMs"]) == (run_id, "COMPLETED", 1500)


def check_dataset(line: Line, run_id: str) -> None:
    assert names(read(line, "list_datasets", line.data_at)["datasets"]) == {"public/orders", "public/daily"}
    dataset = read(line, "get_dataset", line.data_at, "public/daily")
    assert [(field["name"], field["type"]) for field in dataset["fields"]] == [("total", "numeric")]
    version = read(line, "get_dataset_version", line.data_at, "public/daily", dataset["currentVersion"])
    assert version["createdByRun"]["id"] == run_id


def send_pipeline(line: Line) -> str:
    """A parent and a child whose datasets have slashes in their names; the child's run id."""
    trace, top, own = trace_id(), span_id(), span_id()
    lineage = {"total": [{"namespace": line.data_at, "name": "public/orders", "field": "amount"}]}
    tables = {
        "openlineage__inputs": [line.table("public/orders", amount="numeric")],
        "openlineage__outputs": [line.table("public/daily", total="numeric") | {"columns": lineage}],
    }
    line.send(
        span(trace, own, top, job="nightly.load", start_s=1, end_s=2.5, **tables),
        span(trace, top, job="nightly"),
    )
    return run_id_of(trace.hex(), own.hex())


def read(line: Line, method: str, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = marquez_client.read(line.marquez.endpoint, method, *arguments)
    return found


def names(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["name"] for entry in entries}
