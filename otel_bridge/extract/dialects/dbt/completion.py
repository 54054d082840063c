"""Runs of dbt's own spans, completed: with what their invocation's artifacts say, and with what stands above them.

A run is completed when its START is made, so after its invocation's, and again at its end. Without artifacts it says what
its span says. A command that moves no data gives jobs in place of runs. `finished` tells an invocation that artifacts
alone tell.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt import jobs, mapping, merging, relating, states
from otel_bridge.extract.dialects.dbt.facts import Hook, Invocation, Kind, Node, Result, Timing, Told
from otel_bridge.extract.dialects.dbt.pieces import (
    FAILED,
    MANIFEST,
    NOTE,
    RUN_RESULTS,
    RUN_SCOPE,
    SCOPE,
    SOURCES,
    SQL,
    TOLD,
    WAREHOUSE,
    Piece,
    Pieces,
    complete,
)
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    EventType,
    JobRef,
    Noted,
    Omission,
    Run,
    RunChanged,
    RunObserved,
    RunRef,
    SpanRef,
    State,
    Transition,
)
from otel_bridge.model.ids import RUN_NAMESPACE
from otel_bridge.namespaces import Namespaces

NO_MANIFEST: Final = Omission(
    "dbt.artifacts",
    "no manifest of this invocation is here, so what its nodes read, and their SQL, is not known; "
    "give the bridge dbt's artifacts (docs/dbt-artifacts.md)",
)
_ABOUT: Final = (RUN_RESULTS, SOURCES, MANIFEST, WAREHOUSE)
"""Where several speak of the invocation, in this order."""
_HOOK: Final = re.compile(r"-(on-run-start|on-run-end)-(\d+)$")
_TYPES: Final = {
    State.COMPLETE: EventType.COMPLETE,
    State.FAIL: EventType.FAIL,
    State.ABORT: EventType.ABORT,
    State.SKIP: EventType.ABORT,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WITH_BATCHES: Final = "incremental"
"""Materialization of models whose batches are runs below them."""


class Completion:
    """Completes transitions out of the pieces that are there. All memory is in `pieces`."""

    def __init__(self, pieces: Pieces, names: Namespaces, wanted: Wanted) -> None:
        self._pieces = pieces
        self._names = names
        self._wanted = wanted

    def expects(self, key: str) -> bool:
        """Whether artifacts may still come: they are not whole, and there are others, or folders where they appear."""
        return (bool(self._wanted.dbt.watch) or self._pieces.ever) and not complete(self._pieces, key)

    def note(self, noted: Noted) -> None:
        """Keep what a span says about another one's run."""
        source = f"{NOTE}{noted.at_ns:020d}:{noted.evidence.span_id}"
        said = msgspec.convert(noted.said, Told)
        piece = Piece(invocation=said.invocation, node=said.node, result=said.result)
        self._pieces.put(noted.scope, noted.part, source, piece)
        if said.invocation.connection.type and WAREHOUSE not in self._pieces.of(noted.scope, ""):
            self._pieces.put(noted.scope, "", WAREHOUSE, Piece(invocation=said.invocation))

    def observed(self, run: RunObserved) -> None:
        """Remember that a node failed: dbt's own span of the invocation does not say so."""
        told = msgspec.convert(run.run_values.get(mapping.TOLD), Told | None)
        if told and told.kind is Kind.NODE and told.result and run.state is State.FAIL:
            piece = Piece(result=Result(status=told.result.status))
            self._pieces.put(_failed_below(run.span, run.span.parent_span_id), "", run.span.span_id, piece)

    def of(self, transition: Transition) -> Transition | None:
        """The transition as it is to be told; None if nothing is."""
        told = mapping.told_of(transition.run) if isinstance(transition, RunChanged) else None
        if told is None:
            return transition
        assert isinstance(transition, RunChanged)
        starts = transition.type is EventType.START
        whole = self._whole(transition.run, told)
        if starts:
            self._remember(transition.run, whole)
        if not states.is_run(whole):
            return None
        said = replace(whole, result=None) if starts else whole
        run = mapping.completed(transition.run, said, self._names, self._wanted)
        if not states.moves_data(whole.invocation.command):
            return mapping.design(run) if _is_designed(whole) and not starts else None
        if whole.kind is Kind.INVOCATION and not self._has_manifest(whole.invocation):
            run = replace(run, omissions=(*run.omissions, NO_MANIFEST))
        return replace(
            transition, type=transition.type if starts else _TYPES[run.state or State.COMPLETE], run=run
        )

    def finished(self, invocation_id: str, parts: Sequence[str], namespace: str) -> Iterator[Transition]:
        """START and end of an invocation and its nodes by its artifacts alone, at dbt's own times.

        `parts` are the unique ids that have results.
        """
        told = Told(tier="D", kind=Kind.INVOCATION, invocation=Invocation(invocation_id=invocation_id))
        whole = self._invocation(told)
        job = JobRef(namespace, jobs.invocation_name(whole.invocation.command, whole.invocation.project))
        above = RunRef(_run_id(invocation_id, ""), job)
        begin, end = _times(whole.result, 0)
        results = [(part, self._result(f"{SCOPE}{invocation_id}", part)) for part in parts]
        yield from self._each(_run(above, told, None, begin), None)
        runs, places = [], hook_places(parts, whole.invocation.project)
        for part, result in results:
            node = _told_of(part, invocation_id, places.get(part))
            started, ended = _times(result, end)
            ref = RunRef(_run_id(invocation_id, part), JobRef(namespace, part))
            runs.append((_run(ref, node, above, started), ended))
        for run, ended in sorted(runs, key=lambda each: each[0].started_ns):
            yield from self._each(run, ended)
        yield from self._end(_run(above, told, None, begin), end)

    def _each(self, run: Run, ended_ns: int | None) -> Iterator[Transition]:
        start = self.of(RunChanged(EventType.START, run.started_ns, run))
        if start is not None:
            yield start
        if ended_ns is not None:
            yield from self._end(run, ended_ns)

    def _end(self, run: Run, ended_ns: int) -> Iterator[Transition]:
        run = replace(run, ended_ns=ended_ns, state=State.COMPLETE)
        end = self.of(RunChanged(EventType.COMPLETE, ended_ns, run))
        if end is not None:
            yield end

    def _whole(self, run: Run, told: Told) -> Told:
        """All that is known of a run."""
        above = self._above(run)
        if above is not None:
            told = replace(told, invocation=merging.over(told.invocation, above))
        if told.kind is Kind.INVOCATION:
            whole = self._invocation(told)
            return whole if whole.result else replace(whole, result=self._failed(run))
        if not told.invocation.invocation_id:
            return told
        if mapping.is_batch(run, told):
            return replace(self._node(told), result=told.result)
        return self._node(told)

    def _node(self, told: Told) -> Told:
        """A node or hook with what the artifacts of its invocation say."""
        scope, part = f"{SCOPE}{told.invocation.invocation_id}", told.node.unique_id
        found = self._pieces.of(scope, part)
        notes = [found[source] for source in sorted(found) if source.startswith(NOTE)]
        said = merging.in_order([Told(invocation=n.invocation, node=n.node, result=n.result) for n in notes])
        sql = found[SQL].node.sql if SQL in found else ""
        invocation = merging.over(told.invocation, self._invocation_facts(told.invocation))
        node = Node()
        if MANIFEST in found:
            node = relating.node(self._pieces, scope, part, sql or said.node.sql, invocation)
            told = replace(told, node=replace(told.node, inputs=(), upstream=()))
        about = Told(tier="D", invocation=invocation, node=node, result=self._result(scope, part))
        whole = merging.merged(told, said, about)
        hook = whole.hook
        return replace(whole, hook=replace(hook, sql=hook.sql or sql)) if hook else whole

    def _invocation(self, told: Told) -> Told:
        """The invocation with what its artifacts say."""
        result = self._result(f"{SCOPE}{told.invocation.invocation_id}", "")
        facts = self._invocation_facts(told.invocation)
        return merging.merged(told, Told(tier="D", invocation=facts, result=result))

    def _invocation_facts(self, invocation: Invocation) -> Invocation:
        found = self._pieces.of(f"{SCOPE}{invocation.invocation_id}", "")
        facts = Invocation()
        for source in _ABOUT:
            facts = merging.over(facts, found[source].invocation) if source in found else facts
        return facts

    def _result(self, scope: str, part: str) -> Result | None:
        found = self._pieces.of(scope, part)
        return next((found[source].result for source in (RUN_RESULTS, SOURCES) if source in found), None)

    def _failed(self, run: Run) -> Result | None:
        """What the failed nodes make of their invocation."""
        found = self._pieces.of(_failed_below(run.span, run.span.span_id), "").values()
        counts = Counter(piece.result.status for piece in found if piece.result)
        return Result(status="error", counts=dict(counts)) if counts else None

    def _above(self, run: Run) -> Invocation | None:
        """The invocation that the run above belongs to."""
        if run.parent is None:
            return None
        found = self._pieces.of(f"{RUN_SCOPE}{run.parent.run_id}", "").get(TOLD)
        return found.invocation if found else None

    def _remember(self, run: Run, told: Told) -> None:
        """For the runs below, which can't tell their invocation themselves; and for artifacts that come too late."""
        if told.kind is Kind.INVOCATION or told.node.materialization == _WITH_BATCHES:
            self._pieces.put(f"{RUN_SCOPE}{run.run_id}", "", TOLD, Piece(invocation=told.invocation))
        scope = f"{SCOPE}{told.invocation.invocation_id}"
        if told.kind is Kind.INVOCATION and not complete(self._pieces, scope):
            self._pieces.put(scope, "", TOLD, Piece())

    def _has_manifest(self, invocation: Invocation) -> bool:
        return MANIFEST in self._pieces.of(f"{SCOPE}{invocation.invocation_id}", "")


