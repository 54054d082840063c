"""One destination at work: reads ahead, prepares and sends what may go, tries again, buries, and keeps its place.

A pump shares nothing with other pumps but the thread that reads and writes the journal, so that a slow or
dead destination delays no other. What is under way when it is cancelled or killed is sent again, unchanged.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from otel_bridge.deliver.ledger import Ledger, Redelivery
from otel_bridge.deliver.order import Item, Schedule
from otel_bridge.deliver.outcome import Delivered, Outcome, Rejected, Retry
from otel_bridge.deliver.retry import delay_s
from otel_bridge.deliver.sender import Options, Sender
from otel_bridge.journal import Settled
from otel_bridge.model import BridgeError
from otel_bridge.openlineage.profiles import Preparation

READ_EVENTS = 500
COMMIT_EVERY_S = 0.05
POLL_S = 0.01
TROUBLE_PAUSE_S = 1.0
CLOCK_S = 0.002

log = structlog.get_logger()


class Pump:
    """Delivers the event log to one destination, from its own position on."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        options: Options,
        ledger: Ledger,
        rng: random.Random,
        preparation: Preparation,
    ) -> None:
        self.name = name
        self.attempts: Counter[str] = Counter()
        self.trouble = ""
        self._sender = sender
        self._options = options
        self._ledger = ledger
        self._rng = rng
        self._preparation = preparation
        self._log = log.bind(destination=name)
        self._schedule = Schedule(0)
        self._settled: list[Settled] = []
        self._redelivering: dict[str, Redelivery] = {}
        self._command = asyncio.Lock()
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._dirty = asyncio.Event()
        self._idle: list[asyncio.Future[None]] = []
        self._started = False
        self._held = True
        self._more = True
        self._unkept = False
        self._ending = False
        self._failing = 0
        self._failures = 0
        self._paused_until = 0.0

    @property
    def schedule(self) -> Schedule:
        """What is read and not settled; to look at only."""
        return self._schedule

    async def run(self, stop: asyncio.Event, drain_s: float) -> None:
        """Deliver until `stop`, then for at most `drain_s` what can go at once."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_place())
                tasks = [group.create_task(self._feed())]
                tasks += [group.create_task(self._work()) for _ in range(self._options.concurrency)]
                await stop.wait()
                await self._drain(drain_s)
                for task in tasks:
                    task.cancel()
                self._ending = True
                self._dirty.set()
        finally:
            await self._sender.close()

    def look(self, last_seq: int) -> None:
        """The log now reaches to this event."""
        if last_seq > self._schedule.read_to:
            self._more = True
            self._wake.set()

    async def rewind(self, after: int) -> str:
        """Deliver everything after an event again; a sentence on what happens."""
        async with self._standstill():
            cursor = await self._ledger.rewind(after)
            await self._load()
        return f"delivering again from event {cursor + 1} on"

    async def retry_dead(self, seqs: Sequence[int]) -> str:
        """Deliver dead letters (all of them without `seqs`), each with what followed it in its run.

        Returns when each is delivered or dead again, and that is on disk.
        """
        async with self._standstill():
            runs = await self._ledger.letters(seqs, self._redelivering)
            for run in runs:
                self._schedule.redeliver(run.items)
                self._redelivering[run.items[0].event.key] = run
        for run in runs:
            await run.finished.wait()
        async with self._lock:
            await self._commit()
        return f"{sum(run.letters for run in runs)} dead letters were tried again"

    async def drop_dead(self, seqs: Sequence[int]) -> str:
        """Give up dead letters; all of them without `seqs`."""
        return f"{await self._ledger.drop(seqs)} dead letters were dropped"

    @asynccontextmanager
    async def _standstill(self) -> AsyncIterator[None]:
        """Nothing is under way, and what was settled is on disk."""
        async with self._command:
            self._held = True
            try:
                while self._schedule.flying:  # noqa: ASYNC110 - rare, and no reason to slow down every event
                    await asyncio.sleep(POLL_S)
                async with self._lock:
                    await self._commit()
                    yield
            finally:
                self._held = False
                self._dispatch()

    # Reading

    async def _feed(self) -> None:
        await self._patiently(self._begin)
        await self._patiently(self._sender.start)
        self._started = True
        self._dispatch()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._patiently(self._read)
            self._dispatch()

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it until it succeeds; what failed before is no trouble then."""
        reason = ""
        while True:
            try:
                await step()
                break
            except Exception as error:  # noqa: BLE001 - of one destination, or of the disk
                reason = _said(error)
                self._troubled(reason, TROUBLE_PAUSE_S)
                await asyncio.sleep(TROUBLE_PAUSE_S)
        if reason:
            self._log.info("what failed works again", reason=reason)
        if reason == self.trouble and not self._failing:
            self.trouble = ""

    async def _begin(self) -> None:
        async with self._lock:
            await self._load()
        self._held = False

    async def _load(self) -> None:
        """Take the position on disk."""
        read_to, unsettled = await self._ledger.position()
        self._schedule = Schedule(read_to)
        self._schedule.add(unsettled)
        for run in self._redelivering.values():
            run.finished.set()
        self._redelivering.clear()
        self._failing = 0
        self._more = True
        self._wake.set()

    async def _read(self) -> None:
        async with self._lock:
            limit = 0 if self._unkept else min(READ_EVENTS, self._schedule.room)
            if limit <= 0:
                return
            items = await self._ledger.read(self._schedule.read_to, limit)
            self._schedule.add(items)
            self._more = bool(items)
        if not self._schedule.ready and self._more:
            self._wake.set()

    # Sending

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            item = self._next(loop.time())
            if item is not None:
                await self._attempt(item)
                continue
            waiter = loop.create_future()
            self._idle.append(waiter)
            await waiter

    def _next(self, now_s: float) -> Item | None:
        if self._held or not self._started or now_s < self._paused_until:
            return None
        if self._failures and self._schedule.flying:
            return None
        item = self._schedule.take()
        if self._more and self._schedule.ready < 4 * self._options.concurrency and self._schedule.room:
            self._wake.set()
        return item

    def _dispatch(self) -> None:
        """Wake as many workers as there are events that may go."""
        for _ in range(min(len(self._idle), self._schedule.ready)):
            waiter = self._idle.pop()
            if not waiter.done():
                waiter.set_result(None)

    async def _attempt(self, item: Item) -> None:
        try:
            prepared = item.prepared
            if prepared is None:
                prepared = item.prepared = self._preparation.prepare(item.event, item.parent_path)
            if prepared.skipped or prepared.refused:
                return await self._unsent(item, prepared.refused)
            outcome: Outcome = await self._sender.send(prepared.body, prepared.renamed or item.event)
        except Exception as error:  # noqa: BLE001 - it must not stop the others
            self._log.exception("a defect of this kind of destination; the event is tried again")
            outcome = Retry(_said(error))
        match outcome:
            case Delivered():
                self.attempts["delivered"] += 1
                self._settle(item, None)
            case Rejected():
                self.attempts["rejected"] += 1
                self._bury(item, outcome)
            case Retry():
                self.attempts["retried"] += 1
                self._again(item, outcome)
        return None

    async def _unsent(self, item: Item, refused: str) -> None:
        """The profile decided; that says nothing about the destination."""
        if refused:
            self._say_dead(item, refused)
        self._settle(item, Rejected(refused) if refused else None, sent=False)
        await asyncio.sleep(0)

    def _settle(self, item: Item, refused: Rejected | None, *, sent: bool = True) -> None:
        """It needs no further attempt: `refused`, delivered, or skipped."""
        if item.attempts:
            self._failing -= 1
        if sent and (self._failures or (self.trouble and not self._failing)):
            self._recovered()
        self._schedule.settle(item)
        settled = self._ledger.settled(item, refused)
        self._settled += [settled] if item.new else self._redelivered(item, settled)
        self._dirty.set()
        if self._idle and self._schedule.ready > 1:
            self._dispatch()

    def _redelivered(self, item: Item, settled: Settled) -> list[Settled]:
        run = self._redelivering[item.event.key]
        entries = run.settle(item, settled)
        if run.finished.is_set():
            del self._redelivering[item.event.key]
        return entries

    def _bury(self, item: Item, outcome: Rejected) -> None:
        self._say_dead(item, outcome.reason)
        self._settle(item, outcome)

    def _say_dead(self, item: Item, reason: str) -> None:
        self._log.warning(
            "event is now a dead letter; see `otel-bridge dead-letters`",
            event_seq=item.seq, type=item.event.type, job=item.event.job_name, reason=reason,
        )  # fmt: skip

    def _again(self, item: Item, outcome: Retry) -> None:
        now_s = asyncio.get_running_loop().time()
        item.failing_since_s = item.failing_since_s or now_s
        failing_s = now_s - item.failing_since_s
        if self._options.retry.exhausted(item.attempts + 1, failing_s):
            reason = f"given up after {item.attempts + 1} attempts in {failing_s:.0f} s: {outcome.reason}"
            return self._bury(item, Rejected(reason))
        self._failing += item.attempts == 0
        item.attempts += 1
        self._schedule.put_back(item)
        if self._failures and not outcome.whole:
            self._recovered()
        delay = self._pause(now_s, outcome) if outcome.whole else self._delay(item.attempts, outcome)
        self._troubled(outcome.reason, delay)
        asyncio.get_running_loop().call_later(delay, self._resume, self._schedule, item)
        return None

    def _delay(self, attempts: int, outcome: Retry) -> float:
        return delay_s(self._options.retry, attempts, outcome.after_s, self._rng)

    def _pause(self, now_s: float, outcome: Retry) -> float:
        """Nothing goes for a while, then one event alone, until one is delivered."""
        if now_s >= self._paused_until:
            self._failures += 1
        until = now_s + self._delay(self._failures, outcome)
        if now_s >= self._paused_until or outcome.after_s is not None:
            self._paused_until = max(self._paused_until, until)
        return self._paused_until - now_s

    def _resume(self, schedule: Schedule, item: Item) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._paused_until:
            loop.call_at(self._paused_until + CLOCK_S, self._resume, schedule, item)
            return
        schedule.resume(item)
        self._dispatch()

    def _recovered(self) -> None:
        if self._failures:
            self._log.info("destination takes events again")
            self._failures, self._paused_until = 0, 0.0
        if not self._failing:
            self.trouble = ""
        self._dispatch()

    def _troubled(self, reason: str, delay: float) -> None:
        if reason != self.trouble:
            self._log.warning("delivery failed, trying again", reason=reason, after_s=round(delay, 1))
        self.trouble = reason

    # Keeping the place

    async def _keep_place(self) -> None:
        while not self._ending:
            await self._dirty.wait()
            if not self._ending:
                await asyncio.sleep(COMMIT_EVERY_S)
            self._dirty.clear()
            try:
                async with self._lock:
                    await self._commit()
            except Exception as error:  # noqa: BLE001 - events go out once more, nothing is lost
                await self._unkept_progress(error)

    async def _commit(self) -> None:
        settled, self._settled = self._settled, []
        try:
            await self._ledger.commit(settled)
        except BaseException:
            self._settled = settled + self._settled
            raise
        if self._unkept:
            self._unkept = False
            self._wake.set()
            if not self._failing:
                self.trouble = ""

    async def _unkept_progress(self, error: Exception) -> None:
        self._log.error("can't keep what was delivered; reading no further", error=str(error))
        self.trouble = f"can't keep what was delivered: {error}"
        self._unkept = True
        self._dirty.set()
        if not self._ending:
            await asyncio.sleep(TROUBLE_PAUSE_S)

    # Stopping

    async def _drain(self, within_s: float) -> None:
        """Send what can go at once; what rests after a failure stays in the journal."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        self._more = True
        self._wake.set()
        while self._started and loop.time() < until:
            self._dispatch()
            waits = self._more or self._schedule.ready
            if not self._schedule.flying and (self._failures or not waits):
                return
            await asyncio.sleep(POLL_S)


def _said(error: Exception) -> str:
    """An exception in words; ours need no name."""
    return str(error) if isinstance(error, BridgeError) else f"{type(error).__name__}: {error}"
