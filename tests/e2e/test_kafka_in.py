"""Reading from a real broker: through the Collector's exporter, over outages on both sides, with two replicas."""

import json
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka import Consumer, Producer, TopicPartition

from otel_bridge.testing import BridgeProcess, Sink
from tests.e2e.test_kafka_out import keystore
from tests.otlp import Exporter, logs, record, span, span_id, trace_id, traces
from tests.parts import collector
from tests.parts import kafka as part
from tests.parts.kafka import Kafka
from tests.parts.required import require

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

Start = Callable[..., BridgeProcess]
AT = "2026-11-25T10:00:00Z"
SHARED = {"api": {"public_url": "https://lineage.example.org"}}
"""What replicas must have in common to write the same events."""


@pytest.fixture
def start(tmp_path: Path, lineage_sink: Sink) -> Iterator[Start]:
    """A bridge that reads and delivers to the sink."""
    started: list[BridgeProcess] = []

    def start(*sources: dict[str, Any]) -> BridgeProcess:
        retry = {"first": "20ms", "longest": "100ms"}
        destination = {"name": "sink", "type": "http", "url": lineage_sink.url, "retry": retry}
        directory = tmp_path / f"bridge-{len(started)}"
        started.append(
            BridgeProcess(directory, [destination], {"receive": {"kafka": list(sources)}, **SHARED})
        )
        return started[-1].start()

    yield start
    for bridge in started:
        bridge.stop()


