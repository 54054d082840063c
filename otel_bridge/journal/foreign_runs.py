"""Runs of other producers on disk: read through, and written with each batch of `events.db`."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from otel_bridge.journal import queries
from otel_bridge.journal.database import unavailable
from otel_bridge.journal.events import Changes, EventLog
from otel_bridge.openlineage.foreign_runs import ForeignRun

_SQL = queries.load("foreign_runs")


class SqliteForeignRuns:
    """`openlineage.foreign_runs.ForeignRuns` over the connection of an `EventLog`.

    What is `put` is seen at once and written by the next `EventLog.commit`; `discard` returns to what is on disk.
    Look-ups raise `Unavailable` when that can't be read.
    """

    def __init__(self, log: EventLog) -> None:
        self._connection = log.connection
        self._path = log.path
        self.discard()

    def discard(self) -> None:
        """Forget every change since the last commit."""
        self._changed: dict[str, tuple[ForeignRun, int]] = {}
        self._none_stored: bool | None = None

    @property
    def pending(self) -> int:
        """How many runs the next commit will write."""
        return len(self._changed)

    def get(self, run_id: str) -> ForeignRun | None:
        """The run, if another producer spoke of its start or its end."""
        if run_id in self._changed:
            return self._changed[run_id][0]
        if self._none_stored is None:
            self._none_stored = not self._rows("any", ())
        if self._none_stored:
            return None
        return next((ForeignRun(bool(s), bool(e)) for s, e in self._rows("get", (run_id,))), None)

    def put(self, run_id: str, run: ForeignRun, now_ns: int) -> None:
        """Add or replace it."""
        self._changed[run_id] = (run, now_ns)

    def save(self) -> None:
        """Write what changed, within the transaction of the log."""
        rows = [(run_id, run.started, run.ended, at_ns) for run_id, (run, at_ns) in self._changed.items()]
        self._connection.executemany(_SQL["put"], rows)

    def saved(self) -> None:
        """What changed is durable."""
        if self._changed:
            self.discard()

    def _rows(self, name: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(_SQL[name], values).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


class Together:
    """Several tables whose changes go into one transaction."""

    def __init__(self, parts: Sequence[Changes]) -> None:
        self._parts = parts

    @property
    def pending(self) -> int:
        """How many rows the next commit will write."""
        return sum(part.pending for part in self._parts)

    def save(self) -> None:
        """Write them, within the transaction."""
        for part in self._parts:
            part.save()

    def saved(self) -> None:
        """The transaction is durable."""
        for part in self._parts:
            part.saved()
