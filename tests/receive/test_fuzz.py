"""Hostile requests: 20,000 through the doors of a real bridge, more in process, and what they once found."""

import json
import random
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings

from chaos.fuzz import answers, bodies, campaign, documents, foreign, protobuf, seeds
from chaos.fuzz.built import built, requests
from chaos.fuzz.campaign import BATCH, Campaign
from chaos.fuzz.h2 import ClosedError, Http2, call, opening
from chaos.fuzz.neighbours import Ledger
from chaos.fuzz.outcome import Outcome
from chaos.fuzz.pure import Pure
from otel_bridge.extract import extract
from otel_bridge.model import Resource, Span, SpanEvent, State, Status
from otel_bridge.namespaces import Namespaces
from otel_bridge.receive import decode, topology
from otel_bridge.settings import Settings
from otel_bridge.testing import InProcessBridge
from otel_bridge.testing.sink import Request
from tests.otlp import span, span_id, trace_id, traces
from tests.receive.serving import Served, serving
from tests.receive.test_conformance import TRACES, run_request

REQUESTS = 20_000
SEED = 20261125


@pytest.mark.timeout(300)
def test_twenty_thousand_hostile_requests(tmp_path: Path):
    """No crash, no leak, every answer well-formed, and every valid neighbour's events in order."""
    with Campaign(tmp_path, SEED, more=built(SEED, 100), lineage=0.05) as running:
        running.run(0, REQUESTS // BATCH // 4)
        running.settle(quick=True)
        running.run(REQUESTS // BATCH // 4, REQUESTS // BATCH - REQUESTS // BATCH // 4)
        running.settle(quick=True)
    outcome = running.outcome
    assert outcome.findings == []
    assert outcome.total >= REQUESTS
    assert outcome.neighbours >= REQUESTS // 25
    assert {key.partition("|")[0] for key in outcome.answers} == {
        "HTTP", "HTTP, raw bytes", "gRPC", "gRPC, raw frames", "OpenLineage over HTTP",
    }  # fmt: skip


def test_the_layers_in_process():
    outcome = Outcome()
    Pure(outcome, SEED, built(SEED, 50)).run(1500)
    assert outcome.findings == []
    assert outcome.answers["in process|lineage"] > 300


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_whatever_hypothesis_builds(body: bytes):
    bridge = InProcessBridge()
    bridge.receive("traces", body)
    bridge.settle()


def test_a_batch_is_the_same_each_time():
    def some() -> list[object]:
        chance, source = random.Random(5), bodies.Bodies()
        events = foreign.Events()
        return [source.any(chance) for _ in range(50)] + [events.hostile(chance) for _ in range(20)]

    assert some() == some()


def test_mutations_change_what_they_are_given():
    chance = random.Random(1)
    for seed in seeds.load()[:5]:
        for body, mutate in ((seed.protobuf, protobuf.mutated), (seed.document, documents.mutated)):
            changed = [mutate(body, chance) for _ in range(200)]
            assert sum(content != body for _, content in changed) > 150
            assert len({kind for kind, _ in changed}) > 8


def test_a_campaign_sees_what_does_not_add_up():
    health = {
        "received": {"total": 3, "not_lineage": 0, "duplicate": 0, "rejected": {}, "accepted": 2},
        "conversion": {"accepted": 2, "converted": 1, "failed": 1, "waiting": 0},
        "assembly": {},
        "destinations": [{"events": 4, "delivered": 2, "waiting": 0, "dead": 1, "missed": 0}],
    }
    assert len(campaign.sums(health)) == 3


def test_a_ledger_sees_what_is_missing_and_out_of_order():
    ledger, chance = Ledger(), random.Random(1)
    whole, missing, late = (ledger.make(chance) for _ in range(3))
    for one in (whole, missing, late):
        ledger.acknowledged(one)
    order = (
        *((whole.parent, kind) for kind in ("START", "COMPLETE")), *((whole.child, kind) for kind in ("START", "COMPLETE")),
        *((late.child, kind) for kind in ("START", "COMPLETE")), *((late.parent, kind) for kind in ("START", "COMPLETE")),
    )  # fmt: skip
    for number, (run, kind) in enumerate(order):
        event = {"eventType": kind, "run": {"runId": run}, "job": {"namespace": "n", "name": "neighbour x"}}
        ledger.seen(Request(number, "POST", "/", {}, json.dumps(event).encode()))
    said = ledger.complaints()
    assert len(said) == 3
    assert sum(missing.parent in what or missing.child in what for what in said) == 2
    assert f"run {late.child} starts before its parent" in said


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 503 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 400 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 400 X\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 X\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2\r\n\r\n\xff\xff",
    ],
)
def test_answers_that_are_findings(answer: bytes):
    found = answers.first_of(answer)
    assert found
    assert answers.complaint(found[0], "traces")


