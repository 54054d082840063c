"""The thread that owns a Kafka consumer: polls, pauses, commits, and lives through rebalances.

Messages go to the event loop in batches; it reports back through `Positions`. While they can't be taken, partitions are
paused and polling goes on, so that the group does not count this member as lost.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from otel_bridge.kafka import INSTALL, KafkaTrouble, LibraryLog, check_topics, client_config
from otel_bridge.model import BridgeError
from otel_bridge.receive.kafka_positions import Partition, Positions, Ticket
from otel_bridge.settings import KafkaSource

POLL_S = 0.2
ROOM_S = 0.5
COMMIT_EVERY_S = 0.5
LAG_EVERY_S = 1.0
CHECK_EVERY_S = 2.0
CHECK_WITHIN_S = 1.0
AGAIN_S = 5.0
REVOKED_WITHIN_S = 3.0
MOST_AT_ONCE = 256

DEFAULTS: Mapping[str, Any] = {
    "partition.assignment.strategy": "cooperative-sticky",
    "topic.metadata.refresh.interval.ms": 30_000,
    "fetch.queue.backoff.ms": 20,  # how long a partition pauses after its queue was full; a second unless set
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.max.bytes": 16 * 1024**2,
}
CHECKED = frozenset({-195, -193, -187, 3})
"""_TRANSPORT, _RESOLVE, _ALL_BROKERS_DOWN, UNKNOWN_TOPIC_OR_PART: a check tells more, or that it is nothing."""
FORCED: Mapping[str, Any] = {"enable.auto.commit": False, "enable.auto.offset.store": False}
"""An offset is ours to commit, once its message is durable."""

log = structlog.get_logger()


class Message(msgspec.Struct, frozen=True):
    """A message in hand."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    payload: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    ticket: Ticket


