"""`events.db`: OpenLineage events, the assembler's records, and how far conversion has come.

Written by the converting process and by nobody else, except for wishes in `control`. One transaction a batch:
events, records, omissions, failures, counters and the cursor agree at any moment.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from otel_bridge.journal import control, lock, queries
from otel_bridge.journal.claims import Claims
from otel_bridge.journal.database import Reader, count, counters, owned, transaction, unavailable
from otel_bridge.model import Event, Omission
from otel_bridge.settings import Journal

PRUNE_ROWS = 1000
PRUNE_STEPS = 100
PRUNE_BYTES = 8 * 1024**2
PRESSURE = 0.9
REASONS = 200
TEXTS = ("omission:", "columns:gap:")
NO_EVENT = 0
UNUSABLE_KEPT = 1000
READ_BYTES = 16 * 1024**2
LATEST_NS = 2**63 - 1

_QUOTED = re.compile(r"`[^`]*`?")
_DETAIL = re.compile(r" \(|: ")

_SQL = queries.load("events")


class Failure(msgspec.Struct, frozen=True):
    """The conversion of an accepted row raised. The row is kept and can be converted again."""

    seq: int
    reason: str
    traceback: str
    at_ns: int = 0


class Batch(msgspec.Struct, frozen=True):
    """What one step of conversion brought about. Omissions are those of the events, and `unusable`: of what
    gave no event at all.

    `cursor` is the last accepted row looked at; `converted` counts the rows after the previous cursor that
    did not fail. `again` names the earlier rows that were converted again, failed or not. `counts` adds to
    further counters, called `assembly:<what the assembler found>` or `columns:<what came of column lineage>`.
    """

    events: Sequence[Event] = ()
    unusable: Sequence[Omission] = ()
    failures: Sequence[Failure] = ()
    converted: int = 0
    cursor: int = 0
    again: Sequence[int] = ()
    counts: Mapping[str, int] = {}


class Changes(Protocol):
    """The assembler's records that changed since the last commit (`SqliteRecords`)."""

    @property
    def pending(self) -> int:
        """How many there are."""

    def save(self) -> None:
        """Write them, within the transaction."""

    def saved(self) -> None:
        """The transaction is durable."""


