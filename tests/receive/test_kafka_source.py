"""OTLP and OpenLineage events from Kafka: real bridges, and a cluster inside librdkafka that lives in this process."""

import asyncio
import ctypes
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from otel_bridge.cli import main
from otel_bridge.journal import AcceptedLog, AcceptedReader, GroupCommit, PoisonReader
from otel_bridge.receive import Receiver, Selection, kafka_source
from otel_bridge.settings import Duration, Journal, KafkaSource, Receive
from otel_bridge.testing import BridgeProcess, Sink
from tests.deliver.mock_kafka import NUMBER, POINTER, PRODUCE, RDKAFKA, MockKafka, read
from tests.otlp import Exporter, logs, record, span, span_id, trace_id, traces

QUICK = {
    "session.timeout.ms": "1000",
    "heartbeat.interval.ms": "200",
    "topic.metadata.refresh.interval.ms": "1000",
    "reconnect.backoff.max.ms": "300",
}
NOT_ALLOWED = 29
RETRY = {"first": "20ms", "longest": "100ms"}

RDKAFKA.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = (POINTER, NUMBER)
RDKAFKA.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
RDKAFKA.rd_kafka_mock_clear_request_errors.argtypes = (POINTER, ctypes.c_int16)
RDKAFKA.rd_kafka_mock_clear_request_errors.restype = None


class Cluster(MockKafka):
    """With a producer, and groups that begin at once."""

    def __init__(self) -> None:
        super().__init__(brokers=1)
        RDKAFKA.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, ctypes.c_int(200))
        self._producer = Producer(
            {"bootstrap.servers": ",".join(self.brokers), "log_level": 0, "linger.ms": 2}
        )

    def send(self, topic: str, *payloads: bytes | None, **more: Any) -> None:
        for payload in payloads:
            self._producer.produce(topic, payload, **more)
        assert self._producer.flush(10) == 0

    def committed(self, topic: str, partitions: int, group: str = "otel-bridge") -> list[int]:
        """Offset of each partition; -1001 where there is none."""
        consumer = Consumer({"bootstrap.servers": ",".join(self.brokers), "group.id": group, "log_level": 0})
        found = consumer.committed(
            [TopicPartition(topic, number) for number in range(partitions)], timeout=10
        )
        consumer.close()
        return [one.offset for one in found]

    def source(self, *topics: str, **more: Any) -> dict[str, Any]:
        return {"brokers": self.brokers, "topics": list(topics), "config": QUICK, **more}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def start(tmp_path: Path, lineage_sink: Sink) -> Iterator[Callable[..., BridgeProcess]]:
    """A bridge that reads from sources and delivers to the sink."""
    started: list[BridgeProcess] = []

    def start(*sources: dict[str, Any], **settings: Any) -> BridgeProcess:
        destination = {"name": "sink", "type": "http", "url": lineage_sink.url, "retry": RETRY}
        receive = {"kafka": list(sources)} | settings.pop("receive", {})
        directory = tmp_path / f"bridge-{len(started)}"
        started.append(BridgeProcess(directory, [destination], {"receive": receive, **settings}))
        return started[-1].start()

    yield start
    for bridge in started:
        bridge.stop()


def run(job: str, **attributes: Any) -> bytes:
    return traces(span(trace_id(), span_id(), job=job, **attributes))


def source_of(bridge: BridgeProcess, name: str = "kafka") -> dict[str, Any]:
    return next((one for one in bridge.health()["sources"] if one["name"] == name), {})


def finished(bridge: BridgeProcess, count: int, name: str = "kafka") -> Callable[[], bool]:
    return lambda: source_of(bridge, name).get("messages") == count


def cli(bridge: BridgeProcess, *arguments: str) -> str:
    """What a command says, in this process: a dozen of them would take longer to start than to run."""
    done = CliRunner().invoke(main, [*arguments, "--data-dir", str(bridge.data_dir)])
    assert "Traceback" not in done.output
    return done.stdout


def letters(bridge: BridgeProcess, command: str, *arguments: str) -> str:
    return cli(bridge, "dead-letters", command, "--source", *arguments)


def states(sink: Sink) -> dict[str, list[str]]:
    """Event types of each job, as delivered, without repetitions."""
    found: dict[str, list[str]] = {}
    for event in sink.events:
        types = found.setdefault(event["job"]["name"], [])
        if event["eventType"] not in types:
            types.append(event["eventType"])
    return found


def event(type_: str, run_id: str, job: str) -> dict[str, Any]:
    return {
        "eventType": type_, "eventTime": f"2026-11-25T10:00:0{len(type_) % 10}Z", "producer": "https://example.org/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id}, "job": {"namespace": "spark", "name": job}, "inputs": [], "outputs": [],
    }  # fmt: skip


