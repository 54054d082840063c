"""The whole way: instrumented processes -> agent -> gateway -> bridge and Jaeger, with everything killed on the way."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events, Sink
from tests.parts import collector
from tests.parts.jaeger import Jaeger

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e
PROGRAM = Path(__file__).with_name("program.py")


class Line:
    """Agent and gateway before a bridge and Jaeger."""

    def __init__(self, directory: Path, jaeger: Jaeger) -> None:
        self.directory = directory
        self.sink = Sink().start()
        self.jaeger = jaeger
        destination = {"name": "sink", "type": "http", "url": self.sink.url}
        self.bridge = BridgeProcess(directory / "bridge", [destination], {"runs": {"parent_wait": "3s"}})

    def __enter__(self) -> "Line":
        self.bridge.start()
        tracing = {
            "OTELCOL_TRACING_ENDPOINT": self.jaeger.otlp_grpc_endpoint,
            "OTELCOL_DECISION_WAIT": "1s",
            "OTELCOL_SAMPLING_PERCENTAGE": "100",
        }
        bridge = {"OTELCOL_BRIDGE_ENDPOINT": self.bridge.http_url}
        self._gateway = collector.run(
            configs=["gateway.yaml"], directory=self.directory, env=tracing | bridge, name="gateway"
        )
        self.gateway = self._gateway.__enter__()
        self._agent = collector.run(
            configs=["agent.yaml"],
            directory=self.directory,
            env={"OTELCOL_GATEWAY_ENDPOINT": self.gateway.grpc_endpoint},
            name="agent",
        )
        self.agent = self._agent.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._agent.__exit__(None, None, None)
        self._gateway.__exit__(None, None, None)
        self.bridge.stop()
        self.sink.stop()

    def run(self, name: str, *, instrument: bool = True) -> subprocess.Popen[bytes]:
        """A pipeline of one parent and two child processes, one of which fails, exporting to the agent."""
        env = os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.agent.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none",
            "OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=e2e",
            "OTEL_LINEAGE_SPOOL_DIR": str(self.directory / "spool"),
        }  # fmt: skip
        wrapper = [str(Path(sys.executable).with_name("opentelemetry-instrument"))] if instrument else []
        return subprocess.Popen([*wrapper, sys.executable, str(PROGRAM), name], env=env)


@pytest.fixture
def line(tmp_path: Path, jaeger: Jaeger, collector_binary: Path) -> Iterator[Line]:
    with Line(tmp_path, jaeger) as running:
        yield running


def test_processes_to_bridge_and_jaeger(line: Line, openlineage_spec) -> None:
    processes = [line.run(f"pipeline-{n}") for n in range(3)]
    assert [p.wait(60) for p in processes] == [0, 0, 0]
    events = line.sink.wait_for(3 * 6, within_s=60)
    for event in events:
        openlineage_spec.check(event)
    for n in range(3):
        check_pipeline(events, f"pipeline-{n}")
    check_in_jaeger(line.jaeger, events)
    assert line.bridge.health()["received"]["rejected"] == {}
    assert not any("plain" in name for name in events.jobs())


def test_killed_on_the_way(line: Line) -> None:
    """The gateway and the bridge are each killed and started again while pipelines run; nothing is lost."""
    processes = []
    for n in range(6):
        processes.append(line.run(f"pipeline-{n}"))
        time.sleep(0.7)
        if n == 1:
            line.bridge.kill()
        if n == 2:
            line.gateway.kill()
        if n == 3:
            line.bridge.start()
            line.gateway.start()
        if n == 4:
            line.agent.kill()
            line.agent.start()
    assert [p.wait(60) for p in processes] == [0] * 6
    wanted = {f"pipeline-{n}{step}" for n in range(6) for step in ("", ".load", ".report")}
    line.sink.wait_for(lambda sink: ended(sink.events) >= wanted, within_s=90)
    for n in range(6):
        check_pipeline(distinct(line.sink), f"pipeline-{n}")


def ended(events: Events) -> set[str]:
    return {e["job"]["name"] for e in events if e["eventType"] in {"COMPLETE", "FAIL"}}


def distinct(sink: Sink) -> Events:
    """Accepted events without exact repeats."""
    bodies = dict.fromkeys(x.request.body for x in sink.exchanges if x.accepted)
    return Events(json.loads(body) for body in bodies)


def check_pipeline(events: Events, name: str) -> None:
    assert events.types(name) == ["START", "COMPLETE"]
    assert events.types(f"{name}.load") == ["START", "COMPLETE"]
    assert events.types(f"{name}.report") == ["START", "FAIL"]
    assert events.parent_of(name) is None
    for step in ("load", "report"):
        assert events.parent_of(f"{name}.{step}") == name
    assert (
        events.one(f"{name}.load", "COMPLETE")["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]
        == 3
    )
    assert "KeyError" in events.one(f"{name}.report", "FAIL")["run"]["facets"]["errorMessage"]["message"]


def check_in_jaeger(jaeger: Jaeger, events: Events) -> None:
    """The trace and the span that each event names exist there, and so do plain spans."""
    spans: dict[str, dict[str, str]] = {}
    for event in events:
        trace = event["run"]["facets"]["otel_trace"]
        if trace["traceId"] not in spans:
            spans[trace["traceId"]] = spans_of(jaeger, trace["traceId"], trace["spanId"])
        assert trace["spanId"] in spans[trace["traceId"]]
    names = {name for found in spans.values() for name in found.values()}
    assert "plain work" in names


def spans_of(jaeger: Jaeger, trace_id: str, span_id: str) -> dict[str, str]:
    end = time.monotonic() + 30
    while True:
        found = {s["spanID"]: s["operationName"] for s in (jaeger.trace(trace_id) or {}).get("spans", [])}
        if span_id in found or time.monotonic() > end:
            return found
        time.sleep(0.3)
