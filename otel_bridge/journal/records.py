"""The assembler's records on disk: a cache in front of `events.db`, written with each batch."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from otel_bridge.assemble import MemoryRecords, Record
from otel_bridge.journal import queries
from otel_bridge.journal.database import unavailable
from otel_bridge.journal.events import EventLog

CACHE = 4096

_SQL = queries.load("records")
_Key = tuple[str, str]


class SqliteRecords:
    """`assemble.Records` over the connection of an `EventLog`.

    What is `put` is seen at once and written by the next `EventLog.commit`. After a batch that was not
    committed, `discard` returns to what is on disk. Look-ups raise `Unavailable` when that can't be read.
    """

    def __init__(self, log: EventLog) -> None:
        self._connection = log.connection
        self._path = log.path
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Record).decode
        self._kept: dict[_Key, Record | None] = {}
        self.discard()

    def discard(self) -> None:
        """Forget every change since the last commit."""
        self._changed: dict[_Key, Record] = {}
        self._fresh = MemoryRecords()
        self._kept.clear()
        self._any: dict[str, bool] = {}

    @property
    def pending(self) -> int:
        """How many records the next commit will write."""
        return len(self._changed)

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record of this span."""
        key = (trace_id, span_id)
        if key in self._changed:
            return self._changed[key]
        if key in self._kept:
            return self._kept[key]
        rows = self._rows("get", key)
        return self._keep(key, self._decode(rows[0][0]) if rows else None)

    def by_run(self, run_id: str) -> Record | None:
        """The record with this `run_id`."""
        record = self._fresh.by_run(run_id)
        if record is not None and record.run_id == run_id:
            return record
        return next(self._unchanged("by_run", (run_id,)), None)

    def waiting(self, trace_id: str, span_id: str) -> list[Record]:
        """Records of this trace with this `waits_span`."""
        if not self._any_stored("any_waiting"):
            return self._fresh.waiting(trace_id, span_id)
        return [*self._unchanged("waiting", (trace_id, span_id)), *self._fresh.waiting(trace_id, span_id)]

    def waiting_for_run(self, run_id: str) -> list[Record]:
        """Records with this `waits_run`."""
        if not self._any_stored("any_waiting_for_run"):
            return self._fresh.waiting_for_run(run_id)
        return [*self._unchanged("waiting_for_run", (run_id,)), *self._fresh.waiting_for_run(run_id)]

    def awaiting(self, key: str) -> list[Record]:
        """Records with this `awaits`."""
        return [*self._unchanged("awaiting", (key,)), *self._fresh.awaiting(key)]

    def due(self, now_ns: int) -> list[Record]:
        """Records with `due_ns` <= `now_ns`."""
        return [*self._unchanged("due", (now_ns,)), *self._fresh.due(now_ns)]

    def next_due(self) -> int | None:
        """The smallest `due_ns`."""
        stored = self._next_due_unchanged()
        return min((due for due in (stored, self._fresh.next_due()) if due is not None), default=None)

    def _next_due_unchanged(self) -> int | None:
        """The changed ones are at most as many as changed, so that further rows need not be looked at."""
        rows = self._rows("next_due", (len(self._changed) + 1,))
        return next(
            (due for trace_id, span_id, due in rows if (trace_id, span_id) not in self._changed), None
        )

    def put(self, record: Record) -> None:
        """Add or replace the record of (`trace_id`, `span_id`)."""
        key = (record.trace_id, record.span_id)
        self._kept.pop(key, None)
        self._changed[key] = record
        self._fresh.put(record)

    def save(self) -> None:
        """Write what changed, within the transaction of the log."""
        self._connection.executemany(_SQL["put"], map(self._row, self._changed.values()))

    def saved(self) -> None:
        """What changed is durable."""
        for key, record in self._changed.items():
            self._keep(key, record)
        self._changed = {}
        self._fresh = MemoryRecords()
        self._any = {}

    def _row(self, record: Record) -> tuple[Any, ...]:
        return (
            record.trace_id,
            record.span_id,
            record.run_id,
            record.waits_span,
            record.waits_run,
            record.awaits,
            record.due_ns,
            record.updated_ns,
            self._encode(record),
        )

    def _any_stored(self, name: str) -> bool:
        """Whether a query finds anything on disk, asked once a batch: mostly nothing waits, and every span asks."""
        if name not in self._any:
            self._any[name] = bool(self._rows(name, ()))
        return self._any[name]

    def _unchanged(self, name: str, values: tuple[Any, ...]) -> Iterator[Record]:
        """Stored records that a query finds, without those that changed since."""
        for trace_id, span_id, body in self._rows(name, values):
            key = (trace_id, span_id)
            if key not in self._changed:
                found = self._kept.get(key) or self._keep(key, self._decode(body))
                assert found is not None
                yield found

    def _rows(self, name: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(_SQL[name], values).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    def _keep(self, key: _Key, record: Record | None) -> Record | None:
        """Remember what is on disk; the longest remembered goes first."""
        self._kept[key] = record
        if len(self._kept) > CACHE:
            del self._kept[next(iter(self._kept))]
        return record
