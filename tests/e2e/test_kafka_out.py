"""The `kafka` destination before a real broker: order for each key, outages on both sides, TLS and SASL."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from otel_bridge.model.ids import run_id_of
from otel_bridge.testing import BridgeProcess, Events
from tests.otlp import Exporter, Span, record, span, span_id, trace_id, traces
from tests.parts import kafka as part
from tests.parts.kafka import Kafka
from tests.parts.required import require

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

SOON = {"first": "100ms", "longest": "500ms"}


@dataclass(frozen=True, slots=True)
class Message:
    """What a consumer got."""

    partition: int
    key: str
    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        """The OpenLineage event in it."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


@pytest.mark.parametrize("key", ["run", "tree"])
def test_order_for_each_key_over_several_partitions(tmp_path: Path, kafka: Kafka, key: str) -> None:
    """60 pipelines of two runs each; the keys are spread, each keeps its order, a restarted consumer goes on."""
    topic = kafka.create_topic(f"order-{key}", partitions=4)
    with bridge_to(tmp_path, kafka.brokers, topic, key=key) as bridge:
        wanted = send_pipelines(bridge, 60)
        messages = read(kafka.brokers, topic, len(wanted), restart_after=50)
    assert told(messages) == wanted
    assert len(messages) == len(wanted)
    assert {m.partition for m in messages} == {0, 1, 2, 3}
    for found in by_key(messages).values():
        assert len({m.partition for m in found}) == 1
        check_order(found)
        check_headers(found)


def test_broker_and_bridge_go_and_come_back(tmp_path: Path) -> None:
    """Stopped, killed, and the bridge killed between, while runs arrive: nothing lost, only exact repeats."""
    require("kafka")
    with part.run(directory=tmp_path) as broker:
        topic = broker.create_topic("lineage", partitions=3)
        with (
            bridge_to(tmp_path, broker.brokers, topic, timeout="2s", retry=SOON) as bridge,
            Stream(bridge) as stream,
        ):
            stream.wait_for(20)
            broker.stop()
            stream.wait_for(60)
            broker.start()
            stream.wait_for(90)
            broker.kill()
            stream.wait_for(110)
            bridge.kill()
            broker.start()
            bridge.start()
            stream.wait_for(150)
            bridge.kill()
            bridge.start()
            stream.wait_for(170)
            wanted = stream.end()
            bridge.wait(lambda: nothing_waits(bridge), "delivers all", 60)
        messages = read(broker.brokers, topic, len(wanted), and_the_rest=True)
    assert told(messages) == wanted
    for found in by_key(messages).values():
        distinct = list({m.body: m for m in found}.values())
        assert [m.event["eventType"] for m in distinct] == ["START", "COMPLETE"]
        assert found[-1].event["eventType"] == "COMPLETE"


def test_a_live_start_is_there_before_the_run_ends(tmp_path: Path, kafka: Kafka) -> None:
    topic = kafka.create_topic("live")
    with bridge_to(tmp_path, kafka.brokers, topic) as bridge:
        trace, own = trace_id(), span_id()
        exporter = Exporter(bridge.endpoints.http)
        exporter.logs(record("openlineage.run.start", trace, own, openlineage__job__name="live"))
        (start,) = read(kafka.brokers, topic, 1)
        exporter.traces(span(trace, own, job="live", error="gone"))
        both = read(kafka.brokers, topic, 2)
    assert start.event["eventType"] == "START"
    assert [m.event["eventType"] for m in both] == ["START", "FAIL"]


def test_a_topic_that_is_missing_at_the_start(tmp_path: Path, kafka: Kafka) -> None:
    """/health says which; events wait and are delivered as soon as it is there."""
    with bridge_to(tmp_path, kafka.brokers, "later", retry=SOON) as bridge:
        bridge.wait(lambda: "later" in trouble(bridge), "names the missing topic")
        wanted = send_pipelines(bridge, 3)
        assert "create it" in trouble(bridge)
        kafka.create_topic("later", partitions=2)
        messages = read(kafka.brokers, "later", len(wanted))
        bridge.wait(lambda: trouble(bridge) == "", "has no trouble any more")
    assert told(messages) == wanted


def test_a_topic_that_is_deleted_and_made_anew(tmp_path: Path, kafka: Kafka) -> None:
    """/health says which; what was made meanwhile is delivered to the new one."""
    kafka.create_topic("again", partitions=2)
    with bridge_to(tmp_path, kafka.brokers, "again", timeout="1s", retry=SOON) as bridge:
        first = send_pipelines(bridge, 3)
        assert told(read(kafka.brokers, "again", len(first))) == first
        kafka.delete_topic("again")
        second = send_pipelines(bridge, 3)
        bridge.wait(lambda: "'again'" in trouble(bridge), "names the missing topic")
        kafka.create_topic("again", partitions=3)
        assert told(read(kafka.brokers, "again", len(second))) == second
        bridge.wait(lambda: trouble(bridge) == "", "has no trouble any more")


def test_tls_and_sasl(tmp_path: Path) -> None:
    """A wrong password and an unknown CA are told in /health, without the password; right ones deliver."""
    require("kafka")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    security = part.Security(
        keystore=keystore(authority, tmp_path / "broker.pem"), users={"bridge": "right-one"}
    )
    with part.run(directory=tmp_path, security=security) as broker:
        topic = broker.create_topic("lineage")
        for name, ca, password, said in (
            ("password", "ca.pem", "wrong-one", "uthentication"),
            ("ca", "other.pem", "right-one", "certificate"),
        ):
            with secure_bridge(tmp_path / name, broker, tmp_path / ca, password) as bridge:
                bridge.wait(lambda: said in trouble(bridge), f"tells of the {name}")  # noqa: B023
                assert password not in json.dumps(bridge.health()) + bridge.log()
        with secure_bridge(tmp_path / "right", broker, tmp_path / "ca.pem", "right-one") as bridge:
            wanted = send_pipelines(bridge, 2)
            assert told(read(broker.brokers, topic, len(wanted))) == wanted


