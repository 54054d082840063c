"""Events of other producers on their way into the event log: in place, once, and beside runs made of spans."""

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from otel_bridge.assemble import MemoryRecords
from otel_bridge.extract import markers
from otel_bridge.journal import (
    AcceptedLog,
    EventReader,
    SqliteForeignRuns,
    ask,
    prepare,
    sums,
)
from otel_bridge.model import Accepted, Kind, Tally
from otel_bridge.openlineage.foreign_runs import ForeignRun
from otel_bridge.receive import Selection, lineage
from otel_bridge.service.conversion import Conversion
from otel_bridge.service.converting import Converter
from otel_bridge.settings import Duration, Journal, Receive, Runs, Settings
from tests.openlineage.foreign_events import RUN, body
from tests.otlp import logs, record, span, span_id, trace_id, traces

TERMINAL = {"COMPLETE", "FAIL", "ABORT"}
TYPES = ["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"]
RUN_IDS = [RUN, "0198f3aa-6f00-7c31-9d0e-2f9f5a1b0001"]


class Bridge:
    """Accepting and converting, without the processes around them."""

    def __init__(self, directory: Path, journal: Journal = Journal(), runs: Runs = Runs()) -> None:  # noqa: B008
        self.directory = directory
        prepare(directory)
        self.settings = Settings(data_dir=str(directory), journal=journal, runs=runs)
        self.accepted = AcceptedLog.open(directory, self.settings.journal)
        self.selection = Selection(markers(), Receive(), runs.parent_wait)
        self.converter = Converter(self.settings)
        self.now_ns = time.time_ns()

    def close(self) -> None:
        self.accepted.close()
        self.converter.close()

    def events(self, *bodies: bytes) -> None:
        self._keep([row for each in bodies for row in lineage.select(each).selected.rows], len(bodies))

    def spans(self, request: bytes) -> None:
        self._keep(self.selection.select("traces", request, self.now_ns).rows, 1)

    def records(self, request: bytes) -> None:
        self._keep(self.selection.select("logs", request, self.now_ns).rows, 1)

    def _keep(self, rows: Any, received: int) -> None:
        self.accepted.append(rows, [Tally(received)], self.now_ns)

    def convert(self) -> None:
        while self.converter.step(self.now_ns):
            pass

    def again(self, **argument: Any) -> None:
        ask(self.directory, "events", "convert_again", "", argument)
        self.convert()

    def restart(self) -> None:
        """As after a kill: whatever was not committed is gone."""
        self.converter.close()
        self.converter = Converter(self.settings)

    @property
    def log(self) -> list[dict[str, Any]]:
        reader = EventReader(self.directory)
        found = [json.loads(stored.event.body) | {"_": stored.event} for stored in reader.read(0, 1000)]
        reader.close()
        return found

    def types(self, run_id: str = RUN) -> list[str]:
        """As the log has them, which is what bodies say too."""
        found = [each for each in self.log if each["_"].key == run_id]
        assert [each["eventType"] for each in found] == [each["_"].type for each in found]
        return [each["_"].type for each in found]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    running = Bridge(tmp_path)
    yield running
    running.close()


def own(job: str, **attributes: Any) -> bytes:
    return traces(span(trace_id(), span_id(), job=job, **attributes))


def test_bodies_are_the_bytes_that_came(bridge: Bridge) -> None:
    spread = json.dumps(json.loads(body("COMPLETE")), indent=2).encode()
    bridge.events(body("START"), b"[" + body("RUNNING") + b" ,\n " + body("OTHER") + b"]", spread)
    bridge.convert()
    assert [each["_"].body for each in bridge.log] == [body("START"), body("RUNNING"), body("OTHER"), spread]


def test_after_the_end_everything_is_other(bridge: Bridge) -> None:
    bridge.events(body("COMPLETE"), body("START"), body("FAIL"))
    bridge.convert()
    bridge.restart()
    bridge.events(body("RUNNING"), body("OTHER"))
    bridge.convert()
    assert bridge.types() == ["COMPLETE", "OTHER", "OTHER", "OTHER", "OTHER"]
    assert bridge.log[1]["_"].body == body("START").replace(b'"START"', b'"OTHER"')
    assert sums(bridge.directory).assembly == {"late_event": 3}