# Findings, each with the smallest request that shows it.


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_path_that_is_not_utf8_does_not_end_the_grpc_door(loop: str, caplog: pytest.LogCaptureFixture):
    with serving(loop=loop) as served:
        host, _, port = served.grpc_address.rpartition(":")
        for number in range(3):
            hostile = Http2((host, int(port)), random.Random(number))
            hostile.send(opening() + call(1, "/\xff", bytes(5)))
            _read_to_the_end(hostile)
            _repeated(served, run_request(f"job {number}"))
        assert len(served.journal.rows) == 3
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def _read_to_the_end(connection: Http2) -> None:
    with suppress(ClosedError):
        while 1 not in connection.replies or not connection.replies[1].ended:
            connection.read()
    connection.close()


def _repeated(served: Served, body: bytes) -> None:
    """As an exporter does: CANCELLED and UNAVAILABLE are worth another try."""
    for _ in range(20):
        with grpc.insecure_channel(served.grpc_address) as channel:
            try:
                channel.unary_unary(TRACES)(body, timeout=5, wait_for_ready=True)
                return
            except grpc.RpcError as error:
                if error.code() not in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}:
                    raise
    pytest.fail("the door never opened again")


def test_a_token_that_is_not_utf8_is_not_logged(served: Served, caplog: pytest.LogCaptureFixture):
    host, _, port = served.grpc_address.rpartition(":")
    connection = Http2((host, int(port)), random.Random(1))
    body = protobuf.field(1, b"")
    connection.send(
        opening()
        + call(1, TRACES, bytes(4) + bytes((len(body),)) + body, (("authorization", "Bearer s3\xff"),))
    )
    _read_to_the_end(connection)
    assert connection.replies[1].code == 0
    assert "s3" not in caplog.text


@pytest.mark.parametrize("stack", [" ", "\n", " \n\t "])
def test_a_blank_stack_trace_says_nothing(stack: str):
    event = SpanEvent("exception", 0, {"exception.stacktrace": stack})
    failed = Span(
        "0a" * 16,
        "0b" * 8,
        attributes={"openlineage.job.name": "j"},
        status=Status.ERROR,
        status_message="boom",
        events=(event,),
    )
    (observed,) = extract(failed, Namespaces(Settings(data_dir="").namespace))
    assert (observed.state, observed.error.message, observed.error.stack_trace) == (State.FAIL, "boom", None)


def test_a_repository_that_is_no_url_is_left_out():
    said = {"openlineage.job.name": "j", "code.file.path": "a.py", "vcs.repository.url.full": "http://[::1"}
    one = Span("0a" * 16, "0b" * 8, attributes=said, resource=Resource({"vcs.provider.name": "github"}))
    (observed,) = extract(one, Namespaces(Settings(data_dir="").namespace))
    assert "source_code" not in observed.job_values


def test_large_resources_are_not_remembered():
    """A thousand of them would be a thousand times what a request may weigh."""
    decode._resource.cache_clear()
    for number in range(20):
        body = traces(span(trace_id(), span_id(), job="j"), resource={"n": number, "text": "x" * 100_000})
        bridge = InProcessBridge()
        bridge.receive("traces", body)
        assert bridge.settle().types("j") == ["START", "COMPLETE"]
    assert decode._resource.cache_info().currsize == 0


def test_many_spans_without_a_byte_are_not_remembered_for_nothing():
    """What is remembered for late parents is bounded, also when spans weigh nothing on the wire."""
    recent = topology.RecentSpans(keep_ns=10**9)
    for _ in range(20):
        recent.add_spans([b""] * 100_000, 0)
        recent.add_request(lambda: b"", 0, 0)
    assert recent.size <= topology.RECENT_BYTES
    assert sum(len(block._spans) for block in recent._blocks) < 500_000
