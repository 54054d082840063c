"""What is accepted: once, counted exactly, within limits."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import limits, row

from otel_bridge.journal import AcceptedLog, AcceptedReader, sums
from otel_bridge.model import DirectoryInUse, Kind, Tally, Unavailable
from otel_bridge.settings import Journal

DAY_NS = 86_400 * 10**9


def test_rows_are_read_in_order_by_another_connection(tmp_path, accepted):
    accepted.append([row("a"), row("b", kind=Kind.LINK)], [Tally(2)], 5)
    accepted.append([row("c", kind=Kind.LOG)], [Tally(1)], 6)
    reader = AcceptedReader(tmp_path)
    read = [(r.seq, r.kind, r.received_ns, r.payload.rstrip(b".")) for r in reader.read(0, 10)]
    assert read == [(1, Kind.SPAN, 5, b"a"), (2, Kind.LINK, 5, b"b"), (3, Kind.LOG, 6, b"c")]
    assert [r.seq for r in reader.read(1, 1)] == [2]
    assert [r.seq for r in reader.read_seqs([3, 9, 1])] == [3, 1]
    assert (reader.first_seq(), reader.last_seq(), reader.received_after(2)) == (1, 3, 6)
    reader.close()


def test_a_read_is_bounded_in_bytes_but_always_gets_on(tmp_path, accepted):
    accepted.append([row(str(i), 9 * 1024**2) for i in range(3)], [Tally(3)], 1)
    reader = AcceptedReader(tmp_path)
    assert [r.seq for r in reader.read(0, 10)] == [1, 2]
    assert [r.seq for r in reader.read(2, 10)] == [3]
    reader.close()


def test_a_reader_sees_nothing_before_there_is_a_file_and_then_sees_it(tmp_path):
    reader = AcceptedReader(tmp_path / "data")
    assert (reader.read(0, 10), reader.last_seq(), reader.first_seq(), reader.counters()) == ([], 0, 1, {})
    log = AcceptedLog.open(tmp_path / "data", Journal())
    log.append([row("a")], [Tally(1)], 1)
    assert reader.last_seq() == 1
    reader.close()
    log.close()


def test_what_is_closed_cleanly_can_be_read_and_opened_again(tmp_path):
    for turn in range(3):
        log = AcceptedLog.open(tmp_path, Journal())
        log.append([row(f"turn {turn}")], [Tally(1)], 1)
        log.close()
        reader = AcceptedReader(tmp_path)
        assert reader.last_seq() == turn + 1
        reader.close()


batches = st.lists(
    st.tuples(st.lists(st.integers(0, 12), max_size=6), st.integers(0, 3), st.integers(0, 3), st.booleans()),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(batches)
def test_each_key_is_kept_once_and_the_counts_add_up(requests):
    with tempfile.TemporaryDirectory() as name:
        directory, seen = Path(name), []
        log = AcceptedLog.open(directory, Journal())
        for keys, plain, bad, reopen in requests:
            tally = Tally(len(keys) + plain + bad, plain, {"bad ids": bad})
            log.append([row(str(key)) for key in keys], [tally], 1)
            seen += [key for key in dict.fromkeys(keys) if key not in seen]
            if reopen:
                log.close()
                log = AcceptedLog.open(directory, Journal())
        found = sums(directory)
        reader = AcceptedReader(directory)
        assert [int(r.payload.rstrip(b".")) for r in reader.read(0, 1000)] == seen
        assert found.received == sum(len(k) + p + b for k, p, b, _ in requests)
        assert found.accepted == len(seen) == reader.last_seq()
        assert (
            found.received
            == found.not_lineage + found.duplicate + sum(found.rejected.values()) + found.accepted
        )
        assert found.accepted_bytes == 100 * len(seen) == log.bytes
        reader.close()
        log.close()


def test_at_the_limit_rows_are_refused_and_taken_again_after_pruning(tmp_path):
    log = AcceptedLog.open(tmp_path, limits(max_spans=10_000, keep_spans=DAY_NS))
    for i in range(10):
        log.append([row(f"first {i}", 1000)], [Tally(1)], 1)
    with pytest.raises(Unavailable, match=r"journal\.max_spans"):
        log.append([row("one more")], [Tally(1)], 1)
    log.append([], [Tally(7, 7)], 1)
    with pytest.raises(Unavailable):
        log.probe()
    assert log.prune(0, 1) == 0, "nothing is converted yet"
    assert log.prune(4, 1) == 1, "as much as brings it below nine tenths"
    log.probe()
    log.append([row("one more")], [Tally(1)], 1)
    found = sums(tmp_path)
    assert (found.received, found.accepted, found.accepted_bytes) == (18, 11, 9100)
    log.close()


def test_converted_rows_are_pruned_by_age_in_short_steps_and_numbers_are_never_used_twice(tmp_path):
    log = AcceptedLog.open(tmp_path, limits(keep_spans=10))
    log.append([row(f"old {i}") for i in range(500)], [Tally(500)], 0)
    late = 11 * 10**9
    assert log.prune(300, 9 * 10**9) == 0
    assert [log.prune(300, late), log.prune(300, late), log.prune(300, late)] == [200, 100, 0]
    assert log.prune(500, late) == 199, "the newest stays: it holds the place"
    log.append([row("new")], [Tally(1)], late)
    log.append([row("old 3")], [Tally(1)], late)
    reader = AcceptedReader(tmp_path)
    assert [r.seq for r in reader.read(0, 1000)] == [500, 501, 502]
    assert reader.first_seq() == 500
    reader.close()
    log.close()


def test_one_writer_at_a_time(tmp_path, accepted, monkeypatch):
    monkeypatch.setattr("otel_bridge.journal.database.PREDECESSOR_S", 0.1)
    with pytest.raises(DirectoryInUse):
        AcceptedLog.open(tmp_path, Journal())


def test_the_write_ahead_log_stays_bounded_while_others_read(tmp_path, accepted):
    reader, highest = AcceptedReader(tmp_path), 0
    for turn in range(250):
        accepted.append([row(f"{turn} {i}", 2500) for i in range(100)], [Tally(100)], 1)
        reader.read(max(0, reader.last_seq() - 10), 10)
        highest = max(highest, (tmp_path / "accepted.db-wal").stat().st_size)
    assert highest < 40 * 1024**2
    assert reader.last_seq() == 25_000
    reader.close()
