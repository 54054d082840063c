"""The Kafka destination against librdkafka's mock cluster: order, troubles, and what a message looks like."""

import asyncio
import json
import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from delivering import Delivering, Log, destination, event, run_id, wait
from pydantic import TypeAdapter, ValidationError

from otel_bridge.config import load
from otel_bridge.deliver import KINDS, Delivered, Rejected, Retry
from otel_bridge.deliver.kafka_producer import KafkaProducer, Record
from otel_bridge.deliver.kinds.kafka import KafkaSender, Options
from otel_bridge.model import ConfigError, Event
from otel_bridge.settings import Destination

pytest.importorskip("confluent_kafka", reason="pip install 'otel-bridge[kafka]'")
import mock_kafka
from confluent_kafka import KafkaError
from mock_kafka import INIT_PRODUCER_ID, PRODUCE, MockKafka

ROOT = run_id(999)
QUICK = {
    "reconnect.backoff.ms": "10",
    "reconnect.backoff.max.ms": "50",
    "retry.backoff.ms": "10",
    "linger.ms": "1",
}


@pytest.fixture
def cluster() -> MockKafka:
    """With a topic of six partitions."""
    made = MockKafka()
    made.topic("lineage")
    return made


def to(cluster: MockKafka, name: str = "kafka", **options: Any) -> Destination:
    given = {"brokers": cluster.brokers, "topic": cluster.name, "config": QUICK} | options
    return destination("kafka", name, **given)


def delivered(log: Log, count: int) -> Callable[[], bool]:
    return lambda: log.standing("kafka").delivered == count


