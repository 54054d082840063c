"""Events of other producers through a running bridge: real clients, real sockets, kills, the bytes at the far end."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Sink
from tests.acceptance.test_service import child_of, cli, destination, sink_destination
from tests.openlineage.foreign_events import PRODUCERS, RUN, body, lines
from tests.otlp import Exporter, span, span_id, trace_id

EMIT = Path(__file__).with_name("emit_openlineage.py")
TERMINAL = {"COMPLETE", "FAIL", "ABORT"}


@pytest.fixture
def bridge(tmp_path: Path, lineage_sink: Sink) -> Iterator[BridgeProcess]:
    archive = {"name": "archive", "type": "file", "path": str(tmp_path / "b/events.ndjson")}
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink), archive]) as running:
        yield running


def post(bridge: BridgeProcess, content: bytes, path: str = "/api/v1/lineage") -> int:
    """The status; 0 if nobody answers."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(bridge.api_url + path, content, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def get(bridge: BridgeProcess, path: str) -> int:
    """The status; 0 if nobody answers."""
    try:
        with urllib.request.urlopen(bridge.api_url + path, timeout=10) as answer:
            return int(answer.status)
    except OSError:
        return 0


def deliver(bridge: BridgeProcess, content: bytes) -> None:
    """As a sender that repeats until it is told that the event is taken."""
    end = time.monotonic() + 30
    while (status := post(bridge, content)) != 201:
        assert status in {0, 503}, status
        assert time.monotonic() < end
        time.sleep(0.05)


def client(bridge: BridgeProcess, transport: str, runs: int, *more: str) -> "subprocess.Popen[str]":
    env = os.environ | {
        "OPENLINEAGE__TRANSPORT__TYPE": transport,
        "OPENLINEAGE__TRANSPORT__URL": bridge.api_url,
        "OPENLINEAGE__TRANSPORT__COMPRESSION": "gzip",
    }
    command = [sys.executable, str(EMIT), str(runs), *more]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> list[str]:
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    return output.split()


def in_order(types: list[str]) -> bool:
    ends = [place for place, name in enumerate(types) if name in TERMINAL]
    return len(ends) == 1 and types[0] == "START" and "START" not in types[1:]


def test_openlineage_python_as_client(
    bridge: BridgeProcess, lineage_sink: Sink, openlineage_spec: Any
) -> None:
    clients = [client(bridge, transport, 5) for transport in ("http", "async_http")]
    runs = [run for each in clients for run in ended(each)]
    lineage_sink.wait_for(24)
    events = lineage_sink.events
    for each in events:
        openlineage_spec.check(each)
    assert set(events.runs()) == set(runs)
    assert all(in_order(types) for types in events.runs().values())
    assert events.parent_of("task-0") == "day"
    assert events.facet("task-1", "sql")["query"] == "select 'ü'"
    received = bridge.health()["received"]
    assert (received["accepted"], received["rejected"]) == (24, {})


def test_events_of_other_producers_reach_every_destination_as_they_are(
    bridge: BridgeProcess, lineage_sink: Sink
) -> None:
    sent = [line for producer in PRODUCERS for line in lines(producer)]
    assert post(bridge, b"[" + b",".join(sent) + b"]", "/api/v1/lineage/batch") == 204
    for line in sent:
        assert post(bridge, line) == 201
    lineage_sink.wait_for(len(sent))
    bridge.wait_for_events(len(sent))
    assert sorted(bridge.events_file.read_bytes().splitlines()) == sorted(sent)
    assert all(in_order(types) for types in bridge.events().runs().values())
    assert sorted(request.body for request in lineage_sink.requests) == sorted(sent)
    received = bridge.health()["received"]
    assert (received["accepted"], received["duplicate"]) == (len(sent), len(sent))


