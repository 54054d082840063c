"""Positions: each event settled once, whatever order, repetition or restart."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import event

from otel_bridge.journal import (
    Batch,
    DeadLetter,
    DeliveryLog,
    DeliveryReader,
    EventLog,
    Settled,
    ask,
    outcome,
    sums,
)
from otel_bridge.settings import Journal

EVENTS = 12


def letter(destination: str, seq: int, attempts: int = 1) -> DeadLetter:
    return DeadLetter(destination, seq, "refused", 422, "no", 9, attempts)


@pytest.fixture
def deliveries(tmp_path):
    log = DeliveryLog.open(tmp_path)
    yield log
    log.close()


def test_the_cursor_moves_over_what_is_settled_without_a_gap(tmp_path, deliveries):
    assert deliveries.join("a", 1).cursor == 0
    deliveries.settle([Settled("a", 1), Settled("a", 3), Settled("a", 4, letter("a", 4))])
    assert (deliveries.join("a", 1).cursor, deliveries.join("a", 1).ahead) == (1, {3, 4})
    deliveries.settle([Settled("a", 2)])
    standing = deliveries.join("a", 1)
    assert (standing.cursor, standing.ahead, standing.delivered, standing.dead) == (4, frozenset(), 3, 1)
    deliveries.close()
    again = DeliveryLog.open(tmp_path)
    assert again.join("a", 1) == standing
    reader = DeliveryReader(tmp_path)
    assert reader.letters("a") == reader.letters() == [letter("a", 4)]
    assert (reader.cursors(), reader.dead_by_reason()) == ({"a": 4}, [("a", "refused", "dead", 1)])
    reader.close()
    again.close()


def test_a_dead_letter_is_tried_again_replaced_dropped_or_delivered(tmp_path, deliveries):
    deliveries.join("a", 1)
    deliveries.settle([Settled("a", seq, letter("a", seq)) for seq in (1, 2, 3)])
    deliveries.settle([Settled("a", 1, letter("a", 1, attempts=5)), Settled("a", 2)])
    assert [(one.seq, one.attempts) for one in deliveries.letters("a")] == [(1, 5), (3, 1)]
    assert (deliveries.join("a", 1).delivered, deliveries.join("a", 1).dead) == (1, 2)
    assert deliveries.drop("a", [3, 99]) == 1
    assert [one.seq for one in deliveries.letters("a")] == [1]
    assert deliveries.drop("a") == 1
    assert deliveries.letters("a") == []
    reader = DeliveryReader(tmp_path)
    assert [one.seq for one in reader.letters("a", state="dropped")] == [1, 3]
    assert deliveries.join("a", 1).dead == 2, "dropped ones stay counted"
    deliveries.prune(first_seq=3, forget_ns=0)
    assert [one.seq for one in reader.letters(state="dropped")] == [3]
    reader.close()


def test_one_that_comes_back_after_pruning_has_missed_events(deliveries):
    deliveries.join("a", 1)
    deliveries.settle([Settled("a", 1), Settled("a", 5), Settled("a", 9)])
    standing = deliveries.join("a", 8)
    assert (standing.cursor, standing.missed, standing.ahead) == (7, 5, {9})
    deliveries.settle([Settled("a", 8)])
    assert deliveries.join("a", 8).cursor == 9


def test_skipped_events_stay_counted_when_they_are_pruned(deliveries):
    deliveries.join("a", 1)
    deliveries.settle([settled("a", seq, "skipped") for seq in (1, 2, 3)])
    deliveries.prune(first_seq=3, forget_ns=0)
    standing = deliveries.rewind("a", 0, first_seq=3)
    assert (standing.cursor, standing.skipped, standing.delivered) == (2, 2, 0)


def test_so_many_facets_are_told_apart(tmp_path, deliveries):
    deliveries.join("a", 1)
    deliveries.settle([Settled("a", seq, shed=(f"run.x{seq}", "job.sql")) for seq in range(1, 301)])
    deliveries.close()
    again = DeliveryLog.open(tmp_path)
    again.join("a", 1)
    again.settle([Settled("a", 301, shed=("run.y", "job.sql"))])
    reader = DeliveryReader(tmp_path)
    shed = reader.tallies("a", "shed")
    assert (len(shed), shed["job.sql"], shed["run.x1"], sum(shed.values())) == (101, 301, 1, 602)
    assert reader.tallies("b", "shed") == {}
    reader.close()
    again.close()


def test_long_names_of_facets_are_cut_in_the_sums(tmp_path, deliveries):
    deliveries.join("a", 1)
    deliveries.settle([Settled("a", 1, shed=("run." + "x" * 1000,))])
    reader = DeliveryReader(tmp_path)
    [name] = reader.tallies("a", "shed")
    reader.close()
    assert (len(name), name[:6], name[-4:]) == (128, "run.xx", "x...")


def test_a_snapshot_is_of_one_moment(tmp_path, deliveries):
    """So that sums add up while events are settled."""
    deliveries.join("a", 1)
    reader = DeliveryReader(tmp_path)
    with reader.snapshot():
        assert reader.standings()[0][0].skipped == 0
        deliveries.settle([settled("a", 1, "skipped")])
        assert (reader.tallies("a", "skipped"), reader.standings()[0][0].skipped) == ({}, 0)
    assert reader.standings()[0][0].skipped == sum(reader.tallies("a", "skipped").values()) == 1
    reader.close()


def test_wishes_are_seen_in_order_and_answered(tmp_path, deliveries):
    first = ask(tmp_path, "delivery", "rewind", "a", {"after": 4})
    ask(tmp_path, "delivery", "drop_dead", "a", {"seqs": [1]})
    assert [(w.command, w.target, w.argument) for w in deliveries.wishes()] == [
        ("rewind", "a", {"after": 4}),
        ("drop_dead", "a", {"seqs": [1]}),
    ]
    assert outcome(tmp_path, "delivery", first) is None
    deliveries.finish(first, "3 events go again")
    assert outcome(tmp_path, "delivery", first) == "3 events go again"
    assert [w.command for w in deliveries.wishes()] == ["drop_dead"]
    deliveries.prune(1, forget_ns=2**62)
    assert "long ago" in outcome(tmp_path, "delivery", first)


names = st.sampled_from(["a", "b"])
seqs = st.integers(1, EVENTS)
states = st.sampled_from(["delivered", "skipped", "dead"])
settlements = st.lists(st.tuples(names, seqs, states), max_size=8)
operations = st.one_of(
    st.tuples(st.just("settle"), settlements),
    st.tuples(st.just("rewind"), st.tuples(names, st.integers(0, EVENTS))),
    st.tuples(st.just("drop"), names),
    st.tuples(st.just("reopen"), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(operations, max_size=12))
def test_events_are_delivered_skipped_dead_or_waiting_whatever_happens(script):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        events = EventLog.open(directory, Journal())
        events.commit(Batch(events=[event(str(i)) for i in range(EVENTS)]), None, 1)
        log = DeliveryLog.open(directory)
        model = {"a": {}, "b": {}}
        for destination in model:
            log.join(destination, 1)
        for operation, values in script:
            if operation == "settle":
                log.settle([settled(*value) for value in values])
                for destination, seq, state in values:
                    before = model[destination].get(seq)
                    if before in {None, "dead"} or state == "delivered":
                        model[destination][seq] = state
            elif operation == "rewind":
                destination, after = values
                log.rewind(destination, after, 1)
                model[destination] = {s: state for s, state in model[destination].items() if s <= after}
            elif operation == "drop":
                log.drop(values)
            else:
                log.close()
                log = DeliveryLog.open(directory)
            check(directory, log, model)
        log.close()
        events.close()


def settled(destination, seq, state):
    """Skipped for one of two reasons; delivered without a facet if the number is odd."""
    if state == "dead":
        return Settled(destination, seq, letter(destination, seq))
    if state == "skipped":
        return Settled(destination, seq, skipped=("rare", "common")[seq % 2])
    return Settled(destination, seq, shed=("job.sql",) if seq % 2 else ())


def check(directory, log, model):
    found = sums(directory).destinations
    for destination, known in model.items():
        one = found[destination]
        found_states = list(known.values())
        counts = [found_states.count(state) for state in ("delivered", "skipped", "dead")]
        assert [one.delivered, one.skipped, one.dead] == counts
        assert one.events == EVENTS == one.delivered + one.skipped + one.dead + one.missed + one.waiting
        assert sum(one.dead_reasons.values()) == one.dead
        reasons = {"rare": 0, "common": 0} | one.skipped_reasons
        assert reasons == {
            name: sum(state == "skipped" and seq % 2 == odd for seq, state in known.items())
            for odd, name in enumerate(("rare", "common"))
        }
        delivered_odd = sum(state == "delivered" and seq % 2 for seq, state in known.items())
        assert one.shed.get("job.sql", 0) >= delivered_odd
        assert (one.waiting_age_s is None) == (one.waiting == 0)
        standing = log.join(destination, 1)
        assert set(range(1, standing.cursor + 1)) | standing.ahead == set(known)
