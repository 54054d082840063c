"""Kafka as a destination: a real broker with one partition, killed and started again."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from chaos.far import RETRY, Arrival
from tests.parts import PartMissing

TOPIC = "lineage"
READ_S = 10.0


class KafkaFar:
    """A topic. One partition, so that its order is the order of sending."""

    def __init__(self, name: str, directory: Path) -> None:
        from confluent_kafka import Consumer, TopicPartition

        from tests.parts import kafka

        self.name = name
        self.served: Counter[str] = Counter()
        self._stack = ExitStack()
        self._broker = self._stack.enter_context(kafka.run(directory=directory))
        self._broker.create_topic(TOPIC)
        self._place = TopicPartition(TOPIC, 0, 0)
        settings = {"bootstrap.servers": self._broker.brokers, "group.id": "chaos", "log_level": 0}
        self._consumer = Consumer(settings | {"enable.auto.commit": False, "auto.offset.reset": "error"})
        self._consumer.assign([self._place])
        self._read: list[Arrival] = []

    @staticmethod
    def missing() -> str:
        """Why there is none; "" if there is."""
        try:
            import confluent_kafka  # noqa: F401

            from tests.parts import kafka

            kafka.installed()
        except (ImportError, PartMissing) as error:
            return str(error)
        return ""

    @property
    def destination(self) -> dict[str, object]:
        """As in the bridge's configuration."""
        brokers = [self._broker.brokers]
        return {
            "name": self.name,
            "type": "kafka",
            "brokers": brokers,
            "topic": TOPIC,
            "timeout": "5s",
            "retry": RETRY,
        }

    def arrivals(self) -> Sequence[Arrival]:
        """Everything on the topic."""
        _, end = self._consumer.get_watermark_offsets(self._place, timeout=READ_S)
        while len(self._read) < end:
            messages = self._consumer.consume(min(500, end - len(self._read)), timeout=READ_S)
            if not messages:
                break
            self._read += [Arrival(message.value() or b"") for message in messages if not message.error()]
        return self._read

    def down(self) -> None:
        """SIGKILL of the broker."""
        if self._broker.alive:
            self.served["broker killed"] += 1
            self._broker.kill()

    def up(self) -> None:
        """Start it again."""
        if not self._broker.alive:
            self._broker.start()

    recover = up

    def stop(self) -> None:
        """End the broker."""
        self._consumer.close()
        self._stack.close()
