"""OTLP and OpenLineage events from Kafka: each message goes to `Receiver.answer`, as a request at a door does.

    reader      a thread: poll, pause, commit, rebalance
       │  messages, in batches
    source      the event loop: several messages at once; wait while we can't accept; bury what can't be taken
       │  finished
    positions   what may be committed

A message is finished when what it carries is durable, or when it is itself: a message that can't be read, or not
whole, is *poison*, and kept as it came with the reason.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec
import structlog

from otel_bridge.kafka import SourceState
from otel_bridge.model import Defect, Poison, Refused, Tally, TooLarge, Unavailable
from otel_bridge.receive.ack import Answer, AsPoison, Content, Encoding, Receiver
from otel_bridge.receive.inflate import check_size
from otel_bridge.receive.kafka_letters import Letters
from otel_bridge.receive.kafka_positions import Positions, Ticket
from otel_bridge.receive.kafka_reader import Message, Reader
from otel_bridge.settings import KafkaSource, Receive

MOST_MESSAGES = 1000
SHARE_OF_IN_FLIGHT = 8
AGAIN_FIRST_S = 0.2
AGAIN_MOST_S = 2.0
DEFECTS = 8
"""Attempts at a message that fails because of a bug of ours, before it is buried: nine seconds."""

T = TypeVar("T")

log = structlog.get_logger()


class Shelf(Protocol):
    """Where messages that can't be taken become durable."""

    async def bury(self, message: Poison, tally: Tally) -> None:
        """Return when the message is on disk, and counted. Raises Unavailable when it can't be."""


class _Verdict(msgspec.Struct, frozen=True):
    """Why a message is poison; `label` is what it is counted as, "" if it is kept and its items are counted already."""

    reason: str
    label: Literal["", "unreadable_message", "large_message", "failing_message"] = ""


class Source:
    """One entry of `receive.kafka`."""

    def __init__(self, source: KafkaSource, receiver: Receiver, shelf: Shelf, most_bytes: int) -> None:
        self._source = source
        self._receiver = receiver
        self._shelf = shelf
        self._letters = Letters(source, source.dead_letter_topic) if source.dead_letter_topic else None
        self._loop = asyncio.get_running_loop()
        self._positions = Positions(MOST_MESSAGES, most_bytes)
        self._reader = Reader(source, self._positions, self._hand_over)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: dict[tuple[str, int, bytes | None], asyncio.Task[None]] = {}
        self._held_up: dict[Ticket, str] = {}
        self._messages = self._empty = self._poison = 0

    @property
    def state(self) -> SourceState:
        """Figures for `/health` and metrics."""
        source = self._source
        held_up = next(iter(self._held_up.values()), "")
        return SourceState(
            source.name, source.content, source.topics, len(self._positions.partitions()), self._messages, self._empty,
            self._poison, self._positions.messages, self._reader.lag, self._reader.trouble or held_up,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()

    async def stop(self, within_s: float) -> None:
        """Finish what is in hand, commit, leave the group; what is not done by then comes again."""
        if not await asyncio.to_thread(self._reader.stop, within_s):
            log.warning("kafka_source_left", source=self._source.name, effect="its last messages come again")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hand_over(self, batch: list[Message]) -> None:
        """In the reader's thread."""
        try:
            self._loop.call_soon_threadsafe(self._begin, batch)
        except RuntimeError:
            # The loop is closed: the messages come again.
            return

    def _begin(self, batch: Sequence[Message]) -> None:
        for message in batch:
            lane = (message.topic, message.partition, message.key)
            before = self._lanes.get(lane)
            task = self._loop.create_task(self._finish(message, before))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self._source.content == "openlineage":
                self._queue_up(lane, task)

    def _queue_up(self, lane: tuple[str, int, bytes | None], task: asyncio.Task[None]) -> None:
        """Events of one key are taken in their order, because a run's START must not come after its end."""
        self._lanes[lane] = task

        def leave(done: asyncio.Task[None]) -> None:
            if self._lanes.get(lane) is done:
                del self._lanes[lane]

        task.add_done_callback(leave)

    async def _finish(self, message: Message, before: asyncio.Task[None] | None) -> None:
        durable = False
        try:
            if before is not None:
                await asyncio.wait((before,))
            await self._settle(message)
            durable = True
            self._messages += 1
        finally:
            self._positions.finish(message.ticket, durable)

    async def _settle(self, message: Message) -> None:
        if not message.payload:
            self._empty += 1
            return
        verdict = await self._taken(message)
        if verdict is None:
            return
        await self._patiently(message, lambda: self._bury(message, verdict))
        if letters := self._letters:
            await self._patiently(message, lambda: letters.copy(message, verdict.reason))
        self._poison += 1

    async def _taken(self, message: Message) -> _Verdict | None:
        """None once all that it carries is durable."""
        defects = 0

        async def attempt() -> _Verdict | None:
            nonlocal defects
            try:
                return await self._answered(message)
            except Defect as defect:
                defects += 1
                if defects < DEFECTS:
                    raise
                return _Verdict(f"{defect}; failed {defects} times, see the log", "failing_message")

        return await self._patiently(message, attempt)

    async def _answered(self, message: Message) -> _Verdict | None:
        source = self._source
        try:
            answer = await put_through(
                self._receiver, source.content, source.encoding, message.payload,
                lambda reason: self._as_poison(message, reason),
            )  # fmt: skip
        except Unavailable:
            raise
        except TooLarge as refusal:
            return _Verdict(str(refusal), "large_message")
        except Refused as refusal:
            return _Verdict(str(refusal), "unreadable_message")
        return _Verdict(answer.message) if answer.rejected else None

    async def _patiently(self, message: Message, attempt: Callable[[], Awaitable[T]]) -> T:
        """Again and again while we can't accept; then its partition waits, and nothing is skipped."""
        delay_s = AGAIN_FIRST_S
        while True:
            try:
                done = await attempt()
            except Unavailable as trouble:
                self._held_up[message.ticket] = str(trouble)
            except Exception as error:
                log.exception("kafka_message_failed", source=self._source.name, offset=message.offset)
                self._held_up[message.ticket] = f"a message fails ({error!r}); the log has the details"
            else:
                self._held_up.pop(message.ticket, None)
                return done
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, AGAIN_MOST_S)

    async def _bury(self, message: Message, verdict: _Verdict) -> None:
        if verdict.label:
            await self._shelf.bury(self._as_poison(message, verdict.reason), Tally(1, 0, {verdict.label: 1}))
        log.warning(
            "kafka_message_buried", source=self._source.name, reason=verdict.reason,
            at=f"{message.topic}/{message.partition}/{message.offset}",
        )  # fmt: skip

    def _as_poison(self, message: Message, reason: str) -> Poison:
        return Poison(
            self._source.name, message.topic, message.partition, message.offset, self._source.content,
            self._source.encoding, reason, time.time_ns(), message.key, message.payload,
        )  # fmt: skip


