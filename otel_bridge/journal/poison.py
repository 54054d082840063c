"""The table `poison` of `accepted.db`: messages of queues that can't be taken, or not whole, as they came.

Written by the receiving process within its transactions; bounded, the oldest are forgotten first. The counters
`poison_rows` and `poison_bytes` have what is kept.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from otel_bridge.journal import control, queries
from otel_bridge.journal.database import Reader, count
from otel_bridge.model import Poison

_SQL = queries.load("poison")
_KEPT = "SELECT value FROM counters WHERE name = ?"


class Bounds(msgspec.Struct, frozen=True):
    """Most that is kept. The newest message always stays, whatever its size."""

    rows: int = 10_000
    bytes: int = 64 * 1024**2


def bury(connection: sqlite3.Connection, message: Poison, bounds: Bounds) -> bool:
    """Keep a message, within a transaction; False if it is kept already.

    Another one may be kept from this place, if the topic was made anew since: it is forgotten.
    """
    place = (message.source, message.topic, message.partition, message.offset)
    for seq, same in connection.execute(_SQL["at_place"], (message.payload, *place)).fetchall():
        if same:
            return False
        _forget(connection, seq)
    content = (message.content, message.encoding, message.reason, message.at_ns, message.key, message.payload)
    connection.execute(_SQL["bury"], (*place, *content))
    count(connection, {"poison_rows": 1, "poison_bytes": len(message.payload) + len(message.key or b"")})
    _make_room(connection, bounds)
    return True


def forget(connection: sqlite3.Connection, seqs: Iterable[int]) -> int:
    """Remove messages, within a transaction. Returns how many there were."""
    return sum(_forget(connection, seq) for seq in seqs)


def explain(connection: sqlite3.Connection, seq: int, reason: str) -> None:
    """Another attempt at a message failed, for this reason; within a transaction."""
    connection.execute(_SQL["explain"], (reason, seq))


def _forget(connection: sqlite3.Connection, seq: int) -> bool:
    found = connection.execute(_SQL["size"], (seq,)).fetchone()
    if found:
        connection.execute(_SQL["forget"], (seq,))
        count(connection, {"poison_rows": -1, "poison_bytes": -found[0]})
    return found is not None


def _make_room(connection: sqlite3.Connection, bounds: Bounds) -> None:
    rows, size = (connection.execute(_KEPT, (f"poison_{what}",)).fetchone()[0] for what in ("rows", "bytes"))
    while rows > 1 and (rows > bounds.rows or size > bounds.bytes):
        seq, freed = connection.execute(_SQL["oldest"]).fetchone()
        _forget(connection, seq)
        rows, size = rows - 1, size - freed


class PoisonReader(Reader):
    """Read-only access, for the command line and for trying again."""

    database = "accepted"

    def messages(self, source: str | None = None, after: int = 0, limit: int = 100) -> list[Poison]:
        """Messages in the order of their numbers, of one source or of all."""
        if source is None:
            return [Poison(*row) for row in self._rows(_SQL["list_all"], (after, limit))]
        return [Poison(*row) for row in self._rows(_SQL["list"], (source, after, limit))]

    def message(self, source: str, seq: int) -> Poison | None:
        """One message of a source."""
        found = self.messages(source, seq - 1, 1)
        return found[0] if found and found[0].seq == seq else None

    def seqs(self, source: str) -> list[int]:
        """Numbers of the messages of a source."""
        return [seq for (seq,) in self._rows(_SQL["seqs"], (source,))]

    def sources(self) -> dict[str, int]:
        """Sources of which messages are kept, with their number."""
        return dict(self._rows(_SQL["sources"]))

    def wishes(self) -> list[control.Wish]:
        """What the command line asked of the receiving process and is not carried out, in order."""
        connection = self._open()
        return control.wishes(connection) if connection else []


def known_sources(directory: Path) -> dict[str, int]:
    """`PoisonReader.sources` of a data directory."""
    reader = PoisonReader(directory)
    try:
        return reader.sources()
    finally:
        reader.close()
