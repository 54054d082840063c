"""Full disks, limits, defects of our own, dead children and dead destinations: from outside, and each time recovered."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_bridge.testing import BridgeProcess, Sink
from otel_bridge.testing.sink import Answer
from tests.acceptance.test_service import child_of, cli, destination, sink_destination
from tests.otlp import Exporter, Refused, span, span_id, trace_id, traces

QUICK = {"retry": {"first": "20ms", "longest": "100ms"}}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def run(job: str, **attributes) -> bytes:
    return traces(span(trace_id(), span_id(), job=job, **attributes))


def health(bridge: BridgeProcess) -> tuple[int, str]:
    """Status and reason; (0, "") while nobody answers."""
    try:
        with urllib.request.urlopen(f"{bridge.api_url}/health", timeout=5) as answer:
            return answer.status, json.load(answer)["reason"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["reason"]
    except OSError:
        return 0, ""


def send_until_refused(bridge: BridgeProcess) -> tuple[list[str], str]:
    """The jobs that were acknowledged, and the refusal."""
    exporter = Exporter(bridge.endpoints.http)
    acknowledged: list[str] = []
    for number in range(500):
        try:
            exporter.post("/v1/traces", run(f"job-{number}"))
        except Refused as refusal:
            return acknowledged, str(refusal)
        acknowledged.append(f"job-{number}")
    raise AssertionError("never refused")


def limit_files(pids: list[int], size: int) -> None:
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_refuses_at_both_doors_and_everything_recovers(
    tmp_path: Path, lineage_sink: Sink
) -> None:
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink)]) as bridge:
        exporter = Exporter(bridge.endpoints.http)
        exporter.post("/v1/traces", run("before"))
        lineage_sink.wait_for(2)
        everybody = [bridge.pid, child_of(bridge, "convert"), child_of(bridge, "deliver")]
        limit_files(everybody, 1000)
        with pytest.raises(Refused, match=r"503.*accepted\.db can't be used at the moment"):
            exporter.post("/v1/traces", run("while-full"))
        with grpc.insecure_channel(bridge.endpoints.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(EXPORT)(run("while-full"))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert b"RetryInfo" in dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
        bridge.wait(lambda: health(bridge)[0] == 503, "says that it refuses")
        limit_files(everybody, resource.RLIM_INFINITY)
        exporter.patiently("/v1/traces", run("after"))
        lineage_sink.wait_for(4)
        assert lineage_sink.events.jobs() == {"before", "after"}
        bridge.wait(lambda: health(bridge) == (200, ""), "accepts again")
        assert everybody == [bridge.pid, child_of(bridge, "convert"), child_of(bridge, "deliver")]


def test_limits_push_back_to_a_real_exporter_which_loses_nothing(tmp_path: Path, lineage_sink: Sink) -> None:
    limits = {"journal": {"max_events": "20KB", "max_spans": "30KB"}, "receive": {"retry_after": "1s"}}
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink) | QUICK], limits) as bridge:
        lineage_sink.down()
        acknowledged, said = send_until_refused(bridge)
        assert said.startswith("503 ")
        assert "accepted.db is at its limit of 30000 bytes" in said
        bridge.wait(lambda: health(bridge)[0] == 503, "says that it refuses")
        reason = health(bridge)[1]
        assert "at its limit of 30000 bytes" in reason
        assert "events are at journal.max_events (20000 bytes) and wait for sink" in reason
        sums = bridge.health()["conversion"]
        assert sums["accepted"] == len(acknowledged) == sums["converted"] + sums["waiting"]
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{bridge.http_url}/v1/traces")))
        with provider.get_tracer("t").start_as_current_span("s", attributes={"openlineage.job.name": "sdk"}):
            pass
        lineage_sink.up()
        provider.shutdown()
        lineage_sink.wait_for(2 * len(acknowledged) + 2)
        assert lineage_sink.events.jobs() == {*acknowledged, "sdk"}
        assert bridge.health()["destinations"][0]["missed"] == 0


@pytest.mark.parametrize("database", ["accepted", "events", "delivery"])
def test_a_newer_schema_is_refused_with_a_clear_message(tmp_path: Path, database: str) -> None:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / f"{database}.db") as connection:
        connection.execute("CREATE TABLE release (version TEXT, at_ns INTEGER)")
        connection.execute("INSERT INTO release VALUES ('9.1.0', 1)")
        connection.execute("PRAGMA user_version = 99")
    anywhere = [f"--set={door}.endpoint=127.0.0.1:0" for door in ("receive.grpc", "receive.http", "api")]
    command = [sys.executable, "-m", "otel_bridge", "serve", "--data-dir", str(tmp_path / "data"), *anywhere]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert f"{database}.db was written by otel-bridge 9.1.0" in done.stderr
    assert "install that release or a later one" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def defective(tmp_path: Path, lineage_sink: Sink) -> Iterator[BridgeProcess]:
    (tmp_path / "defect").touch()
    planted = Path(__file__).with_name("defects")
    env = {"PYTHONPATH": str(planted), "DEFECT": str(tmp_path / "defect")}
    settings = {"runs": {"parent_wait": "100ms"}}
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink)], settings, env) as bridge:
        yield bridge


def test_a_defect_in_conversion_loses_no_span(
    defective: BridgeProcess, tmp_path: Path, lineage_sink: Sink
) -> None:
    """Also not at the end of a wait for a parent, and neither stops the others."""
    bridge, exporter = defective, Exporter(defective.endpoints.http)
    exporter.traces(*(span(trace_id(), span_id(), job=name) for name in ("good", "broken", "better")))
    exporter.traces(*(span(trace_id(), span_id(), span_id(), job=name) for name in ("broken", "waits")))
    lineage_sink.wait_for(6)
    assert lineage_sink.events.jobs() == {"good", "better", "waits"}
    bridge.wait(lambda: bridge.health()["assembly"].get("overdue_failed") == 1, "postpones one")
    conversion = bridge.health()["conversion"]
    assert (conversion["accepted"], conversion["converted"], conversion["failed"]) == (5, 4, 1)
    assert "planted" in bridge.log()
    (tmp_path / "defect").unlink()
    cli(bridge, "replay", "--failed")
    lineage_sink.wait_for(8)
    assert lineage_sink.events.types("broken") == ["START", "COMPLETE"]
    assert bridge.health()["conversion"]["failed"] == 0


def test_a_child_that_ends_again_and_again_is_seen_and_does_not_hold_up_the_end(
    defective: BridgeProcess, tmp_path: Path, lineage_sink: Sink
) -> None:
    bridge, exporter = defective, Exporter(defective.endpoints.http)
    exporter.post("/v1/traces", run("fatal"))
    bridge.wait(lambda: "times in a row (exit code 70)" in health(bridge)[1], "shows the ends")
    assert health(bridge)[0] == 200, "spans are still accepted"
    exporter.post("/v1/traces", run("behind"))
    assert bridge.stop() == 0
    (tmp_path / "defect").unlink()
    bridge.start()
    lineage_sink.wait_for(4)
    assert lineage_sink.events.jobs() == {"fatal", "behind"}


def test_times_that_no_clock_shows(tmp_path: Path) -> None:
    latest = 2**64 - 1
    with BridgeProcess(tmp_path / "b", settings={"runs": {"parent_wait": "50ms"}}) as bridge:
        spans = [span(trace_id(), span_id(), parent, job=f"job-{parent!r}") for parent in (b"", span_id())]
        for one in spans:
            one.start_time_unix_nano = one.end_time_unix_nano = latest
        Exporter(bridge.endpoints.http).traces(*spans)
        Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), job="usual"))
        times = {event["eventTime"] for event in bridge.wait_for_events(6)}
        assert times >= {"2554-07-21T23:34:33.709551Z"}
        assert bridge.health()["conversion"]["failed"] == 0


def test_a_killed_service_leaves_nobody_who_blocks_the_next_start(tmp_path: Path, lineage_sink: Sink) -> None:
    """One child hangs in a stopped state, the other in a request that nobody answers."""
    bridge = BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink)]).start()
    lineage_sink.hang(8)
    for number in range(8):
        Exporter(bridge.endpoints.http).post("/v1/traces", run(f"job-{number}"))
    lineage_sink.wait_for(lambda sink: len(sink.requests) == 8)
    os.kill(child_of(bridge, "convert"), signal.SIGSTOP)
    stopped = child_of(bridge, "convert")
    bridge.kill()
    time.sleep(0.2)
    os.kill(stopped, signal.SIGCONT)
    with bridge:
        lineage_sink.wait_for(16)


def test_a_dead_destination_delays_no_other_and_one_that_was_away_says_what_it_missed(
    tmp_path: Path, lineage_sink: Sink
) -> None:
    archive = {"name": "archive", "type": "file", "path": str(tmp_path / "b/events.ndjson")}
    both = [sink_destination(lineage_sink) | QUICK, archive]
    limits = {"journal": {"max_events": "20KB"}}
    lineage_sink.down()
    bridge = BridgeProcess(tmp_path / "b", both, limits).start()
    Exporter(bridge.endpoints.http).post("/v1/traces", run("first"))
    bridge.wait_for_events(2)
    bridge.wait(lambda: destination(bridge, "archive")["delivered"] == 2, "delivers to the other")
    assert destination(bridge)["waiting"] == 2
    assert "no connection" in destination(bridge)["trouble"]
    bridge.stop()
    with BridgeProcess(tmp_path / "b", [archive], limits) as alone:
        for number in range(30):
            Exporter(alone.endpoints.http).post("/v1/traces", run(f"job-{number}"))
        alone.wait_for_events(62)
        alone.wait(lambda: alone.health()["journal_bytes"]["events"] < 20_000, "prunes")
    lineage_sink.up()
    with BridgeProcess(tmp_path / "b", both, limits) as bridge:
        bridge.wait(lambda: destination(bridge)["waiting"] == 0, "catches up")
        one = destination(bridge)
        assert one["missed"] > 0
        assert one["events"] == 62 == one["missed"] + one["delivered"]
        assert len(lineage_sink.events) == one["delivered"]


def test_parents_start_first_whatever_the_destination_does(tmp_path: Path, lineage_sink: Sink) -> None:
    """A slow consumer that refuses now and then, a tree sent leaves first."""
    lineage_sink.behave(
        lambda request: Answer(503 if request.number % 5 == 0 else 201, delay_s=0.005 * (request.number % 3))
    )
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink) | QUICK]) as bridge:
        exporter, trace, root = Exporter(bridge.endpoints.http), trace_id(), span_id()
        middles = [span_id() for _ in range(4)]
        leaves = [
            span(trace, span_id(), middle, job=f"leaf-{n}-{m}")
            for n, middle in enumerate(middles)
            for m in range(4)
        ]
        exporter.traces(*leaves)
        exporter.traces(*(span(trace, own, root, job=f"middle-{n}") for n, own in enumerate(middles)))
        exporter.traces(span(trace, root, job="root"))
        events = lineage_sink.wait_for(2 * 21)
    started: set[str] = set()
    for event in events:
        facets, run_id = event["run"]["facets"], event["run"]["runId"]
        if event["eventType"] == "START":
            assert "parent" not in facets or facets["parent"]["run"]["runId"] in started
            started.add(run_id)
        assert run_id in started
    assert len(started) == 21


@pytest.mark.parametrize("database", ["accepted", "events"])
def test_a_locked_database_is_waited_out(tmp_path: Path, lineage_sink: Sink, database: str) -> None:
    """Another program holds the file: requests are refused retryably, or spans wait; afterwards all is delivered."""
    with BridgeProcess(tmp_path / "b", [sink_destination(lineage_sink)]) as bridge:
        exporter = Exporter(bridge.endpoints.http)
        intruder = sqlite3.connect(bridge.data_dir / f"{database}.db", isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        if database == "accepted":
            with pytest.raises(Refused, match="503"):
                exporter.post("/v1/traces", run("locked"))
        else:
            exporter.post("/v1/traces", run("locked"))
            time.sleep(0.3)
            assert len(lineage_sink.events) == 0
        intruder.execute("ROLLBACK")
        intruder.close()
        if database == "accepted":
            exporter.patiently("/v1/traces", run("locked"))
        lineage_sink.wait_for(2)
        assert lineage_sink.events.types("locked") == ["START", "COMPLETE"]
