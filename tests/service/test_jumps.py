"""Waits are as long as configured, whatever the clock does and however late conversion is. Real journals."""

from pathlib import Path

import pytest

from otel_bridge.assemble import MemoryRecords, Record
from otel_bridge.extract import markers
from otel_bridge.journal import AcceptedLog, EventReader, prepare
from otel_bridge.model import Tally
from otel_bridge.receive import Selection
from otel_bridge.service.converting import Converter
from otel_bridge.service.jumps import Jumps, mend_waits, move_waits
from otel_bridge.settings import Settings
from tests.otlp import span, span_id, trace_id, traces

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOW = 1_790_000_000 * SECOND


class Journal:
    """A data directory, written by a receiver and a converter with the clock in our hands."""

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(data_dir=str(directory))
        prepare(directory)
        self._log = AcceptedLog.open(directory, self.settings.journal)
        self._reader = EventReader(directory)
        self.converter = Converter(self.settings)

    def receive(self, *spans: object, at_ns: int) -> None:
        selection = Selection(markers(), self.settings.receive, 10.0)
        rows = selection.select("traces", traces(*spans), at_ns).rows
        self._log.append(rows, [Tally(len(rows))], at_ns)

    def starts(self) -> list[tuple[str, str]]:
        return [
            (e.event.job_name, e.event.parent_key)
            for e in self._reader.read(0, 9999)
            if e.event.type == "START"
        ]

    def reopen(self) -> None:
        self.converter.close()
        self.converter = Converter(self.settings)

    def close(self) -> None:
        self.converter.close()
        self._reader.close()
        self._log.close()


@pytest.fixture
def journal(tmp_path: Path):
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def test_a_clock_that_is_set_is_seen_and_one_that_runs_a_little_faster_is_not() -> None:
    wall, steady = (
        iter((100, 100 + 20 * SECOND, 0, 0)),
        iter((0, 20 * SECOND - 1000, 20 * SECOND, 20 * SECOND)),
    )
    jumps = Jumps(lambda: next(wall), lambda: next(steady))
    assert jumps.look() == (100 + 20 * SECOND, 0)
    now_ns, jumped_ns = jumps.look()
    assert (now_ns, jumped_ns // SECOND) == (0, -21)
    assert jumps.look()[1] == 0


def test_waits_move_with_the_clock_and_what_waits_for_nothing_stays() -> None:
    records = MemoryRecords()
    waiting = Record(trace_id="t", span_id="a", until_ns=NOW + 5, updated_ns=NOW)
    silent = Record(trace_id="t", span_id="b", lost_at_ns=NOW + 7, updated_ns=NOW)
    idle = Record(trace_id="t", span_id="c", updated_ns=NOW)
    for record in (waiting, silent, idle):
        records.put(record)
    move_waits(records, -HOUR)
    assert [records.get("t", name).due_ns for name in "abc"] == [NOW + 5 - HOUR, NOW + 7 - HOUR, None]
    assert records.get("t", "c").updated_ns == NOW


def test_waits_that_began_in_the_future_begin_now_and_once_only() -> None:
    records = MemoryRecords()
    records.put(Record(trace_id="t", span_id="a", until_ns=NOW + HOUR + 5, updated_ns=NOW + HOUR))
    records.put(Record(trace_id="t", span_id="b", until_ns=NOW + 3, updated_ns=NOW - 9))
    assert mend_waits(records, NOW) == 1
    assert [records.get("t", name).until_ns for name in "ab"] == [NOW + 5, NOW + 3]
    assert mend_waits(records, NOW) == 0


@pytest.mark.parametrize("hours", [6, -6])
def test_a_run_waits_for_its_parent_as_long_as_before_when_the_clock_is_set(
    journal: Journal, hours: int
) -> None:
    journal.receive(span(trace_id(), span_id(), span_id(), job="orphan"), at_ns=NOW)
    journal.converter.step(NOW)
    there = NOW + hours * HOUR
    journal.converter.clock_was_set(hours * HOUR, there)
    journal.converter.step(there + 9 * SECOND)
    assert journal.starts() == []
    journal.converter.step(there + 11 * SECOND)
    assert journal.starts() == [("orphan", "")]


def test_a_clock_that_was_set_back_before_a_start_stalls_nothing(journal: Journal) -> None:
    journal.receive(span(trace_id(), span_id(), span_id(), job="orphan"), at_ns=NOW)
    journal.converter.step(NOW)
    journal.reopen()
    journal.converter.clock_was_set(0, NOW - 6 * HOUR)
    journal.converter.step(NOW - 6 * HOUR + 11 * SECOND)
    assert journal.starts() == [("orphan", "")]


def test_a_parent_that_was_accepted_in_time_is_found_however_late_conversion_is(journal: Journal) -> None:
    trace, top = trace_id(), span_id()
    journal.receive(span(trace, span_id(), top, job="child"), at_ns=NOW)
    journal.converter.step(NOW)
    for _ in range(3):
        journal.receive(*(span(trace_id(), span_id(), job="other") for _ in range(300)), at_ns=NOW + SECOND)
    journal.receive(span(trace, top, job="parent"), at_ns=NOW + 2 * SECOND)
    while journal.converter.step(NOW + 60 * SECOND):
        pass
    parents = dict(start for start in journal.starts() if start[0] in {"child", "parent"})
    assert parents["child"]
    assert [name for name, _ in journal.starts() if name != "other"] == ["parent", "child"]
