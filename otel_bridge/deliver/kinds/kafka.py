"""`type: kafka`: one message for each event on a topic, acknowledged by all in-sync replicas."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from otel_bridge.deliver.kafka_producer import KafkaProducer, Record
from otel_bridge.deliver.lone_thread import call
from otel_bridge.deliver.outcome import DELIVERED, Outcome, Rejected, Retry
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.deliver.sender import Kind, Opening
from otel_bridge.kafka import check_connection, check_topic_name, check_topics, client_config
from otel_bridge.model import Event
from otel_bridge.settings import STRICT, Duration, KafkaConnection

NAME = "kafka"

CHECK_S = 5.0
LARGEST = 64 * 1024**2
MOST_CONCURRENT = 100_000
STATIC = frozenset({"JOB", "DATASET"})
CONTENT_TYPE = ("content-type", b"application/json")

Key = Literal["run", "tree", "job", "openlineage", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(KafkaConnection):
    """A topic of a Kafka cluster."""

    __pydantic_config__ = STRICT

    topic: str
    """Topic to write to. It must exist."""
    key: Key = "run"
    """Message key, which decides what keeps its order for consumers: a run, a tree of runs, a job; see the page."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    """Compression of message batches."""
    timeout: Duration = Duration(30)
    """Longest time to wait for the acknowledgement of one event; librdkafka tries again by itself within it."""
    concurrency: int = 1000
    """Events under way at once; librdkafka sends those that wait together."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts."""

    def __post_init__(self) -> None:
        check_topic_name(self.topic)
        if not 1 <= self.concurrency <= MOST_CONCURRENT:
            raise ValueError(f"concurrency must be between 1 and {MOST_CONCURRENT}")
        if self.timeout <= 0:
            raise ValueError("timeout must be above 0")
        check_connection(self, _properties(self))


EXAMPLE = """\
- name: stream
  type: kafka
  brokers: [localhost:9092]
  topic: openlineage
  # key: run
  # compression: zstd
  # timeout: 30s
  # tls: {ca: ca.pem}
  # sasl: {mechanism: SCRAM-SHA-512, username: otel-bridge, password: <secret>}
  # config: {linger.ms: "20"}
"""


class KafkaSender:
    """Puts events on the topic; each one is delivered when the brokers report it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._key = KEYS[options.key]
        self._check_s = min(CHECK_S, options.timeout)
        self._producer: KafkaProducer | None = None
        self._lone: KafkaProducer | None = None
        self._check: asyncio.Task[str] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect, and see that the topic is there."""
        producer = self._producer = self._producer or KafkaProducer(
            _properties(self._options), self._options.topic
        )
        await self._look(producer)

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Send one message and wait for its report."""
        assert self._producer, "start was not called"
        record = Record(self._key(event), body, _headers(event))
        producer = self._producer
        error = await producer.put(record)
        if error is not None and error.code() in _codes().too_large:
            producer = self._alone()
            error = await producer.put(record)
        return DELIVERED if error is None else await self._outcome(error, producer, len(body))

    async def close(self) -> None:
        """Give up what is not acknowledged."""
        open_now = [producer for producer in (self._producer, self._lone) if producer]
        await asyncio.gather(*(producer.close() for producer in open_now), *self._ending)

    def _alone(self) -> KafkaProducer:
        """For messages that were in a batch that was too large; they may fit by themselves."""
        if self._lone is None:
            properties = {**_properties(self._options), "batch.num.messages": 1}
            self._lone = KafkaProducer(properties, self._options.topic)
        return self._lone

    async def _outcome(self, error: Any, producer: KafkaProducer, size: int) -> Outcome:
        codes, topic, text = _codes(), self._options.topic, error.str()
        code = error.code()
        if producer.broken or error.fatal() or code in codes.fatal:
            said = producer.said
            self._replace(producer)
            return Retry(f"{said or text}; going on with a new producer", whole=True)
        if code in codes.too_large:
            return Rejected(
                f"{text}: {size} bytes; raise max.message.bytes of topic {topic!r}, or set max_event of this destination"
            )
        if code in codes.refused:
            return Rejected(f"{text}; a compacted topic takes no messages without a key", code)
        if code in codes.lost:
            return await self._lost(producer)
        if code in codes.whole:
            return Retry(
                f"topic {topic!r}: {text}; correct the topic, its ACLs or the configuration", whole=True
            )
        return Retry(text)

    def _replace(self, producer: KafkaProducer) -> None:
        """What the brokers told it ended this producer for good."""
        if producer is self._producer:
            self._producer = KafkaProducer(_properties(self._options), self._options.topic)
        elif producer is self._lone:
            self._lone = None
        else:
            return
        ending = asyncio.create_task(producer.close())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _lost(self, producer: KafkaProducer) -> Outcome:
        """No acknowledgement: the brokers are gone, or only those of this event's partition."""
        reason = f"no acknowledgement within {self._options.timeout:g} s"
        if self._check is None:
            self._check = asyncio.create_task(self._wrong(producer))
            self._check.add_done_callback(self._checked)
        wrong = await asyncio.shield(self._check)
        return Retry(f"{reason}: {wrong}", whole=True) if wrong else Retry(f"{reason}; other brokers answer")

    def _checked(self, check: asyncio.Task[str]) -> None:
        self._check = None

    async def _look(self, producer: KafkaProducer) -> None:
        """See that the topic is there."""
        topics = [self._options.topic]
        await call(check_topics, producer.client, topics, self._check_s, lambda: producer.said)

    async def _wrong(self, producer: KafkaProducer) -> str:
        """What is wrong with the brokers or the topic, "" if they answer for it."""
        try:
            await self._look(producer)
        except Exception as error:  # noqa: BLE001 - also when the producer was closed meanwhile
            return str(error)
        return ""


