"""`accepted.db`: spans, log records and events of other producers as received, and messages that can't be taken.

Written by the receiving process and by nobody else, except for wishes in `control`.

The equation that holds after every commit: received = not_lineage + duplicate + rejected + accepted.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from otel_bridge.journal import control, lock, poison, queries
from otel_bridge.journal.database import Reader, count, counters, owned, transaction, unavailable
from otel_bridge.model import Accepted, Kind, Poison, Tally, Unavailable
from otel_bridge.settings import Journal

PRUNE_ROWS = 200
PRUNE_BYTES = 2 * 1024**2
PRESSURE = 0.9
READ_BYTES = 16 * 1024**2

_SQL = queries.load("accepted")
_KINDS = {kind.value: kind for kind in Kind}


class AcceptedLog:
    """The writer. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path, limits: Journal, held: lock.Lock) -> None:
        self._connection = connection
        self._path = path
        self._limits = limits
        self._lock = held
        self._last = connection.execute(_SQL["last"]).fetchone()[0]
        self._bytes = counters(connection).get("bytes", 0)

    @classmethod
    def open(cls, directory: Path, limits: Journal) -> Self:
        """Open for writing, creating what is missing.

        Raises:
            JournalError: in use, from a newer release, or not usable; says what to do.
        """
        with owned(directory, "accepted", "FULL") as (connection, path, held):
            return cls(connection, path, limits, held)

    @property
    def bytes(self) -> int:
        """Bytes of the payloads kept."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether the limit is reached: nothing more is accepted until converted rows are pruned."""
        return self._bytes >= self._limits.max_spans

    @property
    def trouble(self) -> str:
        """Why nothing can be kept because of the limit; "" below it."""
        if not self.full:
            return ""
        return (
            f"the journal {self._path} is at its limit of {self._limits.max_spans} bytes and waits to be "
            "converted: look at `otel-bridge health`, or raise journal.max_spans"
        )

    @property
    def pressed(self) -> bool:
        """Whether pruning for space is due."""
        return self._bytes > PRESSURE * self._limits.max_spans

    def append(self, rows: Sequence[Accepted], tallies: Sequence[Tally], now_ns: int) -> None:
        """Keep rows and count requests, in one durable transaction. Known keys are counted as duplicates.

        Raises:
            Unavailable: nothing was kept or counted; the senders try again.
        """
        if rows:
            self._check_limit()
        with transaction(self._connection, self._path):
            accepted = self._insert(rows, now_ns)
            added = self._added_bytes(rows, accepted)
            count(self._connection, {**_tallied(tallies), **_sorted_out(len(rows), accepted), "bytes": added})
        self._last += accepted
        self._bytes += added

    def bury(
        self,
        message: Poison,
        tally: Tally,
        rows: Sequence[Accepted] = (),
        now_ns: int = 0,
        bounds: poison.Bounds = poison.Bounds(),  # noqa: B008
    ) -> None:
        """Keep a message that can't be taken, or not whole, and the rows that can; all or nothing.

        What is rejected of a message that is kept already was counted then.

        Raises:
            Unavailable: nothing was kept or counted.
        """
        if rows:
            self._check_limit()
        with transaction(self._connection, self._path):
            new = poison.bury(self._connection, message, bounds)
            accepted = self._insert(rows, now_ns)
            added = self._added_bytes(rows, accepted)
            tallied = _tallied([tally if new else _without_rejected(tally)])
            count(self._connection, {**tallied, **_sorted_out(len(rows), accepted), "bytes": added})
        self._last += accepted
        self._bytes += added

    def forget_poison(self, seqs: Sequence[int]) -> int:
        """Messages that were taken after all, or are given up; they stay counted. Returns how many there were.

        Raises:
            Unavailable: nothing was forgotten.
        """
        with transaction(self._connection, self._path):
            return poison.forget(self._connection, seqs)

    def explain_poison(self, seq: int, reason: str) -> None:
        """Another attempt at a message failed.

        Raises:
            Unavailable: not remembered.
        """
        with transaction(self._connection, self._path):
            poison.explain(self._connection, seq, reason)

    def finish(self, wish: int, outcome: str, forget_ns: int) -> None:
        """A wish is carried out, or can't be; `outcome` is a sentence for whoever asked. Forgets those finished earlier.

        Raises:
            Unavailable: not remembered; carry it out again, later.
        """
        with transaction(self._connection, self._path):
            control.finish(self._connection, wish, outcome)
            control.forget(self._connection, forget_ns)

    def probe(self) -> None:
        """See whether rows could be kept now, by a small write.

        Raises:
            Unavailable: not yet.
        """
        self._check_limit()
        with transaction(self._connection, self._path):
            count(self._connection, {"probes": 1})

    def prune(self, converted: int, now_ns: int) -> int:
        """One short step: forget the oldest rows that are converted and too old, or in the way of new ones.

        Failed rows count as converted here. The newest row always stays. Returns how many rows went;
        call again until it is 0.

        Raises:
            Unavailable: nothing was forgotten.
        """
        doomed, freed = self._doomed(min(converted, self._last - 1), now_ns)
        if not doomed:
            return 0
        with transaction(self._connection, self._path):
            self._connection.execute(_SQL["delete"], (doomed[-1],))
            count(self._connection, {"bytes": -freed})
        self._bytes -= freed
        return len(doomed)

    def close(self) -> None:
        """Close the file and let another writer have it."""
        self._connection.close()
        self._lock.release()

    def _check_limit(self) -> None:
        if self.full:
            raise Unavailable(self.trouble)

    def _insert(self, rows: Sequence[Accepted], now_ns: int) -> int:
        if not rows:
            return 0
        values = [(row.key, row.kind.value, now_ns, row.payload) for row in rows]
        return self._connection.executemany(_SQL["insert"], values).rowcount

    def _added_bytes(self, rows: Sequence[Accepted], accepted: int) -> int:
        if accepted == len(rows):
            return sum(len(row.payload) for row in rows)
        added: int = self._connection.execute(_SQL["bytes_after"], (self._last,)).fetchone()[0]
        return added

    def _doomed(self, upto: int, now_ns: int) -> tuple[list[int], int]:
        """Numbers of the rows to forget in this step, and their bytes."""
        expired_ns = now_ns - int(self._limits.keep_spans * 1e9)
        doomed: list[int] = []
        freed = 0
        for seq, received_ns, size in self._oldest(upto):
            pressed = self._bytes - freed > PRESSURE * self._limits.max_spans
            if freed >= PRUNE_BYTES or not (pressed or received_ns < expired_ns):
                break
            doomed.append(seq)
            freed += size
        return doomed, freed

    def _oldest(self, upto: int) -> list[tuple[int, int, int]]:
        try:
            return self._connection.execute(_SQL["oldest"], (upto, PRUNE_ROWS)).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


