"""Two bridges in a row: batches over HTTP from one to the other's API, which is killed meanwhile."""

import json
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.otlp import Exporter, span, span_id, trace_id

pytestmark = pytest.mark.e2e

KEY = {"name": "first", "key": "k3y", "roles": ["write", "read"]}
PIPELINES = 200
EVENTS = 4 * PIPELINES


def test_events_arrive_byte_for_byte_and_in_order(tmp_path: Path) -> None:
    with (
        BridgeProcess(tmp_path / "second", settings={"api": {"keys": [KEY]}}) as second,
        BridgeProcess(tmp_path / "first", destinations(tmp_path, second)) as first,
    ):
        send_pipelines(first)
        second.wait_for_events(EVENTS, within_s=30)
        assert received(second) == {"accepted": EVENTS, "duplicate": 0}
        second.kill()
        send_pipelines(first)
        first.wait(lambda: "127.0.0.1" in trouble(first), "notices")
        second.start()
        second.wait_for_events(2 * EVENTS, within_s=30)
        first.wait(lambda: trouble(first) == "", "has no trouble any more")
        assert received(second)["accepted"] == 2 * EVENTS
    before, after = first.events(), second.events()
    assert sorted(lines(second)) == sorted(lines(first))
    assert {run: kinds for run, kinds in after.runs().items() if kinds != ["START", "COMPLETE"]} == {}
    assert before.runs() == after.runs()
    check_parents_first(after)


def destinations(directory: Path, second: BridgeProcess) -> list[dict[str, Any]]:
    """A file to compare with, and the other bridge."""
    retry = {"first": "100ms", "longest": "500ms"}
    return [
        {"name": "archive", "type": "file", "path": str(directory / "first/events.ndjson")},
        {"name": "second", "type": "http", "url": second.api_url, "bearer_token": "k3y",
         "batch": True, "compression": "gzip", "retry": retry},
    ]  # fmt: skip


def send_pipelines(bridge: BridgeProcess) -> None:
    """Runs with a child each, the child first."""
    spans = []
    for n in range(PIPELINES):
        trace, top = trace_id(), span_id()
        spans += [span(trace, span_id(), top, job=f"p{n}.load"), span(trace, top, job=f"p{n}")]
    Exporter(bridge.endpoints.http).traces(*spans)


def received(bridge: BridgeProcess) -> dict[str, int]:
    return {name: bridge.health()["received"][name] for name in ("accepted", "duplicate")}


def trouble(bridge: BridgeProcess) -> str:
    return str(bridge.health()["destinations"][1]["trouble"])


def lines(bridge: BridgeProcess) -> list[bytes]:
    return bridge.events_file.read_bytes().splitlines()


def check_parents_first(events: Events) -> None:
    started: set[str] = set()
    for event in events:
        parent = event["run"]["facets"].get("parent", {}).get("run", {}).get("runId")
        assert parent is None or parent in started, json.dumps(event)
        started.add(event["run"]["runId"])
