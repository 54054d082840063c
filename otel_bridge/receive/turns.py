"""How many messages are read at once over gRPC, and who makes room for whom.

A message takes memory from its first byte on, so few are read at once. Whoever opens calls and then sends slowly, or
nothing, must not keep the others waiting. So half of the turns are kept for connections that have sent a message
before; the others, newcomers, have one turn each at a time. And as soon as somebody waits, the one who has been reading
for longest is given little more time, and who does not make it is a newcomer again.

Calls of one connection that wait for each other hurry nobody: over a slow line all of them are slow.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

MOST = 16
"""Messages being read at once; they take at most so many times `max_request`."""
MOST_OF_NEWCOMERS = 8
"""Of them from connections that have not sent a message yet."""
MOST_OF_ONE = 8
"""Of them from one connection that has."""
PATIENCE_S = 10.0
"""How long a message may take to arrive while others wait."""
PATIENCE_WITH_NEWCOMERS_S = 3.0
REMEMBERED = 10_000
"""Connections that have sent a message, those that were longest silent are forgotten first."""


class _Turn:
    def __init__(self, patience_s: float, limit: asyncio.Timeout) -> None:
        self._end_s = asyncio.get_running_loop().time() + patience_s
        self._limit = limit
        self.hurried = False

    def hurry(self) -> None:
        """Not longer than patience allows, counted from its beginning."""
        self.hurried = True
        if self._limit.expired():
            return
        end_s = max(self._end_s, asyncio.get_running_loop().time())
        if (planned_s := self._limit.when()) is None or end_s < planned_s:
            self._limit.reschedule(end_s)


class _Gate:
    """Lets so many in at once, and hurries them while others wait."""

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._waiting = 0
        self._inside: list[_Turn] = []

    async def wait(self) -> None:
        """Until there is a place; `leave` gives it back."""
        if self._places.locked() and (slowest := next((t for t in self._inside if not t.hurried), None)):
            slowest.hurry()
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    def begin(self, turn: _Turn) -> None:
        """The turn at the place begins."""
        self._inside.append(turn)
        if self._waiting:
            turn.hurry()

    def end(self, turn: _Turn) -> None:
        """The turn is over."""
        self._inside.remove(turn)

    def leave(self) -> None:
        """The place is free again."""
        self._places.release()


class _Sender:
    """A connection, as long as it has calls."""

    def __init__(self) -> None:
        self.first = asyncio.Lock()
        self.turns = asyncio.Semaphore(MOST_OF_ONE)


class Turns:
    """The turns of one door."""

    def __init__(self) -> None:
        self._all = _Gate(MOST)
        self._newcomers = _Gate(MOST_OF_NEWCOMERS)
        self._senders: WeakValueDictionary[str, _Sender] = WeakValueDictionary()
        self._known: dict[str, None] = {}

    def arrived(self, peer: str) -> None:
        """A message of this connection is here."""
        self._known.pop(peer, None)
        self._known[peer] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    @asynccontextmanager
    async def turn(self, peer: str, within_s: float) -> AsyncIterator[None]:
        """Wait for a turn and have it, both together for so long at most.

        Raises:
            TimeoutError: it took too long, or others were waiting.
        """
        sender = self._senders.setdefault(peer, _Sender())
        try:
            async with asyncio.timeout(within_s) as limit, AsyncExitStack() as held:
                gates = await self._enter(peer, sender, held)
                turn = _Turn(PATIENCE_S if len(gates) == 1 else PATIENCE_WITH_NEWCOMERS_S, limit)
                for gate in gates:
                    gate.begin(turn)
                    held.callback(gate.end, turn)
                yield
        except TimeoutError:
            self._known.pop(peer, None)
            raise

    async def _enter(self, peer: str, sender: _Sender, held: AsyncExitStack) -> list[_Gate]:
        """Pass the gates, of which a newcomer has one more."""
        gates = [self._all]
        if peer not in self._known:
            await held.enter_async_context(sender.first)
            if peer in self._known:
                await held.aclose()
            else:
                gates = [self._newcomers, self._all]
        if len(gates) == 1:
            await held.enter_async_context(sender.turns)
        for gate in gates:
            await gate.wait()
            held.callback(gate.leave)
        return gates