def of_tree(number: int, kind: str, root: str = ROOT) -> Event:
    """An event of a run below another, below a root."""
    made = event(run_id(number), kind, run_id(number // 10))
    document = json.loads(made.body)
    job = {"namespace": "ns", "name": "top"}
    document["run"]["facets"]["parent"]["root"] = {"run": {"runId": root}, "job": job}
    return msgspec.structs.replace(made, body=json.dumps(document).encode())


def check_keys(messages: list[Any], key: Callable[[Any], str] = lambda found: found["run"]["runId"]) -> None:
    """In each partition START precedes the terminal event of each run, and a key is in one partition only."""
    partitions: dict[str, set[int]] = defaultdict(set)
    first: dict[tuple[str, str], tuple[int, int]] = {}
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for message in messages:
        found = json.loads(message.value())
        place = (message.partition(), message.offset())
        event_id = (found["run"]["runId"], found["eventType"])
        partitions[key(found)].add(message.partition())
        first.setdefault(event_id, place)
        last[event_id] = place
    assert all(len(found) == 1 for found in partitions.values())
    for (run, kind), place in first.items():
        if kind != "START":
            assert last[run, "START"] < place, f"{run} ended before it started"


# What is sent


def test_a_message(log: Log, cluster: MockKafka) -> None:
    made = msgspec.structs.replace(event(run_id(1)), trace_id="a" * 32, span_id="b" * 16)
    log.add([made, event(run_id(2))])
    with Delivering(log, to(cluster)):
        wait(delivered(log, 2))
    mine, foreign = sorted(cluster.read(2), key=lambda message: message.key())
    assert (mine.key(), mine.value()) == (run_id(1).encode(), made.body)
    assert dict(mine.headers()) == {
        "content-type": b"application/json",
        "openlineage.event_type": b"START",
        "traceparent": b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
    }
    assert "traceparent" not in dict(foreign.headers())


def static(kind: str, key: str) -> Event:
    body = json.dumps({"job": {"namespace": "ns", "name": "j"}}).encode()
    return Event(kind, key, "", 1, "ns", "j", "", "", body)


KEYS_BY_RULE: dict[str, list[str | None]] = {
    "run": [run_id(1), run_id(12), run_id(12), "job:ns/j", "dataset:ns/d"],
    "tree": [run_id(1), run_id(1), ROOT, "job:ns/j", "dataset:ns/d"],
    "job": ["job:ns/job", "job:ns/job", "job:ns/job", "job:ns/j", "dataset:ns/d"],
    "openlineage": ["run:ns/job", "run:ns/parent", "run:ns/top", "job:ns/j", "dataset:ns/d"],
    "none": [None] * 5,
}


def test_keys(log: Log, cluster: MockKafka) -> None:
    events = [
        event(run_id(1)),
        event(run_id(12), "START", run_id(1)),
        of_tree(12, "COMPLETE"),
        static("JOB", "job:ns/j"),
        static("DATASET", "dataset:ns/d"),
    ]
    log.add(events)
    rules = [to(cluster, rule, key=rule, topic=cluster.topic(rule)) for rule in KEYS_BY_RULE]
    with Delivering(log, *rules):
        for rule in KEYS_BY_RULE:
            wait(lambda: log.standing(rule).delivered == 5)  # noqa: B023
    for rule, keys in KEYS_BY_RULE.items():
        found = sorted((message.value(), str(message.key())) for message in cluster.read(5, rule))
        wanted = ((e.body, str(key and key.encode())) for e, key in zip(events, keys, strict=True))
        assert found == sorted(wanted), rule


@pytest.mark.parametrize("facet", [[], {}, {"run": 7}, {"run": {"runId": 7}}, "x", {"root": {"run": None}}])
def test_a_parent_facet_that_is_none_leaves_the_run_by_itself(facet: Any) -> None:
    body = json.dumps({"run": {"facets": {"parent": facet}}}).encode()
    made = msgspec.structs.replace(event(run_id(1)), body=body)
    from otel_bridge.deliver.kinds.kafka import KEYS

    assert (KEYS["tree"](made), KEYS["openlineage"](made)) == (run_id(1), "run:ns/job")


# Order and troubles


def test_runs_keep_their_order_while_brokers_fail(log: Log, cluster: MockKafka) -> None:
    """Connections break, leaders move, requests are refused, all brokers go away for a while."""
    rng = random.Random(7)
    log.runs(range(400))
    over = threading.Event()
    retriable = [
        KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.LEADER_NOT_AVAILABLE,
    ]  # fmt: skip

    def harass() -> None:
        end_s = time.monotonic() + 3  # a busy machine has no time for more
        while not over.wait(0.02) and time.monotonic() < end_s:
            broker = rng.randint(1, 3)
            cluster.fail(PRODUCE, *rng.sample(retriable, 2))
            cluster.lead(rng.randrange(6), rng.randint(1, 3))
            cluster.down(broker)
            over.wait(0.02)
            cluster.up(broker)

    trouble = threading.Thread(target=harass)
    with Delivering(log, to(cluster, timeout="2s", concurrency=100)):
        trouble.start()
        wait(lambda: log.standing("kafka").delivered > 300)
        cluster.down()
        time.sleep(0.2)
        cluster.up()
        log.runs(range(400, 600))
        wait(lambda: log.standing("kafka").delivered > 900)
        over.set()
        trouble.join()
        cluster.up()
        wait(delivered(log, 1200))
    messages = cluster.read(1200)
    assert {message.partition() for message in messages} == set(range(6))
    check_keys(messages)


def test_a_tree_of_runs_is_in_one_partition_parents_first(log: Log, cluster: MockKafka) -> None:
    roots = [run_id(900_000 + n) for n in range(20)]
    for number, root in enumerate(roots):
        child, grandchild = 1000 + number, (1000 + number) * 10
        log.add([event(root)])
        log.add([msgspec.structs.replace(of_tree(child, "START", root), parent_key=root)])
        log.add([of_tree(grandchild, kind, root) for kind in ("START", "COMPLETE")])
        log.add([of_tree(child, "COMPLETE", root), event(root, "COMPLETE")])
    with Delivering(log, to(cluster, key="tree")):
        wait(delivered(log, 120))
    messages = cluster.read(120)
    assert len({message.partition() for message in messages}) > 1
    check_keys(messages, lambda found: found["run"]["facets"].get("parent", found["run"])
               .get("root", {"run": found["run"]})["run"]["runId"])  # fmt: skip
    started: dict[str, list[int]] = defaultdict(list)
    for message in messages:
        found = json.loads(message.value())
        if found["eventType"] == "START":
            started[message.key().decode()].append(len(found["run"]["facets"].get("parent", {})))
    assert all(len(depths) == 3 and depths[0] == 0 for depths in started.values())


def test_brokers_that_are_gone_and_come_back(log: Log, cluster: MockKafka) -> None:
    log.runs(range(50))
    with Delivering(log, to(cluster, timeout="300ms")) as delivering:
        wait(delivered(log, 100))
        cluster.down()
        log.runs(range(50, 100))
        wait(lambda: "no acknowledgement within 0.3 s" in delivering.state("kafka").trouble)
        cluster.up()
        wait(delivered(log, 200))
        assert delivering.state("kafka").trouble == ""
    check_keys(cluster.read(200))


def test_a_partition_whose_leader_is_gone_holds_only_its_runs(log: Log, cluster: MockKafka) -> None:
    for partition in range(6):
        cluster.lead(partition, 3 if partition == 0 else 1)
    log.runs(range(1))
    with Delivering(log, to(cluster, timeout="300ms"), drain_s=0) as delivering:
        wait(delivered(log, 2))
        cluster.down(3)
        log.runs(range(1, 200))
        wait(lambda: "other brokers answer" in delivering.state("kafka").trouble)
        wait(lambda: log.standing("kafka").delivered > 280)
        cluster.up(3)
        wait(delivered(log, 400))
    check_keys(cluster.read(400))


def test_a_producer_that_broke_for_good_is_replaced(log: Log, cluster: MockKafka) -> None:
    made: list[KafkaProducer] = []
    options = to(cluster).options

    class Watched(KafkaSender):
        async def start(self) -> None:
            await super().start()
            made.append(self._producer)  # type: ignore[arg-type]

    async def main() -> list[Any]:
        sender = Watched(options)
        await sender.start()
        outcomes = [await sender.send(event(run_id(1)).body, event(run_id(1)))]
        mock_kafka.break_for_good(made[0].client, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "sequence broken")
        outcomes += [await sender.send(event(run_id(2)).body, event(run_id(2))) for _ in range(2)]
        await sender.close()
        return outcomes

    first, second, third = asyncio.run(main())
    assert isinstance(second, Retry)
    assert "going on with a new producer" in second.reason
    assert [type(outcome).__name__ for outcome in (first, third)] == ["Delivered", "Delivered"]
    assert len(cluster.read(2)) == 2


def send(cluster: MockKafka, made: Event, *refusals: list[int], **options: Any) -> list[Any]:
    """Outcomes of attempts at one event, one for each list of errors that produce requests are answered with."""

    async def main() -> list[Any]:
        sender = KafkaSender(to(cluster, **options).options)
        await sender.start()
        outcomes = []
        for codes in refusals:
            cluster.fail(PRODUCE, *codes)
            outcomes.append(await sender.send(made.body, made))
        await sender.close()
        return outcomes

    return asyncio.run(main())


def test_what_brokers_refuse(cluster: MockKafka) -> None:
    """An event in too large a batch goes alone; one that is too large by itself is refused."""
    too_large = KafkaError.MSG_SIZE_TOO_LARGE
    refusals = [
        [too_large], [too_large] * 2, [KafkaError.INVALID_RECORD],
        [KafkaError.POLICY_VIOLATION], [KafkaError.TOPIC_AUTHORIZATION_FAILED],
    ]  # fmt: skip
    fits, large, keyless, policy, forbidden = send(cluster, event(run_id(1)), *refusals)
    assert isinstance(fits, Delivered)
    assert isinstance(large, Rejected)
    assert f"max.message.bytes of topic {cluster.name!r}" in large.reason
    assert "max_event" in large.reason
    assert isinstance(keyless, Rejected)
    assert "compacted topic" in keyless.reason
    assert (type(policy), policy.whole) == (Retry, False)
    assert "policy violation" in policy.reason.lower()
    assert (type(forbidden), forbidden.whole) == (Retry, True)
    assert "Topic authorization failed" in forbidden.reason


def test_an_event_that_no_broker_could_take_is_refused_at_once(cluster: MockKafka) -> None:
    large = event(run_id(1), pad="x" * 2000)
    [outcome] = send(cluster, large, [], config=QUICK | {"message.max.bytes": "1000"})
    assert isinstance(outcome, Rejected)
    assert "Message size too large" in outcome.reason


def test_a_cluster_that_gives_no_producer_ids_shows_why(log: Log, cluster: MockKafka) -> None:
    cluster.fail(INIT_PRODUCER_ID, *[KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 3)
    log.runs([1])
    with Delivering(log, to(cluster)) as delivering:
        wait(lambda: "authorization failed" in delivering.state("kafka").trouble.lower())
        wait(delivered(log, 2))


# Starting and stopping


def test_a_topic_that_is_not_there_is_named_until_it_is(log: Log, cluster: MockKafka) -> None:
    absent = "absent"
    with Delivering(log, to(cluster, topic=absent)) as delivering:
        wait(lambda: f"topic {absent!r}" in delivering.state("kafka").trouble)
        assert "create it or correct the configuration" in delivering.state("kafka").trouble
        cluster.topic(absent)
        wait(lambda: delivering.state("kafka").trouble == "")
        log.runs([1])
        wait(delivered(log, 2))


def test_a_topic_that_disappears_is_named(cluster: MockKafka) -> None:
    async def main() -> list[Any]:
        sender = KafkaSender(to(cluster, timeout="300ms").options)
        await sender.start()
        cluster.fail(PRODUCE, *[KafkaError.UNKNOWN_TOPIC_OR_PART] * 50)
        cluster.say_of_topic(KafkaError.UNKNOWN_TOPIC_OR_PART)
        outcomes = [await sender.send(event(run_id(1)).body, event(run_id(1)))]
        await sender.close()
        return outcomes

    [outcome] = asyncio.run(main())
    assert isinstance(outcome, Retry)
    assert outcome.whole
    assert f"topic {cluster.name!r}" in outcome.reason
    assert "create it" in outcome.reason


def test_nobody_listens(log: Log) -> None:
    log.runs([1])
    made = destination(
        "kafka", brokers=["127.0.0.1:9"], topic="t", timeout="300ms", config={"sasl.password": "s3cret"}
    )
    with Delivering(log, made, drain_s=0) as delivering:
        wait(lambda: "Connection refused" in delivering.state("kafka").trouble)
        trouble = delivering.state("kafka").trouble
    assert "check brokers, tls and sasl" in trouble
    assert "s3cret" not in trouble


def test_stopping_takes_bounded_time_with_events_under_way(log: Log, cluster: MockKafka) -> None:
    log.runs(range(100))
    with Delivering(log, to(cluster), drain_s=0.1) as delivering:
        wait(delivered(log, 200))
        cluster.down()
        log.runs(range(100, 200))
        wait(lambda: delivering.state("kafka").in_flight > 0)
        asked_s = time.monotonic()
    assert time.monotonic() - asked_s < 5  # timeout is 30 s, and message.timeout.ms with it
    assert log.standing("kafka").waiting == 200


def test_a_producer_ends_its_thread(cluster: MockKafka) -> None:
    async def main() -> None:
        producer = KafkaProducer({"bootstrap.servers": ",".join(cluster.brokers)}, cluster.name)
        assert await producer.put(Record("k", b"v", [])) is None
        await producer.close()

    asyncio.run(main())
    wait(lambda: not [thread for thread in threading.enumerate() if thread.name == "kafka reports"])


# Configuration


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"brokers": []}, "brokers must be a list of host:port"),
        ({"brokers": ["a b"]}, "brokers must be a list of host:port"),
        ({"topic": "a b"}, "letters, digits"),
        ({"topic": ".."}, "letters, digits"),
        ({"concurrency": 0}, "concurrency must be between"),
        ({"timeout": 0}, "timeout must be above 0"),
        ({"key": "color"}, "'run', 'tree', 'job', 'openlineage' or 'none'"),
        ({"config": {"no.such": "1"}}, 'No such configuration property: "no.such"'),
        ({"config": {"linger.ms": "s3cret"}}, "Invalid value for configuration property"),
        ({"config": {"acks": "1"}}, "must be set to `all` when `enable.idempotence` is true"),
        ({"config": {"compression.type": "s3cret"}}, "Invalid value"),
        ({"tls": {"ca": "/nowhere.pem"}}, "ssl.ca.location failed"),
    ],
)
def test_wrong_options_are_refused_with_a_reason(options: dict[str, Any], says: str) -> None:
    given = {"brokers": ["localhost:9092"], "topic": "t"} | options
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(KINDS["kafka"].options).validate_python(given)
    said = "; ".join(error["msg"] for error in caught.value.errors())
    assert says in said
    assert "s3cret" not in said


def test_without_the_library_the_configuration_says_what_to_install(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "confluent_kafka", None
    )  # Python's own way to say that it can't be imported
    file = tmp_path / "bridge.yaml"
    file.write_text("destinations: [{name: k, type: kafka, brokers: [a:1], topic: t}]")
    with pytest.raises(ConfigError, match=r"pip install 'otel-bridge\[kafka\]'"):
        load(file, environ={}, cwd=tmp_path)


def test_secrets_are_not_in_the_repr() -> None:
    sasl = {"mechanism": "PLAIN", "username": "u", "password": "s3cret"}
    made = Options(brokers=("a:1",), topic="t", **TypeAdapter(dict).validate_python({}))
    shown = repr(destination("kafka", brokers=["a:1"], topic="t", sasl=sasl, config={"client.id": "k3y"}))
    assert "s3cret" not in shown
    assert "k3y" not in shown
    assert made.key == "run"
