"""Records on disk behave as those in memory do, through commits, failures and restarts."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from written import event

from otel_bridge.assemble import MemoryRecords, Record
from otel_bridge.journal import Batch, EventLog, SqliteRecords
from otel_bridge.model import Dataset, ErrorDetail, EventType, JobRef, Run, RunRef, SpanRef, State
from otel_bridge.settings import Journal

SPANS = st.sampled_from(["a", "b", "c", "d"])
NONE_OR_TIME = st.none() | st.integers(1, 9)
records_ = st.builds(
    Record,
    trace_id=st.sampled_from(["t", "u"]),
    span_id=SPANS,
    run_id=st.just(""),
    waits_span=st.just("") | SPANS,
    waits_run=st.just("") | st.sampled_from(["r1", "r2"]),
    awaits=st.just("") | st.sampled_from(["k1", "k2"]),
    until_ns=NONE_OR_TIME,
    awaits_until_ns=NONE_OR_TIME,
    lost_at_ns=NONE_OR_TIME,
    updated_ns=st.integers(0, 9),
)
steps = st.lists(records_ | st.sampled_from(["commit", "discard", "reopen"]), max_size=25)


def with_run(record: Record) -> Record:
    """Every second span is a run; run ids are unique, as in `Records`."""
    return Record(**{f: getattr(record, f) for f in record.__struct_fields__} | {"run_id": run_of(record)})


def run_of(record: Record) -> str:
    return f"run-{record.trace_id}-{record.span_id}" if record.span_id in "ab" else ""


def view(records) -> list[object]:
    """Everything that can be asked, in a fixed order."""
    spans = [records.get(t, s) for t in "tu" for s in "abcd"]
    runs = [records.by_run(f"run-{t}-{s}") for t in "tu" for s in "ab"]
    found = [records.waiting(t, s) for t in "tu" for s in "abcd"]
    found += [records.waiting_for_run(r) for r in ("r1", "r2")]
    found += [records.awaiting(key) for key in ("k1", "k2")]
    found += [records.due(now) for now in (0, 4, 9)]
    return [spans, runs, [sorted(some, key=repr) for some in found], records.next_due(), records.by_run("")]


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_same_answers_as_in_memory(script):
    with tempfile.TemporaryDirectory() as name:
        log = EventLog.open(Path(name), Journal())
        stored, durable, current = SqliteRecords(log), {}, {}
        for step in script:
            if isinstance(step, Record):
                record = with_run(step)
                stored.put(record)
                current[record.trace_id, record.span_id] = record
            elif step == "commit":
                log.commit(Batch(), stored, 1)
                durable = dict(current)
            elif step == "discard":
                stored.discard()
                current = dict(durable)
            else:
                log.close()
                log = EventLog.open(Path(name), Journal())
                stored, current = SqliteRecords(log), dict(durable)
            memory = MemoryRecords()
            for record in current.values():
                memory.put(record)
            assert view(stored) == view(memory)
        log.close()


def test_a_full_record_round_trips(events):
    job, dataset = JobRef("n", "j"), Dataset("ns", "table", {"schema": [{"name": "a"}], "raw": b"\xff"})
    record = Record(
        trace_id="t",
        span_id="s",
        run_id="r",
        job=job,
        run=Run(
            run_id="r",
            job=job,
            span=SpanRef("t", "s", "p"),
            started_ns=1,
            state=State.FAIL,
            error=ErrorDetail("m", "python"),
            inputs=(dataset,),
            run_values={"tags": ["x", 1.5, None, True], "bytes": b"\x00"},
        ),
        parent=RunRef("q", job),
        ended_as=EventType.ABORT,
        lost=True,
        until_ns=2**62,
        updated_ns=3,
    )
    records = SqliteRecords(events)
    records.put(record)
    events.commit(Batch(events=[event()]), records, 1)
    again = SqliteRecords(events).get("t", "s")
    assert again == record
    assert isinstance(again.run.inputs, tuple)


def test_a_changed_record_is_not_found_by_what_it_was(events):
    records = SqliteRecords(events)
    records.put(Record(trace_id="t", span_id="s", waits_span="p", waits_run="r", until_ns=5, updated_ns=1))
    events.commit(Batch(), records, 1)
    record = records.waiting("t", "p")[0]
    record.waits_span = record.waits_run = ""
    record.until_ns = None
    records.put(record)
    assert (records.waiting("t", "p"), records.waiting_for_run("r"), records.due(9)) == ([], [], [])
    assert records.next_due() is None


def test_many_records_do_not_stay_in_memory(events, monkeypatch):
    monkeypatch.setattr("otel_bridge.journal.records.CACHE", 10)
    records = SqliteRecords(events)
    for i in range(100):
        records.put(Record(trace_id="t", span_id=str(i), updated_ns=i))
    events.commit(Batch(), records, 1)
    assert len(records._kept) <= 10
    assert records.get("t", "0").updated_ns == 0
    assert records.get("t", "unheard of") is None
