"""Whether what arrived is what was acknowledged: events against the plan and the ledger. Pure.

Two views of a destination: what was *read* there, in the order of arrival, whatever became of the answer, for the
order and for what must not exist; and what the bridge was *told* is there, for what must.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from chaos.far import Arrival
from chaos.plan import NAMESPACE, Expected, Plan, Ref, run_id
from chaos.sender import Line

INVARIANTS = {
    "refused": "no request was refused for good, wholly or in part",
    "lost": "START and terminal event of every acknowledged run arrived at every destination",
    "half": "a run whose acknowledgement nobody waited for is there with both its events, or not at all",
    "order": "a run's terminal event is sent only after its START was taken",
    "family": "a child's START is sent only after the START of the parent that it names was taken",
    "second": "no run has two different STARTs, or two different terminal events",
    "altered": "job, state, times, error message, datasets, parent, root and trace are those that were sent",
    "invented": "no event speaks of a run that was not sent, and none of a plain span",
    "orphaned": "a run goes without its parent only if what connects them came too late",
    "unequal": "all destinations hold the same bodies, byte for byte",
}
SHOWN = 5
START = "START"
LATE_MARGIN_S = 3.0
CRASH_MARGIN_S = 1.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Event = dict[str, Any]
Key = tuple[str, str]


class Findings(msgspec.Struct, kw_only=True):
    """Violations by invariant, and figures."""

    violations: dict[str, list[str]] = msgspec.field(default_factory=lambda: defaultdict(list))
    acknowledged: int = 0
    unanswered: int = 0
    events: dict[str, int] = msgspec.field(default_factory=dict)
    distinct: dict[str, int] = msgspec.field(default_factory=dict)
    repeats: dict[str, int] = msgspec.field(default_factory=dict)
    late: set[str] = msgspec.field(default_factory=set)
    cut_off: set[str] = msgspec.field(default_factory=set)

    @property
    def lost(self) -> int:
        """How many events of acknowledged runs are missing, over all destinations."""
        return len(self.violations.get("lost", ()))

    def __str__(self) -> str:
        lines = []
        for name, found in self.violations.items():
            lines += [f"{name}: {len(found)} times", *(f"  {one}" for one in found[:SHOWN])]
        return "\n".join(lines) or "no violation"


class Known(msgspec.Struct, frozen=True):
    """The ledger, looked up: when a request was acknowledged, and when it was sent for the first time."""

    acked: Mapping[int, float]
    began: Mapping[int, float]
    refused: Sequence[str]

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Known":
        """Read it."""
        acked: dict[int, float] = {}
        began: dict[int, float] = {}
        refused = []
        for line in lines:
            began.setdefault(line.number, line.began)
            if line.outcome == "acked":
                acked[line.number] = line.at
            elif line.outcome == "refused":
                refused.append(f"request {line.number}: {line.answer}")
        return cls(acked, began, refused)

    def owed(self, run: Expected) -> bool:
        """Whether the span of this run was acknowledged."""
        return any(number in self.acked for number in run.sendings)


class Seen(msgspec.Struct):
    """One destination's arrivals: where each event was first read and first taken, and its distinct bodies."""

    name: str
    read: dict[Key, int] = msgspec.field(default_factory=dict)
    told: dict[Key, int] = msgspec.field(default_factory=dict)
    bodies: dict[Key, dict[bytes, int]] = msgspec.field(default_factory=dict)
    odd: list[str] = msgspec.field(default_factory=list)

    def add(self, place: int, arrival: Arrival) -> None:
        """Note one arrival."""
        key = _key(arrival.body)
        if key is None:
            self.odd.append(f"{self.name}: no run event: {arrival.body[:120]!r}")
            return
        self.read.setdefault(key, place)
        if arrival.told:
            self.told.setdefault(key, place)
        versions = self.bodies.setdefault(key, {})
        versions[arrival.body] = versions.get(arrival.body, 0) + 1

    @property
    def repeats(self) -> int:
        """How many arrivals were there before, byte for byte."""
        return sum(count - 1 for versions in self.bodies.values() for count in versions.values())