# The bridge's side


@contextmanager
def bridge_to(directory: Path, brokers: str, topic: str, **options: Any) -> Iterator[BridgeProcess]:
    destination = {"name": "stream", "type": "kafka", "brokers": [brokers], "topic": topic}
    with BridgeProcess(directory / "bridge", [destination | options]) as bridge:
        yield bridge


@contextmanager
def secure_bridge(directory: Path, broker: Kafka, ca: Path, password: str) -> Iterator[BridgeProcess]:
    sasl = {"mechanism": "PLAIN", "username": "bridge", "password": password}
    with bridge_to(directory, broker.secure_brokers, "lineage", tls={"ca": str(ca)}, sasl=sasl) as bridge:
        yield bridge


def send_pipelines(bridge: BridgeProcess, count: int) -> set[tuple[str, str]]:
    """Pipelines of a parent and a child; (run id, event type) of what has to arrive."""
    spans: list[Span] = []
    for n in range(count):
        trace, top = trace_id(), span_id()
        spans += [span(trace, span_id(), top, job=f"p{n}.load"), span(trace, top, job=f"p{n}")]
    Exporter(bridge.endpoints.http).traces(*spans)
    return events_of(spans)


def events_of(spans: Iterable[Span]) -> set[tuple[str, str]]:
    runs = {run_id_of(s.trace_id.hex(), s.span_id.hex()) for s in spans}
    return {(run, kind) for run in runs for kind in ("START", "COMPLETE")}


class Stream:
    """Sends a run every few milliseconds from a thread, each until it is acknowledged."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self._bridge = bridge
        self._sent: list[Span] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def wait_for(self, acknowledged: int, within_s: float = 60) -> None:
        """Wait until so many runs are acknowledged; by then there are events on their way."""
        end = time.monotonic() + within_s
        while len(self._sent) < acknowledged:
            assert time.monotonic() < end, f"only {len(self._sent)} runs are sent"
            time.sleep(0.01)

    def end(self) -> set[tuple[str, str]]:
        """Send no more; (run id, event type) of what has to arrive."""
        self.__exit__()
        return events_of(self._sent)

    def _send(self) -> None:
        while not self._over.wait(0.02):
            one = span(trace_id(), span_id(), job=f"job-{len(self._sent) % 7}")
            Exporter(self._bridge.endpoints.http).patiently("/v1/traces", traces(one), within_s=60)
            self._sent.append(one)


def trouble(bridge: BridgeProcess) -> str:
    return str(bridge.health()["destinations"][0]["trouble"])


def nothing_waits(bridge: BridgeProcess) -> bool:
    health = bridge.health()
    waiting = [d["waiting"] for d in health["destinations"]]
    return health["conversion"]["waiting"] == 0 and health["events"] != {} and waiting == [0]


# The far end


def read(
    brokers: str,
    topic: str,
    count: int,
    *,
    restart_after: int = 0,
    and_the_rest: bool = False,
    within_s: float = 60,
) -> list[Message]:
    """The first `count` messages, as a group of its own gets them.

    Args:
        restart_after: after so many the consumer commits, leaves, and another one of its group goes on.
        and_the_rest: go on until nothing more comes for two seconds.
    """
    group = f"reader-{time.monotonic_ns()}"
    end = time.monotonic() + within_s
    found = consume(brokers, topic, group, restart_after, end) if restart_after else []
    found += consume(brokers, topic, group, count - len(found), end)
    while and_the_rest and (more := consume(brokers, topic, group, 1, time.monotonic() + 2, strict=False)):
        found += more
    return found


def consume(
    brokers: str, topic: str, group: str, count: int, end: float, *, strict: bool = True
) -> list[Message]:
    from confluent_kafka import Consumer

    settings = {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"}
    consumer = Consumer(settings | {"enable.auto.commit": False})
    consumer.subscribe([topic])
    found: list[Message] = []
    try:
        while len(found) < count and time.monotonic() < end:
            if (got := consumer.poll(0.2)) is not None and got.error() is None:
                found.append(message(got))
        if found:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    assert len(found) == count or not strict, f"{len(found)} messages of {count}"
    return found


def message(got: Any) -> Message:
    headers = {name: value.decode() for name, value in got.headers() or []}
    return Message(got.partition(), got.key().decode(), got.value(), headers)


def by_key(messages: Iterable[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    for one in messages:
        found[one.key].append(one)
    return found


def told(messages: Iterable[Message]) -> set[tuple[str, str]]:
    return {(m.event["run"]["runId"], m.event["eventType"]) for m in messages}


def check_order(messages: list[Message]) -> None:
    """START before the terminal event of each run, the parent's START before its child's."""
    assert all(kinds == ["START", "COMPLETE"] for kinds in Events(m.event for m in messages).runs().values())
    started: set[str] = set()
    runs = {m.event["run"]["runId"] for m in messages}
    for m in messages:
        parent = m.event["run"]["facets"].get("parent", {}).get("run", {}).get("runId")
        assert parent not in runs or parent in started
        started.add(m.event["run"]["runId"])


def check_headers(messages: list[Message]) -> None:
    for m in messages:
        trace = m.event["run"]["facets"]["otel_trace"]
        assert m.headers["traceparent"] == f"00-{trace['traceId']}-{trace['spanId']}-01"


def keystore(authority: trustme.CA, file: Path) -> Path:
    """Key and chain of a certificate for localhost, the key in PKCS 8, which is all that Kafka reads."""
    issued = authority.issue_cert("localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(pem + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return file
