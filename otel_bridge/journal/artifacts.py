"""Pieces of dbt's artifacts on disk: read through, and written with each batch of `events.db`."""

import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from otel_bridge.extract.dialects.dbt.pieces import RECEIVED, Piece
from otel_bridge.journal import queries
from otel_bridge.journal.database import Reader, transaction, unavailable
from otel_bridge.journal.events import EventLog

CACHE = 1024
LEVEL = 1
"""Of compression: the quickest one leaves a fifth of the bytes."""
PRUNE_ROWS = 5000
MAX_BYTES = 512 * 1024**2
"""What all pieces may take on disk, compressed; the oldest invocations make room."""
_EVER = ("", "", "received")
"""The row that tells that artifacts were received."""

_SQL = queries.load("artifacts")
_Key = tuple[str, str]


class SqliteArtifacts:
    """`Pieces` over the connection of an `EventLog`.

    What is `put` is seen at once and written by the next `EventLog.commit`; `discard` returns to what is on disk.
    Look-ups raise `Unavailable` when that can't be read.
    """

    def __init__(self, log: EventLog, clock: Callable[[], int] = time.time_ns) -> None:
        self._connection = log.connection
        self._path = log.path
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Piece).decode
        self._kept: dict[_Key, dict[str, Piece]] = {}
        self._grown = True
        self.discard()

    def discard(self) -> None:
        """Forget every change since the last commit."""
        self._changed: dict[_Key, dict[str, Piece]] = {}
        self._ever: bool | None = None
        self._kept.clear()

    @property
    def pending(self) -> int:
        """How many pieces the next commit will write."""
        return sum(map(len, self._changed.values()))

    @property
    def ever(self) -> bool:
        """Whether artifacts were received at any time."""
        if self._ever is None:
            self._ever = bool(self._rows("ever", ()))
        return self._ever

    def of(self, scope: str, part: str) -> Mapping[str, Piece]:
        """The pieces of a part, by source."""
        key = (scope, part)
        kept = self._kept.get(key)
        if kept is None:
            kept = {source: self._decode(zlib.decompress(body)) for source, body in self._rows("of", key)}
            self._kept[key] = kept
            if len(self._kept) > CACHE:
                del self._kept[next(iter(self._kept))]
        changed = self._changed.get(key)
        return kept | changed if changed else kept

    def put(self, scope: str, part: str, source: str, piece: Piece) -> None:
        """Add or replace one."""
        self._changed.setdefault((scope, part), {})[source] = piece
        if source in RECEIVED:
            self._ever = True

    def save(self) -> None:
        """Write what changed, within the transaction of the log."""
        at_ns = self._clock()
        rows = [
            (scope, part, source, at_ns, zlib.compress(self._encode(piece), LEVEL))
            for (scope, part), found in self._changed.items()
            for source, piece in found.items()
        ]
        if self._ever and not self._rows("ever", ()):
            rows.append((*_EVER, at_ns, b""))
        self._connection.executemany(_SQL["put"], rows)

    def saved(self) -> None:
        """What changed is durable."""
        self._grown = self._grown or bool(self._changed)
        for key in self._changed:
            self._kept.pop(key, None)
        self._changed = {}

    def prune(self, before_ns: int, max_bytes: int) -> int:
        """Forget pieces that were told before, and the oldest invocations over the limit. Returns how many pieces went.

        Raises:
            Unavailable: nothing was forgotten.
        """
        with transaction(self._connection, self._path):
            gone: int = self._connection.execute(_SQL["old"], (before_ns, PRUNE_ROWS)).rowcount
            if self._grown:
                gone += self._make_room(max_bytes)
        self._grown = False
        if gone:
            self._kept.clear()
        return gone

    def _make_room(self, max_bytes: int) -> int:
        over = self._connection.execute(_SQL["size"]).fetchone()[0] - max_bytes
        gone = 0
        for scope, size, _ in self._connection.execute(_SQL["oldest"]).fetchall() if over > 0 else ():
            if over <= 0:
                break
            gone += self._connection.execute(_SQL["delete_scope"], (scope,)).rowcount
            over -= size
        return gone

    def _rows(self, name: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(_SQL[name], values).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


class Kept(msgspec.Struct, frozen=True):
    """What is kept of one invocation: how many nodes each artifact told, its command and project where known."""

    invocation_id: str
    sources: dict[str, int]
    bytes: int
    at_ns: int
    command: str = ""
    project: str = ""


class ArtifactReader(Reader):
    """Read-only access, in other processes."""

    database = "events"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._decode = msgspec.json.Decoder(Piece).decode

    def invocations(self, limit: int) -> list[Kept]:
        """Those with artifacts, the latest first."""
        return [self._kept(*row) for row in self._rows(_SQL["invocations"], (limit,))]

    def _kept(self, scope: str, size: int, at_ns: int) -> Kept:
        sources = dict(self._rows(_SQL["sources"], (scope,)))
        command = project = ""
        for _, body in self._rows(_SQL["of"], (scope, "")):
            told = self._decode(zlib.decompress(body)).invocation
            command, project = command or told.command, project or told.project
        named = {source: number for source, number in sources.items() if source in RECEIVED}
        return Kept(scope.partition(":")[2], named, size, at_ns, command, project)
