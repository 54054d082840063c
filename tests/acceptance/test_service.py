"""The running bridge, from outside: real processes, real sockets, the events at the far end."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Sink
from tests.otlp import Exporter, record, span, span_id, trace_id, traces

EMIT = Path(__file__).with_name("emit.py")


def sink_destination(sink: Sink) -> dict:
    return {"name": "sink", "type": "http", "url": sink.url}


@pytest.fixture
def bridge(tmp_path: Path, lineage_sink: Sink):
    archive = {"name": "archive", "type": "file", "path": str(tmp_path / "b/events.ndjson")}
    with BridgeProcess(
        tmp_path / "b", [sink_destination(lineage_sink), archive], {"runs": {"parent_wait": "1s"}}
    ) as running:
        yield running


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_real_sdk_to_sink(bridge: BridgeProcess, lineage_sink: Sink, protocol: str, openlineage_spec) -> None:
    endpoint = {"grpc": f"http://{bridge.endpoints.grpc}", "http": bridge.http_url}[protocol]
    subprocess.run(
        [sys.executable, str(EMIT), protocol],
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        check=True,
    )
    lineage_sink.wait_for(6)
    events = lineage_sink.events
    for event in events:
        openlineage_spec.check(event)
    assert events.types("dag") == ["START", "COMPLETE"]
    assert events.types("task") == ["START", "COMPLETE"]
    assert events.types("step") == ["START", "FAIL"]
    assert (events.parent_of("dag"), events.parent_of("task"), events.parent_of("step")) == (
        None,
        "dag",
        "task",
    )
    failed = events.one("step", "FAIL")
    assert failed["run"]["facets"]["parent"]["root"]["job"]["name"] == "dag"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: no such column: country"
    assert "Traceback" in failed["run"]["facets"]["errorMessage"]["stackTrace"]
    assert failed["job"]["namespace"] == "floe.test.plain"
    order = [e["job"]["name"] for e in events if e["eventType"] == "START"]
    assert order == ["dag", "task", "step"]


def test_sums_of_health(bridge: BridgeProcess) -> None:
    exporter = Exporter(bridge.endpoints.http)
    trace = trace_id()
    exporter.traces(
        span(trace, span_id()), span(trace, span_id(), job="a"), span(trace, b"\0" * 8, job="bad")
    )
    bridge.wait_for_events(2)
    bridge.wait(lambda: all(d["delivered"] == 2 for d in bridge.health()["destinations"]), "delivers to all")
    health = bridge.health()
    received, conversion = health["received"], health["conversion"]
    assert health["accepting"] is True
    assert received["total"] == 3
    assert (
        received["total"]
        == received["not_lineage"]
        + received["duplicate"]
        + sum(received["rejected"].values())
        + received["accepted"]
    )
    assert conversion["accepted"] == conversion["converted"] + conversion["failed"] + conversion["waiting"]
    for one in health["destinations"]:
        assert (one["delivered"], one["waiting"], one["dead"]) == (2, 0, 0)


def test_what_can_not_be_used_is_counted_and_explained(bridge: BridgeProcess) -> None:
    exporter = Exporter(bridge.endpoints.http)
    exporter.logs(record("openlineage.job", openlineage__job__name=["a list"]))
    bridge.wait(lambda: bridge.health()["omissions"], "the omission")
    assert bridge.health()["conversion"]["converted"] == 1
    doctor = [sys.executable, "-m", "otel_bridge", "doctor", "--data-dir", str(bridge.data_dir)]
    said = subprocess.run(doctor, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert (
        "expected text, got a list, lately openlineage.job.name (log event `openlineage.job`" in said.stdout
    )


def test_schemas_of_facets_answer_at_the_urls_that_events_name(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"usd": {"type": "number"}}}
    cost = {"name": "acme_cost", "slot": "run", "fields": {"usd": "acme.usd"}, "schema": schema}
    with BridgeProcess(tmp_path / "b", settings={"facets": [cost]}) as bridge:
        Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), job="load", acme__usd=1.5))
        facets = bridge.wait_for_events(2).one("load", "COMPLETE")["run"]["facets"]
        for name in ("acme_cost", "otel_trace"):
            url, _, pointer = facets[name]["_schemaURL"].partition("#/$defs/")
            with urllib.request.urlopen(url, timeout=10) as answer:
                document = json.load(answer)
            assert document["$id"] == url
            assert pointer in document["$defs"]


def test_live_start_is_seen_before_the_span_ends(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    exporter, trace, own = Exporter(bridge.endpoints.http), trace_id(), span_id()
    exporter.logs(record("openlineage.run.start", trace, own, openlineage__job__name="live"))
    lineage_sink.wait_for(1)
    assert lineage_sink.events.types("live") == ["START"]
    exporter.traces(span(trace, own, job="live"))
    lineage_sink.wait_for(2)
    time.sleep(0.3)
    assert lineage_sink.events.types("live") == ["START", "COMPLETE"]


def test_a_lost_run_is_aborted_and_a_late_end_supersedes(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    exporter, trace, own = Exporter(bridge.endpoints.http), trace_id(), span_id()
    exporter.logs(
        record(
            "openlineage.run.start",
            trace,
            own,
            openlineage__job__name="lost",
            openlineage__heartbeat__interval=0.2,
        )
    )
    lineage_sink.wait_for(2)
    assert lineage_sink.events.types("lost") == ["START", "ABORT"]
    exporter.traces(span(trace, own, job="lost"))
    lineage_sink.wait_for(3)
    assert lineage_sink.events.types("lost") == ["START", "ABORT", "COMPLETE"]


def test_child_in_an_earlier_request_finds_its_parent(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    exporter, trace, top, middle = Exporter(bridge.endpoints.http), trace_id(), span_id(), span_id()
    exporter.traces(span(trace, span_id(), middle, job="child"))
    time.sleep(0.2)
    exporter.traces(span(trace, middle, top))
    time.sleep(0.2)
    assert lineage_sink.events.types("child") == []
    exporter.traces(span(trace, top, job="parent"))
    lineage_sink.wait_for(4)
    assert [e["job"]["name"] for e in lineage_sink.events if e["eventType"] == "START"] == ["parent", "child"]
    assert lineage_sink.events.parent_of("child") == "parent"


def test_a_child_without_its_parent_goes_alone_after_the_wait(
    bridge: BridgeProcess, lineage_sink: Sink
) -> None:
    Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), span_id(), job="orphan"))
    lineage_sink.wait_for(2)
    assert lineage_sink.events.parent_of("orphan") is None


def test_duplicates_add_nothing(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    exporter, request = Exporter(bridge.endpoints.http), traces(span(trace_id(), span_id(), job="twice"))
    for _ in range(3):
        exporter.post("/v1/traces", request)
    lineage_sink.wait_for(2)
    time.sleep(0.3)
    assert lineage_sink.events.types("twice") == ["START", "COMPLETE"]
    assert bridge.health()["received"]["duplicate"] == 2


def test_outage_of_the_consumer(tmp_path: Path) -> None:
    with (
        Sink() as sink,
        BridgeProcess(
            tmp_path / "b", [sink_destination(sink) | {"retry": {"first": "50ms", "longest": "300ms"}}]
        ) as bridge,
    ):
        sink.down()
        exporter = Exporter(bridge.endpoints.http)
        for number in range(50):
            exporter.traces(span(trace_id(), span_id(), job=f"job-{number}"))
        bridge.wait(lambda: destination(bridge)["waiting"] == 100, "holds 100 events")
        sink.up()
        sink.wait_for(100)
        assert all(types == ["START", "COMPLETE"] for types in sink.events.runs().values())


def test_a_refused_event_is_a_dead_letter_and_the_others_go(tmp_path: Path) -> None:
    from otel_bridge.testing.sink import Answer

    with Sink() as sink, BridgeProcess(tmp_path / "b", [sink_destination(sink)]) as bridge:
        sink.behave(
            lambda request: Answer(422, b"no such thing") if request.event["job"]["name"] == "bad" else None
        )
        exporter = Exporter(bridge.endpoints.http)
        for name in ("good", "bad", "better"):
            exporter.traces(span(trace_id(), span_id(), job=name))
        sink.wait_for(4)
        bridge.wait(lambda: destination(bridge)["dead"] == 2, "has two dead letters")
        listed = cli(bridge, "dead-letters", "list", "--format", "json")
        letters = [json.loads(line) for line in listed.splitlines()]
        assert {letter["status"] for letter in letters} == {422}
        assert "no such thing" in cli(bridge, "dead-letters", "show", "sink", str(letters[0]["seq"]))
        sink.recover()
        cli(bridge, "dead-letters", "retry", "sink")
        sink.wait_for(6)
        assert sink.events.types("bad") == ["START", "COMPLETE"]


def test_replay_repeats_exactly(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    exporter = Exporter(bridge.endpoints.http)
    exporter.traces(span(trace_id(), span_id(), job="again"))
    lineage_sink.wait_for(2)
    first = [r.body for r in lineage_sink.requests]
    cli(bridge, "replay", "--destination", "sink")
    lineage_sink.wait_for(4)
    assert [r.body for r in lineage_sink.requests][2:] == first


def test_sigterm_ends_in_bounded_time_with_code_0_and_loses_nothing(tmp_path: Path) -> None:
    with Sink() as sink:
        bridge = BridgeProcess(tmp_path / "b", [sink_destination(sink)]).start()
        sink.down()
        exporter = Exporter(bridge.endpoints.http)
        for number in range(20):
            exporter.traces(span(trace_id(), span_id(), job=f"job-{number}"))
        assert bridge.stop() == 0
        sink.up()
        with bridge:
            sink.wait_for(40)
        assert all(types == ["START", "COMPLETE"] for types in sink.events.runs().values())


def test_second_process_on_the_same_directory_is_refused(bridge: BridgeProcess) -> None:
    anywhere = [f"--set={door}.endpoint=127.0.0.1:0" for door in ("receive.grpc", "receive.http", "api")]
    command = [sys.executable, "-m", "otel_bridge", "serve", "--data-dir", str(bridge.data_dir), *anywhere]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert str(bridge.pid) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("taken", ["grpc", "http", "api"])
def test_a_port_in_use_is_a_clear_error(bridge: BridgeProcess, tmp_path: Path, taken: str) -> None:
    endpoints = {"receive.grpc": "127.0.0.1:0", "receive.http": "127.0.0.1:0", "api": "127.0.0.1:0"}
    address = getattr(bridge.endpoints, taken)
    endpoints["api" if taken == "api" else f"receive.{taken}"] = address
    flags = [word for name, at in endpoints.items() for word in ("--set", f"{name}.endpoint={at}")]
    command = [sys.executable, "-m", "otel_bridge", "serve", "--data-dir", str(tmp_path / "other"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert address in done.stderr
    assert "Traceback" not in done.stderr


def test_acknowledgement_does_not_wait_for_conversion(bridge: BridgeProcess, lineage_sink: Sink) -> None:
    stopped = child_of(bridge, "convert")
    os.kill(stopped, signal.SIGSTOP)
    try:
        exporter = Exporter(bridge.endpoints.http)
        for number in range(20):
            exporter.traces(span(trace_id(), span_id(), job=f"job-{number}"))
        bridge.wait(lambda: bridge.health()["conversion"]["waiting"] == 20, "has 20 spans waiting")
    finally:
        os.kill(stopped, signal.SIGCONT)
    lineage_sink.wait_for(40)


@pytest.mark.parametrize("role", ["convert", "deliver"])
def test_a_killed_child_is_started_again(bridge: BridgeProcess, lineage_sink: Sink, role: str) -> None:
    os.kill(child_of(bridge, role), signal.SIGKILL)
    Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), job="after"))
    lineage_sink.wait_for(2, within_s=30)
    assert lineage_sink.events.types("after") == ["START", "COMPLETE"]


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Seeded. The ledger is what this test saw acknowledged; the sink fails now and then meanwhile."""
    from otel_bridge.testing.sink import Answer

    chance = random.Random(20261124)
    acknowledged: list[str] = []
    with Sink() as sink:
        bridge = BridgeProcess(
            tmp_path / "b", [sink_destination(sink) | {"retry": {"first": "50ms", "longest": "300ms"}}]
        ).start()
        sink.behave(lambda request: Answer(503) if chance.random() < 0.1 else None)
        done = threading.Event()

        def send() -> None:
            exporter = Exporter(bridge.endpoints.http)
            while not done.is_set():
                name = f"job-{len(acknowledged)}"
                exporter.patiently("/v1/traces", traces(span(trace_id(), span_id(), job=name)))
                acknowledged.append(name)

        sender = threading.Thread(target=send)
        sender.start()
        for _ in range(6):
            time.sleep(chance.uniform(0.1, 0.8))
            bridge.kill()
            bridge.start()
        done.set()
        sender.join()
        bridge.wait(
            lambda: (
                {e["job"]["name"] for e in sink.events if e["eventType"] == "COMPLETE"} >= set(acknowledged)
            ),
            "delivers all",
            60,
        )
        bridge.stop()
        assert len(acknowledged) > 20
        assert sink.events.jobs() == set(acknowledged)
        check_repeats_are_exact(sink)


def check_repeats_are_exact(sink: Sink) -> None:
    """Order per run, one terminal event, and what comes twice is the same bytes."""
    by_run: dict[str, list[bytes]] = {}
    for exchange in sink.exchanges:
        if exchange.accepted:
            by_run.setdefault(exchange.request.event["run"]["runId"], []).append(exchange.request.body)
    for bodies in by_run.values():
        distinct = list(dict.fromkeys(bodies))
        assert [json.loads(b)["eventType"] for b in distinct] == ["START", "COMPLETE"]


def destination(bridge: BridgeProcess, name: str = "sink") -> dict:
    return next(one for one in bridge.health()["destinations"] if one["name"] == name)


def child_of(bridge: BridgeProcess, role: str) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if parent == bridge.pid and role.encode() in command:
                return int(entry.name)
    raise AssertionError(f"no {role} process")


def cli(bridge: BridgeProcess, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "otel_bridge", *arguments, "--config", str(bridge.directory / "bridge.json")],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
