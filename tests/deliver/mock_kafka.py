"""A Kafka cluster inside librdkafka (rdkafka_mock.h), with the troubles that it can make; and a reader of topics."""

import ctypes
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, Producer

PRODUCE = 0
OBJECT_HEAD = object.__basicsize__


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
    "rd_kafka_mock_broker_set_rtt": (NUMBER, POINTER, ctypes.c_int32, NUMBER),
    "rd_kafka_mock_partition_set_leader": (NUMBER, POINTER, TEXT, ctypes.c_int32, ctypes.c_int32),
    "rd_kafka_mock_push_request_errors_array": (
        None, POINTER, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(NUMBER),
    ),
    "rd_kafka_test_fatal_error": (NUMBER, POINTER, NUMBER, TEXT),
}  # fmt: skip
for _name, (_returns, *_takes) in FUNCTIONS.items():
    getattr(RDKAFKA, _name).restype, getattr(RDKAFKA, _name).argtypes = _returns, _takes


def handle(client: Any) -> int:
    """The `rd_kafka_t` of a client, the first field of its object."""
    found = ctypes.c_void_p.from_address(id(client) + OBJECT_HEAD).value
    assert found
    assert RDKAFKA.rd_kafka_name(found).startswith(b"rdkafka#") or b"#" in RDKAFKA.rd_kafka_name(found)
    return found


class MockKafka:
    def __init__(self, brokers: int = 3) -> None:
        self._owner = Producer(
            {"bootstrap.servers": "unused", "test.mock.num.brokers": brokers, "log_level": 0}
        )
        self._cluster = RDKAFKA.rd_kafka_handle_mock_cluster(handle(self._owner))
        self.numbers = range(1, brokers + 1)
        self.brokers = RDKAFKA.rd_kafka_mock_cluster_bootstraps(self._cluster).decode().split(",")

    def topic(self, name: str, partitions: int = 6) -> str:
        assert (
            RDKAFKA.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, len(self.numbers))
            == 0
        )
        return name

    def down(self) -> None:
        for number in self.numbers:
            RDKAFKA.rd_kafka_mock_broker_set_down(self._cluster, number)

    def up(self) -> None:
        for number in self.numbers:
            RDKAFKA.rd_kafka_mock_broker_set_up(self._cluster, number)

    def broker(self, number: int, up: bool) -> None:
        change = RDKAFKA.rd_kafka_mock_broker_set_up if up else RDKAFKA.rd_kafka_mock_broker_set_down
        change(self._cluster, number)

    def slow(self, milliseconds: int) -> None:
        for number in self.numbers:
            RDKAFKA.rd_kafka_mock_broker_set_rtt(self._cluster, number, milliseconds)

    def lead(self, topic: str, partition: int, broker: int) -> None:
        RDKAFKA.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker)

    def fail_produce(self, *codes: int) -> None:
        """The next produce requests are answered with these errors."""
        errors = (ctypes.c_int * len(codes))(*codes)
        RDKAFKA.rd_kafka_mock_push_request_errors_array(self._cluster, PRODUCE, len(codes), errors)

    def read(self, topic: str, count: int, within_s: float = 20.0) -> list[Any]:
        """Messages of all partitions: at least `count`, and what follows them at once."""
        return read({"bootstrap.servers": ",".join(self.brokers)}, topic, count, within_s)


def read(properties: dict[str, Any], topic: str, count: int, within_s: float = 20.0) -> list[Any]:
    consumer = Consumer(
        properties | {"group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    end = time.monotonic() + within_s
    try:
        while len(found) < count or (time.monotonic() < end and found[-1] is not None):
            assert time.monotonic() < end, f"{len(found)} of {count} messages came"
            message = consumer.poll(0.2)
            if message is None and len(found) >= count:
                return found
            if message is not None and not message.error():
                found.append(message)
    finally:
        consumer.close()
    return found


@contextmanager
def mock_kafka(brokers: int = 3) -> Iterator[MockKafka]:
    made = MockKafka(brokers)
    yield made
    del made


def fatal(producer: Any, code: int, reason: str) -> None:
    """What an idempotent producer does when the brokers say that its sequence is broken."""
    assert RDKAFKA.rd_kafka_test_fatal_error(handle(producer), code, reason.encode()) == 0


assert os.name == "posix"
