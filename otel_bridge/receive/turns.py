"""How many messages are read at once over gRPC, and who makes room for whom.

A message takes memory from its first byte on, so few are read at once. Whoever opens calls and then sends slowly, or
nothing, must not keep the others waiting: as soon as somebody waits, the one who has been reading for longest is
given little more time, and no connection has all the turns.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

MOST = 16
"""Messages being read at once; they take at most so many times `max_request`."""
MOST_OF_ONE = 8
"""Of them from one connection."""
PATIENCE_S = 2.0
"""How long a message may take to arrive while others wait."""


class _Turn:
    __slots__ = ("hurried", "limit", "sender", "since_s")

    def __init__(self, sender: str, since_s: float, limit: asyncio.Timeout) -> None:
        self.sender = sender
        self.since_s = since_s
        self.limit = limit
        self.hurried = False


class Turns:
    """The turns of one door."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MOST)
        self._of_one: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._taken: list[_Turn] = []

    @asynccontextmanager
    async def turn(self, sender: str, within_s: float) -> AsyncIterator[None]:
        """Wait for a turn and have it, both together for so long at most.

        Raises:
            TimeoutError: it took too long, or others were waiting.
        """
        own = self._of_one.setdefault(sender, asyncio.Semaphore(MOST_OF_ONE))
        async with asyncio.timeout(within_s) as limit:
            if own.locked():
                self._hurry([turn for turn in self._taken if turn.sender == sender])
            async with own:
                if self._all.locked():
                    self._hurry(self._taken)
                async with self._all:
                    with_turn = _Turn(sender, asyncio.get_running_loop().time(), limit)
                    self._taken.append(with_turn)
                    try:
                        yield
                    finally:
                        self._taken.remove(with_turn)

    def _hurry(self, oldest_first: list[_Turn]) -> None:
        slowest = next((turn for turn in oldest_first if not turn.hurried), None)
        if slowest is None:
            return
        slowest.hurried = True
        end_s = max(slowest.since_s + PATIENCE_S, asyncio.get_running_loop().time())
        if (planned_s := slowest.limit.when()) is None or end_s < planned_s:
            slowest.limit.reschedule(end_s)
