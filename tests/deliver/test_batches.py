"""Batches over HTTP: what goes together, and what each answer means for each event."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from delivering import Delivering, Log, check_order, destination, event, run_id, wait

from otel_bridge.deliver import batch_answer
from otel_bridge.deliver.outcome import DELIVERED, Rejected, Retry
from otel_bridge.settings import Consumer, Destination
from otel_bridge.testing.sink import Answer, Request, Sink, Trouble

BATCH = "/api/v1/lineage/batch"


def batched(sink: Sink, **options: Any) -> Destination:
    return destination("http", url=sink.url, batch=True, **options)


def bodies(request: Request) -> list[dict[str, Any]]:
    found = json.loads(request.body)
    return found if isinstance(found, list) else [found]


def accepted(sink: Sink) -> list[dict[str, Any]]:
    """Events that the sink answered 2xx to, whatever it said of each."""
    return [e for x in sink.exchanges if x.accepted for e in bodies(x.request)]


def runs_of(request: Request) -> list[str]:
    return [found["run"]["runId"] for found in bodies(request)]


def partial(*failed: dict[str, Any], sent: int) -> Answer:
    summary = {"received": sent, "successful": sent - len(failed), "failed": len(failed)}
    answer = {"status": "partial_success", "summary": summary, "failed_events": list(failed)}
    return Answer(200, json.dumps(answer).encode())


def delivered(log: Log, count: int) -> Callable[[], bool]:
    return lambda: log.standing("http").delivered == count


def test_what_waits_goes_together_and_in_order(log: Log, sink: Sink) -> None:
    log.runs(range(500))
    sink.behave(lambda _: Answer(204))
    with Delivering(log, batched(sink)):
        wait(delivered(log, 1000))
    sizes = [len(bodies(request)) for request in sink.requests]
    assert {request.path for request in sink.requests} == {BATCH}
    assert (sum(sizes), max(sizes)) == (1000, 100)
    assert len(sizes) < 200
    check_order(accepted(sink))


def test_an_event_that_is_alone_is_a_batch_of_one(log: Log, sink: Sink) -> None:
    made = event(run_id(1))
    log.add([made])
    with Delivering(log, batched(sink, compression="gzip")):
        wait(delivered(log, 1))
    [request] = sink.requests
    assert request.body == b"[" + made.body + b"]"
    assert request.headers["content-encoding"] == "gzip"


def test_size_of_a_batch_is_bounded(log: Log, sink: Sink) -> None:
    log.add([event(run_id(n), pad="x" * 1000) for n in range(40)])
    log.add([event(run_id(99), pad="x" * 9000)])
    with Delivering(log, batched(sink, batch_bytes=6000)):
        wait(delivered(log, 41))
    sizes = sorted(len(request.body) for request in sink.requests)
    assert sizes[-1] > 9000
    assert sizes[-2] < 6100


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, BATCH),
        ({"endpoint": "lineage?team=a"}, "/lineage/batch?team=a"),
        ({"batch_endpoint": "bulk"}, "/bulk"),
    ],
)
def test_where_batches_go(log: Log, sink: Sink, options: dict[str, Any], path: str) -> None:
    log.runs([1])
    with Delivering(log, batched(sink, **options)):
        wait(delivered(log, 2))
    assert {request.path for request in sink.requests} == {path}


def test_failures_concern_their_event_alone(log: Log, sink: Sink) -> None:
    tries: Counter[str] = Counter()

    def behaviour(request: Request) -> Answer:
        runs = runs_of(request)
        tries.update(runs)
        failed = [
            {"index": i, "reason": "no such", "retriable": False}
            for i, r in enumerate(runs)
            if r == run_id(3)
        ]
        failed += [
            {"index": i, "reason": "Timeout", "retriable": True}
            for i, r in enumerate(runs)
            if r == run_id(5) and tries[r] < 3
        ]
        return partial(*failed, sent=len(runs)) if failed else Answer(204)

    sink.behave(behaviour)
    log.add([event(run_id(n)) for n in range(10)])
    with Delivering(log, batched(sink)):
        wait(delivered(log, 9))
    assert [letter.reason for letter in log.letters("http")] == ["no such"]
    assert tries == Counter({run_id(n): 1 for n in range(10)} | {run_id(5): 3})


def test_too_large_a_batch_is_halved_and_later_ones_are_smaller(log: Log, sink: Sink) -> None:
    sink.behave(lambda request: Answer(413) if len(request.body) > 5000 else Answer(204))
    log.runs(range(100))
    with Delivering(log, batched(sink, concurrency=100)):
        wait(delivered(log, 200))
    refused = [exchange for exchange in sink.exchanges if not exchange.accepted]
    assert 0 < len(refused) < 10
    assert log.letters("http") == []


def test_an_event_that_is_too_large_alone_is_a_dead_letter(log: Log, sink: Sink) -> None:
    sink.behave(lambda request: Answer(413) if len(request.body) > 5000 else Answer(204))
    log.add([event(run_id(n), pad="x" * (9000 if n == 7 else 10)) for n in range(20)])
    with Delivering(log, batched(sink)):
        wait(delivered(log, 19))
    [letter] = log.letters("http")
    assert (letter.status, letter.seq) == (413, 8)


@pytest.mark.parametrize("status", [400, 422])
def test_one_event_that_is_refused_spoils_no_other(log: Log, sink: Sink, status: int) -> None:
    sink.behave(lambda r: Answer(status, b"bad run") if run_id(7) in runs_of(r) else Answer(204))
    log.add([event(run_id(n)) for n in range(50)])
    with Delivering(log, batched(sink)):
        wait(delivered(log, 49))
    [letter] = log.letters("http")
    assert (letter.status, letter.answer, letter.seq) == (status, "bad run", 8)


def test_a_refusal_that_names_every_event_needs_no_halves(log: Log, sink: Sink) -> None:
    def behaviour(request: Request) -> Answer:
        failed = [{"index": i, "reason": f"bad {i}"} for i in range(len(runs_of(request)))]
        return Answer(400, json.dumps({"status": "failure", "failedEvents": failed}).encode())

    sink.behave(behaviour)
    log.add([event(run_id(n)) for n in range(3)])
    with Delivering(log, batched(sink)):
        wait(lambda: log.standing("http").dead == 3)
    assert len(sink.requests) == 1
    assert [letter.reason for letter in log.letters("http")] == ["bad 0", "bad 1", "bad 2"]


@pytest.mark.parametrize("trouble", [Answer(500), Trouble.RESET])
def test_an_event_that_fails_each_batch_holds_only_itself(
    log: Log, sink: Sink, trouble: Answer | Trouble
) -> None:
    sink.behave(lambda request: trouble if run_id(7) in runs_of(request) else Answer(204))
    log.add([event(run_id(n)) for n in range(50)])
    with Delivering(log, batched(sink), drain_s=0):
        wait(delivered(log, 49))
    assert log.standing("http").waiting == 1


def test_an_answer_that_does_not_tell_which_failed_is_asked_again_in_halves(log: Log, sink: Sink) -> None:
    def behaviour(request: Request) -> Answer:
        failed = runs_of(request).count(run_id(7))
        summary = {"received": 1, "successful": 0, "failed": failed}
        status = "partial_success" if failed else "success"
        return Answer(200, json.dumps({"status": status, "summary": summary}).encode())

    sink.behave(behaviour)
    log.add([event(run_id(n)) for n in range(20)])
    with Delivering(log, batched(sink)):
        wait(delivered(log, 19))
    [letter] = log.letters("http")
    assert letter.seq == 8
    assert "does not say" in letter.reason
    assert '"failed": 1' in letter.answer


@pytest.mark.parametrize("status", [404, 405])
def test_a_consumer_without_batches_gets_events_one_by_one(log: Log, sink: Sink, status: int) -> None:
    sink.behave(lambda request: Answer(status) if request.path == BATCH else Answer(201))
    log.runs(range(200))
    with Delivering(log, batched(sink)):
        wait(delivered(log, 400))
        assert sink.connections <= 8
    paths = Counter(request.path for request in sink.requests)
    assert paths["/api/v1/lineage"] == 400
    assert paths[BATCH] <= 8
    check_order(sink.events)


def test_a_consumer_that_is_down_gets_all_once_it_is_up(log: Log, sink: Sink) -> None:
    sink.down()
    log.runs(range(100))
    with Delivering(log, batched(sink)) as delivering:
        wait(lambda: delivering.state("http").trouble != "")
        sink.answer(503, 2)
        sink.up()
        wait(delivered(log, 200))
    check_order(accepted(sink))


def test_stopping_in_the_middle_of_a_batch(log: Log, sink: Sink) -> None:
    sink.hang(100)
    log.runs(range(100))
    with Delivering(log, batched(sink), drain_s=0.1):
        wait(lambda: len(sink.requests) > 0)
    assert log.standing("http").waiting == 200
    sink.recover()
    with Delivering(log, batched(sink)):
        wait(delivered(log, 200))


def test_the_profile_says_where_and_how(log: Log, sink: Sink) -> None:
    made = event(run_id(1), "COMPLETE")
    document = json.loads(made.body) | {"outputs": [{"namespace": "db", "name": "out"}]}
    log.add([msgspec.structs.replace(made, body=json.dumps(document).encode())])
    with Delivering(
        log, Destination("http", "http", batched(sink).options, Consumer(profile="openmetadata"))
    ):
        wait(delivered(log, 1))
    [request] = sink.requests
    assert request.path == "/api/v1/openlineage/lineage/batch"
    assert json.loads(request.body) == {"events": [document]}


FAILED = {"status": "partial_success", "summary": {"received": 2, "successful": 1, "failed": 1}}


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("", [DELIVERED, DELIVERED]),
        ("thanks", [DELIVERED, DELIVERED]),
        ({"status": "success", "summary": {}}, [DELIVERED, DELIVERED]),
        ("null", [DELIVERED, DELIVERED]),
        (["id-1", "id-2"], [DELIVERED, DELIVERED]),
        ({"status": "ok"}, [DELIVERED, DELIVERED]),
        ({"status": 201, "summary": "2 events"}, [DELIVERED, DELIVERED]),
        ({"status": "FAILURE", "summary": "none"}, None),
        ({"error": "no table for event 1"}, None),
        (FAILED | {"failed_events": [{"index": 0, "reason": "a\n b"}]}, [Rejected("a b"), DELIVERED]),
        (
            FAILED | {"failed_events": [{"index": 1, "reason": "c", "retriable": True}]},
            [DELIVERED, Retry("c")],
        ),
        (FAILED | {"failedEvents": [{"index": 0, "reason": "d"}]}, [Rejected("d"), DELIVERED]),
        ({"status": "partial_success", "summary": {"failed": 0}}, [DELIVERED, DELIVERED]),
        (FAILED | {"failed_events": [{"index": 2}]}, None),
        (FAILED | {"failed_events": [{"index": -1}]}, None),
        (FAILED | {"failed_events": [{"reason": "x"}]}, None),
        (FAILED | {"failed_events": []}, None),
        ({"status": "success", "summary": {"failed": 1}}, None),
        ({"status": "partial_success"}, None),
        ("[" + " " * batch_answer.LIMIT, None),
    ],
)
def test_what_an_answer_means(answer: Any, means: Any) -> None:
    body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    assert batch_answer.outcomes(body, 2) == means