def test_facets_unlike_their_schema_are_counted(bridge: Bridge) -> None:
    bridge.events(body(run={"runId": RUN, "facets": {"errorMessage": {"message": 7}}}))
    bridge.convert()
    assert sums(bridge.directory).assembly == {"foreign_facet": 1}


def test_a_copy_gives_no_second_event(bridge: Bridge) -> None:
    bridge.events(body("START"), body("START"), json.dumps(json.loads(body("START")), indent=1).encode())
    bridge.convert()
    assert bridge.types() == ["START"]
    assert sums(bridge.directory).duplicate == 2


def test_converting_again_gives_no_second_event(bridge: Bridge) -> None:
    bridge.events(body("START"), body("COMPLETE"))
    bridge.spans(own("mine"))
    bridge.convert()
    before = len(bridge.log)
    bridge.again(first=1, last=3)
    assert len(bridge.log) == before == 4
    figures = sums(bridge.directory)
    assert (figures.converted, figures.failed, figures.assembly) == (3, 0, {"duplicate": 1})


def test_converting_again_gives_what_a_failure_withheld(bridge: Bridge) -> None:
    garbage = Accepted(Kind.EVENT, b"O" + bytes(24), b'{"run": 7}')
    bridge.events(body("START"))
    bridge.accepted.append([garbage], [Tally(1)], bridge.now_ns)
    bridge.events(body("COMPLETE"))
    bridge.convert()
    assert bridge.types() == ["START", "COMPLETE"]
    assert (sums(bridge.directory).converted, sums(bridge.directory).failed) == (2, 1)
    bridge.accepted._connection.execute("UPDATE accepted SET payload = ? WHERE seq = 2", (body("RUNNING"),))
    bridge.again(failed=True)
    bridge.again(first=1, last=3)
    assert bridge.types() == ["START", "COMPLETE", "OTHER"]
    assert (sums(bridge.directory).converted, sums(bridge.directory).failed) == (3, 0)


def test_runs_are_forgotten_after_their_time(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, replace(Journal(), keep_runs=Duration(60), keep_events=Duration(10**7)))
    bridge.events(body("START"), body("COMPLETE"))
    bridge.convert()
    known = SqliteForeignRuns(bridge.converter._log)
    assert known.get(RUN) == ForeignRun(started=True, ended=True)
    bridge.converter._log.prune(0, bridge.now_ns + 61 * 10**9)
    assert SqliteForeignRuns(bridge.converter._log).get(RUN) is None
    bridge.close()


def test_an_own_run_that_another_producer_ended(bridge: Bridge) -> None:
    bridge.events(body("START"), body("FAIL"))
    bridge.spans(own("mine", openlineage__run__id=RUN))
    bridge.convert()
    assert bridge.types() == ["START", "FAIL", "OTHER", "OTHER"]
    assert bridge.log[-1]["job"]["name"] == "mine"


def test_another_producers_events_of_an_own_run_that_is_over(bridge: Bridge) -> None:
    bridge.spans(own("mine", openlineage__run__id=RUN))
    bridge.events(body("START"), body("FAIL"))
    bridge.convert()
    assert bridge.types() == ["START", "COMPLETE", "OTHER", "OTHER"]


def test_another_producers_end_supersedes_that_of_a_silent_run(bridge: Bridge) -> None:
    start = record(
        "openlineage.run.start", trace_id(), span_id(), openlineage__job__name="mine",
        openlineage__run__id=RUN, openlineage__heartbeat__interval=1.0,
    )  # fmt: skip
    bridge.records(logs(start))
    bridge.convert()
    bridge.now_ns += 3600 * 10**9
    bridge.convert()
    assert bridge.types() == ["START", "ABORT"]
    bridge.events(body("START"), body("COMPLETE"), body("FAIL"))
    bridge.convert()
    assert bridge.types() == ["START", "ABORT", "OTHER", "COMPLETE", "OTHER"]