def _without_rejected(tally: Tally) -> Tally:
    return Tally(tally.received - sum(tally.rejected.values()), tally.not_lineage)


def _tallied(tallies: Iterable[Tally]) -> Counter[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total["received"] += tally.received
        total["not_lineage"] += tally.not_lineage
        for reason, number in tally.rejected.items():
            total[f"rejected:{reason}"] += number
    return total


def _sorted_out(rows: int, accepted: int) -> dict[str, int]:
    return {"accepted": accepted, "duplicate": rows - accepted}


class AcceptedRow(msgspec.Struct, frozen=True):
    """A row as the converter reads it."""

    seq: int
    kind: Kind
    received_ns: int
    payload: bytes


class AcceptedReader(Reader):
    """Read-only access, in other processes."""

    database = "accepted"

    def read(self, after: int, limit: int) -> list[AcceptedRow]:
        """Up to `limit` rows after a number, in order; fewer if they are large, but one if there is one."""
        connection = self._open()
        if connection is None:
            return []
        try:
            return list(_bounded(connection.execute(_SQL["read"], (after, limit))))
        except sqlite3.Error as error:
            self.close()
            raise unavailable(error, self._path) from error

    def read_seqs(self, seqs: Iterable[int]) -> list[AcceptedRow]:
        """Those of the numbered rows that are still kept, in the order given."""
        found = (self._rows(_SQL["read_one"], (seq,)) for seq in seqs)
        return [_row(*rows[0]) for rows in found if rows]

    def first_seq(self) -> int:
        """Number of the oldest row that is kept; 1 if there never was one."""
        return self._number(_SQL["first"]) or 1

    def last_seq(self) -> int:
        """Number of the newest row; as rows are numbered without gaps, also how many were ever accepted."""
        return self._number(_SQL["last"]) or 0

    def recent_traces(self, within_ns: int, limit: int) -> list[bytes]:
        """Traces of the newest rows, up to so long before the very newest; oldest first."""
        rows = self._rows(_SQL["newest"], (limit,))
        since_ns = rows[0][1] - within_ns if rows else 0
        return list(dict.fromkeys(key[:16] for key, received_ns in reversed(rows) if received_ns >= since_ns))

    def received_after(self, seq: int) -> int | None:
        """When the first row after `seq` was received (Unix ns)."""
        return self._number(_SQL["received_after"], (seq,))


def _row(seq: int, kind: str, received_ns: int, payload: bytes) -> AcceptedRow:
    return AcceptedRow(seq, _KINDS[kind], received_ns, payload)


def _bounded(cursor: sqlite3.Cursor) -> Iterator[AcceptedRow]:
    size = 0
    for values in cursor:
        row = _row(*values)
        size += len(row.payload)
        yield row
        if size >= READ_BYTES:
            cursor.close()
            return
