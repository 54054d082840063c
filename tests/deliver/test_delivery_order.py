"""Order of events at a real endpoint, whatever fails on the way."""

import random

import pytest
from delivering import Delivering, Log, check_order, destination, event, run_id

from otel_bridge.testing.sink import Answer, Request, Sink, Trouble


def test_all_runs_arrive_in_order(log: Log, sink: Sink) -> None:
    log.runs(range(200))
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(400)
    check_order(sink.events)
    standing = log.standing("http")
    assert (standing.delivered, standing.waiting, standing.dead) == (400, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_order_survives_failures(log: Log, sink: Sink, seed: int) -> None:
    rng = random.Random(seed)
    log.add(family(rng))
    sink.behave(unreliable(rng))
    with Delivering(log, destination("http", url=sink.url, timeout="300ms", concurrency=16)):
        sink.wait_for(lambda s: len({(e["run"]["runId"], e["eventType"]) for e in s.events}) == 160, 60)
    check_order(sink.events, repeats=True)


def family(rng: random.Random) -> list:
    """80 runs, three of four with a parent that started before, their events interleaved."""
    open_runs: list[int] = []
    events, made = [], 0
    while made < 80 or open_runs:
        if made < 80 and (not open_runs or rng.random() < 0.6):
            parent = run_id(rng.choice(open_runs)) if open_runs and rng.random() < 0.75 else ""
            events.append(event(run_id(made), "START", parent))
            open_runs.append(made)
            made += 1
        else:
            run = open_runs.pop(rng.randrange(len(open_runs)))
            events.append(event(run_id(run), rng.choice(["COMPLETE", "FAIL"])))
    return events


def unreliable(rng: random.Random):
    choices = [
        Answer(500),
        Answer(503),
        Answer(429, headers={"Retry-After": "0"}),
        Trouble.RESET,
        Trouble.HANG,
    ]

    def behave(_: Request):
        return rng.choice(choices) if rng.random() < 0.3 else None

    return behave


def test_child_waits_for_the_start_of_its_parent(log: Log, sink: Sink) -> None:
    parent, child, other = run_id(1), run_id(2), run_id(3)
    sink.behave(lambda r: Answer(500) if r.event["run"]["runId"] == parent else None)
    log.add([event(parent), event(child, "START", parent), event(child, "COMPLETE", parent), event(other)])
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(lambda s: [e["run"]["runId"] for e in s.events] == [other] and len(s.requests) > 4)
        sink.recover()
        sink.wait_for(4)
    assert [e["run"]["runId"] for e in sink.events] == [other, parent, child, child]


def test_child_does_not_wait_for_a_parent_that_starts_later_in_the_log(log: Log, sink: Sink) -> None:
    parent, child = run_id(1), run_id(2)
    sink.behave(lambda r: Answer(500) if r.event["run"]["runId"] == parent else None)
    log.add([event(child, "START", parent), event(parent), event(child, "COMPLETE", parent)])
    with Delivering(log, destination("http", url=sink.url), drain_s=0):
        sink.wait_for(2)
    assert sink.events.runs() == {child: ["START", "COMPLETE"]}


def test_a_stuck_run_does_not_stop_thousands_of_others(log: Log, sink: Sink) -> None:
    sink.behave(lambda r: Answer(500) if r.event["run"]["runId"] == run_id(0) else None)
    log.runs(range(1500))
    with Delivering(log, destination("http", url=sink.url), drain_s=0):
        sink.wait_for(2998, 60)
        assert log.standing("http").cursor == 0
    log.close()
    sink.recover()
    reopened = Log(log.directory)
    reopened.runs([5000])
    before = len(sink.requests)
    with Delivering(reopened, destination("http", url=sink.url)):
        sink.wait_for(lambda s: s.events.runs().get(run_id(5000)) == ["START", "COMPLETE"])
        sink.wait_for(lambda s: s.events.runs().get(run_id(0)) == ["START", "COMPLETE"])
    reopened.close()
    assert len(sink.requests) == before + 4
    assert reopened.standing("http").delivered == 3002