def test_poison_in_the_middle_stops_nothing_and_can_be_tried_again(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    spans, dead = cluster.topic("spans", 1), cluster.topic("dead", 1)
    half_bad = traces(span(trace_id(), span_id(), job="good"), span(trace_id(), b"\0" * 8, job="bad"))
    cluster.send(spans, run("a"), b"\xff\x00 no OTLP", run("b"), None, half_bad, run("c"), key=b"k")
    bridge = start(cluster.source(spans, dead_letter_topic=dead))
    lineage_sink.wait_for(8)
    bridge.wait(finished(bridge, 6), "has read six messages")
    assert states(lineage_sink) == {job: ["START", "COMPLETE"] for job in ("a", "b", "good", "c")}
    assert {key: source_of(bridge)[key] for key in ("empty", "poison", "in_flight", "trouble")} == {
        "empty": 1, "poison": 2, "in_flight": 0, "trouble": "",
    }  # fmt: skip
    received = bridge.health()["received"]
    assert (received["total"], received["accepted"]) == (6, 4)
    assert received["rejected"] == {"unreadable_message": 1, "span_id": 1}
    copies = read({"bootstrap.servers": ",".join(cluster.brokers)}, dead, 2)
    assert [(copy.value(), copy.key()) for copy in copies] == [(b"\xff\x00 no OTLP", b"k"), (half_bad, b"k")]
    headers = dict(copies[0].headers())
    assert headers["otel_bridge.topic"] == b"spans"
    assert (headers["otel_bridge.offset"], headers["otel_bridge.source"]) == (b"1", b"kafka")
    assert headers["otel_bridge.reason"].startswith(b"the body is not an OTLP protobuf message")

    listed = [json.loads(line) for line in letters(bridge, "list", "--format", "json").splitlines()]
    assert [(one["seq"], one["offset"], one["bytes"]) for one in listed] == [
        (1, 1, 10),
        (2, 4, len(half_bad)),
    ]
    assert "spans/0/1" in letters(bridge, "list", "kafka")
    shown = json.loads(letters(bridge, "show", "kafka", "1"))
    assert (shown["payload_base64"], shown["key"]) == ("/wAgbm8gT1RMUA==", "k")
    found = cli(bridge, "doctor")
    assert "- 2 messages of kafka can't be taken, or not whole. `otel-bridge dead-letters list kafka" in found
    assert "unreadable" not in found
    said = letters(bridge, "retry", "kafka")
    assert said.startswith("0 messages of kafka taken; 2 still can't be, the last one because: 1 rejected")
    assert letters(bridge, "drop", "kafka", "1") == "1 messages of kafka given up\n"
    assert [line.split()[1] for line in letters(bridge, "list").splitlines()] == ["2"]
    assert bridge.stop() == 0
    assert cluster.committed(spans, 1) == [6]


def test_a_dead_letter_topic_that_cannot_be_written_makes_the_partition_wait(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    """Also over `kill -9`; what is behind the message is taken meanwhile, and nothing is counted twice."""
    spans, dead = cluster.topic("spans", 2), cluster.topic("dead", 1)
    half_bad = traces(span(trace_id(), span_id(), job="good"), span(trace_id(), b"\0" * 8, job="bad"))
    cluster.send(spans, run("a"), half_bad, b"\xff\x00 no OTLP", run("b"), partition=0)
    cluster.send(spans, run("c"), partition=1)
    cluster.fail(PRODUCE, *[NOT_ALLOWED] * 1000)
    bridge = start(cluster.source(spans, dead_letter_topic=dead))

    def says_so() -> bool:
        return "can't be copied to dead_letter_topic 'dead'" in bridge.health()["reason"]

    bridge.wait(says_so, "says so")
    assert bridge.health()["accepting"]
    lineage_sink.wait_for(8)
    bridge.wait(lambda: cluster.committed(spans, 2) == [1, 1], "commits what is before the message")
    bridge.kill()
    bridge.start()
    bridge.wait(says_so, "says so again")
    RDKAFKA.rd_kafka_mock_clear_request_errors(cluster._cluster, PRODUCE)
    copies = read({"bootstrap.servers": ",".join(cluster.brokers)}, dead, 2)
    assert {copy.value() for copy in copies} == {half_bad, b"\xff\x00 no OTLP"}
    bridge.wait(lambda: bridge.health()["reason"] == "", "says that it is over")
    received = bridge.health()["received"]
    assert received["rejected"] == {"unreadable_message": 1, "span_id": 1}
    assert (received["accepted"], received["total"]) == (4, 6 + received["duplicate"])
    assert bridge.stop() == 0
    assert cluster.committed(spans, 2) == [4, 1]


def test_a_mended_message_is_taken_by_a_retry(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink, tmp_path: Path
) -> None:
    """Here the limit was too small: it is raised, and the bridge restarted without the source."""
    spans = cluster.topic("spans", 1)
    cluster.send(spans, run("large", note="x" * 20_000), run("small"))
    bridge = start(cluster.source(spans), receive={"max_request": "4KB", "max_in_flight": "8KB"})
    lineage_sink.wait_for(2)
    bridge.wait(finished(bridge, 2), "has read both")
    assert bridge.health()["received"]["rejected"] == {"large_message": 1}
    bridge.stop()
    second = BridgeProcess(bridge.directory, bridge._destinations).start()
    try:
        assert letters(second, "retry", "kafka", "1") == "1 messages of kafka taken\n"
        lineage_sink.wait_for(4)
        assert states(lineage_sink)["large"] == ["START", "COMPLETE"]
        assert second.health()["sources"] == []
    finally:
        second.stop()


def test_every_content(cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink) -> None:
    """Four sources of one bridge, two of them in one group."""
    names = ("spans", "records", "spans-json", "events")
    spans, records, spans_json, events = (cluster.topic(name, 2) for name in names)
    trace, own, foreign = trace_id(), span_id(), str(uuid.uuid4())
    cluster.send(records, logs(record("openlineage.run.start", trace, own, openlineage__job__name="slow")))
    cluster.send(spans, run("quick"))
    one = {"traceId": trace_id().hex(), "spanId": span_id().hex(), "name": "json", "startTimeUnixNano": "1"}
    one["attributes"] = [{"key": "openlineage.job.name", "value": {"stringValue": "json"}}]
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}
    cluster.send(spans_json, json.dumps(request).encode())
    pair = [event("START", foreign, "query"), event("COMPLETE", foreign, "query")]
    sent = json.dumps(pair).encode(), b'{"eventType": "START"}', json.dumps(pair[1]).encode()
    cluster.send(events, *sent, key=foreign.encode())
    bridge = start(
        cluster.source(spans, name="spans"),
        cluster.source(records, name="records", content="logs"),
        cluster.source(spans_json, name="spans-json", encoding="otlp_json", group="other"),
        cluster.source(events, name="events", content="openlineage", group="third"),
    )
    bridge.wait(finished(bridge, 3, "events"), "has read the events")
    lineage_sink.wait_for(7)
    assert states(lineage_sink) == {
        "slow": ["START"], "quick": ["START", "COMPLETE"], "json": ["START", "COMPLETE"], "query": ["START", "COMPLETE"],
    }  # fmt: skip
    assert bridge.health()["received"]["duplicate"] >= 1
    assert source_of(bridge, "events")["poison"] == 1
    assert json.loads(letters(bridge, "list", "events", "--format", "json"))["content"] == "openlineage"


def test_events_of_one_key_keep_their_order(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    events = cluster.topic("events", 2)
    for number in range(40):
        run_id = str(uuid.uuid4())
        for type_ in ("START", "RUNNING", "COMPLETE"):
            cluster.send(
                events, json.dumps(event(type_, run_id, f"job-{number}")).encode(), key=run_id.encode()
            )
    start(cluster.source(events, content="openlineage"))
    lineage_sink.wait_for(120)
    assert {tuple(types) for types in states(lineage_sink).values()} == {("START", "RUNNING", "COMPLETE")}


def test_kill_9_loses_nothing(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    spans = cluster.topic("spans", 3)
    jobs = {f"job-{number}" for number in range(600)}
    bridge = start(cluster.source(spans))
    for number, job in enumerate(sorted(jobs)):
        cluster.send(spans, run(job), key=job.encode()) if number % 50 == 0 else cluster._producer.produce(
            spans, run(job)
        )
    lineage_sink.wait_for(lambda sink: len(sink.events.jobs()) >= 100)
    bridge.kill()
    bridge.start()
    cluster.send(spans)
    lineage_sink.wait_for(lambda sink: sink.events.jobs() == jobs, 30)
    assert all(types == ["START", "COMPLETE"] for types in states(lineage_sink).values())
    received = bridge.health()["received"]
    assert received["accepted"] == 600
    assert received["total"] == 600 + received["duplicate"]
    bridge.wait(lambda: source_of(bridge).get("lag") == 0, "has no lag")
    bridge.stop()
    assert sum(cluster.committed(spans, 3)) == 600


@pytest.mark.e2e
def test_another_replica_joins_and_leaves(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    spans = cluster.topic("spans", 4)
    first = start(cluster.source(spans))
    first.wait(lambda: source_of(first).get("partitions") == 4, "has all partitions")
    jobs = [f"job-{number}" for number in range(300)]
    for job in jobs[:100]:
        cluster.send(spans, run(job))
    second = start(cluster.source(spans))
    for job in jobs[100:200]:
        cluster.send(spans, run(job))
    second.wait(lambda: source_of(second).get("partitions") == 2, "has half of the partitions")
    assert source_of(first)["partitions"] == 2
    assert second.stop() == 0
    for job in jobs[200:]:
        cluster.send(spans, run(job))
    first.wait(lambda: source_of(first).get("partitions") == 4, "has all partitions again")
    lineage_sink.wait_for(lambda sink: sink.events.jobs() == set(jobs), 30)
    lineage_sink.wait_for(
        lambda sink: len(states(sink)) == 300 and all(len(types) == 2 for types in states(sink).values())
    )


def test_a_full_journal_makes_the_partition_wait(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    spans = cluster.topic("spans", 1)
    lineage_sink.down()
    bridge = start(cluster.source(spans), journal={"max_events": "20KB", "max_spans": "20KB"})
    jobs: set[str] = set()

    def waits() -> bool:
        more = [f"job-{number}" for number in range(len(jobs), len(jobs) + 20)]
        jobs.update(more)
        cluster.send(spans, *(run(job, note="x" * 500) for job in more))
        time.sleep(0.1)
        return "at its limit of 20000 bytes" in source_of(bridge).get("trouble", "")

    bridge.wait(waits, "waits")
    bridge.wait(lambda: not bridge.health()["accepting"], "says so")
    health = bridge.health()
    taken = health["received"]["accepted"]
    assert 20 < taken < len(jobs)
    assert health["reason"].count("at its limit") == 1
    time.sleep(1.3)  # longer than the group's session
    assert source_of(bridge)["partitions"] == 1
    assert 0 < cluster.committed(spans, 1)[0] <= bridge.health()["received"]["accepted"] < len(jobs)
    lineage_sink.up()
    lineage_sink.wait_for(lambda sink: sink.events.jobs() == jobs, 30)
    bridge.wait(finished(bridge, len(jobs)), "has read all")
    received = bridge.health()["received"]
    assert (received["accepted"], received["rejected"], source_of(bridge)["trouble"]) == (len(jobs), {}, "")


def test_brokers_that_are_away(
    cluster: Cluster, start: Callable[..., BridgeProcess], lineage_sink: Sink
) -> None:
    """The doors answer meanwhile, and reading goes on when they are back."""
    spans = cluster.topic("spans", 1)
    cluster.down()
    bridge = start(cluster.source(spans))
    Exporter(bridge.endpoints.http).post("/v1/traces", run("door"))
    lineage_sink.wait_for(2)
    bridge.wait(lambda: "can't be asked for topic 'spans'" in bridge.health()["reason"], "says so")
    assert bridge.health()["accepting"]
    cluster.up()
    cluster.send(spans, run("queue"))
    lineage_sink.wait_for(4)
    bridge.wait(lambda: bridge.health()["reason"] == "", "says that it is over")


def test_a_missing_topic_is_named(cluster: Cluster, start: Callable[..., BridgeProcess]) -> None:
    bridge = start(cluster.source("none-such") | {"config": QUICK | {"allow.auto.create.topics": "false"}})
    bridge.wait(lambda: "none-such" in source_of(bridge).get("trouble", ""), "says so")
    assert "create it or correct the configuration" in bridge.health()["reason"]
    assert bridge.stop() == 0


class Faulty(Selection):
    """With a defect that one job meets each time."""

    def select(self, signal: Any, body: bytes, now_ns: int) -> Any:
        if b"cursed" in body:
            raise ZeroDivisionError
        return super().select(signal, body, now_ns)


def test_a_message_that_fails_each_time_is_buried(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A door's client may repeat it for ever; a partition must go on."""
    monkeypatch.setattr(kafka_source, "AGAIN_MOST_S", 0.01)
    spans = cluster.topic("spans", 1)
    cluster.send(spans, run("cursed"), run("usual"))
    configured = KafkaSource(brokers=tuple(cluster.brokers), topics=(spans,))
    settings = Receive(kafka=(configured,))

    async def play() -> None:
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        receiver = Receiver(Faulty((b"openlineage.",), settings, Duration(1)), journal, settings)
        sources = kafka_source.make_sources(receiver, journal, settings)
        sources.start()
        while sources.states[0].messages < 2:
            await asyncio.sleep(0.02)
        await sources.stop(5)
        await journal.close()
        assert receiver.failures == kafka_source.DEFECTS

    asyncio.run(asyncio.wait_for(play(), 20))
    (kept,) = PoisonReader(tmp_path).messages()
    assert kept.reason == "internal error; the request can be repeated; failed 8 times, see the log"
    assert AcceptedReader(tmp_path).counters()["rejected:failing_message"] == 1
    assert cluster.committed(spans, 1) == [2]
