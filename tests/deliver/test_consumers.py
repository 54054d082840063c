"""Profiles at work: what is skipped, shed or refused, and the full names of parents."""

import dataclasses
import itertools
import json
from typing import Any

import msgspec
import pytest
from delivering import Delivering, Log, destination, event, run_id, wait

from otel_bridge.deliver.ancestry import LONGEST, Ancestry
from otel_bridge.journal import EventReader
from otel_bridge.model import Event
from otel_bridge.settings import Consumer, Destination, ProfileName, Size
from otel_bridge.testing.sink import Answer, Sink


def consumer(sink: Sink, profile: ProfileName, **more: Any) -> Destination:
    found = destination("http", "consumer", url=sink.url, endpoint="api/v1/lineage")
    return dataclasses.replace(found, consumer=Consumer(profile=profile, **more))


def adds_up(log: Log) -> Any:
    one = log.standing("consumer")
    assert one.events == one.delivered + one.skipped + one.waiting + one.dead + one.missed
    assert sum(one.skipped_reasons.values()) == one.skipped
    return one


def passed(log: Log, events: int) -> None:
    """Wait until so many events are settled, and no more wait."""
    wait(lambda: (adds_up(log).events, adds_up(log).waiting) == (events, 0))


def with_output(made: Event) -> Event:
    found = json.loads(made.body) | {"outputs": [{"namespace": "db", "name": "out"}]}
    return msgspec.structs.replace(made, body=json.dumps(found).encode())


def below(
    number: int, name: str, parent: int, kind: str = "START", above: str = "parent", root: str = ""
) -> Event:
    """An event of a run whose parent facet names `above`, and `root` if there is one."""
    made = event(run_id(number), kind, run_id(parent), name)
    found = json.loads(made.body)
    facet = found["run"]["facets"]["parent"]
    facet["job"]["name"] = above
    if root:
        facet["root"] = {"run": {"runId": run_id(1)}, "job": {"namespace": "ns", "name": root}}
    return msgspec.structs.replace(made, body=json.dumps(found).encode())


def parents(sink: Sink) -> dict[str, set[str]]:
    """Job -> what its events called its parent."""
    found: dict[str, set[str]] = {}
    for one in sink.events:
        facet = one["run"]["facets"].get("parent")
        found.setdefault(one["job"]["name"], set()).add(facet["job"]["name"] if facet else "")
    return found


def test_a_skipped_start_holds_nobody_up_and_the_sums_add_up(log: Log, sink: Sink) -> None:
    top, child = run_id(1), run_id(2)
    log.add([event(top), event(child, parent=top)])
    log.add([with_output(event(child, "COMPLETE", top)), event(top, "COMPLETE")])
    with Delivering(log, consumer(sink, "openmetadata")):
        passed(log, 4)
    assert [one["run"]["runId"] for one in sink.events] == [child]
    one = adds_up(log)
    assert (one.delivered, one.skipped) == (1, 3)
    assert one.skipped_reasons == {"START events are not wanted": 2, "no outputs": 1}


def test_a_replay_takes_skipped_events_back_and_sends_the_same_bytes(log: Log, sink: Sink) -> None:
    log.add([event(run_id(n), kind) for n in (1, 2) for kind in ("START", "RUNNING", "OTHER", "COMPLETE")])
    with Delivering(log, consumer(sink, "marquez", namespaces={"ns": "theirs"})):
        passed(log, 8)
        assert (adds_up(log).delivered, adds_up(log).skipped) == (4, 4)
        assert log.ask("rewind", "consumer", after=3) == "delivering again from event 4 on"
        sink.wait_for(7)
        passed(log, 8)
    assert (adds_up(log).delivered, adds_up(log).skipped) == (4, 4)
    bodies = [exchange.request.body for exchange in sink.exchanges]
    assert (len(bodies), len(set(bodies))) == (7, 4)
    assert {one["job"]["namespace"] for one in sink.events} == {"theirs"}


