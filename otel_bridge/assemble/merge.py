"""What a run's start event and its finished span say together. The span wins, whichever arrived first."""

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from otel_bridge.assemble.records import Record
from otel_bridge.extract.datasets import unite
from otel_bridge.extract.failures import UNEXPLAINED, UNKNOWN_LANGUAGE
from otel_bridge.model import ErrorDetail, Phase, Run, RunObserved, RunRef

T = TypeVar("T")


def absorb(record: Record, observed: RunObserved) -> bool:
    """Merge into the record; False if it knew this already, or the run is over."""
    starts = observed.phase is Phase.START
    if record.finished or (record.has_start or record.lost if starts else record.has_end):
        return False
    said = _as_run(observed, record.run_id)
    if record.run is None:
        record.run = said
    else:
        record.run = _united(said, record.run) if starts else _united(record.run, said)
    record.has_start |= starts
    record.has_end |= not starts
    record.io_spans = max(record.io_spans, observed.io_spans)
    record.seen = True
    carried = observed.parent if observed.parent and observed.parent.run_id != record.run_id else None
    if not record.start_sent:
        _take_relations(record, observed, carried)
    elif record.parent is None:
        _take_late_relations(record, observed, carried)
    return True


def failure(own: ErrorDetail | None, logged: ErrorDetail | None) -> ErrorDetail:
    """Its own error, or the exception logged inside the run if that is the same one or the only one."""
    if own is None or own.message == UNEXPLAINED:
        return logged or own or ErrorDetail(UNEXPLAINED, UNKNOWN_LANGUAGE)
    if logged is None or own.stack_trace is not None:
        return own
    text = logged.message.partition(": ")[2] or logged.message
    return logged if own.message.endswith(text) else own


def _take_relations(record: Record, observed: RunObserved, carried: RunRef | None) -> None:
    ends = observed.phase is Phase.END
    if ends or record.job is None:
        record.job = observed.job
    record.parent_span_id = observed.span.parent_span_id or record.parent_span_id
    record.patience_s = record.patience_s if observed.patience_s is None else observed.patience_s
    if observed.awaits:
        record.awaits, record.awaits_s = observed.awaits, observed.awaits_s
    if ends or record.carried_parent is None:
        record.carried_parent = carried or record.carried_parent
    if ends or record.carried_root is None:
        record.carried_root = observed.root or record.carried_root


def _take_late_relations(record: Record, observed: RunObserved, carried: RunRef | None) -> None:
    """Remember what the span says of a parent that its start event did not, so that it is counted."""
    if carried:
        record.carried_parent, record.waits_run = carried, carried.run_id
    elif not record.parent_span_id:
        record.parent_span_id = record.waits_span = observed.span.parent_span_id


def _as_run(observed: RunObserved, run_id: str) -> Run:
    return Run(
        run_id=run_id,
        job=observed.job,
        span=observed.span,
        started_ns=observed.started_ns,
        ended_ns=observed.ended_ns,
        state=observed.state,
        error=observed.error,
        inputs=observed.inputs,
        outputs=observed.outputs,
        run_values=observed.run_values,
        run_facets=observed.run_facets,
        job_values=observed.job_values,
        job_facets=observed.job_facets,
        omissions=observed.omissions,
    )


def _united(start: Run, end: Run) -> Run:
    return replace(
        end,
        span=end.span if end.span.parent_span_id else start.span,
        inputs=unite((*start.inputs, *end.inputs)),
        outputs=unite((*start.outputs, *end.outputs)),
        run_values=start.run_values | end.run_values,
        run_facets=start.run_facets | end.run_facets,
        job_values=start.job_values | end.job_values,
        job_facets=start.job_facets | end.job_facets,
        omissions=once((*start.omissions, *end.omissions)),
    )


def once(items: Iterable[T]) -> tuple[T, ...]:
    """Each item once, in the order of first mention."""
    return tuple(dict.fromkeys(items))
