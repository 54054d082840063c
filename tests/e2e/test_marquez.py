"""What a real Marquez makes of our events, by its REST API."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from otel_bridge.testing import BridgeProcess
from tests.otlp import Exporter, span, span_id, trace_id
from tests.parts.marquez import Marquez, run
from tests.parts.required import require

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

NAMESPACE = "floe.test.sales"
PG = "postgres://db.example:5432"


@pytest.fixture
def bridge(tmp_path: Path, marquez: Marquez):
    with BridgeProcess(
        tmp_path / "bridge", [{"name": "marquez", "type": "http", "url": marquez.endpoint}]
    ) as running:
        yield running


def test_a_pipeline_with_a_failing_step(bridge: BridgeProcess, marquez: Marquez) -> None:
    before = marquez.namespaces()
    trace, top = trace_id(), span_id()
    columns = {"amount": [{"namespace": PG, "name": "shop.public.orders", "field": "amount"}]}
    schema = [{"name": "amount", "type": "numeric"}]
    output = {
        "namespace": PG,
        "name": "shop.public.daily",
        "schema": schema,
        "columns": columns,
        "row_count": 3,
    }
    orders = {"namespace": PG, "name": "shop.public.orders", "schema": schema}
    Exporter(bridge.endpoints.http).traces(
        span(
            trace,
            span_id(),
            top,
            job="load",
            openlineage__inputs=[orders],
            openlineage__outputs=[output],
            start_s=1,
            end_s=3,
        ),
        span(trace, span_id(), top, job="report", error="no such column", start_s=3, end_s=4),
        span(trace, top, job="nightly", end_s=5),
    )
    bridge.wait(lambda: bridge.health()["destinations"][0]["delivered"] == 6, "delivers six events", 60)
    jobs = {job["name"]: job for job in marquez.get(f"/api/v1/namespaces/{NAMESPACE}/jobs")["jobs"]}
    assert set(jobs) == {"nightly", "nightly.load", "nightly.report"}
    states = {name: job["latestRun"]["state"] for name, job in jobs.items()}
    assert states == {"nightly": "COMPLETED", "nightly.load": "COMPLETED", "nightly.report": "FAILED"}
    assert jobs["nightly.load"]["latestRun"]["durationMs"] == 2000
    assert jobs["nightly.load"]["parentJobName"] == "nightly"
    node = quote(f"dataset:{PG}:shop.public.daily", safe="")
    lineage = marquez.get(f"/api/v1/column-lineage?nodeId={node}")
    found = {n["id"] for n in lineage["graph"]}
    assert f"datasetField:{PG}:shop.public.orders:amount" in found
    assert marquez.namespaces() - before <= {NAMESPACE, PG}


@pytest.fixture
def own_marquez(tmp_path: Path) -> Iterator[Marquez]:
    """One for a test alone: symlinks of all kinds change what Marquez answers of other datasets."""
    require("marquez")
    with run(directory=tmp_path) as running:
        yield running


def test_it_takes_every_event_of_the_golden_corpus(own_marquez: Marquez) -> None:
    """Those with bad input too: what is left after the bad values are left out is still complete."""
    refused = []
    for file in sorted((Path(__file__).parents[1] / "golden").glob("*/*/events.ndjson")):
        for line in file.read_bytes().splitlines():
            status, answer = post(own_marquez, line)
            if status not in {200, 201}:
                refused.append((file.parent.name, status, answer[:300]))
    assert refused == []


def post(marquez: Marquez, body: bytes) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", marquez.ports.api, timeout=30)) as connection:
        connection.request("POST", "/api/v1/lineage", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_batches_fall_back_to_one_event_at_a_time(tmp_path: Path, marquez: Marquez) -> None:
    """This Marquez has no endpoint for batches; nothing is lost by finding out."""
    batched = {"name": "marquez", "type": "http", "url": marquez.endpoint, "batch": True}
    with BridgeProcess(tmp_path / "bridge", [batched]) as bridge:
        trace, top = trace_id(), span_id()
        steps = [span(trace, span_id(), top, job=f"step{n}") for n in range(20)]
        Exporter(bridge.endpoints.http).traces(*steps, span(trace, top, job="batched"))
        bridge.wait(lambda: bridge.health()["destinations"][0]["delivered"] == 42, "delivers all", 60)
        assert "the consumer takes no batches" in bridge.log()
        assert bridge.health()["destinations"][0]["dead"] == 0
    found = marquez.get(f"/api/v1/namespaces/{NAMESPACE}/jobs?limit=1000")["jobs"]
    jobs = {job["name"]: job["latestRun"]["state"] for job in found if job["name"].startswith("batched")}
    assert jobs == dict.fromkeys(("batched", *(f"batched.step{n}" for n in range(20))), "COMPLETED")
