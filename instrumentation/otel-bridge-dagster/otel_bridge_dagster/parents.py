"""What is above a run or a step: the span and the lineage run, whichever process told them.

A run's parent is what its tag `otel/traceparent` says, else what is around it in the process. A step's parent is its
run: open in this process, or handed on by the process that started this one, or derived from the run's id.
"""

import threading
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from otel_lineage import LineageRun, RunRef
from otel_lineage.carriers import Incoming

from otel_bridge_dagster import ids

TRACEPARENT_TAG = "otel/traceparent"

_w3c = TraceContextTextMapPropagator()
_lock = threading.Lock()
_open: dict[str, LineageRun] = {}
_carried: dict[str, dict[str, str]] = {}


@dataclass(frozen=True)
class Above:
    """The context to start in, and the run to name as the parent, if it has to be said."""

    context: Context
    parent: RunRef | LineageRun | None = None


def opened(run_id: str, run: LineageRun) -> None:
    """This process works on the run."""
    with _lock:
        _open[run_id] = run


def closed(run_id: str) -> None:
    """It does no longer."""
    with _lock:
        _open.pop(run_id, None)


def is_open(run_id: str) -> bool:
    """Whether this process works on the run."""
    return run_id in _open


def carrier_of(run_id: str) -> dict[str, str]:
    """What a child process needs to know of the run; empty if this process does not know it."""
    run = _open.get(run_id)
    return dict(_carried.get(run_id, {})) if run is None else run.child_env({})


def carried(run_id: str, carrier: dict[str, str]) -> None:
    """What the process that works on the run has handed on."""
    if carrier:
        _carried[run_id] = carrier


def of_run(dagster_run: Any) -> Above:
    """What is above a run."""
    tagged = _tagged(dagster_run)
    here = otel_context.get_current()
    return Above(here if tagged is None else trace.set_span_in_context(tagged, here))


def of_step(dagster_run: Any, job: str) -> Above:
    """What is above a step: its run, whose job has this name."""
    run_id = dagster_run.run_id
    here, run = otel_context.get_current(), _open.get(run_id)
    if run is not None:
        return Above(trace.set_span_in_context(run.span, here), run)
    known = Incoming.read(_carried[run_id]) if run_id in _carried else Incoming()
    span = known.span or _derived(dagster_run)
    parent = known.parent or RunRef(str(ids.run_uuid(run_id)), _job_namespace(), job)
    return Above(trace.set_span_in_context(span, here), parent)


def traceparent(context: trace.SpanContext) -> str:
    """As W3C writes it."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _tagged(dagster_run: Any) -> trace.Span | None:
    text = (dagster_run.tags or {}).get(TRACEPARENT_TAG)
    if not text:
        return None
    span = trace.get_current_span(_w3c.extract({"traceparent": text}, Context()))
    return span if span.get_span_context().is_valid else None


def _derived(dagster_run: Any) -> trace.Span:
    """The run's span, as the process that works on the run tells it."""
    run_id, tagged = dagster_run.run_id, _tagged(dagster_run)
    if tagged is None:
        trace_id = ids.trace_id(run_id)
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if _samples(trace_id) else 0)
    else:
        trace_id, flags = tagged.get_span_context().trace_id, tagged.get_span_context().trace_flags
    context = trace.SpanContext(trace_id, ids.run_span_id(run_id), is_remote=True, trace_flags=flags)
    return trace.NonRecordingSpan(context)


def _samples(trace_id: int) -> bool:
    """What the sampler of this process says to the trace: most samplers say the same in all."""
    # the SDK is loaded when something is told, not before
    from opentelemetry.sdk.trace.sampling import Decision
    from otel_lineage.runtime import runtime

    sampler = runtime().provider().sampler
    return sampler.should_sample(Context(), trace_id, "dagster.run").decision is Decision.RECORD_AND_SAMPLE


def _job_namespace() -> str:
    from otel_lineage.runtime import runtime

    run_time = runtime()
    configured = run_time.settings.job_namespace
    return configured or run_time.encoder(run_time.provider().resource).job_namespace