def child(parent_run: str) -> bytes:
    return own(
        "child", openlineage__parent__run__id=parent_run, openlineage__parent__job__name="etl",
        openlineage__parent__job__namespace="elsewhere",
    )  # fmt: skip


def child_in_a_trace(parent_run: str) -> bytes:
    return traces(
        span(
            trace_id(), span_id(), span_id(), job="child", openlineage__parent__run__id=parent_run,
            openlineage__parent__job__name="etl", openlineage__parent__job__namespace="elsewhere",
        )
    )  # fmt: skip


def test_an_own_run_waits_for_the_start_of_its_foreign_parent(bridge: Bridge) -> None:
    bridge.spans(child_in_a_trace(RUN))
    bridge.convert()
    assert bridge.log == []
    bridge.events(body("START"))
    bridge.convert()
    assert [(each["job"]["name"], each["eventType"]) for each in bridge.log] == [
        ("etl", "START"), ("child", "START"), ("child", "COMPLETE"),
    ]  # fmt: skip
    assert {each["_"].parent_key for each in bridge.log} == {"", RUN}
    assert sums(bridge.directory).assembly == {}


@pytest.mark.parametrize("request_of", [child, child_in_a_trace])
def test_an_own_run_whose_foreign_parent_has_started_waits_for_nothing(
    bridge: Bridge, request_of: Any
) -> None:
    bridge.events(body("START"))
    bridge.spans(request_of(RUN))
    bridge.convert()
    assert [each["job"]["name"] for each in bridge.log] == ["etl", "child", "child"]
    assert sums(bridge.directory).assembly == {}


def test_a_foreign_parent_that_never_comes_holds_nothing_up_for_long(bridge: Bridge) -> None:
    bridge.spans(child_in_a_trace(RUN))
    bridge.convert()
    bridge.now_ns += int(bridge.settings.runs.parent_wait * 1e9) + 1
    bridge.convert()
    assert [each["eventType"] for each in bridge.log] == ["START", "COMPLETE"]


def in_order(types: list[str]) -> bool:
    """No START and no second terminal event after the first one."""
    ends = [place for place, name in enumerate(types) if name in TERMINAL]
    return len(ends) <= 1 and not (ends and {"START", "RUNNING"} & set(types[ends[0] :]))


@given(st.lists(st.tuples(st.sampled_from(RUN_IDS), st.sampled_from(TYPES)), max_size=12))
def test_no_order_of_events_opens_or_ends_a_run_twice(sent: list[tuple[str, str]]) -> None:
    conversion = Conversion(Settings(data_dir="."), MemoryRecords())
    made = []
    for number, (run_id, event_type) in enumerate(sent):
        payload = body(event_type, run_id, eventTime=f"2026-11-24T08:00:00.{number:03}Z")
        made += conversion.feed(Kind.EVENT, payload, number)
    assert len(made) == len(sent)
    for run_id in RUN_IDS:
        types = [event.type for event in made if event.key == run_id]
        assert types == [json.loads(event.body)["eventType"] for event in made if event.key == run_id]
        assert in_order(types)
        before = list(itertools.takewhile(lambda t: t not in TERMINAL, (t for r, t in sent if r == run_id)))
        assert types[: len(before)] == before


ACTIONS = ["START", "COMPLETE", "FAIL", "RUNNING", "span", "convert", "restart"]


@hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.sampled_from(ACTIONS), max_size=8))
def test_no_order_of_spans_events_and_restarts_does(tmp_path: Path, actions: list[str]) -> None:
    bridge = Bridge(tmp_path / uuid.uuid4().hex)
    for number, action in enumerate(actions):
        match action:
            case "span":
                bridge.spans(own("mine", openlineage__run__id=RUN))
            case "convert":
                bridge.convert()
            case "restart":
                bridge.restart()
            case _:
                bridge.events(body(action, eventTime=f"2026-11-24T08:00:00.{number:03}Z"))
    bridge.convert()
    assert in_order(bridge.types())
    bridge.close()
