"""The async front of `AcceptedLog`: one thread writes, and takes all that arrived during its last sync.

The queue is bounded in rows and bytes; over it, and in any trouble with the disk, `commit` raises
`Unavailable`. Pruning is done by the same thread, in short steps between commits.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from otel_bridge.journal.accepted import AcceptedLog
from otel_bridge.model import Accepted, Poison, Tally, Unavailable

IDLE_S = 1.0
PRUNE_PER_ROW = 2


T = TypeVar("T")


class Bounds(msgspec.Struct, frozen=True):
    """Most that may wait for the writer at once. A request over it is taken when nothing else waits."""

    rows: int = 50_000
    bytes: int = 64 * 1024**2


class Statistics(msgspec.Struct, frozen=True):
    """What waits now, and what was done since the start."""

    waiting_rows: int
    waiting_bytes: int
    requests: int
    transactions: int
    refused: int


class _Request(msgspec.Struct, frozen=True):
    rows: Sequence[Accepted]
    tally: Tally
    size: int
    done: asyncio.Future[None]


class _Work(msgspec.Struct, frozen=True):
    """Something else for the writer to do; `run` also answers."""

    run: Callable[[AcceptedLog], None]


class GroupCommit:
    """Used from one event loop; owns the log and closes it."""

    def __init__(self, log: AcceptedLog, bounds: Bounds | None = None) -> None:
        self._log = log
        self._bounds = bounds or Bounds()
        self._changed = threading.Condition()
        self._queue: list[_Request] = []
        self._work: list[_Work] = []
        self._rows = self._bytes = 0
        self._noted = Tally(0)
        self._converted = 0
        self._prune_due = False
        self._closing = False
        self._requests = self._transactions = self._refused = 0
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why nothing can be accepted at the moment; "" if it can. Clears within a second after its end."""
        return self._trouble

    @property
    def statistics(self) -> Statistics:
        """Figures for telemetry."""
        return Statistics(self._rows, self._bytes, self._requests, self._transactions, self._refused)

    async def commit(self, rows: Sequence[Accepted], tally: Tally) -> None:
        """Return when the rows are on disk and the request is counted.

        Being cancelled does not take the rows back.

        Raises:
            Unavailable: nothing was kept or counted.
        """
        size = sum(len(row.payload) for row in rows)
        request = _Request(rows, tally, size, asyncio.get_running_loop().create_future())
        with self._changed:
            self._admit(request)
            self._changed.notify()
        await request.done

    def note(self, tally: Tally) -> None:
        """Count a request without rows: with the next commit, or within a second."""
        with self._changed:
            self._noted = _sum(self._noted, tally)

    async def bury(self, message: Poison, tally: Tally, rows: Sequence[Accepted] = ()) -> None:
        """Return when a message that can't be taken, or only these rows of it, is on disk, and counted.

        Raises:
            Unavailable: nothing was kept or counted.
        """
        await self.perform(lambda log: log.bury(message, tally, rows, time.time_ns()))

    async def perform(self, work: Callable[[AcceptedLog], T]) -> T:
        """Run a short piece of work with the log, between commits; returns its result, or raises its error.

        Raises:
            Unavailable: the log is being closed.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._changed:
            if self._closing:
                raise Unavailable("the bridge is stopping: try again")
            self._work.append(_Work(lambda log: _run_and_answer(work, log, done)))
            self._changed.notify()
        return await done

    def prune(self, converted: int) -> None:
        """Allow rows up to this one to be forgotten; starts with what is too old, in the background."""
        with self._changed:
            self._converted = max(self._converted, converted)
            self._prune_due = True
            self._changed.notify()

    async def close(self) -> None:
        """Write what waits, then close the log. Later commits are refused."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)
        self._log.close()

    def _admit(self, request: _Request) -> None:
        if self._closing:
            raise Unavailable("the bridge is stopping: try again")
        rows, size = self._rows + len(request.rows), self._bytes + request.size
        if self._queue and (rows > self._bounds.rows or size > self._bounds.bytes):
            self._refused += 1
            raise Unavailable("more requests wait for the disk than may: try again, or send less at once")
        self._rows, self._bytes = rows, size
        self._queue.append(request)

    def _run(self) -> None:
        while True:
            group, noted = self._next()
            if self._log.full:
                self._prune_step()
            if group or noted != Tally(0):
                self._write(group, noted)
            elif self._trouble:
                self._probe()
            self._do_work()
            self._prune(sum(len(request.rows) for request in group))
            if self._closing and not (self._queue or self._work):
                return

    def _next(self) -> tuple[list[_Request], Tally]:
        """Everything that waits; waits a while itself if that is nothing."""
        with self._changed:
            if not (self._queue or self._work or self._closing or self._prune_due):
                self._changed.wait(IDLE_S)
            group, noted = self._queue, self._noted
            self._queue, self._noted = [], Tally(0)
            self._rows = self._bytes = 0
            return group, noted

    def _do_work(self) -> None:
        with self._changed:
            due, self._work = self._work, []
        for work in due:
            work.run(self._log)

    def _write(self, group: list[_Request], noted: Tally) -> None:
        rows = [row for request in group for row in request.rows]
        error = self._append(rows, [*(request.tally for request in group), noted])
        if error is None:
            self._requests += len(group)
            self._transactions += 1
        else:
            self._refused += len(group)
            self.note(noted)
        self._trouble = str(error or self._log.trouble)
        if group:
            _answer(group, error)

    def _append(self, rows: list[Accepted], tallies: list[Tally]) -> Unavailable | None:
        try:
            self._log.append(rows, tallies, time.time_ns())
        except Unavailable as error:
            return error
        except Exception as error:  # noqa: BLE001 - a request must be answered, and retryably, whatever the bug is
            return Unavailable(f"the journal could not be written ({error!r}): report this")
        return None

    def _probe(self) -> None:
        try:
            self._log.probe()
        except Exception as error:  # noqa: BLE001 - this thread must live on
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _prune(self, appended: int) -> None:
        """One step; under pressure as many as it takes to forget faster than rows arrive."""
        if not (self._prune_due or self._log.pressed):
            return
        removed = step = self._prune_step()
        while step and self._log.pressed and removed < PRUNE_PER_ROW * appended:
            step = self._prune_step()
            removed += step
        self._prune_due = step > 0

    def _prune_step(self) -> int:
        try:
            return self._log.prune(self._converted, time.time_ns())
        except Exception as error:  # noqa: BLE001 - this thread must live on
            self._trouble = str(error)
            return 0


