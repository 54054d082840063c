"""SQLite as the journal uses it: how files are opened, what a transaction is, what its errors mean.

Write-ahead log, one writer, short readers. Trouble that passes (no space, a lock, an I/O error) becomes
`Unavailable`; the connection stays usable and goes on when the trouble is over.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from otel_bridge.journal import lock, schema
from otel_bridge.model import JournalError, Unavailable

PAGE_BYTES = 8192
WAL_PAGES = 2000
WAL_KEPT_BYTES = 32 * 1024**2
CACHE_KIB = 2048
BUSY_S = 0.5
PREDECESSOR_S = 10.0
"""How long to wait for a process that is about to end to let go of a file."""

COUNT = """
INSERT INTO counters (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
"""

_HINTS = {
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_BUSY": "close the other program that has it open",
    "SQLITE_LOCKED": "close the other program that has it open",
    "SQLITE_READONLY": "make it writable for this user",
    "SQLITE_CANTOPEN": "make its folder writable for this user",
    "SQLITE_CORRUPT": "stop the bridge and restore the folder from a backup, or move it away",
    "SQLITE_NOTADB": "stop the bridge and restore the folder from a backup, or move it away",
}


def open_writer(path: Path, synchronous: Literal["FULL", "NORMAL"]) -> sqlite3.Connection:
    """Open a database for writing, bring its schema up to date.

    Pages of 8 KiB hold three typical spans where 4 KiB hold one; the write-ahead log is moved into the
    database every 16 MiB and its file is kept, since writing over it is cheaper to sync than appending.

    Raises:
        JournalError: the file can't be used; says why and what to do.
    """
    connection: sqlite3.Connection | None = None
    with suppress(OSError):  # whatever the umask is; the files beside it take its mode
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        schema.migrate(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise JournalError(f"{path} can't be opened ({error}): {_hint(error)}") from error
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


@contextmanager
def owned(
    directory: Path, name: str, synchronous: Literal["FULL", "NORMAL"]
) -> Iterator[tuple[sqlite3.Connection, Path, lock.Lock]]:
    """A database opened for writing, with the lock that makes this process its only writer.

    The lock stays held when the block ends; it is released if the block raises, and by whoever closes the file.

    Raises:
        JournalError: in use, from a newer release, or not usable; says what to do.
    """
    held = lock.hold(directory, f"{name}.lock", PREDECESSOR_S)
    path = directory / f"{name}.db"
    try:
        yield open_writer(path, synchronous), path, held
    except BaseException:
        held.release()
        raise


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open a database for reading; None as long as its writer did not create it.

    Raises:
        NewerSchema, JournalError: written by another release.
        Unavailable: it can't be opened at the moment.
    """
    if not path.exists():
        return None
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, "ro")
        connection.execute("PRAGMA cache_size = -2048")
        if schema.readable(connection, path):
            return connection
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise unavailable(error, path) from error
    except JournalError:
        assert connection is not None
        connection.close()
        raise
    connection.close()
    return None


def connect(path: Path, mode: Literal["ro", "rw"], busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A bare connection to an existing file."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing, durable at the end.

    Raises:
        Unavailable: it did not happen; the same may be tried again.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        _roll_back(connection)
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
            raise
        raise unavailable(error, path) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        # The next BEGIN says what is still wrong.
        return


def unavailable(error: sqlite3.Error, path: Path) -> Unavailable:
    """What a sender is told, and the operator reads, while the disk is in trouble."""
    return Unavailable(f"the journal {path} can't be used at the moment ({error}): {_hint(error)}")


def _hint(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return next(
        (hint for code, hint in _HINTS.items() if name.startswith(code)), "look at its disk and its limits"
    )


def count(connection: sqlite3.Connection, changes: Mapping[str, int]) -> None:
    """Add to counters, within a transaction."""
    connection.executemany(COUNT, [(name, value) for name, value in changes.items() if value])


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """All counters of a database."""
    return dict(connection.execute("SELECT name, value FROM counters").fetchall())


def labelled(values: Mapping[str, int], name: str) -> dict[str, int]:
    """Counters called `<name>:<label>`, by label.

    >>> labelled({"rejected:ids": 2, "received": 9}, "rejected")
    {'ids': 2}
    """
    start = f"{name}:"
    return {key.removeprefix(start): value for key, value in values.items() if key.startswith(start)}


class Reader:
    """Read-only access to one database of a data directory, from any process; used by one thread at a time.

    Sees nothing as long as the file does not exist. Every call is one short read, so that the writer's log
    can be taken over at any time.
    """

    database: str

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"{self.database}.db"
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def counters(self) -> dict[str, int]:
        """All counters by name."""
        return dict(self._rows("SELECT name, value FROM counters"))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read within is of one moment, so that sums add up. To be left soon, for the writer's log's sake."""
        self._rows("BEGIN")
        connection = self._connection
        try:
            yield
        finally:
            if connection is not None and connection is self._connection:
                connection.rollback()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        connection = self._open()
        if connection is None:
            return []
        try:
            return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise unavailable(error, self._path) from error

    def _number(self, statement: str, values: Sequence[Any] = ()) -> int | None:
        rows = self._rows(statement, values)
        return rows[0][0] if rows else None

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            self._connection = open_reader(self._path)
        return self._connection
