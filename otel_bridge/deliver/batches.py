"""What waits goes together: nothing is delayed in order to fill a batch, and no batch is sent twice at once.

Batches are under way in a few lanes. A lane that is free takes what came meanwhile; what a batch can't get
through is found by halving it, and an event whose batch failed as a whole goes alone from then on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

import msgspec

from otel_bridge.deliver.outcome import Outcome, Retry


class Halve(Enum):
    """No outcome yet: the batch has to go in two halves."""

    TOO_LARGE = "and later ones must be smaller, too"
    SINGLY = "and each of them, and later ones, must go alone"
    IN_DOUBT = "to find out which events are meant"


Attempt = Callable[[Sequence[bytes]], Awaitable[Sequence[Outcome] | Halve]]
"""Send bodies together: an outcome for each, in their order. One body alone is never to be halved."""


class Waiting(msgspec.Struct, frozen=True):
    """An event on its way into a batch."""

    body: bytes
    key: str
    done: "asyncio.Future[Outcome]"


class Batches:
    """Collects events for `attempt`.

    Args:
        attempt: sends some of them.
        lanes: how many batches may be under way at once.
        most_events: most events of a batch.
        most_bytes: bytes that a batch is not to exceed, unless by a single event.
    """

    def __init__(self, attempt: Attempt, lanes: int, most_events: int, most_bytes: int) -> None:
        self._most_events = most_events
        self._attempt = attempt
        self._free = lanes
        self._most_bytes = most_bytes
        self._waiting: deque[Waiting] = deque()
        self._alone: set[str] = set()
        self._starting = False
        self._lanes: set[asyncio.Task[None]] = set()

    async def put(self, body: bytes, key: str) -> Outcome:
        """Send an event with others; `key` is that of its order."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(body, key, done))
        self._open_lane()
        return await done

    async def close(self) -> None:
        """Give up what is under way."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    def _open_lane(self) -> None:
        if self._free and not self._starting and self._waiting:
            self._free -= 1
            self._starting = True
            lane = asyncio.create_task(self._run_lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _run_lane(self) -> None:
        self._starting = False
        try:
            while batch := self._take():
                self._open_lane()
                await self._send(batch)
        finally:
            self._free += 1

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < self._most_events:
            following = self._waiting[0]
            if following.done.done():
                self._waiting.popleft()
                continue
            size += len(following.body) + 1
            alone = following.key in self._alone
            if batch and (alone or size > self._most_bytes):
                break
            batch.append(self._waiting.popleft())
            if alone:
                break
        return batch

    async def _send(self, batch: Sequence[Waiting]) -> None:
        try:
            found = await self._attempt([waiting.body for waiting in batch])
        except Exception as error:  # noqa: BLE001 - a defect of `attempt`; nobody may wait for ever
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        if not isinstance(found, Halve):
            self._settle(batch, found)
        elif found is Halve.IN_DOUBT:
            middle = len(batch) // 2
            await self._send(batch[:middle])
            await self._send(batch[middle:])
        else:
            self._shrink(batch, found)
            self._waiting.extendleft(reversed(batch))

    def _shrink(self, batch: Sequence[Waiting], reason: Halve) -> None:
        if reason is Halve.SINGLY:
            self._most_events = 1
        else:
            self._most_bytes = min(self._most_bytes, sum(len(w.body) + 1 for w in batch) // 2)

    def _settle(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        together = len(batch) > 1 and all(isinstance(o, Retry) and not o.whole for o in outcomes)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if together:
                self._alone.add(waiting.key)
            elif not isinstance(outcome, Retry):
                self._alone.discard(waiting.key)
            if not waiting.done.done():
                waiting.done.set_result(outcome)
