"""Copies of messages that can't be taken, to a topic of their own."""

import asyncio
from typing import Any

from otel_bridge.kafka import LibraryLog, client_config
from otel_bridge.model import Unavailable
from otel_bridge.receive.kafka_reader import Message
from otel_bridge.settings import KafkaSource

SENT_WITHIN_S = 10.0


class Letters:
    """Sends copies to `dead_letter_topic`; the connection is made with the first one."""

    def __init__(self, source: KafkaSource, topic: str) -> None:
        self._source = source
        self._topic = topic
        self._producer: Any = None

    async def copy(self, message: Message, reason: str) -> None:
        """Return when the brokers have the copy.

        Raises:
            Unavailable: they don't; it may have been sent all the same.
        """
        await asyncio.to_thread(self._copy, message, reason)

    def _copy(self, message: Message, reason: str) -> None:
        from confluent_kafka import KafkaException, Producer

        reports: list[Any] = []
        try:
            if self._producer is None:
                self._producer = Producer(_config(self._source))
            self._producer.produce(
                self._topic, message.payload, message.key, headers=_headers(self._source, message, reason),
                on_delivery=lambda error, _: reports.append(error),
            )  # fmt: skip
            self._producer.flush(SENT_WITHIN_S)
        except (KafkaException, BufferError) as error:
            raise self._trouble(str(error)) from None
        if not reports:
            raise self._trouble("the brokers do not answer")
        if reports[0] is not None:
            raise self._trouble(reports[0].str())

    def _trouble(self, why: str) -> Unavailable:
        return Unavailable(
            f"a message can't be copied to dead_letter_topic {self._topic!r}: {why}; create it or correct the configuration"
        )


def _config(source: KafkaSource) -> dict[str, Any]:
    reliable = {
        "enable.idempotence": True,
        "delivery.timeout.ms": int(SENT_WITHIN_S * 1000),
        "logger": LibraryLog(source=source.name),
    }
    return reliable | client_config(source)


def _headers(source: KafkaSource, message: Message, reason: str) -> list[tuple[str, bytes | None]]:
    """Those of the message, and where it comes from and why it is here."""
    about = {
        "otel_bridge.source": source.name,
        "otel_bridge.topic": message.topic,
        "otel_bridge.partition": str(message.partition),
        "otel_bridge.offset": str(message.offset),
        "otel_bridge.reason": reason,
    }
    return [*message.headers, *((name, text.encode()) for name, text in about.items())]
