"""Health, metrics and facet schemas over HTTP."""

import asyncio
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from otel_bridge import __version__
from otel_bridge.api import Status, serve_api
from otel_bridge.api import figures as figures_module
from otel_bridge.deliver import KINDS, Deliveries
from otel_bridge.journal import AcceptedLog, Batch, EventLog, Failure, prepare
from otel_bridge.kafka import SourceState
from otel_bridge.model import Accepted, Event, Kind, Omission, Tally
from otel_bridge.settings import Api, Consumer, Destination, Endpoint, Journal, Settings, Size
from otel_bridge.telemetry.metrics import METRICS
from otel_bridge.testing.sink import Sink

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = {"1-0-0/OtelTraceRunFacet": {"$id": "x", "type": "object"}}


class Running:
    """The API and a delivering service in a thread."""

    def __init__(self, directory: Path, *destinations: Destination) -> None:
        self.status = Status()
        self.url = ""
        settings = Settings(data_dir=str(directory), api=Api(endpoint=Endpoint("127.0.0.1", 0)))
        self._settings, self._directory, self._destinations = settings, directory, destinations
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        deliveries = Deliveries(self._destinations, self._directory)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(deliveries.run(self._stop))
            tasks.create_task(
                serve_api(self._settings, SCHEMAS, self.status, deliveries, self._stop, self._listening)
            )

    def _listening(self, api: str) -> None:
        self.url = f"http://{api}"
        self._ready.set()

    def get(self, path: str, method: str = "GET") -> tuple[int, Any, str]:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, method=method), timeout=10
            ) as answer:
                return answer.status, answer.read().decode(), answer.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers["Content-Type"]

    def json(self, path: str, method: str = "GET") -> tuple[int, Any]:
        status, text, content_type = self.get(path, method)
        assert content_type == "application/json"
        return status, json.loads(text)


SOURCE = SourceState("kafka", "traces", ("spans",), 3, 7, 1, 2, 0, 4, "")
ACCEPTING = {"accepting": True, "reason": "", "sources": [msgspec.to_builtins(SOURCE)]}


COLUMNS = {
    "columns:runs": 1, "columns:columns": 3, "columns:resolved": 2, "columns:gap:it is ambiguous": 1,
    "columns:statement:analysed": 1, "columns:cpu_us": 2500,
}  # fmt: skip


def symlinked(name: str, *aliases: tuple[str, str]) -> dict[str, Any]:
    identifiers = [{"namespace": ns, "name": n, "type": "TABLE"} for ns, n in aliases]
    return {"namespace": "s3://lake", "name": name, "facets": {"symlinks": {"identifiers": identifiers}}}


NAMES = json.dumps(
    {
        "inputs": [
            symlinked("a", ("hive://m", "shop.a"), ("hive://m", "shop.b")),
            symlinked("b", ("hive://m", "shop.b")),
            symlinked("c", ("hive://m", "")),
        ]
    }
).encode()
"""One alias, one conflict, one symlink without a name."""


def write_journal(directory: Path) -> None:
    """Five items received, two accepted, one converted, the other failed, two events."""
    prepare(directory)
    accepted = AcceptedLog.open(directory, Journal())
    rows = [Accepted(Kind.SPAN, bytes([n]) * 25, b"payload") for n in (1, 2, 1)]
    accepted.append(rows, [Tally(received=6, not_lineage=2, rejected={"ids": 1})], time.time_ns())
    accepted.close()
    events = EventLog.open(directory, Journal())
    large = json.dumps({"job": {"facets": {"sql": {"query": "x" * 1000}}}}).encode()
    made = [
        Event(kind, "r", "", 1, "n", "j", "", "", body, (Omission("a.b", "no text"),))
        for kind, body in (("START", large), ("FAIL", NAMES))
    ]
    batch = Batch(
        events=made,
        failures=[Failure(2, "error", "tb")],
        converted=1,
        cursor=2,
        counts={"assembly:parent_late": 1, **COLUMNS},
    )
    events.commit(batch, None, time.time_ns())
    events.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture
def api(tmp_path: Path, sink: Sink) -> Iterator[Running]:
    write_journal(tmp_path)
    http = Destination("web", "http", KINDS["http"].options(url=sink.url))
    file = Destination("disk", "file", KINDS["file"].options(path="e.ndjson"), Consumer(max_event=Size(500)))
    picky = Destination(
        "picky", "file", KINDS["file"].options(path="p.ndjson"), Consumer(profile="openmetadata")
    )
    with Running(tmp_path, http, file, picky) as running:
        running.status.update(ACCEPTING)
        end = time.monotonic() + 20
        while any(d["delivered"] + d["skipped"] < 2 for d in running.json("/health")[1]["destinations"]):
            assert time.monotonic() < end
            running.status.update(ACCEPTING)
            time.sleep(0.02)
        yield running


def test_health_adds_up(api: Running) -> None:
    status, health = api.json("/health")
    assert status == 200
    assert (health["status"], health["accepting"], health["version"]) == ("ok", True, __version__)
    received, conversion = health["received"], health["conversion"]
    assert received == {"total": 6, "not_lineage": 2, "duplicate": 1, "rejected": {"ids": 1}, "accepted": 2}
    assert (conversion["accepted"], conversion["converted"], conversion["failed"], conversion["waiting"]) == (
        2,
        1,
        1,
        0,
    )
    assert health["events"] == {"START": 1, "FAIL": 1}
    for one in health["destinations"]:
        counts = ("delivered", "skipped", "waiting", "dead", "missed")
        assert one["events"] == sum(one[count] for count in counts) == 2
        assert one["attempts"] == ({"delivered": 2} if one["delivered"] else {})
    web, disk, picky = health["destinations"]
    assert [(d["name"], d["type"]) for d in (web, disk)] == [("web", "http"), ("disk", "file")]
    assert (web["shed"], disk["shed"]) == ({}, {"job.sql": 1})
    assert picky["skipped_reasons"] == {"START events are not wanted": 1, "FAIL events are not wanted": 1}


