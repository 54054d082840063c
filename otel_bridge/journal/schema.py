"""Versions of the databases: numbered files `sql/<database>/NNNN_<what>.sql`, each one transaction.

The version is SQLite's `user_version`. The table `release` remembers which releases wrote, so that an older
one can say which it was.
"""

import re
import sqlite3
import time
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from otel_bridge import __version__
from otel_bridge.model import JournalError, NewerSchema

_FILE = re.compile(r"(\d{4})_\w+\.sql")


class Migration(msgspec.Struct, frozen=True):
    """One step: to `version`, by `sql` (without transaction control)."""

    version: int
    sql: str


@cache
def migrations(database: str) -> tuple[Migration, ...]:
    """All steps of a database, in order."""
    found = [
        (_FILE.fullmatch(f.name), f) for f in (files("otel_bridge.journal") / "sql" / database).iterdir()
    ]
    steps = [Migration(int(match[1]), f.read_text(encoding="utf-8")) for match, f in found if match]
    return tuple(sorted(steps, key=lambda step: step.version))


def migrate(connection: sqlite3.Connection, path: Path, steps: tuple[Migration, ...] | None = None) -> None:
    """Bring a database up to date. A crash leaves it at one of the versions, never between.

    Raises:
        NewerSchema: a newer release wrote it.
        sqlite3.Error: a step failed; the database is at the version before it.
    """
    steps = migrations(path.stem) if steps is None else steps
    current = version(connection)
    if current > steps[-1].version:
        raise _newer(connection, path, current, steps[-1].version)
    for step in steps:
        if step.version > current:
            _apply(connection, step)
    _sign(connection)


def readable(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a reader of this release understands it; False if its writer is still creating it.

    Raises:
        NewerSchema: a newer release wrote it.
        JournalError: an older release wrote it, and this one did not run on it yet.
    """
    current, known = version(connection), migrations(path.stem)[-1].version
    if current > known:
        raise _newer(connection, path, current, known)
    if 0 < current < known:
        raise JournalError(
            f"{path} was written by {_writer(connection)} and has schema {current}, this release reads "
            f"{known}: start `otel-bridge serve` once, which brings it up to date"
        )
    return current == known


def version(connection: sqlite3.Connection) -> int:
    """The schema version; 0 for a new file."""
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row[0]


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{step.sql}\n;PRAGMA user_version = {step.version:d};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _sign(connection: sqlite3.Connection) -> None:
    last = connection.execute("SELECT version FROM release ORDER BY at_ns DESC LIMIT 1").fetchone()
    if last != (__version__,):
        connection.execute(
            "INSERT INTO release (version, at_ns) VALUES (?, ?)", (__version__, time.time_ns())
        )


def _writer(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute("SELECT version FROM release ORDER BY at_ns DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        row = None
    return f"otel-bridge {row[0]}" if row else "an unknown release of otel-bridge"


def _newer(connection: sqlite3.Connection, path: Path, current: int, known: int) -> NewerSchema:
    return NewerSchema(
        f"{path} was written by {_writer(connection)} and has schema {current}, but otel-bridge "
        f"{__version__} knows up to {known}: install that release or a later one, or choose another data_dir"
    )