def source(broker: Kafka, topic: str, **more: Any) -> dict[str, Any]:
    quick = {"reconnect.backoff.max.ms": "500", "session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
    return {
        "brokers": [broker.brokers],
        "topics": [topic],
        "group": f"bridge-{topic}",
        "config": quick,
    } | more


def send(broker: Kafka, topic: str, *payloads: bytes | None, key: bytes | None = None) -> None:
    producer = Producer({"bootstrap.servers": broker.brokers, "log_level": 0, "acks": "all"})
    for payload in payloads:
        producer.produce(topic, payload, key=key)
    assert producer.flush(30) == 0


def run(job: str) -> bytes:
    return traces(span(trace_id(), span_id(), job=job))


def runs(jobs: list[str]) -> list[bytes]:
    return [run(job) for job in jobs]


def committed(broker: Kafka, topic: str, partitions: int) -> int:
    return sum(offsets(broker, topic, partitions))


def offsets(broker: Kafka, topic: str, partitions: int) -> list[int]:
    """Committed for each partition."""
    consumer = Consumer({"bootstrap.servers": broker.brokers, "group.id": f"bridge-{topic}", "log_level": 0})
    found = consumer.committed([TopicPartition(topic, number) for number in range(partitions)], timeout=20)
    consumer.close()
    return [max(one.offset, 0) for one in found]


def state(bridge: BridgeProcess) -> dict[str, Any]:
    return next(iter(bridge.health()["sources"]), {})


def complete(jobs: set[str]) -> Callable[[Sink], bool]:
    """Each job has both its events; repetitions are exact."""

    def check(sink: Sink) -> bool:
        ends = Counter(event["job"]["name"] for event in sink.events if event["eventType"] == "COMPLETE")
        return ends.keys() == jobs

    return check


def check_once(sink: Sink, jobs: set[str]) -> None:
    """Not one event that differs from another of its run and type."""
    by_run: dict[tuple[str, str], set[str]] = {}
    for event in sink.events:
        key = event["run"]["runId"], event["eventType"]
        by_run.setdefault(key, set()).add(json.dumps(event, sort_keys=True))
    assert len(by_run) == 2 * len(jobs)
    assert all(len(bodies) == 1 for bodies in by_run.values())


def test_through_the_collector(tmp_path: Path, kafka: Kafka, start: Start, lineage_sink: Sink) -> None:
    """OTLP to the gateway, its Kafka exporter, the topics, the bridge, the events."""
    require("collector")
    spans, records = kafka.create_topic("gate.traces", 3), kafka.create_topic("gate.logs", 3)
    env = {
        "OTELCOL_KAFKA_BROKERS": f"[{kafka.brokers}]",
        "OTELCOL_KAFKA_TRACES_TOPIC": spans,
        "OTELCOL_KAFKA_LOGS_TOPIC": records,
        "OTELCOL_TRACING_ENDPOINT": "127.0.0.1:1",
    }
    start(source(kafka, spans, name="spans"), source(kafka, records, name="records", content="logs"))
    layers = ["gateway.yaml", "gateway-kafka.yaml"]
    with collector.run(configs=layers, directory=tmp_path / "gateway", env=env) as gateway:
        exporter = Exporter(f"127.0.0.1:{gateway.ports.http}")
        trace, top = trace_id(), span_id()
        exporter.post(
            "/v1/logs", logs(record("openlineage.run.start", trace, top, openlineage__job__name="top"))
        )
        lineage_sink.wait_for(1)
        assert [event["eventType"] for event in lineage_sink.events] == ["START"]
        inner = [span(trace, span_id(), top, job=f"step-{number}") for number in range(50)]
        plain = [span(trace_id(), span_id()) for _ in range(20)]
        exporter.post("/v1/traces", traces(*inner, *plain, span(trace, top, job="top")))
        jobs = {"top", *(f"step-{number}" for number in range(50))}
        lineage_sink.wait_for(complete(jobs), 30)
    assert all(lineage_sink.events.parent_of(job) == "top" for job in jobs - {"top"})
    check_once(lineage_sink, jobs)


def test_a_broker_that_stops_and_a_bridge_that_is_killed(
    tmp_path: Path, start: Start, lineage_sink: Sink
) -> None:
    require("kafka")
    jobs = [f"job-{number}" for number in range(500)]
    with part.run(directory=tmp_path / "broker") as broker:
        topic, dead = broker.create_topic("spans", 3), broker.create_topic("dead", 1)
        send(broker, topic, *runs(jobs[:150]), b"\xff junk", None)
        bridge = start(source(broker, topic, dead_letter_topic=dead))
        lineage_sink.wait_for(complete(set(jobs[:150])), 30)
        broker.kill()
        bridge.wait(lambda: "can't be asked for topic" in bridge.health()["reason"], "says that it is away")
        assert bridge.health()["accepting"]
        broker.start()
        send(broker, topic, *runs(jobs[150:300]))
        lineage_sink.wait_for(lambda sink: len(sink.events.jobs()) > 200, 40)
        bridge.kill()
        send(broker, topic, *runs(jobs[300:]))
        bridge.start()
        lineage_sink.wait_for(complete(set(jobs)), 40)
        bridge.wait(lambda: state(bridge).get("lag") == 0, "has no lag")
        assert bridge.stop() == 0
        assert committed(broker, topic, 3) == 502
        reader = Consumer(
            {"bootstrap.servers": broker.brokers, "group.id": "d", "auto.offset.reset": "earliest"}
        )
        reader.subscribe([dead])
        copy = reader.poll(20)
        assert copy is not None
        assert copy.value() == b"\xff junk"
        reader.close()
    check_once(lineage_sink, set(jobs))
    with BridgeProcess(bridge.directory) as after:
        received = after.health()["received"]
        assert received["rejected"] == {"unreadable_message": 1}
        assert received["accepted"] == 500


def test_tls_and_sasl_and_no_other_door(tmp_path: Path, lineage_sink: Sink) -> None:
    """Killed while it reads, again and again: below a committed offset everything is in the journal, counted once."""
    require("kafka")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    users = {"bridge": "right-one"}
    security = part.Security(keystore=keystore(authority, tmp_path / "broker.pem"), users=users)
    with part.run(directory=tmp_path / "broker", security=security) as broker:
        topic, dead = broker.create_topic("spans", 3), broker.create_topic("dead", 1)
        reading = source(broker, topic, dead_letter_topic=dead, tls={"ca": str(tmp_path / "ca.pem")})
        login = {"mechanism": "PLAIN", "username": "bridge", "password": "wrong-one"}
        reading |= {"brokers": [broker.secure_brokers], "sasl": login}
        off = {"enabled": False}
        settings = {"receive": {"kafka": [reading], "grpc": off, "http": off}}
        destination = {"name": "sink", "type": "http", "url": lineage_sink.url}
        with BridgeProcess(tmp_path / "bridge", [destination], settings) as bridge:
            bridge.wait(lambda: "uthentication" in bridge.health()["reason"], "tells of the password")
            assert "wrong-one" not in json.dumps(bridge.health()) + bridge.log()
            assert "(after" not in state(bridge)["trouble"], "the same trouble is logged once"
            bridge.stop()
            login["password"] = "right-one"

            bridge.start()
            sent = Sent(broker, topic)
            for _ in range(3):
                sent.more(300)
                bridge.wait(lambda: state(bridge).get("messages", 0) > 50, "reads", 40)
                bridge.kill()
                sent.check(bridge.data_dir)
                bridge.start()
            bridge.wait(
                lambda: state(bridge).get("lag") == 0 and state(bridge)["messages"] > 0, "has no lag", 40
            )
            received = bridge.health()["received"]
            assert received["rejected"] == {"unreadable_message": 45, "span_id": 45}
            assert received["accepted"] == 855
            assert received["total"] == 945 + received["duplicate"]
            assert bridge.stop() == 0
            assert committed(broker, topic, 3) == 900
            sent.check(bridge.data_dir)


class Sent:
    """Messages of which one in twenty is unreadable and one in twenty invalid in part; and where they are."""

    def __init__(self, broker: Kafka, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": broker.brokers, "log_level": 0, "acks": "all"})
        self._keys: dict[tuple[int, int], bytes] = {}
        self._poison: set[tuple[int, int]] = set()

    def more(self, count: int) -> None:
        for number in range(count):
            trace, own = trace_id(), span_id()
            spans = [span(trace, own, job=f"job-{number}")]
            if number % 20 == 1:
                spans.append(span(trace_id(), b"\0" * 8, job="bad"))
            payload = b"\xff junk" if number % 20 == 0 else traces(*spans)
            key = b"" if number % 20 == 0 else trace + own
            self._producer.produce(self._topic, payload, on_delivery=self._told(key, number % 20 < 2))
        assert self._producer.flush(30) == 0

    def _told(self, key: bytes, poison: bool) -> Callable[[Any, Any], None]:
        def told(error: Any, message: Any) -> None:
            assert error is None
            place = message.partition(), message.offset()
            if key:
                self._keys[place] = key
            if poison:
                self._poison.add(place)

        return told

    def check(self, data_dir: Path) -> None:
        """What is committed is on disk."""
        ends = offsets(self._broker, self._topic, 3)
        with closing(sqlite3.connect(f"file:{data_dir}/accepted.db?mode=ro", uri=True)) as journal:
            kept = {key[:24] for (key,) in journal.execute("SELECT key FROM accepted")}
            buried = set(journal.execute("SELECT part, place FROM poison"))
        assert {key for (part_, place), key in self._keys.items() if place < ends[part_]} <= kept
        assert {one for one in self._poison if one[1] < ends[one[0]]} <= buried


def test_two_replicas_one_of_which_is_killed(kafka: Kafka, start: Start, lineage_sink: Sink) -> None:
    """Nothing is lost, and whoever converts a run gives it the same id."""
    topic = kafka.create_topic(f"replicas-{uuid.uuid4().hex[:6]}", 4)
    jobs = [f"job-{number}" for number in range(400)]
    first = start(source(kafka, topic))
    send(kafka, topic, *runs(jobs[:100]))
    lineage_sink.wait_for(lambda sink: len(sink.events.jobs()) > 50, 30)
    second = start(source(kafka, topic))
    second.wait(lambda: state(second).get("partitions") == 2, "has half of the partitions")
    send(kafka, topic, *runs(jobs[100:200]))
    time.sleep(0.05)
    first.kill()
    send(kafka, topic, *runs(jobs[200:300]))
    second.wait(lambda: state(second).get("partitions") == 4, "has all of them", 40)
    first.start()
    first.wait(lambda: state(first).get("partitions") == 2, "has half of them again", 40)
    send(kafka, topic, *runs(jobs[300:]))
    lineage_sink.wait_for(complete(set(jobs)), 40)
    check_once(lineage_sink, set(jobs))
    assert (first.stop(), second.stop()) == (0, 0)
    assert committed(kafka, topic, 4) == 400


def test_openlineage_events(kafka: Kafka, start: Start, lineage_sink: Sink) -> None:
    """As openlineage-python's own Kafka transport writes them."""
    topic = kafka.create_topic("events", 2)
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.transport.kafka import KafkaConfig, KafkaTransport

    config = KafkaConfig(config={"bootstrap.servers": kafka.brokers}, topic=topic, flush=True)
    client = OpenLineageClient(transport=KafkaTransport(config))
    for number in range(20):
        about = {"run": Run(str(uuid.uuid4())), "job": Job("spark", f"query-{number}")}
        for state_ in (RunState.START, RunState.RUNNING, RunState.COMPLETE):
            client.emit(RunEvent(eventTime=AT, producer="https://example.org", eventType=state_, **about))
    bridge = start(source(kafka, topic, content="openlineage"))
    lineage_sink.wait_for(60)
    assert len(lineage_sink.events.jobs()) == 20
    for number in range(20):
        assert lineage_sink.events.types(f"query-{number}") == ["START", "RUNNING", "COMPLETE"]
    assert state(bridge)["poison"] == 0
