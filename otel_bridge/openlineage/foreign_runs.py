"""Runs of other producers: which have started, which are over, and what becomes of events that come later.

A run is over with the first terminal event in the log, whoever sent it. Whatever comes after that (a START, a second
terminal event) is passed on as OTHER: its facets and datasets may add something, but it must not open or end the
run once more at the far end. `MemoryForeignRuns` keeps the table in memory, the journal has the same on disk.
"""

from collections import Counter
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from otel_bridge.assemble import Records
from otel_bridge.model import Event
from otel_bridge.openlineage.foreign import TERMINAL, retyped

COUNTED: Final = {
    "late_event": "events of runs that were over: passed on with the type OTHER",
    "foreign_facet": "facets of other producers that are not as their schema says: passed on as they are",
}
"""Keys of the counters that events of other producers add to those of the assembler."""

_STATIC = frozenset({"JOB", "DATASET"})


class ForeignRun(msgspec.Struct, frozen=True):
    """What the log holds of a run that another producer spoke of."""

    started: bool = False
    ended: bool = False


class ForeignRuns(Protocol):
    """The table of them."""

    def get(self, run_id: str) -> ForeignRun | None:
        """The run, if another producer spoke of its start or its end."""

    def put(self, run_id: str, run: ForeignRun, now_ns: int) -> None:
        """Add or replace it."""


class MemoryForeignRuns:
    """`ForeignRuns` in a dictionary."""

    def __init__(self) -> None:
        self._runs: dict[str, ForeignRun] = {}

    def get(self, run_id: str) -> ForeignRun | None:
        """The run, if it is known."""
        return self._runs.get(run_id)

    def put(self, run_id: str, run: ForeignRun, now_ns: int) -> None:
        """Add or replace it."""
        self._runs[run_id] = run


class RunOrder:
    """Keeps events after the end of their run from opening or ending it again. `records` are those of own runs."""

    def __init__(self, runs: ForeignRuns, records: Records) -> None:
        self._runs = runs
        self._records = records
        self.counts: Counter[str] = Counter()

    def started(self, run_id: str) -> bool:
        """Whether another producer's START of this run is in the log."""
        run = self._runs.get(run_id)
        return run is not None and run.started

    def foreign(self, event: Event, now_ns: int) -> Event:
        """An event of another producer, as it may follow what the log holds."""
        if event.type in _STATIC:
            return event
        known = self._runs.get(event.key) or ForeignRun()
        if known.ended or self._over(event):
            return self._late(event)
        run = ForeignRun(known.started or event.type == "START", event.type in TERMINAL)
        if run != known:
            self._runs.put(event.key, run, now_ns)
        return event

    def own(self, event: Event) -> Event:
        """An event made of spans: another producer may have ended the run."""
        known = self._runs.get(event.key)
        return self._late(event) if known and known.ended else event

    def _over(self, event: Event) -> bool:
        """Whether spans ended the run. If it only fell silent, another producer's end may still follow."""
        record = self._records.by_run(event.key)
        if record is None or record.ended_as is None:
            return False
        return not (record.lost and event.type in TERMINAL)

    def _late(self, event: Event) -> Event:
        if event.type == "OTHER":
            return event
        self.counts["late_event"] += 1
        return replace(event, type="OTHER", body=retyped(event.body, "OTHER"))
