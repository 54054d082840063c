"""All destinations of a service: pumps, the look-out for new events, the wishes of the command line."""

import asyncio
import random
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from otel_bridge.deliver.ancestry import Ancestry
from otel_bridge.deliver.canonical import CanonicalNames
from otel_bridge.deliver.discreet import Discreet
from otel_bridge.deliver.kinds import KINDS
from otel_bridge.deliver.ledger import Disk, Ledger
from otel_bridge.deliver.pump import Pump
from otel_bridge.deliver.sender import Opening
from otel_bridge.journal import DeliveryLog, EventReader, KnownNames, Wish
from otel_bridge.model import BridgeError
from otel_bridge.openlineage.profiles import Preparation
from otel_bridge.redaction import Redactor
from otel_bridge.settings import Destination, Identity

POLL_FIRST_S = 0.02
POLL_LONGEST_S = 0.1
WISHES_EVERY_S = 0.5
PRUNE_EVERY_S = 60.0
KEEP_WISHES_S = 7 * 86400
DRAIN_S = 3.0

log = structlog.get_logger()


class DestinationState(msgspec.Struct, frozen=True):
    """What a destination is doing. `trouble` is why the last failed attempt failed, "" if nothing fails now.

    `attempts` are counted by outcome since the process started.
    """

    name: str
    type: str
    in_flight: int
    trouble: str
    attempts: dict[str, int]


class Deliveries:
    """Delivers the event log of a data directory to its destinations."""

    def __init__(
        self,
        destinations: Iterable[Destination],
        directory: Path,
        rng: random.Random | None = None,
        identity: Identity | None = None,
    ) -> None:
        self._destinations = list(destinations)
        self._directory = directory
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._disk = Disk()
        self._events = EventReader(directory)
        self._ancestry = Ancestry(self._events)
        self._known = KnownNames(directory, identity or Identity())
        self._names = CanonicalNames(self._known)
        self._pumps: dict[str, Pump] = {}
        self._underway: set[int] = set()

    async def run(self, stop: asyncio.Event, drain_s: float = DRAIN_S) -> None:
        """Deliver until `stop`, then for at most `drain_s` what can go at once.

        Raises:
            JournalError: the position can't be kept in this directory; says what to do.
        """
        written = await self._disk.run(DeliveryLog.open, self._directory)
        try:
            self._pumps = {d.name: self._pump(d, written) for d in self._destinations}
            async with asyncio.TaskGroup() as tasks:
                background = [tasks.create_task(work) for work in (self._look_out(), self._listen(written))]
                pumping = [tasks.create_task(pump.run(stop, drain_s)) for pump in self._pumps.values()]
                await stop.wait()
                await asyncio.gather(*pumping)
                for task in background:
                    task.cancel()
        finally:
            await self._disk.run(written.close)
            await self._disk.run(self._events.close)
            await self._disk.run(self._known.close)
            self._disk.close()

    @property
    def known(self) -> KnownNames:
        """What is known of the names of datasets."""
        return self._known

    def states(self) -> list[DestinationState]:
        """What each destination is doing, in the order of the configuration."""
        return [self._state(d) for d in self._destinations]

    def _state(self, destination: Destination) -> DestinationState:
        pump = self._pumps.get(destination.name)
        if pump is None:
            return DestinationState(destination.name, destination.type, 0, "", {})
        return DestinationState(
            destination.name, destination.type, pump.schedule.flying, pump.trouble, dict(pump.attempts)
        )

    def _pump(self, destination: Destination, written: DeliveryLog) -> Pump:
        opening = Opening(self._directory, destination.consumer)
        sender = Discreet(
            KINDS[destination.type].open(destination.options, opening), Redactor.of(destination.options)
        )
        preparation = Preparation(destination.consumer, self._names)
        ancestry = self._ancestry if preparation.needs_paths else None
        names = self._names if destination.consumer.canonical_names else None
        ledger = Ledger(destination.name, self._events, written, self._disk, ancestry, names)
        return Pump(destination.name, sender, destination.options, ledger, self._rng, preparation)

    async def _look_out(self) -> None:
        """Tell the pumps of new events; look less often while nothing comes."""
        last, pause = 0, POLL_FIRST_S
        while True:
            try:
                newest = await self._disk.run(self._events.last_seq)
            except BridgeError as error:
                log.warning("events can't be read, trying again", error=str(error))
                newest = last
            pause = POLL_FIRST_S if newest > last else min(pause * 1.2, POLL_LONGEST_S)
            last = newest
            for pump in self._pumps.values():
                pump.look(last)
            await asyncio.sleep(pause)

    async def _listen(self, written: DeliveryLog) -> None:
        """Carry out what the command line asks for."""
        pruned_s = 0.0
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    for wish in await self._disk.run(written.wishes):
                        if wish.id not in self._underway:
                            self._underway.add(wish.id)
                            tasks.create_task(self._carry_out(wish, written))
                    if time.monotonic() - pruned_s >= PRUNE_EVERY_S:
                        pruned_s = time.monotonic()
                        await self._disk.run(self._prune, written)
                except BridgeError as error:
                    log.warning("the command line can't be heard, trying again", error=str(error))
                await asyncio.sleep(WISHES_EVERY_S)

    def _prune(self, written: DeliveryLog) -> None:
        written.prune(self._events.first_seq(), time.time_ns() - int(KEEP_WISHES_S * 1e9))

    async def _carry_out(self, wish: Wish, written: DeliveryLog) -> None:
        """A wish that fails is open again, and tried with the next look at them."""
        try:
            said = await self._answer(wish)
            await self._disk.run(written.finish, wish.id, said)
            log.info(said, destination=wish.target)
        except Exception as error:  # noqa: BLE001 - one wish must not end the delivery
            log.warning(
                "a wish of the command line failed, trying again", wish=wish.command, error=str(error)
            )
        finally:
            self._underway.discard(wish.id)

    async def _answer(self, wish: Wish) -> str:
        pump, wanted = self._pumps.get(wish.target), wish.argument
        if pump is None:
            return f"there is no destination called {wish.target!r}"
        after, seqs = wanted.get("after"), wanted.get("seqs", [])
        if wish.command == "rewind" and isinstance(after, int):
            return await pump.rewind(after)
        if wish.command not in {"retry_dead", "drop_dead"} or not _are_numbers(seqs):
            return "not understood"
        return await (pump.retry_dead(seqs) if wish.command == "retry_dead" else pump.drop_dead(seqs))


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, int) for item in value)