def verify(
    plan: Plan, lines: Iterable[Line], arrived: Mapping[str, Iterable[Arrival]], *, parent_wait_s: float,
    crashes: Sequence[float] = (),
) -> Findings:  # fmt: skip
    """Check every invariant. `crashes` are when receiving processes were killed or began (monotonic clock)."""
    known, findings = Known.of(lines), Findings()
    findings.violations["refused"] += known.refused
    findings.acknowledged = sum(map(known.owed, plan.runs.values()))
    findings.unanswered = len(plan.runs) - findings.acknowledged
    views = [_seen(name, arrivals) for name, arrivals in arrived.items()]
    for seen in views:
        findings.events[seen.name] = len(seen.told)
        findings.distinct[seen.name] = sum(map(len, seen.bodies.values()))
        findings.repeats[seen.name] = seen.repeats
        findings.violations["invented"] += seen.odd
        _present(plan, known, seen, findings)
        _ordered(seen, findings)
        _content(plan, seen, findings)
        _connected(plan, known, seen, findings, parent_wait_s, crashes)
    _equal(views, findings)
    findings.violations = {name: found for name, found in findings.violations.items() if found}
    return findings


def missing(plan: Plan, lines: Iterable[Line], arrived: Mapping[str, Iterable[Arrival]]) -> int:
    """How many events that are owed have not arrived yet."""
    known, findings = Known.of(lines), Findings()
    for name, arrivals in arrived.items():
        _present(plan, known, _seen(name, arrivals), findings)
    return sum(map(len, findings.violations.values()))


def _seen(name: str, arrivals: Iterable[Arrival]) -> Seen:
    seen = Seen(name)
    for place, arrival in enumerate(arrivals):
        seen.add(place, arrival)
    return seen


def _key(body: bytes) -> Key | None:
    try:
        event = json.loads(body)
        return event["run"]["runId"], event["eventType"]
    except (ValueError, KeyError, TypeError):
        return None


def _present(plan: Plan, known: Known, seen: Seen, findings: Findings) -> None:
    for run in plan.runs.values():
        absent = [kind for kind in (START, run.end) if (run.run_id, kind) not in seen.told]
        if absent and known.owed(run):
            findings.violations["lost"] += [
                f"{seen.name}: {kind} of {run.job} ({run.run_id})" for kind in absent
            ]
        elif len(absent) == 1:
            findings.violations["half"].append(f"{seen.name}: {run.job} without {absent[0]}")


def _ordered(seen: Seen, findings: Findings) -> None:
    for (run, kind), place in seen.read.items():
        if kind != START and seen.told.get((run, START), place) >= place:
            findings.violations["order"].append(f"{seen.name}: {kind} of {run} before its START")


def _content(plan: Plan, seen: Seen, findings: Findings) -> None:
    ends: Counter[str] = Counter()
    for (named, kind), versions in seen.bodies.items():
        run = plan.runs.get(named)
        if run is None:
            findings.violations["invented"].append(f"{seen.name}: {kind} of {named}, which was never sent")
            continue
        ends[named] += kind != START
        if len(versions) > 1 or ends[named] > 1:
            findings.violations["second"].append(
                f"{seen.name}: {kind} of {run.job} in {len(versions)} versions"
            )
        for body in versions:
            findings.violations["altered"] += [
                f"{seen.name}: {kind} of {run.job}: {what}"
                for what in _differences(plan, run, json.loads(body))
            ]


def _differences(plan: Plan, run: Expected, event: Event) -> list[str]:
    """What an event says that its span did not."""
    said, sent = _said(event), _sent(run, event["eventType"])
    different = [f"{what} {said[what]!r}, not {sent[what]!r}" for what in sent if said[what] != sent[what]]
    return [*different, *_other_relations(plan, run, event)]


def _said(event: Event) -> dict[str, object]:
    facets = event["run"]["facets"]
    trace = facets.get("otel_trace", {})
    return {
        "type": event["eventType"],
        "time": datetime.fromisoformat(event["eventTime"]),
        "job": _ref(event["job"]),
        "inputs": set(map(_ref, event["inputs"])),
        "outputs": set(map(_ref, event["outputs"])),
        "error message": facets.get("errorMessage", {}).get("message", ""),
        "span of run": run_id(*(bytes.fromhex(trace.get(key, "")) for key in ("traceId", "spanId"))),
    }


