"""Wishes of the command line to the running service, in a table of the file that the asked process owns.

| database | command | target | argument |
|---|---|---|---|
| events | `convert_again` | | `{"first": 1, "last": 9}` (accepted rows), or `{"failed": true}` |
| delivery | `rewind` | destination | `{"after": 41}`: deliver everything after event 41 again |
| accepted | `retry_poison`, `drop_poison` | source | `{"seqs": [7, 9]}`, or `{"all": true}` |
| delivery | `retry_dead`, `drop_dead` | destination | `{"seqs": [7, 9]}`, or `{"all": true}` |

A wish may be carried out twice after a crash; all of them bear it.
"""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from otel_bridge.journal import queries, schema
from otel_bridge.journal.database import connect, transaction, unavailable
from otel_bridge.model import JournalError

Database = Literal["accepted", "events", "delivery"]

PATIENCE_S = 5.0

_SQL = queries.load("control")


class Wish(msgspec.Struct, frozen=True):
    """What was asked for. `progress` is kept by whoever carries it out."""

    id: int
    command: str
    target: str
    argument: dict[str, Any]
    progress: int


def ask(
    directory: Path,
    database: Database,
    command: str,
    target: str,
    argument: Mapping[str, Any],
) -> int:
    """Leave a wish for the running service, or for its next start. Returns a number for `outcome`.

    Raises:
        JournalError: nothing ever ran on this directory, or another release did.
        Unavailable: the file can't be written at the moment.
    """
    path = directory / f"{database}.db"
    if not path.exists():
        raise JournalError(
            f"{directory} is no journal: start `otel-bridge serve` on it first, or check data_dir"
        )
    try:
        connection = connect(path, "rw", PATIENCE_S)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    try:
        if not schema.readable(connection, path):
            raise JournalError(f"{path} is still being created: try again")
        text = msgspec.json.encode(argument).decode()
        with transaction(connection, path):
            asked = connection.execute(_SQL["ask"], (command, target, text, time.time_ns()))
        assert asked.lastrowid is not None
        return asked.lastrowid
    finally:
        connection.close()


def outcome(directory: Path, database: Database, wish: int) -> str | None:
    """What became of a wish, as a sentence; None while it is open."""
    path = directory / f"{database}.db"
    connection = connect(path, "ro", PATIENCE_S)
    try:
        row = connection.execute(_SQL["outcome"], (wish,)).fetchone()
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    finally:
        connection.close()
    if row is None:
        return "it was carried out long ago"
    return str(row[1]) if row[0] is not None else None


def wishes(connection: sqlite3.Connection) -> list[Wish]:
    """Open wishes, in the order of asking; for the owner of the file."""
    rows = connection.execute(_SQL["open"]).fetchall()
    return [
        Wish(number, command, target, _argument(text), progress)
        for number, command, target, text, progress in rows
    ]


def advance(connection: sqlite3.Connection, wish: int, progress: int) -> None:
    """Remember how far a wish is carried out, within a transaction."""
    connection.execute(_SQL["advance"], (progress, wish))


def finish(connection: sqlite3.Connection, wish: int, outcome: str) -> None:
    """A wish is carried out, within a transaction."""
    connection.execute(_SQL["finish"], (time.time_ns(), outcome, wish))


def forget(connection: sqlite3.Connection, before_ns: int) -> None:
    """Forget wishes carried out before a time, within a transaction."""
    connection.execute(_SQL["forget"], (before_ns,))


def _argument(text: str) -> dict[str, Any]:
    """A wish that somebody wrote by hand may be anything; one without known keys asks for nothing."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"unreadable": text}
