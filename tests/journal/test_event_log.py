"""Events and the state of conversion: one transaction, pruned behind the slowest reader."""

import sqlite3

import pytest
from msgspec.structs import replace
from written import event, limits

from otel_bridge.assemble import Record
from otel_bridge.journal import (
    Batch,
    DeliveryLog,
    EventLog,
    EventReader,
    Failure,
    Settled,
    SqliteRecords,
    ask,
    converted_up_to,
    delivered_by_all,
    outcome,
    sums,
)
from otel_bridge.model import Event, Omission, Unavailable
from otel_bridge.settings import Journal

S = 10**9


def test_a_batch_is_read_back_whole(tmp_path, events):
    left_out = (Omission("openlineage.inputs[0].schema", "not a list"), Omission("x", "not a list"))
    batch = Batch(
        events=[event(), event("run-2", "COMPLETE", left_out)],
        failures=[Failure(3, "conversion_error", "Traceback ...")],
        converted=2,
        cursor=3,
        counts={"assembly:parent_late": 1},
    )
    assert events.commit(batch, None, 5 * S)
    reader = EventReader(tmp_path)
    first, second = reader.read(0, 10)
    assert (first.seq, first.made_ns, first.event) == (1, 5 * S, event())
    assert (second.seq, second.event) == (2, event("run-2", "COMPLETE"))
    assert tuple(reader.omissions_of(2)) == left_out
    assert [seq for seq, _ in reader.omissions()] == [2, 2]
    assert reader.failures() == [Failure(3, "conversion_error", "Traceback ...", 5 * S)]
    assert (reader.cursor(), events.cursor, converted_up_to(tmp_path)) == (3, 3, 3)
    assert (reader.first_seq(), reader.last_seq(), reader.made_after(1), reader.made_after(2)) == (
        1,
        2,
        5 * S,
        None,
    )
    reader.close()
    found = sums(tmp_path)
    assert (found.events, found.omissions) == ({"START": 1, "COMPLETE": 1}, {"not a list": 2})
    assert (found.converted, found.failed, found.assembly) == (2, 1, {"parent_late": 1})


def test_counters_hold_no_values_of_data(tmp_path, events):
    reason = "is no valid JSON (cut off): `{'password': 'hunter2`"
    events.commit(Batch(events=[event("run-1", "START", (Omission("openlineage.inputs", reason),))]), None, 1)
    assert sums(tmp_path).omissions == {"is no valid JSON": 1}
    reader = EventReader(tmp_path)
    assert reader.omissions_of(1) == [Omission("openlineage.inputs", reason)]
    reader.close()


def test_an_event_from_the_end_of_time_is_kept(tmp_path, events):
    events.commit(Batch(events=[replace(event(), event_time_ns=2**64 - 1)]), None, 1)
    reader = EventReader(tmp_path)
    assert reader.last_seq() == 1
    reader.close()


def test_an_empty_batch_writes_nothing(events):
    assert not events.commit(Batch(), None, 1)
    assert not events.commit(Batch(cursor=0), None, 1)
    assert events.commit(Batch(cursor=1), None, 1)


def test_a_batch_that_fails_leaves_no_trace_and_can_be_written_later(tmp_path, events):
    records = SqliteRecords(events)
    records.put(Record(trace_id="t", span_id="s", updated_ns=1))
    batch = Batch(events=[event()], converted=1, cursor=1)
    blocker = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        events.commit(batch, records, 1)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert (events.cursor, records.pending, sums(tmp_path).events) == (0, 1, {})
    assert events.commit(batch, records, 1)
    assert (events.cursor, records.pending, sums(tmp_path).events) == (1, 0, {"START": 1})


def test_events_are_found_by_what_is_known_of_them(tmp_path, events):
    made = [event(f"run-{i % 3}", t) for i in range(6) for t in ("START", "COMPLETE")]
    for i, one in enumerate(made):
        events.commit(Batch(events=[one]), None, i)
    reader = EventReader(tmp_path)

    def seqs(**wanted):
        return [found.seq for found in reader.find(**wanted)]

    assert seqs(key="run-1") == [3, 4, 9, 10]
    assert seqs(trace_id="trace-of-run-1", type="START") == [3, 9]
    assert seqs(job_namespace="jobs", job_name="job-of-run-0", newest_first=True, limit=2) == [8, 7]
    assert seqs(since_ns=10) == [11, 12]
    assert seqs(after=9, limit=2) == [10, 11]
    assert seqs(key="run-9") == []
    assert [found.seq for found in reader.read_seqs([5, 99, 2])] == [5, 2]
    reader.close()


def test_only_what_every_reader_has_passed_is_pruned(tmp_path):
    events = EventLog.open(tmp_path, limits(keep_events=10))
    events.commit(
        Batch(events=[event(f"run-{i}", omissions=(Omission("a", "b"),)) for i in range(1, 7)]), None, 0
    )
    late = 11 * S
    names = ["fast", "slow"]
    assert delivered_by_all(tmp_path, names) == 0, "they never joined"
    deliveries = DeliveryLog.open(tmp_path)
    for name in [*names, "retired"]:
        deliveries.join(name, 1)
    deliveries.settle([Settled("fast", seq) for seq in range(1, 7)])
    deliveries.settle([Settled("slow", seq) for seq in (1, 2, 4)])
    assert delivered_by_all(tmp_path, names) == 2
    assert events.prune(delivered_by_all(tmp_path, names), 9 * S) == 0
    assert events.prune(delivered_by_all(tmp_path, names), late) == 2
    reader = EventReader(tmp_path)
    assert ([e.seq for e in reader.read(0, 10)], reader.first_seq(), reader.omissions_of(2)) == (
        [3, 4, 5, 6],
        3,
        [],
    )
    assert events.prune(delivered_by_all(tmp_path, []), late) == 4
    assert (reader.first_seq(), reader.last_seq()) == (7, 6)
    events.close()
    events = EventLog.open(tmp_path, Journal())
    events.commit(Batch(events=[event()]), None, late)
    assert [e.seq for e in reader.read(0, 10)] == [7], "numbers are never used twice"
    for closing in (reader, events, deliveries):
        closing.close()