class EventLog:
    """The writer. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path, limits: Journal, held: lock.Lock) -> None:
        self.connection = connection
        self.path = path
        self._limits = limits
        self._lock = held
        self._cursor: int = connection.execute(_SQL["cursor"]).fetchone()[0]
        self._last: int = connection.execute(_SQL["last"]).fetchone()[0]
        totals = counters(connection)
        self._bytes = totals.get("bytes", 0)
        self._names = set(totals)
        self._claim: tuple[int, int] | None = None
        self._claims = Claims(connection, totals.get("identity:claims", 0))

    @classmethod
    def open(cls, directory: Path, limits: Journal) -> Self:
        """Open for writing, creating what is missing.

        Raises:
            JournalError: in use, from a newer release, or not usable; says what to do.
        """
        with owned(directory, "events", "FULL") as (connection, path, held):
            return cls(connection, path, limits, held)

    @property
    def cursor(self) -> int:
        """Every accepted row up to here is converted, or has failed."""
        return self._cursor

    @property
    def full(self) -> bool:
        """Whether the limit is reached: nothing may be converted until delivered events are pruned."""
        return self._bytes >= self._limits.max_events

    def commit(self, batch: Batch, records: Changes | None, now_ns: int) -> bool:
        """Write a batch and the changed records in one durable transaction; False if there is nothing.

        Raises:
            Unavailable: nothing was written. The same batch may be written later, or made again from `cursor`
                after the records were discarded.
        """
        changed = records is not None and records.pending > 0
        if not (_any(batch) or batch.cursor > self._cursor or changed or self._claim):
            return False
        with transaction(self.connection, self.path):
            changes = self._put_events(batch.events, now_ns)
            changes.update(self._put_unusable(batch.unusable))
            changes.update(self._put_outcomes(batch, now_ns))
            changes.update(batch.counts)
            if records is not None:
                records.save()
            changes = self._bounded(changes)
            count(self.connection, changes)
        if records is not None:
            records.saved()
        self._done(batch, changes)
        return True

    def claim_again(self, limit: int) -> list[int]:
        """Rows that the command line asked to convert again: the next `limit` ones, none after the cursor.

        The next `commit` records that they were looked at.

        Raises:
            Unavailable: the wishes can't be read at the moment.
        """
        for wish in self._wishes():
            seqs = self._wanted(wish, limit)
            if seqs:
                self._claim = (wish.id, seqs[-1])
                return seqs
            self._finish(wish)
        return []

    def failed_among(self, seqs: Iterable[int]) -> set[int]:
        """Those of the numbered rows whose conversion failed.

        Raises:
            Unavailable: it can't be read at the moment.
        """
        try:
            return self._failed_among(seqs)
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error

    def prune(self, delivered: int, now_ns: int) -> int:
        """Forget events up to `delivered` that are too old or in the way, old failures, records and wishes.

        Works in short transactions, at most about a hundred thousand events in one call. Returns how many
        events, failures and records went. What events said of names stays (`forget_names`).

        Raises:
            Unavailable: it stopped there; what went before stays gone.
        """
        total = 0
        for _ in range(PRUNE_STEPS):
            removed = self._prune_step(delivered, now_ns)
            total += removed
            if not removed:
                break
        return total

    def forget_names(self, before_ns: int) -> int:
        """Forget statements on names of datasets that no event made since; at most a thousand in one call.

        Raises:
            Unavailable: nothing was forgotten.
        """
        with transaction(self.connection, self.path):
            changes = self._claims.forget(before_ns, PRUNE_ROWS)
            count(self.connection, changes)
        self._claims.saved(changes)
        return changes["identity:forgotten"]

    def close(self) -> None:
        """Close the file and let another writer have it."""
        self.connection.close()
        self._lock.release()

    def _prune_step(self, delivered: int, now_ns: int) -> int:
        doomed, freed = self._doomed(min(delivered, self._last), now_ns)
        with transaction(self.connection, self.path):
            if doomed:
                self.connection.execute(_SQL["delete"], (doomed[-1],))
                self.connection.execute(_SQL["delete_omissions"], (doomed[-1],))
                count(self.connection, {"bytes": -freed})
            others = self._forget_old(now_ns)
        self._bytes -= freed
        return len(doomed) + others

    def _put_events(self, events: Sequence[Event], now_ns: int) -> Counter[str]:
        changes: Counter[str] = Counter()
        rows, omissions = [], []
        for seq, event in enumerate(events, self._last + 1):
            rows.append(_values(seq, event, now_ns))
            omissions += [(seq, omission.path, omission.reason) for omission in event.omissions]
            changes[f"event:{event.type}"] += 1
            changes["bytes"] += len(event.body)
        self.connection.executemany(_SQL["insert"], rows)
        self.connection.executemany(_SQL["insert_omission"], omissions)
        changes.update(f"omission:{counted_as(reason)}" for _, _, reason in omissions)
        changes.update(self._claims.learn(enumerate(events, self._last + 1), now_ns))
        return changes

    def _put_unusable(self, omissions: Sequence[Omission]) -> Counter[str]:
        """Kept under no event's number, the latest ones only: nothing else prunes them."""
        if omissions:
            rows = [(NO_EVENT, omission.path, omission.reason) for omission in omissions]
            self.connection.executemany(_SQL["insert_omission"], rows)
            self.connection.execute(_SQL["delete_unusable"], (UNUSABLE_KEPT,))
        return Counter(f"omission:{counted_as(omission.reason)}" for omission in omissions)

    def _put_outcomes(self, batch: Batch, now_ns: int) -> Counter[str]:
        """Failures, rows converted again, and the cursor; returns the changes of `converted` and `failed`."""
        had_failed = self._failed_among(batch.again)
        fail_now = {failure.seq for failure in batch.failures}
        recovered = had_failed - fail_now
        worsened = {seq for seq in batch.again if seq in fail_now} - had_failed
        fresh = sum(seq > self._cursor for seq in fail_now)
        self.connection.executemany(_SQL["delete_failure"], [(seq,) for seq in recovered])
        self.connection.executemany(
            _SQL["insert_failure"],
            [(f.seq, f.at_ns or now_ns, f.reason, f.traceback) for f in batch.failures],
        )
        self.connection.execute(_SQL["set_cursor"], (batch.cursor, batch.cursor))
        if self._claim:
            control.advance(self.connection, *self._claim)
        moved = len(recovered) - len(worsened)
        return Counter({"converted": batch.converted + moved, "failed": fresh - moved})

    def _failed_among(self, seqs: Iterable[int]) -> set[int]:
        found = (self.connection.execute(_SQL["failed_after"], (seq - 1, seq, 1)).fetchone() for seq in seqs)
        return {row[0] for row in found if row}

    def _bounded(self, changes: Counter[str]) -> Counter[str]:
        """Texts of reasons come from data: so many different ones are told apart, the rest is `other`."""
        known = Counter(_of_texts(name) for name in self._names)
        bounded: Counter[str] = Counter()
        for name, value in changes.items():
            kind = _of_texts(name)
            new = bool(kind) and name not in self._names and name not in bounded
            known[kind] += new
            bounded[f"{kind}other" if new and known[kind] > REASONS else name] += value
        return bounded

    def _done(self, batch: Batch, changes: Counter[str]) -> None:
        self._last += len(batch.events)
        self._cursor = max(self._cursor, batch.cursor)
        self._bytes += changes["bytes"]
        self._names.update(changes)
        self._claim = None
        self._claims.saved(changes)

    def _wishes(self) -> list[control.Wish]:
        try:
            return control.wishes(self.connection)
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error

    def _wanted(self, wish: control.Wish, limit: int) -> list[int]:
        wanted = wish.argument
        if wish.command != "convert_again":
            return []
        if wanted.get("failed") is True:
            rows = self.connection.execute(
                _SQL["failed_after"], (wish.progress, self._cursor, limit)
            ).fetchall()
            return [row[0] for row in rows]
        first, last = wanted.get("first"), wanted.get("last")
        if not (isinstance(first, int) and isinstance(last, int)):
            return []
        start = max(first, wish.progress + 1, 1)
        return list(range(start, min(last, self._cursor, start + limit - 1) + 1))

    def _finish(self, wish: control.Wish) -> None:
        with transaction(self.connection, self.path):
            known = wish.command == "convert_again" and wish.argument.keys() & {"failed", "first"}
            said = f"converted again up to accepted row {wish.progress}" if known else "not understood"
            control.finish(self.connection, wish.id, said)

    def _doomed(self, upto: int, now_ns: int) -> tuple[list[int], int]:
        """Numbers of the events to forget in this step, and their bytes."""
        expired_ns = now_ns - int(self._limits.keep_events * 1e9)
        doomed: list[int] = []
        freed = 0
        for seq, made_ns, size in self._oldest(upto):
            pressed = self._bytes - freed > PRESSURE * self._limits.max_events
            if freed >= PRUNE_BYTES or not (pressed or made_ns < expired_ns):
                break
            doomed.append(seq)
            freed += size
        return doomed, freed

    def _oldest(self, upto: int) -> list[tuple[int, int, int]]:
        try:
            return self.connection.execute(_SQL["oldest"], (upto, PRUNE_ROWS)).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error

    def _forget_old(self, now_ns: int) -> int:
        """Failures, records and wishes past their time, within the transaction."""
        spans_ns = now_ns - int(self._limits.keep_spans * 1e9)
        runs_ns = now_ns - int(self._limits.keep_runs * 1e9)
        failures = self.connection.execute(_SQL["old_failures"], (spans_ns, PRUNE_ROWS)).rowcount
        records = self.connection.execute(_SQL["old_records"], (runs_ns, PRUNE_ROWS)).rowcount
        foreign = self.connection.execute(_SQL["old_foreign_runs"], (runs_ns, PRUNE_ROWS)).rowcount
        control.forget(self.connection, spans_ns)
        return failures + records + foreign