def _properties(options: Options) -> Mapping[str, Any]:
    """Ours, which the user's win over, except for those that come from other options."""
    return {
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "partitioner": "murmur2_random",
        "compression.type": options.compression,
        "message.timeout.ms": max(1, int(options.timeout * 1000)),
        "message.max.bytes": LARGEST,
        "reconnect.backoff.max.ms": 2000,
    } | client_config(options)


class _Codes(msgspec.Struct, frozen=True):
    """Error codes by what follows from them."""

    too_large: frozenset[int]
    refused: frozenset[int]
    lost: frozenset[int]
    fatal: frozenset[int]
    whole: frozenset[int]


_KNOWN: list[_Codes] = []


def _codes() -> _Codes:
    """Read once from the library, which is not imported before Kafka is used."""
    if not _KNOWN:
        from confluent_kafka import KafkaError as E

        _KNOWN.append(
            _Codes(
                too_large=frozenset({E.MSG_SIZE_TOO_LARGE, E.RECORD_LIST_TOO_LARGE}),
                refused=frozenset({E.INVALID_RECORD}),
                lost=frozenset({E._MSG_TIMED_OUT, E._TIMED_OUT, E._TRANSPORT, E.REQUEST_TIMED_OUT}),
                fatal=frozenset({E._FATAL, E._STATE}),
                whole=frozenset(
                    {
                        E.TOPIC_AUTHORIZATION_FAILED, E.CLUSTER_AUTHORIZATION_FAILED, E.UNKNOWN_TOPIC_OR_PART,
                        E._UNKNOWN_TOPIC, E._UNKNOWN_PARTITION, E.TOPIC_EXCEPTION, E._AUTHENTICATION,
                        E.UNSUPPORTED_COMPRESSION_TYPE, E.UNSUPPORTED_FOR_MESSAGE_FORMAT,
                    }
                ),
            )
        )  # fmt: skip
    return _KNOWN[0]


def _headers(event: Event) -> list[tuple[str, bytes]]:
    headers = [CONTENT_TYPE, ("openlineage.event_type", event.type.encode())]
    if event.trace_id.strip("0") and event.span_id.strip("0"):
        # Only sampled spans reach an exporter, hence the flag.
        headers.append(("traceparent", f"00-{event.trace_id}-{event.span_id}-01".encode()))
    return headers


# Keys


class _Run(msgspec.Struct, frozen=True):
    runId: str = ""  # noqa: N815 - the name in the event


class _Job(msgspec.Struct, frozen=True):
    namespace: str = ""
    name: str = ""


class _Ancestor(msgspec.Struct, frozen=True):
    run: _Run = _Run()
    job: _Job = _Job()


class _Parent(_Ancestor, frozen=True):
    root: _Ancestor | None = None


class _Facets(msgspec.Struct, frozen=True):
    parent: _Parent | None = None


class _RunPart(msgspec.Struct, frozen=True):
    facets: _Facets = _Facets()


class _Head(msgspec.Struct, frozen=True):
    run: _RunPart = _RunPart()


_HEAD = msgspec.json.Decoder(_Head)


def _top(event: Event) -> _Ancestor | None:
    """The root of the tree of runs as the event's own parent facet has it, else the parent; None without one."""
    try:
        parent = _HEAD.decode(event.body).run.facets.parent
    except msgspec.ValidationError:  # another producer's facet may look like anything
        return None
    return (parent.root or parent) if parent else None


def _by_run(event: Event) -> str:
    return event.key


def _by_tree(event: Event) -> str:
    top = None if event.type in STATIC else _top(event)
    return (top.run.runId.lower() if top else "") or event.key


def _by_job(event: Event) -> str:
    return event.key if event.type == "DATASET" else f"job:{event.job_namespace}/{event.job_name}"


def _as_openlineage(event: Event) -> str:
    """The rule of openlineage-python and openlineage-java."""
    if event.type in STATIC:
        return event.key
    top = _top(event)
    job = top.job if top and top.job.namespace and top.job.name else _Job(event.job_namespace, event.job_name)
    return f"run:{job.namespace}/{job.name}"


def _no_key(event: Event) -> None:
    return None


KEYS: Mapping[str, Callable[[Event], str | None]] = MappingProxyType(
    {"run": _by_run, "tree": _by_tree, "job": _by_job, "openlineage": _as_openlineage, "none": _no_key}
)


def _open(options: Options, opening: Opening) -> KafkaSender:
    return KafkaSender(options)


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