def test_another_profile_after_a_replay(log: Log, sink: Sink) -> None:
    log.add([event(run_id(1), kind) for kind in ("START", "RUNNING", "COMPLETE")])
    with Delivering(log, consumer(sink, "openmetadata")):
        wait(lambda: adds_up(log).skipped == 3)
    with Delivering(log, consumer(sink, "generic")):
        log.ask("rewind", "consumer", after=0)
        sink.wait_for(3)
    assert (adds_up(log).delivered, adds_up(log).skipped, adds_up(log).skipped_reasons) == (3, 0, {})


def test_a_letter_that_the_new_profile_does_not_want_is_skipped(log: Log, sink: Sink) -> None:
    sink.behave(lambda request: Answer(422) if request.event["eventType"] == "RUNNING" else None)
    log.add([event(run_id(1), kind) for kind in ("START", "RUNNING", "COMPLETE")])
    with Delivering(log, consumer(sink, "generic")):
        wait(lambda: adds_up(log).dead == 1)
    with Delivering(log, consumer(sink, "marquez")):
        assert log.ask("retry_dead", "consumer") == "1 dead letters were tried again"
    one = adds_up(log)
    assert (one.delivered, one.dead, one.skipped) == (2, 0, 1)


def test_a_skipped_event_says_nothing_about_a_destination_in_trouble(log: Log, sink: Sink) -> None:
    sink.behave(lambda _: Answer(500))
    log.add([event(run_id(1))])
    with Delivering(log, consumer(sink, "marquez"), drain_s=0.1) as service:
        wait(lambda: service.state("consumer").trouble)
        log.add([event(run_id(n), "RUNNING") for n in range(2, 30)])
        wait(lambda: adds_up(log).skipped == 28)
        assert "500" in service.state("consumer").trouble
        assert service.state("consumer").attempts.keys() == {"retried"}
    assert adds_up(log).waiting == 1


def test_what_is_shed_is_named_counted_and_kept_over_a_restart(log: Log, sink: Sink) -> None:
    found = json.loads(event(run_id(1)).body)
    found["job"]["facets"]["sql"] = {"query": "x" * 2000}
    log.add([msgspec.structs.replace(event(run_id(1)), body=json.dumps(found).encode())])
    small = consumer(sink, "generic", max_event=Size(1500))
    with Delivering(log, small):
        wait(lambda: adds_up(log).delivered == 1)
    assert adds_up(log).shed == {"job.sql": 1}
    assert next(iter(sink.events))["run"]["facets"]["tags"]["tags"][0]["value"] == "job.sql"
    with Delivering(log, small):
        log.ask("rewind", "consumer", after=0)
        sink.wait_for(2)
    assert adds_up(log).shed == {"job.sql": 2}


def test_what_can_not_be_made_to_fit_is_a_dead_letter_that_was_never_sent(log: Log, sink: Sink) -> None:
    log.add([event(run_id(1), pad="x" * 3000), event(run_id(1), "COMPLETE")])
    with Delivering(log, consumer(sink, "generic", max_event=Size(2000))):
        passed(log, 2)
    [letter] = log.letters("consumer")
    assert letter.reason.endswith("send fewer datasets in one run, or raise max_event")
    assert (letter.status, sink.events.runs()) == (None, {run_id(1): ["COMPLETE"]})
    assert (adds_up(log).delivered, adds_up(log).dead) == (1, 1)


STEPS = {
    "dag": event(run_id(1), job="dag"),
    "task": below(2, "task", 1, above="dag", root="dag"),
    "sub": below(3, "sub", 2, above="task", root="dag"),
}


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)), ids="-".join)
def test_three_levels_have_full_names_in_any_order(log: Log, sink: Sink, order: tuple[str, ...]) -> None:
    log.add([STEPS[name] for name in order])
    log.add([msgspec.structs.replace(made, type="COMPLETE") for made in STEPS.values()])
    with Delivering(log, consumer(sink, "marquez")):
        sink.wait_for(6)
    assert parents(sink) == {"dag": {""}, "task": {"dag"}, "sub": {"dag.task"}}