def test_what_comes_after_the_end_is_other_at_the_far_end(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    spread = json.dumps(json.loads(body("FAIL")), indent=2).encode()
    for content in (body("START"), body("COMPLETE"), body("START", eventTime="2026-11-24T08:00:00Z"), spread):
        assert post(bridge, content) == 201
    assert lineage_sink.wait_for(4).types("etl") == ["START", "COMPLETE", "OTHER", "OTHER"]
    assert bridge.wait_for_events(4).types("etl") == ["START", "COMPLETE", "OTHER", "OTHER"]
    assert bridge.health()["assembly"] == {"late_event": 2}
    with urllib.request.urlopen(f"{bridge.api_url}/metrics", timeout=10) as answer:
        assert b'otel_bridge_assembly_total{finding="late_event"} 2.0' in answer.read()


def test_commands_show_and_repeat_them(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    post(bridge, body("RUNNING"))
    post(bridge, json.dumps(json.loads(body("OTHER")), indent=1).encode())
    post(bridge, b"{}")
    lineage_sink.wait_for(2)
    assert "RUNNING   2026-11-24T08:00:00.000001Z  elsewhere/etl\n" in cli(bridge, "events", "--run", RUN)
    [other] = cli(bridge, "events", "--type", "other", "--format", "json").splitlines()
    assert json.loads(other)["eventType"] == "OTHER"
    cli(bridge, "replay", "--spans", "1", "2")
    cli(bridge, "replay", "--destination", "sink")
    lineage_sink.wait_for(4)
    bodies = [request.body for request in lineage_sink.requests]
    assert bodies[:2] == bodies[2:]
    assert bridge.health()["conversion"]["converted"] == 2
    assert destination(bridge)["events"] == 2
    config = str(bridge.directory / "bridge.json")
    found = subprocess.run(
        [sys.executable, "-m", "otel_bridge", "doctor", "--config", config],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert found.returncode == 1
    assert "1 events of other producers were rejected" in found.stdout


def test_an_own_run_below_a_foreign_one(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    parent = {"run__id": RUN, "job__name": "etl", "job__namespace": "elsewhere"}
    carried = {f"openlineage__parent__{name}": each for name, each in parent.items()}
    Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), span_id(), job="below", **carried))
    time.sleep(0.3)
    assert post(bridge, body("START")) == 201
    events = lineage_sink.wait_for(3)
    assert [(each["job"]["name"], each["eventType"]) for each in events] == [
        ("etl", "START"), ("below", "START"), ("below", "COMPLETE"),
    ]  # fmt: skip
    assert events.parent_of("below") == "etl"


def test_a_killed_api_process_loses_nothing_of_a_client_that_repeats(
    bridge: BridgeProcess, lineage_sink: Sink
) -> None:
    process = client(bridge, "http", 20, "retry")
    for _ in range(2):
        time.sleep(0.5)
        os.kill(child_of(bridge, "deliver"), signal.SIGKILL)
    runs = ended(process)
    lineage_sink.wait_for(lambda sink: len(sink.events.runs()) == len(runs) and len(sink.events) >= 42, 60)
    assert set(lineage_sink.events.runs()) == set(runs)
    bridge.wait(lambda: get(bridge, "/health") == 200, "answers again", 30)
    bridge.wait(lambda: destination(bridge, "archive")["delivered"] == 42, "has delivered everything", 30)
    assert destination(bridge, "sink")["events"] == 42


def test_kill_nine_after_the_answer_loses_nothing(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    """Several senders at once, and the receiving process is killed right after an answer, again and again."""
    taken: list[bytes] = []
    stop = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not stop.is_set():
            run_id = f"0198f3aa-6f00-7c31-9d0e-{sender:06x}{number:06x}"
            for event_type in ("START", "COMPLETE"):
                content = body(event_type, run_id)
                deliver(bridge, content)
                taken.append(content)
            number += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in senders:
        thread.start()
    for kill in range(2):
        before = len(taken)
        while len(taken) < before + 15 + kill:
            time.sleep(0.005)
        bridge.kill()
        bridge.start()
    stop.set()
    for thread in senders:
        thread.join(60)
    wanted = set(taken)
    lineage_sink.wait_for(lambda sink: wanted <= {request.body for request in sink.requests}, 60)
    bodies = [request.body for request in lineage_sink.requests]
    assert set(bodies) == wanted, "not one event that was not sent"
    starts = {each: bodies.index(each) for each in wanted if b'"START"' in each}
    assert all(at < bodies.index(each.replace(b'"START"', b'"COMPLETE"')) for each, at in starts.items())


def test_a_journal_that_is_locked_is_retryable_and_recovers(
    bridge: BridgeProcess, lineage_sink: Sink
) -> None:
    with sqlite3.connect(bridge.data_dir / "accepted.db", isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        bridge.wait(lambda: post(bridge, body()) == 503, "refuses", 30)
        connection.execute("ROLLBACK")
    connection.close()
    deliver(bridge, body())
    assert lineage_sink.wait_for(1).types("etl") == ["START"]
