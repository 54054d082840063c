"""The run above a run: carried with it, or the nearest one up the chain of spans.

The chain goes from parent span to parent span, across requests and processes, through spans that are no runs;
such a span may name the run that it belongs to, which ends the search. A run is never its own parent.
"""

import msgspec

from otel_bridge.assemble.records import Record, Records
from otel_bridge.model import RunRef

MAX_HOPS = 1000
"""Plain spans between a run and the run above. More are a cycle, or of no use to anybody."""


class Above(msgspec.Struct, frozen=True):
    """What is known of the run above: one of the fields, or none if there is no run above.

    `record` is that run's; `reference` is a carried one that was not heard of yet; `span_id` is the first
    span on the way up that was not, after `hops` plain spans; `run_id` is a run that was not, which a span on
    the way belongs to; `endless` is a cycle, or more than MAX_HOPS.
    """

    record: Record | None = None
    reference: RunRef | None = None
    span_id: str = ""
    hops: int = 0
    run_id: str = ""
    endless: bool = False


class Parentage(msgspec.Struct, frozen=True):
    """What a run's events say about its parent; `unknown` is the reason why they say nothing."""

    parent: RunRef | None = None
    root: RunRef | None = None
    unknown: str = ""


def above(record: Record, records: Records) -> Above:
    """Look up the run above, from where the last search stopped."""
    if record.carried_parent:
        carried = records.by_run(record.carried_parent.run_id)
        return Above(record=carried) if carried else Above(reference=record.carried_parent)
    span_id, hops = (record.waits_span, record.hops) if record.waits_span else (record.parent_span_id, 0)
    while span_id:
        if hops > MAX_HOPS:
            return Above(endless=True)
        step = records.get(record.trace_id, span_id)
        if step is None or not step.seen:
            return Above(span_id=span_id, hops=hops)
        run_id = step.run_id or step.enclosing_run_id
        if run_id and run_id != record.run_id:
            found = records.by_run(run_id)
            return Above(record=found) if found else Above(run_id=run_id)
        span_id, hops = step.parent_span_id, hops + 1
    return Above()


def circular(record: Record, found: Above, records: Records) -> bool:
    """Whether the runs above the one that was found lead back to this run."""
    step = found.record
    for _ in range(MAX_HOPS):
        if step is None or (step.start_sent and step.parent is None):
            return False
        if record.run_id in (step.run_id, step.parent.run_id if step.parent else ""):
            return True
        step = records.by_run(step.parent.run_id) if step.parent else above(step, records).record
    return True


def parentage(record: Record, found: Above, waited_s: float) -> Parentage:
    """What to say at START, with what was found."""
    if found.record:
        return Parentage(reference(found.record), record.carried_root or _root(found.record))
    if found.reference:
        return Parentage(found.reference, record.carried_root or found.reference)
    setting = " (runs.parent_wait)" if record.patience_s is None else ""
    return Parentage(unknown=_reason(found, f"{waited_s:g} s{setting}"))


def reference(record: Record) -> RunRef:
    """The run of this record, as others refer to it."""
    assert record.job is not None, "a run has a job"
    return RunRef(record.run_id, record.job)


def _root(parent: Record) -> RunRef | None:
    if parent.root:
        return parent.root
    known = parent.start_sent and parent.parent is None and not parent.parent_unknown
    return reference(parent) if known else None


def _reason(found: Above, waited: str) -> str:
    if found.endless:
        return f"the spans or runs above form a cycle, or there are more than {MAX_HOPS}"
    late = f"did not arrive within {waited}"
    if found.span_id:
        return f"span {found.span_id} above {late}; send its start, or carry the parent on the span"
    return f"run {found.run_id}, which a span above belongs to, {late}" if found.run_id else ""
