"""Trace and span ids in Dagster's log lines.

The ids are put on the record under the names of OpenTelemetry's logging instrumentation, for formatters and structured
loggers, and at the end of the line that loggers print. Dagster's event log keeps the message as it was given.
"""

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from otel_lineage.trouble import guarded

from otel_bridge_dagster import parents, settings, steps

SWITCH = "OTEL_BRIDGE_DAGSTER_LOG_IDS"


def around_record(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around Dagster's conversion of a log record."""
    record = wrapped(*args, **kwargs)
    _mark(record)
    return record


@guarded("putting ids into a log line", fallback=None)
def _mark(record: logging.LogRecord) -> None:
    context = _context(getattr(record, "dagster_meta", None) or {})
    if context is None or not settings.wants(SWITCH):
        return
    trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    record.otelTraceID, record.otelSpanID = trace_id, span_id
    record.otelTraceSampled = context.trace_flags.sampled
    line, newline, rest = str(record.msg).partition("\n")
    record.msg = f"{line} trace_id={trace_id} span_id={span_id}{newline}{rest}"


def _context(meta: Mapping[str, Any]) -> trace.SpanContext | None:
    """Of the span around a line of a run that is told; in a thread without one, of the step that it works for."""
    run_id = str(meta.get("run_id"))
    step = steps.open_step(run_id, str(meta.get("step_key")))
    if step is None and not parents.is_open(run_id):
        return None
    around = trace.get_current_span().get_span_context()
    if around.is_valid:
        return around
    return None if step is None else step.run.span.get_span_context()