def test_at_the_limit_it_is_full_until_delivered_events_are_pruned(tmp_path):
    events = EventLog.open(tmp_path, limits(max_events=10_000))
    assert not events.full
    events.commit(Batch(events=[event(f"run-{i}", size=1000) for i in range(10)]), None, 0)
    assert events.full
    assert events.prune(0, 0) == 0
    assert events.full
    assert events.prune(10, 0) == 1, "as much as brings it below nine tenths"
    assert not events.full
    events.close()
    reopened = EventLog.open(tmp_path, limits(max_events=9000))
    assert reopened.full
    reopened.close()


def test_old_failures_records_and_wishes_are_forgotten(tmp_path):
    events = EventLog.open(tmp_path, limits(keep_spans=10, keep_runs=20))
    records = SqliteRecords(events)
    records.put(Record(trace_id="t", span_id="old", updated_ns=1))
    records.put(Record(trace_id="t", span_id="due", updated_ns=1, until_ns=99 * S))
    records.put(Record(trace_id="t", span_id="new", updated_ns=25 * S))
    events.commit(Batch(failures=[Failure(1, "x", "y")], cursor=1), records, 1)
    assert events.prune(0, 9 * S) == 0
    assert events.prune(0, 12 * S) == 1
    assert events.prune(0, 30 * S) == 1
    records.discard()
    assert [records.get("t", s) is not None for s in ("old", "due", "new")] == [False, True, True]
    reader = EventReader(tmp_path)
    assert (reader.failures(), sums(tmp_path).failed) == ([], 1), "still counted"
    reader.close()
    events.close()


def test_rows_are_converted_again_on_request_and_the_counts_follow(tmp_path, events):
    events.commit(
        Batch(failures=[Failure(2, "a", "b"), Failure(4, "a", "b")], converted=4, cursor=6), None, 1
    )
    assert figures(tmp_path) == (4, 2)
    wish = ask(tmp_path, "events", "convert_again", "", {"failed": True})
    assert events.claim_again(1) == [2]
    events.commit(Batch(again=[2], cursor=6), None, 2)
    assert figures(tmp_path) == (5, 1)
    assert outcome(tmp_path, "events", wish) is None
    assert events.claim_again(10) == [4]
    events.commit(Batch(again=[4], failures=[Failure(4, "still", "b")], cursor=6), None, 3)
    assert figures(tmp_path) == (5, 1)
    assert events.claim_again(10) == []
    assert outcome(tmp_path, "events", wish) == "converted again up to accepted row 4"


def test_a_range_is_converted_again_in_pieces_not_beyond_the_cursor(tmp_path, events):
    events.commit(Batch(converted=6, cursor=6), None, 1)
    wish = ask(tmp_path, "events", "convert_again", "", {"first": 3, "last": 900})
    assert events.claim_again(2) == [3, 4]
    assert events.claim_again(2) == [3, 4], "not looked at before the commit"
    events.commit(Batch(again=[3, 4], failures=[Failure(4, "now", "b")], cursor=6), None, 1)
    assert figures(tmp_path) == (5, 1)
    assert events.claim_again(2) == [5, 6]
    events.commit(Batch(again=[6], cursor=6), None, 1)
    assert events.claim_again(2) == []
    assert figures(tmp_path) == (5, 1)
    assert outcome(tmp_path, "events", wish) == "converted again up to accepted row 6"


def test_a_wish_that_makes_no_sense_is_answered(tmp_path, events):
    strange = [
        ask(tmp_path, "events", "convert_again", "", {"all": 1}),
        ask(tmp_path, "events", "dance", "", {}),
    ]
    assert events.claim_again(5) == []
    assert [outcome(tmp_path, "events", wish) for wish in strange] == ["not understood", "not understood"]


def test_what_gave_no_event_is_counted_and_the_latest_kept(tmp_path, events, monkeypatch):
    monkeypatch.setattr("otel_bridge.journal.events.UNUSABLE_KEPT", 2)
    for n in range(4):
        events.commit(Batch(unusable=[Omission(f"job.name {n}", "a job needs a name")]), None, 1)
    events.commit(Batch(events=[event(omissions=(Omission("a", "b"),))]), None, 2)
    reader = EventReader(tmp_path)
    assert [o.path for o in reader.unusable()] == ["job.name 3", "job.name 2"]
    assert reader.omissions() == [(1, Omission("a", "b"))]
    assert sums(tmp_path).omissions == {"a job needs a name": 4, "b": 1}
    events.prune(1, 2)
    assert len(reader.unusable()) == 2


def test_different_texts_of_omissions_are_bounded(tmp_path, events):
    for i in range(3):
        texts = (Omission("p", f"reason {i} {j}") for j in range(150))
        events.commit(Batch(events=[event(omissions=tuple(texts))]), None, 1)
    found = sums(tmp_path).omissions
    assert len(found) == 201
    assert found["other"] == 250
    assert sum(found.values()) == 450


def test_a_large_read_gets_on(tmp_path, events):
    events.commit(Batch(events=[event(size=9 * 1024**2)] * 3), None, 1)
    reader = EventReader(tmp_path)
    assert [e.seq for e in reader.read(0, 10)] == [1, 2]
    assert isinstance(reader.read(2, 10)[0].event, Event)
    reader.close()


def figures(directory):
    found = sums(directory)
    return found.converted, found.failed
