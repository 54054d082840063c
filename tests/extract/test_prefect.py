"""The dialect of Prefect's spans: names, states, and spans that end before their run.

The spans of tests/golden/prefect were recorded from Prefect 3.9.1.
"""

import msgspec
import pytest

from otel_bridge.extract import Wanted, extract, markers
from otel_bridge.model import Phase, Resource, Scope, Span, SpanEvent, SpanSeen, State, Status
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dialects, Namespace

NAMES = Namespaces(Namespace())
TRACE, SPAN, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b" * 16, "c" * 16
ID = "01a21234-c761-7bb5-b8a4-f6e495a519f4"
FLOW = {
    "prefect.run.type": "flow",
    "prefect.run.id": ID,
    "prefect.run.name": "tacky-goldfish",
    "prefect.flow.id": "e6740bd0-7645-4b35-ae0c-eaf4fdd755e9",
}
TASK = {
    "prefect.run.type": "task",
    "prefect.run.id": ID,
    "prefect.run.name": "load-6c9",
    "prefect.tags": ["sales"],
}


def span(attributes: dict, states=("RUNNING", "COMPLETED"), **said) -> Span:
    seen = tuple(SpanEvent(state.title(), 6, {"prefect.state.type": state}) for state in states)
    place = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": ABOVE, "start_ns": 5, "end_ns": 9}
    return Span(
        **(place | said), name="x", attributes=attributes, events=seen, scope=Scope("prefect", "3.9.1")
    )


def one(item: Span, wanted: Wanted = Wanted()):  # noqa: B008
    (found,) = extract(item, NAMES, wanted)
    return found


class TestNames:
    @pytest.mark.parametrize(
        ("run_name", "job"),
        [
            ("load-6c9", "load"),
            ("load-orders-6c9", "load-orders"),
            ("load the orders", "load the orders"),
            ("load-6c9a", "load-6c9a"),
            ("-6c9", "-6c9"),
        ],
    )
    def test_of_a_task_without_what_prefect_appends(self, run_name, job) -> None:
        assert one(span(TASK | {"prefect.run.name": run_name})).job.name == job

    def test_of_a_flow_by_what_is_told(self) -> None:
        assert one(span(FLOW)).job.name == FLOW["prefect.flow.id"]
        process = Resource({"prefect.flow.name": "of the process"})
        assert one(span(FLOW, resource=process)).job.name == "of the process"
        labelled = FLOW | {"prefect.flow.name": "of a label"}
        assert one(span(labelled, resource=process)).job.name == "of a label"

    def test_never_by_the_name_of_its_run(self) -> None:
        nameless = {key: value for key, value in FLOW.items() if key != "prefect.flow.id"}
        assert isinstance(one(span(nameless)), SpanSeen)

    def test_types_and_tags(self) -> None:
        flow, task = one(span(FLOW)), one(span(TASK))
        assert (flow.job_values["type"], task.job_values["type"]) == ("FLOW", "TASK")
        tags = [(tag["key"], tag["value"]) for tag in task.run_values["tags"]]
        assert tags == [("sales", "true"), ("run_name", "load-6c9")]
        assert task.run_values["processing_engine"] == {"name": "Prefect", "version": "3.9.1"}


class TestRuns:
    def test_the_id_is_prefects(self) -> None:
        assert one(span(TASK)).run_id == ID

    def test_without_a_uuid_the_span_only_connects(self) -> None:
        assert isinstance(one(span(TASK | {"prefect.run.id": "seven"})), SpanSeen)

    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            (("RUNNING", "COMPLETED"), State.COMPLETE),
            (("RUNNING", "FAILED"), State.FAIL),
            (("RUNNING", "CRASHED"), State.FAIL),
            (("RUNNING", "CANCELLING", "CANCELLED"), State.ABORT),
            ((), State.FAIL),
        ],
    )
    def test_the_last_state_counts(self, states, expected) -> None:
        found = one(span(TASK, states, status=Status.ERROR, status_message="no space left"))
        assert (found.phase, found.state) == (Phase.END, expected)
        assert expected is State.COMPLETE or found.error.message == "no space left"

    @pytest.mark.parametrize("last", ["PAUSED", "SCHEDULED", "PENDING", "RUNNING"])
    def test_a_run_that_goes_on_has_only_begun(self, last) -> None:
        found = one(span(FLOW, ("RUNNING", last), status=Status.ERROR))
        assert (found.phase, found.state, found.ended_ns) == (Phase.START, None, None)
        assert [omission.path for omission in found.omissions] == ["prefect.state.type"]


class TestWhatIsNoRun:
    def test_spans_of_users_inside(self) -> None:
        assert isinstance(one(span({"prefect.run.id": ID})), SpanSeen)

    def test_turned_off(self) -> None:
        off = Dialects(prefect=False)
        assert isinstance(one(span(FLOW), Wanted(dialects=off)), SpanSeen)
        assert b"prefect.run.id" in set(markers()) - set(markers(off))

    def test_the_convention_goes_before(self) -> None:
        assert one(span(FLOW | {"openlineage.job.name": "mine"})).evidence.rule == "bridge.span"

    @pytest.mark.parametrize("value", [7, [], {"a": 1}, " ", True])
    def test_hostile_values(self, value) -> None:
        for key in (*FLOW, *TASK):
            for attributes in (FLOW, TASK):
                item = span(attributes | {key: value})
                extract(
                    msgspec.structs.replace(item, events=(SpanEvent("x", 1, {"prefect.state.type": value}),)),
                    NAMES,
                )
