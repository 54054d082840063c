"""A Kafka cluster inside librdkafka (rdkafka_mock.h), with the troubles that it can make; and a reader of topics."""

import ctypes
import time
import uuid
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, Producer

PRODUCE = 0
INIT_PRODUCER_ID = 22


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka has loaded."""
    libraries = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    [file] = libraries.glob("librdkafka*")
    return ctypes.CDLL(str(file))


RDKAFKA = _library()
POINTER, TEXT, NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
FUNCTIONS = {
    "rd_kafka_name": (TEXT, POINTER),
    "rd_kafka_handle_mock_cluster": (POINTER, POINTER),
    "rd_kafka_mock_cluster_bootstraps": (TEXT, POINTER),
    "rd_kafka_mock_topic_create": (NUMBER, POINTER, TEXT, NUMBER, NUMBER),
    "rd_kafka_mock_topic_set_error": (None, POINTER, TEXT, NUMBER),
    "rd_kafka_mock_broker_set_down": (NUMBER, POINTER, ctypes.c_int32),
    "rd_kafka_mock_broker_set_up": (NUMBER, POINTER, ctypes.c_int32),
    "rd_kafka_mock_partition_set_leader": (NUMBER, POINTER, TEXT, ctypes.c_int32, ctypes.c_int32),
    "rd_kafka_mock_push_request_errors_array": (
        None, POINTER, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(NUMBER),
    ),
    "rd_kafka_test_fatal_error": (NUMBER, POINTER, NUMBER, TEXT),
}  # fmt: skip
for _name, (_returns, *_takes) in FUNCTIONS.items():
    getattr(RDKAFKA, _name).restype, getattr(RDKAFKA, _name).argtypes = _returns, _takes


def handle(client: Any) -> int:
    """The `rd_kafka_t` of a client: the first field of its object."""
    found = ctypes.c_void_p.from_address(id(client) + object.__basicsize__).value
    assert found
    assert b"#producer-" in RDKAFKA.rd_kafka_name(found)
    return found


class MockKafka:
    """Brokers in threads of this process; they are gone with this object. `name` is the latest topic.

    One costs a millisecond; a change to one that was idle may take it a second.
    """

    name = ""

    def __init__(self, brokers: int = 3) -> None:
        settings = {"bootstrap.servers": "unused", "test.mock.num.brokers": brokers, "log_level": 0}
        self._owner = Producer(settings)
        self._cluster = RDKAFKA.rd_kafka_handle_mock_cluster(handle(self._owner))
        self._numbers = range(1, brokers + 1)
        self.brokers = RDKAFKA.rd_kafka_mock_cluster_bootstraps(self._cluster).decode().split(",")

    def topic(self, name: str, partitions: int = 6) -> str:
        replicas = len(self._numbers)
        assert RDKAFKA.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, replicas) == 0
        self.name = name
        return name

    def say_of_topic(self, code: int) -> None:
        """Answer questions for the topic with this error, 0 for none."""
        RDKAFKA.rd_kafka_mock_topic_set_error(self._cluster, self.name.encode(), code)

    def down(self, *brokers: int) -> None:
        for number in brokers or self._numbers:
            RDKAFKA.rd_kafka_mock_broker_set_down(self._cluster, number)

    def up(self, *brokers: int) -> None:
        for number in brokers or self._numbers:
            RDKAFKA.rd_kafka_mock_broker_set_up(self._cluster, number)

    def lead(self, partition: int, broker: int) -> None:
        """Move a partition."""
        RDKAFKA.rd_kafka_mock_partition_set_leader(self._cluster, self.name.encode(), partition, broker)

    def fail(self, request: int, *codes: int) -> None:
        """Answer the next requests of a kind with these errors."""
        errors = (NUMBER * len(codes))(*codes)
        RDKAFKA.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(codes), errors)

    def read(self, count: int, topic: str = "") -> list[Any]:
        return read({"bootstrap.servers": ",".join(self.brokers)}, topic or self.name, count)


def read(properties: dict[str, Any], topic: str, count: int, within_s: float = 20.0) -> list[Any]:
    """Messages of all partitions: at least `count`, and what is there besides."""
    consumer = Consumer(properties | {"group.id": str(uuid.uuid4()), "log_level": 0, "fetch.wait.max.ms": 20})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    places = [confluent_kafka.TopicPartition(topic, number, 0) for number in partitions]
    found: list[Any] = []
    end = time.monotonic() + within_s
    try:
        there = sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
        consumer.assign(places)
        while len(found) < max(there, count):
            found += [message for message in consumer.consume(1000, 0.05) if not message.error()]
            assert time.monotonic() < end, f"{len(found)} of {count} messages came"
    finally:
        consumer.close()
    return found


def break_for_good(producer: Any, code: int, reason: str) -> None:
    """What an idempotent producer does when the brokers say that its sequence is broken."""
    assert RDKAFKA.rd_kafka_test_fatal_error(handle(producer), code, reason.encode()) == 0