def test_health_is_503_when_nothing_is_accepted(api: Running) -> None:
    api.status.update({"accepting": False, "reason": "the disk is full"})
    status, health = api.json("/health")
    assert (status, health["status"], health["reason"]) == (503, "refusing", "the disk is full")


def test_health_is_503_when_the_receiving_process_is_silent(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_module, "STALE_S", 0.0)
    status, health = api.json("/health")
    assert status == 503
    assert "says nothing" in health["reason"]


def test_health_before_the_first_report(tmp_path: Path) -> None:
    prepare(tmp_path)
    with Running(tmp_path) as api:
        status, health = api.json("/health")
    assert status == 503
    assert health["destinations"] == []


def test_metrics_documents_and_output_agree(api: Running) -> None:
    status, text, content_type = api.get("/metrics")
    assert status == 200
    assert content_type.startswith("text/plain")
    exported = {
        name: (kind, help_) for name, help_ in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE)
        for kind in re.findall(rf"^# TYPE {name} (\w+)$", text, re.MULTILINE)
    }  # fmt: skip
    exported.pop("target_info")
    assert exported == {prometheus_name(m): (m.kind, m.doc) for m in METRICS}
    rows = re.findall(
        r"^\| `(otel_bridge\.\S+)` \| (\S+) \| (\w+) \| (.*?) ?\| (.*) \|$",
        (DOCS / "metrics.md").read_text(),
        re.MULTILINE,
    )
    documented = [
        (name, unit, kind, tuple(re.findall(r"`(\w+)`", attributes)), doc)
        for name, unit, kind, attributes, doc in rows
    ]
    assert documented == [(m.name, m.unit, m.kind, m.attributes, m.doc) for m in METRICS]


def prometheus_name(metric: Any) -> str:
    unit = {"s": "_seconds", "By": "_bytes"}.get(metric.unit, "")
    return metric.name.replace(".", "_") + unit + ("_total" if metric.kind == "counter" else "")


def test_every_point_has_the_documented_attributes(api: Running) -> None:
    _, text, _ = api.get("/metrics")
    for metric in METRICS:
        points = re.findall(rf"^{prometheus_name(metric)}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        assert points, metric.name
        for labels, _ in points:
            assert set(re.findall(r'(\w+)="', labels)) == set(metric.attributes), metric.name


def test_metrics_have_the_figures_of_health(api: Running) -> None:
    _, text, _ = api.get("/metrics")
    assert "otel_bridge_received_total 6.0" in text
    assert 'otel_bridge_rejected_total{reason="ids"} 1.0' in text
    assert 'otel_bridge_delivered{destination="web"} 2.0' in text
    assert 'otel_bridge_attempts_total{destination="disk",outcome="delivered"} 2.0' in text


def test_facet_schema(api: Running) -> None:
    assert api.json("/facets/1-0-0/OtelTraceRunFacet.json") == (200, SCHEMAS["1-0-0/OtelTraceRunFacet"])
    assert api.json("/facets/9-0-0/OtelTraceRunFacet.json")[0] == 404
    assert api.json("/facets/1-0-0/Other.json")[0] == 404


def test_index_lists_what_there_is(api: Running) -> None:
    _, index = api.json("/")
    assert index["name"] == "otel-bridge"
    for url in (index["health"], *index["facets"]):
        assert api.json(url.removeprefix(api.url))[0] == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/facets", "/facets/1-0-0/../x.json", "/health/", "/%00", "/docs"]
)
def test_unknown_paths_are_404_in_json(api: Running, path: str) -> None:
    status, body = api.json(path)
    assert (status, list(body)) == (404, ["error"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading(api: Running, method: str) -> None:
    assert api.json("/health", method)[0] == 405


def test_a_taken_port_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_bridge.api.server.PREDECESSOR_S", 0.1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(
            data_dir=str(tmp_path), api=Api(endpoint=Endpoint("127.0.0.1", taken.getsockname()[1]))
        )
        work = serve_api(settings, {}, Status(), Deliveries([], tmp_path), asyncio.Event(), print)
        with pytest.raises(OSError, match=r"Free the port or set api\.endpoint"):
            asyncio.run(work)


def test_a_port_that_a_predecessor_has_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    predecessor = socket.create_server(("127.0.0.1", 0))
    endpoint = Endpoint("127.0.0.1", predecessor.getsockname()[1])
    told: list[str] = []

    async def work() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, predecessor.close)

        def ready(api: str) -> None:
            told.append(api)
            stop.set()

        settings = Settings(data_dir=str(tmp_path), api=Api(endpoint=endpoint))
        await serve_api(settings, {}, Status(), Deliveries([], tmp_path), stop, ready)

    asyncio.run(work())
    assert told == [str(endpoint)]


def test_metrics_are_pushed_by_otlp(tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{sink.url}/v1/metrics")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    sink.answer(200, 1000)
    write_journal(tmp_path)
    with Running(tmp_path):
        sink.wait_for(lambda s: any(b"otel_bridge.received" in r.body for r in s.requests))
    request = ExportMetricsServiceRequest.FromString(sink.requests[-1].body)
    metrics = {m.name: m for m in request.resource_metrics[0].scope_metrics[0].metrics}
    assert metrics["otel_bridge.received"].sum.data_points[0].as_int == 6
