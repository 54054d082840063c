"""`delivery.db`: where each destination stands in the event log, and its dead letters.

Written by the delivering process and by nobody else, except for wishes in `control`. A lost tail means only
that some events are delivered once more, so commits don't wait for the disk (synchronous NORMAL).

An event is *settled* for a destination when it is delivered, skipped (its consumer does not want it) or dead. For
each destination, always: events after `started_after` = delivered + skipped + dead + missed + waiting.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import msgspec

from otel_bridge.journal import control, lock, queries
from otel_bridge.journal.database import Reader, owned, transaction

EVERYTHING = 2**63 - 1
LABELS = 100
"""Facets that are told apart in the sums of what was shed; names of facets come from data."""
LABEL = 128
"""Longest name of a facet in the sums, in characters; longer ones are cut."""

_SQL = queries.load("deliveries")


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that a destination will never take. `status` and `answer` are what it said, if it did."""

    destination: str
    seq: int
    reason: str
    status: int | None
    answer: str
    at_ns: int
    attempts: int
    state: Literal["dead", "dropped"] = "dead"


class Settled(msgspec.Struct, frozen=True):
    """An event is delivered; or dead if there is a letter, or skipped if there is a reason to.

    `seq` may be one that was settled before. `shed` names the facets that were delivered without.
    """

    destination: str
    seq: int
    letter: DeadLetter | None = None
    skipped: str = ""
    shed: tuple[str, ...] = ()

    @property
    def state(self) -> Literal["delivered", "skipped", "dead"]:
        """What it is now."""
        if self.letter:
            return "dead"
        return "skipped" if self.skipped else "delivered"


class Standing(msgspec.Struct, frozen=True):
    """Where a destination stands: every event up to `cursor` is settled, and those in `ahead` beyond it."""

    name: str
    started_after: int
    cursor: int
    delivered: int
    dead: int
    missed: int
    skipped: int = 0
    ahead: frozenset[int] = frozenset()


