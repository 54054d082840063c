"""The verifier can fail: a right run, and every wrong one."""

import json
from collections.abc import Callable

import msgspec
import pytest

from chaos.far import Arrival
from chaos.plan import NAMESPACE, STORE, Expected, Plan, Planner, Sending, digest, run_id
from chaos.sender import Line
from chaos.verify import INVARIANTS, Findings, missing, verify
from tests.otlp import T0

TRACE = bytes(16)
SPANS = {run_id(TRACE, own): own for own in (b"parent..", b"child...", b"cut.....", b"nobody..")}
PARENT, CHILD, CUT, NOBODY = SPANS
RUNS = {
    PARENT: Expected(
        run_id=PARENT, job="parent", end="COMPLETE", inputs=frozenset({(STORE, "a")}), sendings=(1,)
    ),
    CHILD: Expected(
        run_id=CHILD, job="child", end="FAIL", error="boom", parent=PARENT, sendings=(0, 3), above=(1,),
        ended_ns=T0 + 2_500_000_999,
    ),
    CUT: Expected(run_id=CUT, job="cut", end="COMPLETE", sendings=(2,)),
}  # fmt: skip
PLAN = Plan([Sending(n, "http", "traces", b"", 1, n == 2) for n in range(4)], RUNS, 0, 1)
LEDGER = [
    Line(0, "retry", "503", 1.0, 1.0),
    Line(0, "acked", "200", 2.0, 2.0),
    Line(1, "acked", "OK", 3.0, 3.0),
    Line(2, "cut", "hung up", 3.0, 3.0),
]


def body(run_id: str, kind: str, **changes: object) -> bytes:
    run = RUNS.get(run_id) or Expected(run_id=run_id, job="nobody", end="COMPLETE")
    facets: dict[str, object] = {"otel_trace": {"traceId": TRACE.hex(), "spanId": SPANS[run_id].hex()}}
    if run.parent and changes.pop("with_parent", True):
        above = named(run.parent)
        facets["parent"] = above | {"root": above}
    if kind == "FAIL":
        facets["errorMessage"] = {"message": run.error}
    event = {
        "eventType": kind,
        "eventTime": "2026-09-21T14:13:22.500000Z" if kind == "FAIL" else "2026-09-21T14:13:20.000000Z",
        "run": {"runId": run_id, "facets": facets | changes.pop("facets", {})},
        "job": {"namespace": NAMESPACE, "name": run.job},
        "inputs": [{"namespace": store, "name": name} for store, name in run.inputs],
        "outputs": [],
    }
    return json.dumps(event | changes).encode()


def named(run_id: str) -> dict[str, object]:
    return {"run": {"runId": run_id}, "job": {"namespace": NAMESPACE, "name": RUNS[run_id].job}}


def right() -> list[Arrival]:
    return [
        Arrival(body(PARENT, "START"), told=False),
        Arrival(body(PARENT, "START")),
        Arrival(body(PARENT, "COMPLETE")),
        Arrival(body(CHILD, "START")),
        Arrival(body(PARENT, "START")),
        Arrival(body(CHILD, "FAIL")),
        Arrival(body(CHILD, "FAIL")),
    ]


def judge(
    arrivals: list[Arrival], *others: list[Arrival], lines: list[Line] = LEDGER, **more: object
) -> Findings:
    arrived = {f"d{n}": one for n, one in enumerate([arrivals, *others])}
    return verify(PLAN, lines, arrived, **({"parent_wait_s": 10.0} | more))


def test_a_right_run_with_exact_repeats_breaks_nothing() -> None:
    found = judge(right(), right())
    assert found.violations == {}
    assert (found.acknowledged, found.unanswered) == (2, 1)
    assert found.events == {"d0": 4, "d1": 4}
    assert found.repeats == {"d0": 3, "d1": 3}
    assert missing(PLAN, LEDGER, {"d0": right()}) == 0


def lost(arrivals: list[Arrival]) -> None:
    del arrivals[2]


def only_read(arrivals: list[Arrival]) -> None:
    arrivals[2] = Arrival(arrivals[2].body, told=False)


def reordered(arrivals: list[Arrival]) -> None:
    arrivals[1], arrivals[2] = arrivals[2], arrivals[1]


def sent_before_the_start_was_taken(arrivals: list[Arrival]) -> None:
    arrivals[0:3] = [arrivals[0], arrivals[2], arrivals[1]]


def child_first(arrivals: list[Arrival]) -> None:
    arrivals.insert(0, arrivals.pop(3))


def second_start(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(body(PARENT, "START", more=1)))


def second_end(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(body(PARENT, "FAIL")))


def other_job(arrivals: list[Arrival]) -> None:
    arrivals[2] = Arrival(body(PARENT, "COMPLETE", job={"namespace": NAMESPACE, "name": "child"}))


def other_dataset(arrivals: list[Arrival]) -> None:
    arrivals[2] = Arrival(body(PARENT, "COMPLETE", inputs=[{"namespace": STORE, "name": "b"}]))


def other_store(arrivals: list[Arrival]) -> None:
    arrivals[2] = Arrival(body(PARENT, "COMPLETE", inputs=[{"namespace": "s3://b", "name": "a"}]))