def _sent(run: Expected, kind: str) -> dict[str, object]:
    at_ns = run.began_ns if kind == START else run.ended_ns
    return {
        "type": START if kind == START else run.end,
        "time": EPOCH + timedelta(microseconds=at_ns // 1000),
        "job": (NAMESPACE, run.job),
        "inputs": run.inputs,
        "outputs": run.outputs,
        "error message": "" if kind == START else run.error,
        "span of run": run.run_id,
    }


def _other_relations(plan: Plan, run: Expected, event: Event) -> Iterator[str]:
    """The parent must be the run above; the root any further up, since what lies between may have come late."""
    facet = event["run"]["facets"].get("parent")
    if facet is None:
        return
    chain = list(_ancestors(plan, run))
    if (named := _named(facet)) not in chain[:1]:
        yield f"parent {named}, not {chain[:1]}"
    if "root" in facet and (named := _named(facet["root"])) not in chain:
        yield f"root {named}, not one of {chain}"


def _ancestors(plan: Plan, run: Expected) -> Iterator[tuple[str, Ref]]:
    while run.parent:
        run = plan.runs[run.parent]
        yield run.run_id, (NAMESPACE, run.job)


def _named(facet: Event) -> tuple[str, Ref]:
    return facet["run"]["runId"], _ref(facet["job"])


def _ref(named: Event) -> Ref:
    return named["namespace"], named["name"]


def _parent(event: Event) -> str:
    named: str = event["run"].get("facets", {}).get("parent", {}).get("run", {}).get("runId", "")
    return named


def _connected(
    plan: Plan, known: Known, seen: Seen, findings: Findings, parent_wait_s: float, crashes: Sequence[float]
) -> None:
    for run in plan.runs.values():
        key = (run.run_id, START)
        if not run.parent or key not in seen.bodies:
            continue
        if not _parent(json.loads(next(iter(seen.bodies[key])))):
            if run.carried:
                findings.violations["orphaned"].append(f"{seen.name}: {run.job} names its parent itself")
            elif _late(run, known, parent_wait_s):
                findings.late.add(run.run_id)
            elif _cut_off(run, known, crashes):
                findings.cut_off.add(run.run_id)
            else:
                findings.violations["orphaned"].append(f"{seen.name}: {run.job} ({run.run_id})")
        elif not run.carried and seen.told.get((run.parent, START), seen.read[key]) >= seen.read[key]:
            findings.violations["family"].append(f"{seen.name}: {run.job} before its parent")


def _late(run: Expected, known: Known, parent_wait_s: float) -> bool:
    """Whether something that connects it with its parent was acknowledged after the wait, or never.

    The wait can't begin before the run was sent for the first time.
    """
    numbers = (*run.starts, *run.sendings)
    own = min((known.began[number] for number in numbers if number in known.began), default=0.0)
    above = [known.acked.get(number) for number in run.above]
    return any(at is None or at > own + parent_wait_s - LATE_MARGIN_S for at in above)


def _cut_off(run: Expected, known: Known, crashes: Sequence[float]) -> bool:
    """Whether a plain span was in the memory of a receiver that died before the run came (ADR 0003)."""
    own = max((known.acked[n] for n in (*run.starts, *run.sendings) if n in known.acked), default=0.0)
    first = min(known.acked[number] for number in run.above)
    return not run.direct and any(first - CRASH_MARGIN_S <= at <= own + CRASH_MARGIN_S for at in crashes)


def _equal(views: Sequence[Seen], findings: Findings) -> None:
    for other in views[1:]:
        for key in views[0].bodies.keys() | other.bodies.keys():
            if views[0].bodies.get(key, {}).keys() != other.bodies.get(key, {}).keys():
                findings.violations["unequal"].append(
                    f"{other.name} and {views[0].name}: {key[1]} of {key[0]}"
                )
