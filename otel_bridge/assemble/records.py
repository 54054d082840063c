"""What the assembler remembers between observations, one record for each span it has heard of, and where.

`Records` is the table; `MemoryRecords` keeps it in memory, for tests and offline conversion. The journal has
the same table on disk.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from otel_bridge.assemble.io import Io
from otel_bridge.model import ErrorDetail, EventType, IoObserved, JobRef, Run, RunRef

AWAITED = "*"
"""In place of a trace id, which it never is, where `MemoryRecords` keeps who awaits what."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One span's slot: a run if `run_id` is set, else a plain span, or one that only others spoke of so far.

    Columns to look records up by: (`trace_id`, `span_id`) is the key; `run_id`; `waits_span` together with
    `trace_id`; `waits_run`; `awaits`; `due_ns`; `updated_ns` for forgetting. "" means none. Times named `_at_ns` and
    `until_ns` are on the clock that the caller passes, all others are the producers'.
    """

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    """Span above, "" at the root of the trace or as long as `seen` is false."""
    seen: bool = False
    """The span itself was heard of, not only its heartbeats or errors."""
    enclosing_run_id: str = ""
    """Of a plain span: the run that it says it belongs to."""

    run_id: str = ""
    job: JobRef | None = None
    run: Run | None = None
    """Everything known about the run; None when it is over, and nothing will be sent again."""
    has_start: bool = False
    """A start event was merged into `run`."""
    has_end: bool = False
    """The finished span was merged into `run`."""
    carried_parent: RunRef | None = None
    carried_root: RunRef | None = None
    error: ErrorDetail | None = None
    """Last exception logged inside the span, until the run is over."""

    said: IoObserved | None = None
    """Of a span that is no run: what its run read and wrote, until that run is found."""
    told: bool = False
    """Of such a span: the run has it, or it was given up."""
    io: Io | None = None
    """Of a run: what spans inside said so far."""
    io_spans: int = 0
    """How many there are, as the finished span says."""
    io_until_ns: int | None = None
    """The wait of the terminal event for the others is over at this time; None when it does not wait."""

    start_sent: bool = False
    """From here on `parent` and `root` are fixed."""
    ended_as: EventType | None = None
    """The terminal event that was sent."""
    lost: bool = False
    """`ended_as` was sent because the run fell silent; its own end may still follow."""
    parent: RunRef | None = None
    root: RunRef | None = None
    parent_unknown: bool = False
    """START went without a parent although there may be one: the root is unknown too."""
    parent_late: bool = False
    """The parent turned up after START."""

    waits_span: str = ""
    """Span of the same trace that must be known before the parent is; after START: would have been."""
    waits_run: str = ""
    """Run whose START must be sent before this one's; after START: should have been."""
    hops: int = 0
    """Plain spans passed on the way up to `waits_span`."""
    until_ns: int | None = None
    """The wait for the run above is over at this time; None when it is not waited for."""
    patience_s: float | None = None
    """How long the run above is waited for, where it is not the configured time."""
    awaits: str = ""
    """What must be known before START, beside the run above; "" when nothing more must."""
    awaits_s: float = 0.0
    """How long that is waited for."""
    awaits_until_ns: int | None = None
    """The wait for that is over at this time; None when it is not waited for."""

    heartbeat_s: float | None = None
    """Interval that was promised last."""
    alive_ns: int = 0
    """Last sign of life, by the producer's clock."""
    lost_at_ns: int | None = None
    """Lost if nothing was heard until then."""

    updated_ns: int = 0

    @property
    def waits_until_ns(self) -> int | None:
        """When START waits no longer, whatever for; None when it does not wait."""
        waits = [ns for ns in (self.until_ns, self.awaits_until_ns) if ns is not None]
        return max(waits, default=None)

    @property
    def due_ns(self) -> int | None:
        """When `Assembler.tick` must look at this record; None for never."""
        waits_ns = self.io_until_ns if self.waits_until_ns is None else self.waits_until_ns
        return self.lost_at_ns if waits_ns is None else waits_ns

    @property
    def finished(self) -> bool:
        """Of a run: its real terminal event was sent, only the reference to it is kept."""
        return self.ended_as is not None and not self.lost