def other_time(arrivals: list[Arrival]) -> None:
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", eventTime="2026-09-21T14:13:22.499999Z"))]


def no_error(arrivals: list[Arrival]) -> None:
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", facets={"errorMessage": {}}))]


def other_parent(arrivals: list[Arrival]) -> None:
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", facets={"parent": named(CUT)}))]


def parent_of_another_job(arrivals: list[Arrival]) -> None:
    job = {"namespace": NAMESPACE, "name": "other"}
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", facets={"parent": named(PARENT) | {"job": job}}))]


def other_root(arrivals: list[Arrival]) -> None:
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", facets={"parent": named(PARENT) | {"root": named(CHILD)}}))]


def parent_of_a_top(arrivals: list[Arrival]) -> None:
    arrivals[2] = Arrival(body(PARENT, "COMPLETE", facets={"parent": named(CUT)}))


def other_span(arrivals: list[Arrival]) -> None:
    facets = {"otel_trace": {"traceId": TRACE.hex(), "spanId": SPANS[CUT].hex()}}
    arrivals[2] = Arrival(body(PARENT, "COMPLETE", facets=facets))


def invented(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(body(NOBODY, "START")))


def no_event(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(b"{}"))


def without_parent(arrivals: list[Arrival]) -> None:
    arrivals[3] = Arrival(body(CHILD, "START", with_parent=False))


def half_of_a_cut_run(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(body(CUT, "START")))


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (lost, "lost"),
        (only_read, "lost"),
        (reordered, "order"),
        (sent_before_the_start_was_taken, "order"),
        (child_first, "family"),
        (second_start, "second"),
        (second_end, "second"),
        (other_job, "altered"),
        (other_dataset, "altered"),
        (other_store, "altered"),
        (other_time, "altered"),
        (no_error, "altered"),
        (other_parent, "altered"),
        (parent_of_another_job, "altered"),
        (other_root, "altered"),
        (parent_of_a_top, "altered"),
        (other_span, "altered"),
        (invented, "invented"),
        (no_event, "invented"),
        (without_parent, "orphaned"),
        (half_of_a_cut_run, "half"),
    ],
)
def test_every_wrong_run_is_found(spoil: Callable[[list[Arrival]], None], broken: str) -> None:
    arrivals = right()
    spoil(arrivals)
    found = judge(arrivals)
    assert broken in found.violations, found
    assert found.violations.keys() <= INVARIANTS.keys()


def test_what_is_missing_is_counted() -> None:
    arrivals = right()
    lost(arrivals)
    assert missing(PLAN, LEDGER, {"d0": arrivals, "d1": []}) == 5
    assert judge(arrivals, []).lost == 5


def test_a_run_that_was_cut_may_be_there_as_a_whole() -> None:
    whole = [*right(), Arrival(body(CUT, "START")), Arrival(body(CUT, "COMPLETE"))]
    assert judge(whole).violations == {}


def test_destinations_that_differ_are_found() -> None:
    other = right()
    other[3] = Arrival(body(CHILD, "START", more=1))
    assert judge(right(), other).violations.keys() == {"unequal"}


def test_a_refusal_is_found() -> None:
    lines = [*LEDGER, Line(3, "refused", "400", 4.0, 4.0)]
    assert judge(right(), lines=lines).violations == {"refused": ["request 3: 400"]}


def orphaned() -> list[Arrival]:
    arrivals = right()
    arrivals[3] = Arrival(body(CHILD, "START", with_parent=False))
    arrivals[5:] = [Arrival(body(CHILD, "FAIL", with_parent=False))]
    return arrivals


def test_a_parent_that_came_too_late_excuses_its_child() -> None:
    late = [*LEDGER[:2], Line(1, "acked", "OK", 9.0, 9.0), LEDGER[3]]
    assert judge(orphaned(), lines=late).late == {CHILD}
    assert judge(orphaned(), lines=late).violations == {}


@pytest.mark.parametrize(
    ("direct", "crash_s", "excused"), [(True, 2.5, False), (False, 2.5, True), (False, 8.0, False)]
)
def test_a_crash_excuses_only_what_hung_on_a_plain_span_in_memory(
    direct: bool, crash_s: float, excused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = msgspec.structs.replace(RUNS[CHILD], direct=direct)
    monkeypatch.setitem(RUNS, CHILD, changed)
    found = judge(orphaned(), crashes=[crash_s])
    assert found.cut_off == ({CHILD} if excused else set())
    assert ("orphaned" in found.violations) is not excused


def test_a_plan_is_the_same_for_the_same_seed_and_knows_what_it_sends() -> None:
    plan, again, other = (Planner(seed, 100).plan() for seed in (3, 3, 4))
    assert plan == again
    assert digest(plan) == digest(again) != digest(other)
    assert len(plan.runs) >= 100
    numbers = {number for run in plan.runs.values() for number in (*run.sendings, *run.starts, *run.above)}
    assert numbers <= set(range(len(plan.sendings)))
    assert all(run.sendings for run in plan.runs.values())


def test_run_ids_are_those_of_the_specification() -> None:
    trace, own = bytes.fromhex("0af7651916cd43dd8448eb211c80319c"), bytes.fromhex("b7ad6b7169203331")
    assert run_id(trace, own) == "08fdccf0-76de-5964-9a30-e617f99be514"