class DeliveryLog:
    """The writer. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path, held: lock.Lock) -> None:
        self._connection = connection
        self._path = path
        self._lock = held
        self._standings = _standings(connection)
        self._shed = {row[2] for row in connection.execute(_SQL["tallies"]) if row[1] == "shed"}

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open for writing, creating what is missing.

        Raises:
            JournalError: in use, from a newer release, or not usable; says what to do.
        """
        with owned(directory, "delivery", "NORMAL") as (connection, path, held):
            return cls(connection, path, held)

    def join(self, destination: str, first_seq: int) -> Standing:
        """Where a destination goes on; a new one begins with the oldest event kept, `first_seq`.

        One that comes back after events were pruned without it has missed those.

        Raises:
            Unavailable: it can't be written at the moment.
        """
        known = self._standings.get(destination)
        if known is None:
            standing = Standing(destination, first_seq - 1, first_seq - 1, 0, 0, 0)
            with transaction(self._connection, self._path):
                self._connection.execute(_SQL["join"], (destination, first_seq - 1, first_seq - 1))
            self._standings[destination] = standing
        elif known.cursor < first_seq - 1:
            self._skip(known, first_seq - 1)
        return self._standings[destination]

    def settle(self, settled: Iterable[Settled]) -> None:
        """Remember what was delivered, skipped or buried, of any destinations, in one transaction.

        An event that was settled before counts once: a dead letter that is delivered or skipped now is no longer
        dead, one that is refused again is replaced, a skipped event that is delivered now is no longer skipped,
        and a repetition of a delivered event changes nothing.

        Raises:
            Unavailable: nothing was remembered.
            KeyError: a destination that did not `join`.
        """
        by_destination: dict[str, list[Settled]] = {}
        for one in settled:
            by_destination.setdefault(one.destination, []).append(one)
        with transaction(self._connection, self._path):
            stands = [self._settle(self._standings[name], ones) for name, ones in by_destination.items()]
        self._standings.update((standing.name, standing) for standing in stands)

    def rewind(self, destination: str, after: int, first_seq: int) -> Standing:
        """Open every event after one again, dead ones too; not before `first_seq`, the oldest event kept.

        Raises:
            Unavailable: nothing changed.
            KeyError: a destination that did not `join`.
        """
        old = self._standings[destination]
        after = max(after, first_seq - 1, old.started_after)
        settled = max(old.cursor - after, 0) + sum(seq > after for seq in old.ahead)
        with transaction(self._connection, self._path):
            dead = self._connection.execute(_SQL["unbury_after"], (destination, after)).rowcount
            skipped = self._unskip_after(destination, after)
            self._connection.execute(_SQL["forget_ahead"], (destination, after))
            standing = msgspec.structs.replace(
                old,
                cursor=min(old.cursor, after),
                delivered=old.delivered - (settled - dead - skipped),
                dead=old.dead - dead,
                skipped=old.skipped - skipped,
                ahead=frozenset(seq for seq in old.ahead if seq <= after),
            )
            self._stand(standing)
        self._standings[destination] = standing
        return standing

    def drop(self, destination: str, seqs: Sequence[int] | None = None) -> int:
        """Give up dead letters, all of them without `seqs`; they stay counted as dead. Returns how many."""
        if seqs is None:
            seqs = [letter.seq for letter in self.letters(destination)]
        with transaction(self._connection, self._path):
            statement, values = _SQL["drop"], [(destination, seq) for seq in seqs]
            return self._connection.executemany(statement, values).rowcount if values else 0

    def letters(self, destination: str, after: int = 0, limit: int = -1) -> list[DeadLetter]:
        """Dead letters that can be tried again, in the order of the log."""
        rows = self._connection.execute(_SQL["letters"], (destination, after, "dead", limit)).fetchall()
        return [DeadLetter(*row) for row in rows]

    def wishes(self) -> list[control.Wish]:
        """What the command line asked for and is not carried out, in order."""
        return control.wishes(self._connection)

    def finish(self, wish: int, outcome: str) -> None:
        """A wish is carried out, or can't be; `outcome` is a sentence for whoever asked.

        Raises:
            Unavailable: not remembered; carry it out again, later.
        """
        with transaction(self._connection, self._path):
            control.finish(self._connection, wish, outcome)

    def prune(self, first_seq: int, forget_ns: int) -> None:
        """Forget dead letters and skips whose event is no longer kept, and wishes done before `forget_ns`.

        Raises:
            Unavailable: nothing was forgotten.
        """
        with transaction(self._connection, self._path):
            self._connection.execute(_SQL["forget_letters"], (first_seq,))
            self._connection.execute(_SQL["forget_skips"], (first_seq,))
            control.forget(self._connection, forget_ns)

    def close(self) -> None:
        """Close the file and let another writer have it."""
        self._connection.close()
        self._lock.release()

    def _skip(self, old: Standing, to: int) -> None:
        """Events up to `to` are gone: those that were not settled are missed."""
        missed = to - old.cursor - sum(seq <= to for seq in old.ahead)
        standing = _advanced(old, to, old.ahead)
        standing = msgspec.structs.replace(standing, missed=old.missed + missed)
        with transaction(self._connection, self._path):
            self._connection.execute(_SQL["caught_up"], (old.name, standing.cursor))
            self._stand(standing)
        self._standings[old.name] = standing

    def _settle(self, old: Standing, settled: Sequence[Settled]) -> Standing:
        """Write one destination's part, within the transaction; returns where it then stands."""
        changes: Counter[str] = Counter()
        ahead = set(old.ahead)
        for one in settled:
            if one.seq <= old.cursor or one.seq in ahead:
                changes.update(self._settle_again(one))
                continue
            ahead.add(one.seq)
            self._file(one)
            changes[one.state] += 1
        standing = _advanced(old, old.cursor, ahead)
        standing = msgspec.structs.replace(
            standing,
            delivered=old.delivered + changes["delivered"],
            skipped=old.skipped + changes["skipped"],
            dead=old.dead + changes["dead"],
        )
        added = [(old.name, seq) for seq in standing.ahead - old.ahead]
        self._connection.executemany(_SQL["go_ahead"], added)
        self._connection.execute(_SQL["caught_up"], (old.name, standing.cursor))
        self._stand(standing)
        return standing

    def _settle_again(self, one: Settled) -> Mapping[str, int]:
        """An event that was settled before; how that changes the sums."""
        before, where = self._state(one), (one.destination, one.seq)
        if before == "dead":
            self._connection.execute(_SQL["unbury"], where)
        elif before == "delivered" or one.state != "delivered":
            return {}
        else:
            self._unskip(one)
        self._file(one)
        return {} if before == one.state else {before: -1, one.state: 1}

    def _state(self, one: Settled) -> Literal["delivered", "skipped", "dead"]:
        """What a settled event was."""
        where = (one.destination, one.seq)
        if self._connection.execute(_SQL["dead_among"], where).fetchone():
            return "dead"
        return "skipped" if self._connection.execute(_SQL["skipped_among"], where).fetchone() else "delivered"

    def _file(self, one: Settled) -> None:
        """Keep what there is to know of an event besides that it is settled."""
        if one.letter:
            self._bury(one.letter)
        if one.skipped:
            self._connection.execute(_SQL["skip"], (one.destination, one.seq, one.skipped))
            self._tally(one.destination, "skipped", {one.skipped: 1})
        if one.shed:
            self._tally(one.destination, "shed", Counter(self._label(name) for name in one.shed))

    def _unskip(self, one: Settled) -> None:
        where = (one.destination, one.seq)
        for (reason,) in self._connection.execute(_SQL["skipped_among"], where).fetchall():
            self._tally(one.destination, "skipped", {reason: -1})
        self._connection.execute(_SQL["unskip"], where)

    def _unskip_after(self, destination: str, after: int) -> int:
        reasons = dict(self._connection.execute(_SQL["skipped_after"], (destination, after)).fetchall())
        self._tally(destination, "skipped", {reason: -number for reason, number in reasons.items()})
        self._connection.execute(_SQL["unskip_after"], (destination, after))
        return sum(reasons.values())

    def _tally(self, destination: str, what: str, changes: Mapping[str, int]) -> None:
        rows = [(destination, what, label, change) for label, change in changes.items()]
        self._connection.executemany(_SQL["tally"], rows)

    def _label(self, facet: str) -> str:
        facet = facet if len(facet) <= LABEL else f"{facet[: LABEL - 3]}..."
        if facet not in self._shed and len(self._shed) >= LABELS:
            return "other"
        self._shed.add(facet)
        return facet

    def _bury(self, letter: DeadLetter) -> None:
        self._connection.execute(
            _SQL["bury"],
            (
                letter.destination,
                letter.seq,
                letter.reason,
                letter.status,
                letter.answer,
                letter.at_ns,
                letter.attempts,
            ),
        )

    def _stand(self, standing: Standing) -> None:
        counts = (standing.cursor, standing.delivered, standing.dead, standing.missed, standing.skipped)
        self._connection.execute(_SQL["stand"], (*counts, standing.name))


