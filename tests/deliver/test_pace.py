"""When a failed delivery is tried again, and whom that delays."""

import itertools
import random
from email.utils import formatdate

from delivering import Delivering, Log, destination, event, run_id, wait
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.deliver.retry import LONGEST_RETRY_AFTER_S, RetryOptions, delay_s, retry_after_s
from otel_bridge.settings import Duration
from otel_bridge.testing.sink import Answer, Sink, Trouble


@given(attempts=st.integers(1, 10_000), seed=st.integers())
def test_pause_grows_to_a_limit_and_varies_by_half(attempts: int, seed: int) -> None:
    options = RetryOptions(first=Duration(0.5), longest=Duration(60))
    pause = delay_s(options, attempts, None, random.Random(seed))
    ceiling = min(60, 0.5 * 2 ** min(attempts - 1, 20))
    assert ceiling / 2 <= pause <= ceiling


@given(after=st.floats(0, 1e12), attempts=st.integers(1, 100))
def test_what_the_destination_asks_for_is_never_undercut(after: float, attempts: int) -> None:
    pause = delay_s(RetryOptions(), attempts, after, random.Random(1))
    assert min(after, LONGEST_RETRY_AFTER_S) <= pause <= LONGEST_RETRY_AFTER_S + 0.5


@given(st.text())
def test_any_retry_after_can_be_read(value: str) -> None:
    found = retry_after_s(value, 0.0)
    assert found is None or found >= 0


def test_retry_after_may_be_a_date() -> None:
    assert retry_after_s(formatdate(1000, usegmt=True), 970.0) == 30.0
    assert retry_after_s(formatdate(1000, usegmt=True), 2000.0) == 0.0
    assert retry_after_s("soon", 0.0) is None


def test_retry_after_holds_the_whole_destination(log: Log, sink: Sink) -> None:
    sink.answer(429, retry_after=1)
    log.runs(range(5))
    with Delivering(log, destination("http", url=sink.url, concurrency=1)):
        sink.wait_for(10)
    first, second = sink.exchanges[:2]
    assert second.at - first.at >= 1
    assert len(sink.requests) == 11


def test_refused_credentials_make_dead_letters_that_say_so(log: Log, sink: Sink) -> None:
    sink.answer(401, 1, body="expired")
    log.runs(range(2))
    with Delivering(log, destination("http", url=sink.url, concurrency=1)):
        wait(lambda: log.standing("http").delivered == 3)
    [letter] = log.letters("http")
    assert letter.reason == "HTTP 401: expired; correct the credentials, then retry the dead letters"


def test_one_failing_run_delays_no_other(log: Log, sink: Sink) -> None:
    sink.behave(
        lambda r: Answer(500, headers={"Retry-After": "60"}) if r.event["run"]["runId"] == run_id(0) else None
    )
    log.runs(range(50))
    with Delivering(log, destination("http", url=sink.url)) as delivering:
        sink.wait_for(98)
        assert "HTTP 500" in delivering.state("http").trouble
    assert log.standing("http").waiting == 2


def test_dead_destinations_delay_no_other(log: Log, sink: Sink) -> None:
    log.runs(range(100))
    with Sink() as hanging, Sink() as gone:
        hanging.behave(lambda _: Trouble.HANG)
        gone.down()
        destinations = [destination("http", "hanging", url=hanging.url, timeout="60s"),
                        destination("http", "gone", url=gone.url),
                        destination("http", "well", url=sink.url)]  # fmt: skip
        with Delivering(log, *destinations, drain_s=0.2) as delivering:
            sink.wait_for(200)
            wait(lambda: "no connection to 127.0.0.1" in delivering.state("gone").trouble)
            assert delivering.state("hanging").in_flight == 8
    assert [log.standing(name).delivered for name in ("hanging", "gone", "well")] == [0, 0, 200]


def test_a_destination_that_comes_back_gets_everything(log: Log, sink: Sink) -> None:
    sink.down()
    log.runs(range(100))
    with Delivering(log, destination("http", url=sink.url)) as delivering:
        wait(lambda: delivering.state("http").attempts.get("retried", 0) >= 3)
        sink.up()
        sink.wait_for(200)
        wait(lambda: log.standing("http").waiting == 0)
        assert delivering.state("http").trouble == ""


def test_a_destination_that_is_down_is_probed_by_one_request_at_a_time(log: Log, sink: Sink) -> None:
    sink.behave(lambda _: Answer(503))
    log.runs(range(1000))
    with Delivering(
        log, destination("http", url=sink.url, retry={"first": "20ms", "longest": "20ms"}), drain_s=0
    ):
        sink.wait_for(lambda s: len(s.requests) >= 20)
        times = [exchange.at for exchange in sink.exchanges[8:20]]
    assert all(later - earlier >= 0.009 for earlier, later in itertools.pairwise(times))


def test_events_made_later_are_delivered(log: Log, sink: Sink) -> None:
    with Delivering(log, destination("http", url=sink.url)):
        for number in range(5):
            log.runs([number])
            sink.wait_for(2 * (number + 1))


def test_stop_leaves_the_rest_in_the_journal(log: Log, sink: Sink) -> None:
    sink.behave(lambda _: Answer(201, delay_s=0.05))
    log.runs(range(200))
    with Delivering(log, destination("http", url=sink.url, concurrency=2), drain_s=0.2):
        sink.wait_for(4)
    standing = log.standing("http")
    assert standing.waiting > 0
    sink.recover()
    with Delivering(log, destination("http", url=sink.url)):
        wait(lambda: log.standing("http").delivered == 400)
    bodies = [r.body for r in sink.requests]
    assert len(set(bodies)) == 400
    assert len(bodies) <= 400 + 2 * 2, "repeated: what was in flight, and what was answered while it stopped"


def test_a_new_destination_begins_with_the_oldest_event_kept(log: Log, sink: Sink) -> None:
    log.runs(range(10))
    log.prune(8)
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(12)
    standing = log.standing("http")
    assert (standing.events, standing.delivered, standing.missed) == (12, 12, 0)


def test_a_large_event_goes_through(log: Log, sink: Sink) -> None:
    log.add([event(run_id(1), pad="y" * 5_000_000)])
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(1)
    assert sink.events.all[0]["inputs"][0]["name"] == "y" * 5_000_000
