"""Messages that can't be taken: kept once, counted once, bounded, tried again or given up."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from otel_bridge.journal import (
    AcceptedLog,
    AcceptedReader,
    GroupCommit,
    PoisonReader,
    ask,
    known_sources,
    outcome,
    sums,
)
from otel_bridge.journal.poison import Bounds
from otel_bridge.model import Accepted, Kind, Poison, Tally, Unavailable
from otel_bridge.settings import Journal

UNREADABLE = Tally(1, 0, {"unreadable_message": 1})


def message(offset, payload=b"junk", source="kafka"):
    return Poison(
        source,
        "spans",
        2,
        offset,
        "traces",
        "otlp_proto",
        "it is junk",
        1_790_000_000_000_000_000,
        None,
        payload,
    )


def kept(directory):
    return [(one.seq, one.offset) for one in PoisonReader(directory).messages(limit=-1)]


def test_a_message_is_kept_as_it_came(accepted, tmp_path):
    accepted.bury(message(7, b"\xff\x00"), UNREADABLE)
    (found,) = PoisonReader(tmp_path).messages("kafka")
    assert (found.seq, found.payload, found.key, found.offset, found.partition) == (
        1,
        b"\xff\x00",
        None,
        7,
        2,
    )
    assert (found.source, found.topic, found.content, found.encoding) == (
        "kafka",
        "spans",
        "traces",
        "otlp_proto",
    )
    assert found.reason == "it is junk"
    assert PoisonReader(tmp_path).messages("other") == []
    assert known_sources(tmp_path) == {"kafka": 1}


def test_one_that_comes_again_is_counted_once(accepted, tmp_path):
    for offset in (7, 7, 8, 7):
        accepted.bury(message(offset), UNREADABLE)
    accepted.bury(message(7, source="other"), UNREADABLE)
    counters = AcceptedReader(tmp_path).counters()
    assert counters["received"] == counters["rejected:unreadable_message"] == counters["poison_rows"] == 3
    assert counters["poison_bytes"] == 12


def test_one_that_was_taken_in_part_and_comes_again_is_rejected_once(accepted, tmp_path):
    rows = [Accepted(Kind.SPAN, b"1" * 25, b"x"), Accepted(Kind.SPAN, b"2" * 25, b"x")]
    for _ in range(3):
        accepted.bury(message(7), Tally(6, 1, {"span_id": 3}), rows, 1)
        found = sums(tmp_path)
        assert (found.rejected, found.accepted) == ({"span_id": 3}, 2)
        assert found.received == found.not_lineage + found.duplicate + 3 + found.accepted
    assert len(AcceptedReader(tmp_path).read(0, 10)) == 2
    accepted.append([Accepted(Kind.SPAN, b"3" * 25, b"x")], [Tally(1)], 1)
    assert AcceptedReader(tmp_path).last_seq() == 3


def test_rows_of_one_that_is_not_whole_wait_for_room_in_the_journal(tmp_path):
    log = AcceptedLog.open(tmp_path, Journal(max_spans=10))
    log.append([Accepted(Kind.SPAN, b"1" * 25, b"x" * 10)], [Tally(1)], 1)
    with pytest.raises(Unavailable):
        log.bury(message(1), Tally(2, 0, {"span_id": 1}), [Accepted(Kind.SPAN, b"2" * 25, b"x")], 1)
    assert kept(tmp_path) == []
    log.close()


def test_a_topic_that_was_made_anew_has_the_same_offsets(accepted, tmp_path):
    for payload in (b"junk", b"other junk", b"other junk"):
        accepted.bury(replace(message(7, payload), key=b"key"), UNREADABLE)
    (found,) = PoisonReader(tmp_path).messages()
    assert found.payload == b"other junk"
    counters = AcceptedReader(tmp_path).counters()
    assert (counters["received"], counters["poison_rows"], counters["poison_bytes"]) == (2, 1, 13)


@pytest.mark.parametrize(("bounds", "left"), [(Bounds(rows=3), [8, 9, 10]), (Bounds(bytes=25), [9, 10])])
def test_the_oldest_make_room(accepted, tmp_path, bounds, left):
    for offset in range(1, 11):
        accepted.bury(message(offset, b"x" * 10), UNREADABLE, bounds=bounds)
    assert [offset for _, offset in kept(tmp_path)] == left
    counters = AcceptedReader(tmp_path).counters()
    assert (counters["received"], counters["poison_rows"], counters["poison_bytes"]) == (
        10,
        len(left),
        10 * len(left),
    )


def test_the_newest_stays_whatever_its_size(accepted, tmp_path):
    for offset in (1, 2):
        accepted.bury(message(offset, b"x" * 100), UNREADABLE, bounds=Bounds(bytes=25))
    assert kept(tmp_path) == [(2, 2)]


def test_what_was_taken_or_given_up_is_forgotten_and_stays_counted(accepted, tmp_path):
    for offset in (1, 2, 3):
        accepted.bury(message(offset), UNREADABLE)
    assert accepted.forget_poison([1, 3, 99]) == 2
    accepted.explain_poison(2, "still junk")
    (left,) = PoisonReader(tmp_path).messages()
    assert (left.offset, left.reason) == (2, "still junk")
    assert PoisonReader(tmp_path).message("kafka", 1) is None
    counters = AcceptedReader(tmp_path).counters()
    assert (counters["rejected:unreadable_message"], counters["poison_rows"]) == (3, 1)


def test_wishes_are_open_until_finished(accepted, tmp_path):
    wish = ask(tmp_path, "accepted", "retry_poison", "kafka", {"seqs": [4]})
    (found,) = PoisonReader(tmp_path).wishes()
    assert (found.id, found.command, found.target, found.argument) == (
        wish,
        "retry_poison",
        "kafka",
        {"seqs": [4]},
    )
    assert outcome(tmp_path, "accepted", wish) is None
    accepted.finish(wish, "done", 0)
    assert outcome(tmp_path, "accepted", wish) == "done"
    assert PoisonReader(tmp_path).wishes() == []
    accepted.finish(ask(tmp_path, "accepted", "drop_poison", "kafka", {}), "done too", time.time_ns())
    assert outcome(tmp_path, "accepted", wish) == "it was carried out long ago"


def test_a_full_journal_still_keeps_them(tmp_path):
    """They have a bound of their own, and a queue must not stand still for one message."""
    log = AcceptedLog.open(tmp_path, Journal(max_spans=10))
    log.append([Accepted(Kind.SPAN, b"1" * 25, b"x" * 10)], [Tally(1)], 1)
    assert log.full
    log.bury(message(1), UNREADABLE)
    assert kept(tmp_path) == [(1, 1)]
    log.close()


def test_the_writer_does_other_work_between_commits(tmp_path):
    async def play():
        commits = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        rows = [commits.commit([Accepted(Kind.SPAN, bytes([n]) * 25, b"x")], Tally(1)) for n in range(20)]
        buried = [commits.bury(message(n), UNREADABLE) for n in range(20)]
        await asyncio.gather(*(one for pair in zip(rows, buried, strict=True) for one in pair))
        with pytest.raises(ZeroDivisionError):
            await commits.perform(lambda log: 1 // 0)
        assert await commits.perform(lambda log: log.forget_poison([1, 2])) == 2
        last = asyncio.create_task(commits.bury(message(99), UNREADABLE))
        await asyncio.sleep(0)
        await commits.close()
        await last
        with pytest.raises(Unavailable):
            await commits.bury(message(100), UNREADABLE)

    asyncio.run(play())
    assert [offset for _, offset in kept(tmp_path)] == [*range(2, 20), 99]
    counters = AcceptedReader(tmp_path).counters()
    assert counters["received"] == 41 == counters["accepted"] + counters["rejected:unreadable_message"]
