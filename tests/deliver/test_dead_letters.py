"""Events that a destination refuses for good, and what becomes of the rest of their runs."""

import pytest
from delivering import Delivering, Log, destination, event, run_id, wait

from otel_bridge.testing.sink import Answer, Sink


def refuse(run: str, kind: str = "START", status: int = 422, body: bytes = b'{"code": 422, "message": "no"}'):
    """Refuse one event of one run."""
    return lambda r: (
        Answer(status, body) if (r.event["run"]["runId"], r.event["eventType"]) == (run, kind) else None
    )


def test_refused_event_is_kept_with_the_answer_and_the_rest_flows(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1)))
    log.runs([1, 2])
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(3)
        wait(lambda: log.standing("http").waiting == 0)
    [letter] = log.letters("http")
    assert (letter.seq, letter.status, letter.answer) == (1, 422, '{"code": 422, "message": "no"}')
    assert letter.reason == 'HTTP 422: {"code": 422, "message": "no"}'
    assert sink.events.runs()[run_id(1)] == ["COMPLETE"]
    standing = log.standing("http")
    assert (standing.events, standing.delivered, standing.dead, standing.waiting) == (4, 3, 1, 0)


def test_answer_is_kept_up_to_4_kib(log: Log, sink: Sink) -> None:
    sink.answer(400, body=b"z" * 1_000_000)
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(1)
        wait(lambda: log.standing("http").waiting == 0)
    assert log.letters("http")[0].answer == "z" * 4096


def test_redirect_says_what_to_do(log: Log, sink: Sink) -> None:
    sink.answer(301, headers={"Location": "http://elsewhere/api"})
    log.add([event(run_id(1))])
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.letters("http"))
    assert log.letters("http")[0].reason == (
        "redirected (301) to http://elsewhere/api; put that URL into the configuration"
    )


def test_given_up_after_attempts(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1), status=500))
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url, retry={"first": "1ms", "max_attempts": 3})):
        sink.wait_for(1)
        wait(lambda: log.letters("http"))
    [letter] = log.letters("http")
    assert letter.attempts == 3
    assert letter.reason.startswith("given up after 3 attempts in 0 s: HTTP 500")
    assert [r.event["eventType"] for r in sink.requests] == ["START"] * 3 + ["COMPLETE"]


def test_given_up_after_time(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1), status=500))
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url, retry={"first": "1ms", "give_up_after": "50ms"})):
        wait(lambda: log.letters("http"))
    assert log.letters("http")[0].attempts > 1


def test_retried_letter_is_followed_by_what_followed_it(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1)))
    log.runs([1, 2])
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.letters("http"))
        sink.wait_for(3)
        sink.recover()
        assert log.ask("retry_dead", "http", seqs=[1]) == "1 dead letters were tried again"
    assert sink.events.runs()[run_id(1)] == ["COMPLETE", "START", "COMPLETE"]
    assert log.letters("http") == []
    standing = log.standing("http")
    assert (standing.delivered, standing.dead, standing.waiting) == (4, 0, 0)


def test_letter_that_is_refused_again_stays_dead(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1)))
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.letters("http"))
        sink.behave(refuse(run_id(1), body=b"still no"))
        log.ask("retry_dead", "http")
        assert [letter.answer for letter in log.letters("http")] == ["still no"]
        assert log.standing("http").dead == 1
        sink.recover()
        assert log.ask("retry_dead", "http") == "1 dead letters were tried again"
    assert log.letters("http") == []


def test_dropped_letter_is_tried_no_more(log: Log, sink: Sink) -> None:
    sink.behave(refuse(run_id(1)))
    log.runs([1])
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.letters("http"))
        assert log.ask("drop_dead", "http", seqs=[1]) == "1 dead letters were dropped"
        assert log.ask("retry_dead", "http") == "0 dead letters were tried again"
    assert log.letters("http") == []
    assert log.standing("http").dead == 1


@pytest.mark.parametrize(
    ("command", "target", "argument"),
    [
        ("retry_dead", "nobody", {}),
        ("retry_dead", "http", {"seqs": "x"}),
        ("rewind", "http", {}),
        ("dance", "http", {}),
    ],
)
def test_wishes_that_make_no_sense_are_answered(
    log: Log, sink: Sink, command: str, target: str, argument: dict
) -> None:
    with Delivering(log, destination("http", url=sink.url)):
        said = log.ask(command, target, **argument)
    assert said in {"not understood", "there is no destination called 'nobody'"}