def _is_designed(told: Told) -> bool:
    """Whether a command that moves no data tells of a job: dbt compiles its hooks as if they were nodes."""
    return told.kind is Kind.NODE and told.node.node_type != "operation"


def _failed_below(span: SpanRef, span_id: str) -> str:
    return f"{FAILED}{span.trace_id}:{span_id}"


def hook_places(parts: Sequence[str], project: str) -> dict[str, int]:
    """The number of each hook of the command, as dbt orders them: by package, the project's own last."""
    hooks = [(found[1], int(found[2]), part) for part in parts if (found := _HOOK.search(part))]
    places: dict[str, int] = {}
    for kind in {kind for kind, _, _ in hooks}:
        own = [(jobs.package_of(part), index, part) for each, index, part in hooks if each == kind]
        ordered = sorted(own, key=lambda hook: (hook[0] == project, hook[0], hook[1]))
        places |= {part: place for place, (_, _, part) in enumerate(ordered)}
    return places


def _told_of(part: str, invocation_id: str, place: int | None) -> Told:
    """What a unique id tells by itself; `place` is the number of a hook."""
    kind = part.partition(".")[0]
    node = Node(unique_id=part, node_type=kind, package=jobs.package_of(part))
    told = Told(tier="D", invocation=Invocation(invocation_id=invocation_id), node=node)
    hook = _HOOK.search(part) if kind == "operation" else None
    return replace(told, kind=Kind.HOOK, hook=Hook(hook[1], place)) if hook else told


def _run(ref: RunRef, told: Told, above: RunRef | None, started_ns: int) -> Run:
    return Run(
        run_id=ref.run_id,
        job=ref.job,
        span=SpanRef("", ""),
        started_ns=started_ns,
        parent=above,
        root=above,
        run_values=mapping.noted(told),
    )


def _run_id(invocation_id: str, part: str) -> str:
    return str(uuid.uuid5(RUN_NAMESPACE, f"{SCOPE}{invocation_id}:{part}"))


def _times(result: Result | None, otherwise_ns: int) -> tuple[int, int]:
    """When the result's phases began and ended; a node that was skipped has none."""
    timing: tuple[Timing, ...] = result.timing if result else ()
    begun = [ns for t in timing if (ns := _ns(t.started_at)) is not None]
    ended = [ns for t in timing if (ns := _ns(t.completed_at)) is not None]
    start = min(begun, default=min(ended, default=otherwise_ns))
    return start, max([start, *ended])


def _ns(time: str) -> int | None:
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (found - _EPOCH) // timedelta(microseconds=1) * 1000
