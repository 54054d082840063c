"""kill -9 of a delivering process: nothing lost, and what comes twice is the same twice."""

import itertools
import random
import sqlite3
from contextlib import closing

from delivering import Delivering, DeliveringProcess, Log, check_order, destination, run_id, wait
from structlog.testing import capture_logs

from otel_bridge.testing.sink import Answer, Sink


def test_killed_again_and_again(log: Log, sink: Sink) -> None:
    rng = random.Random(3)
    sink.behave(lambda _: rng.choice([None, None, None, Answer(500), Answer(201, delay_s=0.01)]))
    log.runs(range(300))
    for part in (100, 250, 400):
        process = DeliveringProcess(log, sink.url)
        sink.wait_for(part, 40)
        process.kill()
    process = DeliveringProcess(log, sink.url)
    wait(lambda: log.standing("sink").waiting == 0, 40)
    process.stop()
    bodies: dict[tuple[str, str], set[bytes]] = {}
    for request in sink.requests:
        bodies.setdefault((request.event["run"]["runId"], request.event["eventType"]), set()).add(
            request.body
        )
    assert len(bodies) == 600
    assert all(len(same) == 1 for same in bodies.values())
    check_order(sink.events, repeats=True)
    assert all(events[-1] == "COMPLETE" for events in sink.events.runs().values())
    assert log.standing("sink").delivered == 600


def test_rewind_delivers_again_from_there(log: Log, sink: Sink) -> None:
    log.runs(range(10))
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(20)
        assert log.ask("rewind", "http", after=10) == "delivering again from event 11 on"
        sink.wait_for(30)
        wait(lambda: log.standing("http").waiting == 0)
        log.runs([10])
        sink.wait_for(32)
    assert {e["run"]["runId"] for e in sink.events.all[20:30]} == {run_id(n) for n in range(5, 10)}
    assert log.standing("http").delivered == 22


def test_rewind_over_dead_letters_opens_them(log: Log, sink: Sink) -> None:
    sink.answer(400)
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.letters("http"))
        log.ask("rewind", "http", after=0)
        wait(lambda: log.standing("http").delivered == 2)
    assert log.letters("http") == []
    assert sink.events.runs()[run_id(1)][-2:] == ["START", "COMPLETE"]


def test_rewind_under_load(log: Log, sink: Sink) -> None:
    sink.behave(lambda _: Answer(201, delay_s=0.1))
    log.runs(range(600))
    with Delivering(log, destination("http", url=sink.url, concurrency=16)):
        for part in (20, 100):
            sink.wait_for(part)
            log.ask("rewind", "http", after=0)
            assert len(sink.requests) < 1200, "it waited until everything was delivered"
        sink.recover()
        wait(lambda: log.standing("http").waiting == 0)
    assert log.standing("http").delivered == 1200
    for types in sink.events.runs().values():
        assert types[-1] == "COMPLETE"
        assert all(earlier != later or earlier == "START" for earlier, later in itertools.pairwise(types))


def test_a_position_that_can_not_be_kept_for_a_while(log: Log, sink: Sink) -> None:
    sink.behave(lambda r: Answer(400, b"no") if r.event["run"]["runId"] == run_id(3) else None)
    with capture_logs() as said, Delivering(log, destination("http", url=sink.url)):
        log.runs([0])
        wait(lambda: log.standing("http").delivered == 2)
        with closing(sqlite3.connect(log.directory / "delivery.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            log.runs(range(1, 5))
            sink.wait_for(lambda s: len(s.requests) == 10)
            wait(lambda: any("can't keep" in line["event"] for line in said))
            refused = len(log.letters("http"))
            other.execute("ROLLBACK")
        wait(lambda: log.standing("http").waiting == 0)
        log.runs([5])
        wait(lambda: log.standing("http").delivered == 10)
    assert refused == 0
    assert [letter.answer for letter in log.letters("http")] == ["no", "no"]
    assert len(sink.requests) == 12