async def put_through(
    receiver: Receiver, content: str, encoding: str, payload: bytes, poison: AsPoison
) -> Answer:
    """A message of a source with this content and encoding, as a request; kept if it is taken in part.

    Raises:
        Refused: and only that (or CancelledError).
    """
    check_size(
        payload, receiver.max_request
    )  # a message that is larger than all that may be in flight would wait for ever
    what, form = _request_of(content, encoding)
    with receiver.in_flight.held(len(payload)):
        return await receiver.answer(what, form, payload, poison=poison)


def _request_of(content: str, encoding: str) -> tuple[Content, Encoding]:
    if content == "openlineage":
        return "lineage", "json"
    return ("logs" if content == "logs" else "traces"), ("json" if encoding == "otlp_json" else "protobuf")


class Sources:
    """All of `receive.kafka`, started and stopped together."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    @property
    def states(self) -> list[SourceState]:
        """Of each."""
        return [source.state for source in self._sources]

    def trouble(self, besides: str) -> str:
        """What is wrong with them, besides the journal's own trouble; "" if nothing is."""
        found = [one for one in self.states if one.trouble and one.trouble != besides]
        return "; ".join(f"{one.name}: {one.trouble}" for one in found)

    def start(self) -> None:
        """Begin to read; brokers that can't be reached are waited for."""
        for source in self._sources:
            source.start()

    async def stop(self, within_s: float) -> None:
        """Read nothing more, finish what is in hand."""
        await asyncio.gather(*(source.stop(within_s) for source in self._sources))


def make_sources(receiver: Receiver, shelf: Shelf, settings: Receive) -> Sources:
    """The configured sources, to be started.

    Raises:
        BridgeError: confluent-kafka is missing, or librdkafka does not accept a source's configuration.
    """
    share = max(1, int(settings.max_in_flight) // (SHARE_OF_IN_FLIGHT * max(len(settings.kafka), 1)))
    return Sources([Source(one, receiver, shelf, share) for one in settings.kafka])