class Reader:
    """Reads the topics of one source until `stop`. `deliver` is called in this thread, with what was read."""

    def __init__(
        self, source: KafkaSource, positions: Positions, deliver: Callable[[list[Message]], None]
    ) -> None:
        self.trouble = ""
        self.lag: int | None = None
        self._source = source
        self._positions = positions
        self._deliver = deliver
        self._batch: list[Message] = []
        self._stopping = threading.Event()
        self._checked, self._said = False, ""
        self._paused = False
        self._committing = False
        self._due: dict[str, float] = {}
        self._consumer = self._open()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{source.name}", daemon=True)

    def start(self) -> None:
        """Begin to read. Brokers that can't be reached show up in `trouble`."""
        self._thread.start()

    def stop(self, within_s: float) -> bool:
        """Finish what is in hand, commit, leave the group; blocks. Whether that was done in time."""
        self._stopping.set()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _open(self) -> Any:
        """A consumer; that asks no broker.

        Raises:
            BridgeError: confluent-kafka is missing, or librdkafka does not accept the configuration.
        """
        where = f"receive.kafka: {self._source.name}"
        try:
            from confluent_kafka import Consumer, KafkaException
        except ImportError:
            raise BridgeError(f"{where}: {INSTALL}") from None
        try:
            heard = {
                "error_cb": self._failed,
                "on_commit": self._told,
                "logger": LibraryLog(source=self._source.name),
            }
            return Consumer(consumer_config(self._source) | heard)
        except KafkaException as error:
            raise BridgeError(f"{where}: {error.args[0].str()}. Correct its configuration.") from None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except Exception as error:
                log.exception("kafka_reader_failed", source=self._source.name)
                self._say(f"reading failed ({error}) and is tried again; the log has the details")
                self._consumer, self._committing, self._checked = None, False, False
                self._stopping.wait(AGAIN_S)

    def _read(self) -> None:
        """Until `stop`, or an error that only a new consumer gets over."""
        self._consumer = self._consumer or self._open()
        self._consumer.subscribe(
            list(self._source.topics),
            on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost,
        )  # fmt: skip
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._consumer.close()
            self._positions.drop(self._positions.partitions())

    def _turn(self) -> None:
        if self._positions.wait_for_room(ROOM_S):
            self._resume()
            self._fetch(POLL_S)
        else:
            self._pause()
            self._fetch(0)
        if self._is_due("commit", COMMIT_EVERY_S):
            self._commit()
        if self._is_due("lag", LAG_EVERY_S):
            self.lag = self._lag()
        if not self._checked and self._is_due("check", CHECK_EVERY_S):
            self._check()

    def _fetch(self, wait_s: float) -> None:
        """One at a time: a rebalance between two of them finds the positions as they are."""
        message = self._consumer.poll(wait_s)
        for _ in range(MOST_AT_ONCE):
            if message is None:
                break
            self._take(message)
            message = self._consumer.poll(0) if self._positions.room else None
        else:
            if message is not None:
                self._take(message)
        self._hand_over()

    def _take(self, message: Any) -> None:
        if error := message.error():
            self._failed(error)
            return
        payload, key, headers = message.value() or b"", message.key(), tuple(message.headers() or ())
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        size = len(payload) + len(key or b"") + sum(len(name) + len(value or b"") for name, value in headers)
        ticket = self._positions.begin((topic, partition), offset, size)
        if ticket is not None:
            self._batch.append(Message(topic, partition, offset, key, payload, headers, ticket))

    def _hand_over(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self._deliver(batch)

    def _pause(self) -> None:
        """Also partitions that were assigned meanwhile."""
        self._consumer.pause(self._consumer.assignment())
        self._paused = True

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _commit(self) -> None:
        if not self._committing and (due := self._positions.due()):
            self._consumer.commit(offsets=_offsets(due), asynchronous=True)
            self._committing = True

    def _told(self, error: Any, partitions: list[Any]) -> None:
        """The answer to a commit. One that failed is due again; during a rebalance that is usual."""
        self._committing = False
        for one in partitions:
            if error is None and one.error is None:
                self._positions.committed((one.topic, one.partition), one.offset)

    def _assigned(self, _: Any, partitions: list[Any]) -> None:
        self._positions.assign(_names(partitions))
        log.info("kafka_partitions_assigned", source=self._source.name, partitions=_shown(partitions))

    def _revoked(self, _: Any, partitions: list[Any]) -> None:
        """Finish what is in hand of them and commit it, so that the next owner repeats as little as possible."""
        names = _names(partitions)
        self._hand_over()
        self._positions.wait_idle(names, REVOKED_WITHIN_S)
        if due := self._positions.due(names):
            self._commit_now(due)
        self._lost(_, partitions)

    def _lost(self, _: Any, partitions: list[Any]) -> None:
        self._hand_over()
        self._positions.drop(_names(partitions))
        log.info("kafka_partitions_left", source=self._source.name, partitions=_shown(partitions))

    def _commit_now(self, due: Mapping[Partition, int]) -> None:
        from confluent_kafka import KafkaException

        try:
            self._consumer.commit(offsets=_offsets(due), asynchronous=False)
        except KafkaException as error:
            text = error.args[0].str()
            log.info("kafka_offsets_not_committed", source=self._source.name, error=text, effect="repeats")

    def _lag(self) -> int | None:
        """Messages not yet finished in the partitions that are ours, as far as the broker told their ends."""
        from confluent_kafka import TopicPartition

        behind = []
        for topic, partition in self._positions.partitions():
            known = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            reached = self._positions.reached((topic, partition))
            if not known or known[1] < 0 or (reached < 0 and self._paused):
                continue
            behind.append(max(known[1] - reached, 0) if reached >= 0 else 0)  # the first fetch found nothing
        return sum(behind) if behind else None

    def _check(self) -> None:
        """See whether the brokers answer and have the topics; until they do, `trouble` says what is wrong."""
        try:
            check_topics(self._consumer, self._source.topics, CHECK_WITHIN_S, lambda: self._said)
        except KafkaTrouble as trouble:
            self._say(str(trouble))
        else:
            self._checked, self._said = True, ""
            self._say("")

    def _failed(self, error: Any) -> None:
        """An error of librdkafka, which goes on trying by itself; the next check tells whether it is over."""
        text = error.str().split(" (after ")[0]  # what follows is different each time
        self._checked, self._said = False, text
        if error.code() in CHECKED:
            return
        self._due["check"] = time.monotonic()
        self._say(f"{text}; it is tried again. Check topics, group, tls and sasl")

    def _say(self, trouble: str) -> None:
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble:
            log.warning("kafka_source_in_trouble", source=self._source.name, trouble=trouble)
        else:
            log.info("kafka_source_reads", source=self._source.name, topics=list(self._source.topics))

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now - self._due.get(what, 0.0) < every_s:
            return False
        self._due[what] = now
        return True


def consumer_config(source: KafkaSource) -> dict[str, Any]:
    """Properties of a consumer. Secrets are in the clear: not to be logged."""
    group = {"group.id": source.group, "auto.offset.reset": source.start}
    return {**DEFAULTS, **group, **client_config(source), **FORCED}


def _offsets(due: Mapping[Partition, int]) -> list[Any]:
    from confluent_kafka import TopicPartition

    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in due.items()]


def _names(partitions: Iterable[Any]) -> list[Partition]:
    return [(one.topic, one.partition) for one in partitions]


def _shown(partitions: Iterable[Any]) -> list[str]:
    return [f"{topic}/{number}" for topic, number in sorted(_names(partitions))]