def test_names_are_the_same_after_a_restart_whatever_came_meanwhile(log: Log, sink: Sink) -> None:
    """The fourth level begins before its parent is known: that parent's late START must not rename it."""
    log.add([event(run_id(1), job="a"), below(2, "b", 1, above="a", root="a")])
    log.add([below(4, "d", 3, above="c", root="a")])
    with Delivering(log, consumer(sink, "marquez")):
        sink.wait_for(3)
    log.add([below(3, "c", 2, above="b", root="a"), below(4, "d", 3, "COMPLETE", above="c", root="a")])
    log.add([below(5, "e", 3, above="c", root="a")])
    with Delivering(log, consumer(sink, "marquez")):
        sink.wait_for(6)
        log.ask("rewind", "consumer", after=0)
        sink.wait_for(12)
    assert parents(sink)["d"] == {"a.c"}
    assert parents(sink)["c"] == {"a.b"}
    assert parents(sink)["e"] == {"a.b.c"}, "a run that begins when its parent is known"
    bodies = [exchange.request.body for exchange in sink.exchanges]
    assert (len(bodies), len(set(bodies))) == (12, 6)


def test_circles_and_chains_without_end(log: Log) -> None:
    log.add([below(1, "x", 2, above="y"), below(2, "y", 1, above="x"), below(3, "z", 3, above="z")])
    log.add([below(n, f"job{n}", n - 1, above=f"job{n - 1}") for n in range(10, 2000)])
    reader = EventReader(log.directory)
    ancestry = Ancestry(reader)
    stored = {found.event.key: ancestry.parent_path(found.event) for found in reversed(reader.read(0, 5000))}
    reader.close()
    assert [stored[run_id(n)] for n in (1, 2, 3)] == [None, "y.x", None]
    assert stored[run_id(12)] == "job9.job10.job11"
    assert max(len(path or "") for path in stored.values()) <= LONGEST


def test_keys_of_messages_have_the_names_that_are_sent(log: Log) -> None:
    mock_kafka = pytest.importorskip("mock_kafka", reason="pip install 'otel-bridge[kafka]'")
    cluster = mock_kafka.MockKafka(brokers=1)
    options = {"brokers": cluster.brokers, "topic": cluster.topic("renamed", 1), "key": "job"}
    one = destination("kafka", "consumer", **options, config={"linger.ms": "1"})
    log.add([event(run_id(1))])
    with Delivering(log, dataclasses.replace(one, consumer=Consumer(namespaces={"ns": "theirs"}))):
        passed(log, 1)
    [message] = cluster.read(1)
    job = json.loads(message.value())["job"]
    assert job["namespace"] == "theirs"
    assert message.key().decode() == f"job:theirs/{job['name']}"


@pytest.mark.parametrize(
    "absent", [{"run": None}, {"run": None, "job": None}, {"inputs": None, "outputs": None}]
)
def test_events_with_null_for_what_is_missing_reach_openlineage_python(absent: dict[str, None]) -> None:
    adaptation = pytest.importorskip("otel_bridge.deliver.adaptation")
    serde = pytest.importorskip(
        "openlineage.client.serde", reason="pip install 'otel-bridge[openlineage]'"
    ).Serde
    named = {"namespace": "ns", "name": "x", "facets": None}
    found = json.loads(event(run_id(1)).body) | {
        "job": named,
        "dataset": named,
        "run": {"runId": run_id(1), "facets": None},
    }
    del found["eventType"]
    made = json.loads(serde.to_json(adaptation.event_object(json.dumps(found | absent).encode())))
    slot = "run" if "run" not in absent else "dataset" if "job" in absent else "job"
    assert slot in made
    assert made.keys() & absent.keys() <= {"inputs", "outputs"}
