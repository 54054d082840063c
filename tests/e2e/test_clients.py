"""Real clients with OpenTelemetry's instrumentations of them, in runs of otel-lineage, before a real bridge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events, Sink
from tests.clients.running import run
from tests.clients.servers import environment
from tests.parts.required import require

pytestmark = pytest.mark.e2e


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def told(name: str, folder: Path, sink: Sink, settings: dict[str, Any] | None = None) -> Events:
    """The events of a pipeline."""
    require("clients")
    destination = {"name": "sink", "type": "http", "url": sink.url}
    with (
        BridgeProcess(folder / "bridge", [destination], settings or {}) as bridge,
        environment(name, folder) as env,
    ):
        run(name, bridge.http_url, folder, env)
        return sink.wait_for(2)


def test_psycopg(tmp_path: Path, sink: Sink, openlineage_spec) -> None:
    require("postgres")
    events = told("psycopg", tmp_path, sink)
    end = events.one("daily_revenue", "COMPLETE")
    assert {d["name"] for d in end["inputs"]} == {"postgres.raw.orders", "postgres.raw.rates"}
    assert {d["name"] for d in end["outputs"]} == {"postgres.public.daily", "postgres.raw.rates"}
    assert all(d["namespace"].startswith("postgres://127.0.0.1:") for d in end["inputs"])
    [daily] = [d for d in end["outputs"] if d["name"] == "postgres.public.daily"]
    fields = daily["facets"]["columnLineage"]["fields"]
    assert {
        name: [(f["name"], f["field"]) for f in said["inputFields"]] for name, said in fields.items()
    } == {
        "day": [("postgres.raw.orders", "day")],
        "revenue": [("postgres.raw.orders", "amount"), ("postgres.raw.rates", "rate")],
    }
    for event in events:
        openlineage_spec.check(event)


def test_sqlite(tmp_path: Path, sink: Sink) -> None:
    file = f"sqlite://{tmp_path / 'shop.db'}"
    events = told("sqlite", tmp_path, sink, {"dialects": {"namespaces": {"sqlite": file}}})
    end = events.one("report", "COMPLETE")
    assert [(d["namespace"], d["name"]) for d in end["outputs"]] == [(file, "orders"), (file, "totals")]
    assert end["inputs"] == []


def test_sqlalchemy(tmp_path: Path, sink: Sink) -> None:
    events = told("sqlalchemy", tmp_path, sink)
    end = events.one("large_orders", "COMPLETE")
    file = f"sqlite://{tmp_path / 'shop.db'}"
    assert [(d["namespace"], d["name"]) for d in end["inputs"]] == [(file, "orders")]
    assert [(d["namespace"], d["name"]) for d in end["outputs"]] == [(file, "large")]
    fields = end["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [f["field"] for f in fields["doubled"]["inputFields"]] == ["amount"]


def test_kafka(tmp_path: Path, sink: Sink) -> None:
    end = told("kafka", tmp_path, sink).one("enrich_orders", "COMPLETE")
    assert [d["name"] for d in end["inputs"]] == ["orders"]
    assert [d["name"] for d in end["outputs"]] == ["enriched"]
    assert end["inputs"][0]["namespace"].startswith("kafka://127.0.0.1:")


def test_s3(tmp_path: Path, sink: Sink) -> None:
    end = told("s3", tmp_path, sink).one("report", "COMPLETE")
    assert [(d["namespace"], d["name"]) for d in end["inputs"]] == [("s3://lake", "raw/orders.csv")]
    assert [(d["namespace"], d["name"]) for d in end["outputs"]] == [
        ("s3://lake", "marts/report.csv"),
        ("s3://archive", "orders.csv"),
    ]
