"""A producer of librdkafka on an event loop: what is put comes back with the brokers' report.

librdkafka sends from threads of its own. One more, of ours, waits for its reports and takes them to the event
loop, as many as there are in one call.
"""

import asyncio
import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from otel_bridge.kafka import KafkaTrouble, LibraryLog

POLL_S = 0.1
CLOSE_S = 1.0

Report = tuple[asyncio.Future[Any], Any]


class Record(msgspec.Struct, frozen=True):
    """What becomes one message."""

    key: str | None
    body: bytes
    headers: Sequence[tuple[str, bytes]]


class KafkaProducer:
    """Runs from when it is made until `close`. `said` is the client's last trouble, "" since a message got through;
    a `broken` one sends nothing any more.

    Raises:
        KafkaTrouble: librdkafka does not take the properties, or can't read a file that they name.
    """

    def __init__(self, properties: Mapping[str, Any], topic: str) -> None:
        from confluent_kafka import KafkaException, Producer

        self.said = ""
        self.broken = False
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._reported: list[Report] = []
        self._closing = False
        self._ended = asyncio.Event()
        own = {"error_cb": self._trouble, "logger": LibraryLog(topic=topic)}
        try:
            self.client: Any = Producer(dict(properties) | own)
        except KafkaException as error:
            raise KafkaTrouble(f"{error.args[0].str()}; correct the configuration") from None
        threading.Thread(target=self._serve, name="kafka reports", daemon=True).start()

    async def put(self, record: Record) -> Any:
        """Send a message; returns the KafkaError that became of it, None if the brokers have it."""
        from confluent_kafka import KafkaError, KafkaException

        done: asyncio.Future[Any] = self._loop.create_future()

        def report(error: Any, message: Any) -> None:
            self._reported.append((done, error))

        try:
            self.client.produce(
                self._topic, record.body, record.key, on_delivery=report, headers=record.headers
            )
        except BufferError:
            return KafkaError(KafkaError._QUEUE_FULL)
        except KafkaException as error:
            return error.args[0]
        return await done

    async def close(self) -> None:
        """Give up what the brokers did not acknowledge, and end in bounded time."""
        self._closing = True
        self.client.purge(blocking=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._ended.wait()

    def _serve(self) -> None:
        client = self.client
        while not self._closing:
            self._poll(client, POLL_S)
        client.purge(blocking=False)
        self._poll(client, 0)
        del client, self.client  # ends the client, which may take as long as a look-up of a host name
        self._in_loop(self._ended.set)

    def _poll(self, client: Any, within_s: float) -> None:
        """A fatal error comes as an exception, and not to `error_cb`."""
        try:
            client.poll(within_s)
        except Exception as error:  # noqa: BLE001 - without this thread nobody would hear of anything
            self.broken = True
            self.said = error.args[0].str() if hasattr(error.args[0], "str") else str(error)
        self._hand_over()

    def _hand_over(self) -> None:
        if self._reported:
            reported, self._reported = self._reported, []
            self._in_loop(self._settle, reported)

    def _in_loop(self, call: Any, *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)

    def _settle(self, reported: Sequence[Report]) -> None:
        for done, error in reported:
            if error is None:
                self.said = ""
            if not done.done():
                done.set_result(error)

    def _trouble(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.said:
            self.said = error.str().split(" (after ")[0]
