"""One destination's view of the journal: where it stands, what comes next, what became of it.

All of a process's ledgers use one thread, `Disk`, so that nothing here ever blocks the event loop.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from otel_bridge.deliver.ancestry import Ancestry
from otel_bridge.deliver.canonical import CanonicalNames
from otel_bridge.deliver.order import Item
from otel_bridge.deliver.outcome import Rejected
from otel_bridge.journal import DeadLetter, DeliveryLog, EventReader, Settled, Standing, StoredEvent

T = TypeVar("T")

PAGE = 500


class Disk:
    """The thread that reads events and writes positions."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "journal")

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do it there."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """Wait for what it is doing."""
        self._thread.shutdown()


class Redelivery:
    """Events of one run that go out again together: dead letters, and what followed them."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.finished = asyncio.Event()
        self._left = {item.seq for item in items}
        self._settled: list[Settled] = []

    @property
    def letters(self) -> int:
        """How many of them are dead letters."""
        return sum(item.letter for item in self.items)

    def settle(self, item: Item, settled: Settled) -> list[Settled]:
        """One is out. When all are, what became of the letters; before, nothing."""
        self._left.discard(item.seq)
        if item.letter:
            self._settled.append(settled)
        if self._left:
            return []
        self.finished.set()
        return self._settled


class Ledger:
    """Reads and writes for one destination. With `ancestry` its items know the full names of parents.

    `names` are brought up to date whenever events were read.
    """

    def __init__(
        self,
        destination: str,
        events: EventReader,
        deliveries: DeliveryLog,
        disk: Disk,
        ancestry: Ancestry | None = None,
        names: CanonicalNames | None = None,
    ) -> None:
        self._destination = destination
        self._events = events
        self._deliveries = deliveries
        self._disk = disk
        self._ancestry = ancestry
        self._names = names

    def settled(self, item: Item, refused: Rejected | None) -> Settled:
        """The entry for an event that is delivered, skipped, or refused for good."""
        if refused:
            return Settled(self._destination, item.seq, self._letter(item, refused))
        if item.prepared is None:
            return Settled(self._destination, item.seq)
        return Settled(self._destination, item.seq, skipped=item.prepared.skipped, shed=item.prepared.shed)

    async def position(self) -> tuple[int, list[Item]]:
        """Up to where the log was read, and the events up to there that are not settled."""
        return await self._disk.run(self._position)

    async def read(self, after: int, limit: int) -> list[Item]:
        """The next events."""
        return await self._disk.run(self._read, after, limit)

    async def commit(self, settled: Sequence[Settled]) -> None:
        """Keep what is settled."""
        if settled:
            await self._disk.run(self._deliveries.settle, settled)

    async def rewind(self, after: int) -> int:
        """Make every event after one unsettled; the event that is now the last settled one."""
        standing = await self._disk.run(
            lambda: self._deliveries.rewind(self._destination, after, self._events.first_seq())
        )
        return standing.cursor

    async def letters(self, seqs: Collection[int], busy: Collection[str]) -> list[Redelivery]:
        """The dead letters among `seqs` (all of them if there are none), by run, each with what followed it.

        Runs in `busy` are left out.
        """
        return await self._disk.run(self._letters, seqs, busy)

    async def drop(self, seqs: Sequence[int]) -> int:
        """Give up dead letters; all of them without `seqs`."""
        return await self._disk.run(self._deliveries.drop, self._destination, list(seqs) or None)

    def _read(self, after: int, limit: int) -> list[Item]:
        return self._named([self._item(stored) for stored in self._events.read(after, limit)])

    def _named(self, read: T) -> T:
        if self._names:
            self._names.refresh()
        return read

    def _item(self, stored: StoredEvent, *, letter: bool = False, repeat: bool = False) -> Item:
        path = self._ancestry.parent_path(stored.event) if self._ancestry else None
        return Item(stored.seq, stored.made_ns, stored.event, path, letter=letter, repeat=repeat)

    def _letter(self, item: Item, refused: Rejected) -> DeadLetter:
        return DeadLetter(
            destination=self._destination,
            seq=item.seq,
            reason=refused.reason,
            status=refused.status,
            answer=refused.answer,
            at_ns=time.time_ns(),
            attempts=item.attempts + 1,
        )

    def _standing(self) -> Standing:
        return self._deliveries.join(self._destination, self._events.first_seq())

    def _position(self) -> tuple[int, list[Item]]:
        standing = self._standing()
        read_to = max(standing.ahead, default=standing.cursor)
        between = self._between(standing.cursor, read_to)
        return read_to, self._named([self._item(s) for s in between if s.seq not in standing.ahead])

    def _between(self, after: int, last: int) -> Iterable[StoredEvent]:
        while after < last:
            page = self._events.read(after, min(PAGE, last - after))
            if not page:
                return
            yield from page
            after = page[-1].seq

    def _letters(self, seqs: Collection[int], busy: Collection[str]) -> list[Redelivery]:
        dead = {letter.seq for letter in self._deliveries.letters(self._destination)}
        wanted = sorted(dead & set(seqs) if seqs else dead)
        runs: dict[str, list[StoredEvent]] = {}
        for stored in self._events.read_seqs(wanted):
            if stored.event.key not in busy:
                runs.setdefault(stored.event.key, []).append(stored)
        standing = self._standing()
        return self._named([self._redelivery(letters, dead, standing) for letters in runs.values()])

    def _redelivery(
        self, letters: Sequence[StoredEvent], dead: Collection[int], standing: Standing
    ) -> Redelivery:
        first, wanted = letters[0], {stored.seq for stored in letters}
        later = self._events.find(key=first.event.key, after=first.seq, limit=-1)
        repeats = [
            s for s in later if s.seq not in dead and (s.seq <= standing.cursor or s.seq in standing.ahead)
        ]
        again = [self._item(s, letter=s.seq in wanted, repeat=s.seq not in wanted)
                 for s in [*letters, *repeats]]  # fmt: skip
        return Redelivery(sorted(again))