def _advanced(old: Standing, cursor: int, ahead: Iterable[int]) -> Standing:
    """With the cursor moved over everything settled that follows it without a gap.

    >>> _advanced(Standing("d", 0, 4, 0, 0, 0), 4, {5, 6, 8})
    Standing(name='d', started_after=0, cursor=6, delivered=0, dead=0, missed=0, skipped=0, ahead=frozenset({8}))
    """
    beyond = {seq for seq in ahead if seq > cursor}
    while cursor + 1 in beyond:
        cursor += 1
        beyond.remove(cursor)
    return msgspec.structs.replace(old, cursor=cursor, ahead=frozenset(beyond))


def _standings(connection: sqlite3.Connection) -> dict[str, Standing]:
    ahead: dict[str, set[int]] = {}
    for name, seq in connection.execute(_SQL["all_ahead"]):
        ahead.setdefault(name, set()).add(seq)
    found = [Standing(*row) for row in connection.execute(_SQL["destinations"]).fetchall()]
    return {one.name: _advanced(one, one.cursor, ahead.get(one.name, ())) for one in found}


class DeliveryReader(Reader):
    """Read-only access, for the converter's pruning, health and the command line."""

    database = "delivery"

    def cursors(self) -> dict[str, int]:
        """By destination: every event up to here is settled."""
        return {row[0]: row[2] for row in self._rows(_SQL["destinations"])}

    def standings(self) -> list[tuple[Standing, int]]:
        """Where every destination stands (`ahead` left empty), with the number of events settled ahead."""
        ahead = dict(self._rows(_SQL["ahead"]))
        return [(Standing(*row), ahead.get(row[0], 0)) for row in self._rows(_SQL["destinations"])]

    def letters(
        self,
        destination: str | None = None,
        *,
        after: int = 0,
        state: Literal["dead", "dropped"] = "dead",
        limit: int = 100,
    ) -> list[DeadLetter]:
        """Dead letters in the order of the log, of one destination or of all."""
        if destination is None:
            rows = self._rows(_SQL["all_letters"], (after, state, limit))
        else:
            rows = self._rows(_SQL["letters"], (destination, after, state, limit))
        return [DeadLetter(*row) for row in rows]

    def dead_by_reason(self) -> list[tuple[str, str, str, int]]:
        """Destination, reason, state (dead or dropped), and how many letters are still kept."""
        return [(name, reason, state, n) for name, reason, state, n in self._rows(_SQL["dead_by_reason"])]

    def tallies(self, destination: str, what: Literal["skipped", "shed"]) -> dict[str, int]:
        """Events skipped, by reason; or facets shed, by name, once for each delivery."""
        rows = self._rows(_SQL["tallies"])
        return {label: value for name, kind, label, value in rows if (name, kind) == (destination, what)}


def delivered_by_all(directory: Path, destinations: Iterable[str]) -> int:
    """The last event that every one of these destinations has settled, with all before it.

    Without destinations nobody waits for anything: a number beyond every event. A destination that never
    joined has settled nothing.

    Raises:
        Unavailable: it can't be read at the moment.
    """
    reader = DeliveryReader(directory)
    try:
        cursors = reader.cursors()
    finally:
        reader.close()
    return min((cursors.get(name, 0) for name in destinations), default=EVERYTHING)