class Records(Protocol):
    """The table of records. A record that was changed is `put` before the next look-up."""

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record of this span."""

    def by_run(self, run_id: str) -> Record | None:
        """The record with this `run_id`; there is at most one."""

    def waiting(self, trace_id: str, span_id: str) -> Iterable[Record]:
        """Records of this trace with this `waits_span`."""

    def waiting_for_run(self, run_id: str) -> Iterable[Record]:
        """Records with this `waits_run`."""

    def awaiting(self, key: str) -> Iterable[Record]:
        """Records with this `awaits`."""

    def due(self, now_ns: int) -> Iterable[Record]:
        """Records with `due_ns` <= `now_ns`."""

    def next_due(self) -> int | None:
        """The smallest `due_ns`."""

    def put(self, record: Record) -> None:
        """Add or replace the record of (`trace_id`, `span_id`)."""


class MemoryRecords:
    """`Records` in dictionaries. `forget` keeps it from growing."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}
        self._runs: dict[str, tuple[str, str]] = {}
        self._waits: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._due: dict[tuple[str, str], int] = {}
        self._held: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record of this span."""
        return self._records.get((trace_id, span_id))

    def by_run(self, run_id: str) -> Record | None:
        """The record with this `run_id`."""
        key = self._runs.get(run_id)
        return None if key is None else self._records[key]

    def waiting(self, trace_id: str, span_id: str) -> list[Record]:
        """Records of this trace with this `waits_span`."""
        return self._of(self._waits.get((trace_id, span_id), ()))

    def waiting_for_run(self, run_id: str) -> list[Record]:
        """Records with this `waits_run`."""
        return self._of(self._waits.get(("", run_id), ()))

    def awaiting(self, key: str) -> list[Record]:
        """Records with this `awaits`."""
        return self._of(self._waits.get((AWAITED, key), ()))

    def due(self, now_ns: int) -> list[Record]:
        """Records with `due_ns` <= `now_ns`."""
        return self._of([key for key, due_ns in self._due.items() if due_ns <= now_ns])

    def next_due(self) -> int | None:
        """The smallest `due_ns`."""
        return min(self._due.values(), default=None)

    def put(self, record: Record) -> None:
        """Add or replace the record of (`trace_id`, `span_id`)."""
        key = (record.trace_id, record.span_id)
        self._records[key] = record
        if record.run_id:
            self._runs[record.run_id] = key
        self._hold(key, _waits_of(record))
        if record.due_ns is None:
            self._due.pop(key, None)
        else:
            self._due[key] = record.due_ns

    def forget(self, before_ns: int) -> None:
        """Drop plain spans and finished runs that were not touched since `before_ns`."""
        old = [r for r in self._records.values() if r.updated_ns < before_ns and r.due_ns is None]
        for record in old:
            if record.finished or not record.run_id:
                self._drop(record)

    def _drop(self, record: Record) -> None:
        key = (record.trace_id, record.span_id)
        del self._records[key]
        self._runs.pop(record.run_id, None)
        self._hold(key, ())

    def _hold(self, key: tuple[str, str], waits: tuple[tuple[str, str], ...]) -> None:
        for old in self._held.pop(key, ()):
            self._waits[old].discard(key)
            if not self._waits[old]:
                del self._waits[old]
        for new in waits:
            self._waits.setdefault(new, set()).add(key)
        if waits:
            self._held[key] = waits

    def _of(self, keys: Iterable[tuple[str, str]]) -> list[Record]:
        return [self._records[key] for key in keys]


def _waits_of(record: Record) -> tuple[tuple[str, str], ...]:
    span = ((record.trace_id, record.waits_span),) if record.waits_span else ()
    run = (("", record.waits_run),) if record.waits_run else ()
    awaited = ((AWAITED, record.awaits),) if record.awaits else ()
    return span + run + awaited