def _sum(one: Tally, other: Tally) -> Tally:
    rejected = {
        reason: one.rejected.get(reason, 0) + other.rejected.get(reason, 0)
        for reason in one.rejected | other.rejected
    }
    return Tally(one.received + other.received, one.not_lineage + other.not_lineage, rejected)


def _run_and_answer(work: Callable[[AcceptedLog], T], log: AcceptedLog, done: asyncio.Future[T]) -> None:
    """In the writer's thread; whoever waits is woken in their event loop."""
    settle: Callable[[], None]
    try:
        settle = partial(done.set_result, work(log))
    except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
        settle = partial(done.set_exception, error)
    _wake(done, settle)


def _wake(done: asyncio.Future[Any], settle: Callable[[], None]) -> None:
    try:
        done.get_loop().call_soon_threadsafe(lambda: None if done.done() else settle())
    except RuntimeError:
        # The loop is closed: nobody waits for the answer any more.
        return


def _answer(group: list[_Request], error: Unavailable | None) -> None:
    """Wake the requests of a group in their event loop, all at once."""

    def wake() -> None:
        for request in group:
            if request.done.done():
                continue
            if error is None:
                request.done.set_result(None)
            else:
                request.done.set_exception(Unavailable(str(error), error.retry_after))

    try:
        group[0].done.get_loop().call_soon_threadsafe(wake)
    except RuntimeError:
        # The loop is closed: nobody waits for the answer any more.
        return