class StoredEvent(msgspec.Struct, frozen=True):
    """An event with its number and when it was made (Unix ns). Its omissions are asked for apart."""

    seq: int
    made_ns: int
    event: Event


class EventReader(Reader):
    """Read-only access, in other processes."""

    database = "events"

    def read(self, after: int, limit: int) -> list[StoredEvent]:
        """Up to `limit` events after a number, in order; fewer if they are large, but one if there is one."""
        connection = self._open()
        if connection is None:
            return []
        found: list[StoredEvent] = []
        size = 0
        try:
            cursor = connection.execute(_SQL["read"], (after, limit))
            while size < READ_BYTES and (row := cursor.fetchone()):
                found.append(_stored(*row))
                size += len(found[-1].event.body)
            cursor.close()
        except sqlite3.Error as error:
            self.close()
            raise unavailable(error, self._path) from error
        return found

    def read_seqs(self, seqs: Iterable[int]) -> list[StoredEvent]:
        """Those of the numbered events that are still kept, in the order given."""
        found = (self._rows(_SQL["read_one"], (seq,)) for seq in seqs)
        return [_stored(*rows[0]) for rows in found if rows]

    def find(
        self,
        *,
        key: str | None = None,
        trace_id: str | None = None,
        job_namespace: str | None = None,
        job_name: str | None = None,
        type: str | None = None,  # noqa: A002 - the event's field
        since_ns: int | None = None,
        after: int = 0,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[StoredEvent]:
        """Events that match everything given. `key` is a run id; `since_ns` is about when they were made."""
        given = {
            "key = ?": key,
            "trace_id = ?": trace_id,
            "job_namespace = ?": job_namespace,
            "job_name = ?": job_name,
            "type = ?": type,
            "made_ns >= ?": since_ns,
        }
        wanted = {"seq > ?": after} | {test: value for test, value in given.items() if value is not None}
        statement = _SQL["find"].replace("/*conditions*/", " AND ".join(wanted))
        statement = statement.replace("/*direction*/", "DESC" if newest_first else "ASC")
        return [_stored(*row) for row in self._rows(statement, (*wanted.values(), limit))]

    def omissions_of(self, seq: int) -> list[Omission]:
        """What an event does not contain, and why."""
        return [Omission(path, reason) for _, path, reason in self._rows(_SQL["omissions_of"], (seq,))]

    def omissions(self, after: int = 0, limit: int = 100) -> list[tuple[int, Omission]]:
        """What was left out of events after a number, latest first, with the event's number."""
        rows = self._rows(_SQL["omissions"], (after, limit))
        return [(seq, Omission(path, reason)) for seq, path, reason in rows]

    def unusable(self, limit: int = 100) -> list[Omission]:
        """Why spans and log events that were meant as lineage gave no event, latest first."""
        return [Omission(path, reason) for _, path, reason in self._rows(_SQL["unusable"], (limit,))]

    def failures(self, limit: int = 100) -> list[Failure]:
        """Accepted rows that could not be converted, latest first."""
        return [Failure(*row) for row in self._rows(_SQL["failures"], (limit,))]

    def cursor(self) -> int:
        """Every accepted row up to here is converted, or has failed."""
        return self._number(_SQL["cursor"]) or 0

    def last_seq(self) -> int:
        """Number of the newest event; also how many there ever were."""
        return self._number(_SQL["last"]) or 0

    def first_seq(self) -> int:
        """Number of the oldest event that is kept; of the next one, if none is."""
        first = self._number(_SQL["first"])
        return self.last_seq() + 1 if first is None else first

    def made_after(self, seq: int) -> int | None:
        """When the first event after `seq` was made (Unix ns)."""
        return self._number(_SQL["made_after"], (seq,))


def converted_up_to(directory: Path) -> int:
    """Every accepted row up to here is converted, or has failed.

    Raises:
        Unavailable: it can't be read at the moment.
    """
    reader = EventReader(directory)
    try:
        return reader.cursor()
    finally:
        reader.close()


def counted_as(reason: str) -> str:
    """A reason as the name of a counter: without the values that it quotes, which are many and may be secret.

    >>> counted_as("is no valid JSON (it ends too early): `{'password': 'x`")
    'is no valid JSON'
    >>> counted_as("must be BATCH or STREAMING, not `x`")
    'must be BATCH or STREAMING, not ...'
    """
    return _QUOTED.sub("...", _DETAIL.split(reason, maxsplit=1)[0])


def _of_texts(name: str) -> str:
    """What begins the name of a counter that goes on with a text, "" for any other."""
    return next((start for start in TEXTS if name.startswith(start)), "")


def _any(batch: Batch) -> bool:
    return bool(batch.events or batch.unusable or batch.failures or batch.again or batch.counts)


def _values(seq: int, event: Event, now_ns: int) -> tuple[Any, ...]:
    return (
        seq,
        event.type,
        event.key,
        event.parent_key,
        min(event.event_time_ns, LATEST_NS),
        now_ns,
        event.job_namespace,
        event.job_name,
        event.trace_id,
        event.span_id,
        event.body,
    )


def _stored(seq: int, made_ns: int, *fields: Any) -> StoredEvent:
    return StoredEvent(seq, made_ns, Event(*fields))
