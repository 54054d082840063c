"""Spans that the user's mappings fit: their attributes in the words of the convention, read as the bridge's own are."""

from collections.abc import Iterator

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.datasets import read_datasets
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.failures import ended, state
from otel_bridge.extract.mappings import SpanMapper
from otel_bridge.extract.reading import Reading
from otel_bridge.extract.sql_context import told_of
from otel_bridge.extract.values import Attributes, run_id, text
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    Evidence,
    IoObserved,
    Observation,
    Phase,
    Span,
    SpanRef,
    Status,
    Unusable,
    Value,
)
from otel_bridge.namespaces import Namespaces

NAME = "mapped"


def mapped(span: Span, mapper: SpanMapper, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
    """What the span says by this mapping: a run, or what the run above it read and wrote."""
    notes = Attributes({})
    attributes = mapper.said(span, names.of(span.resource).value, notes)
    translated = replace(span, attributes=attributes)
    if mapper.io:
        yield _io(translated, mapper, notes, wanted)
    elif convention.JOB_NAME in attributes:
        yield _run(translated, mapper, notes, names, wanted)
    else:
        yield connecting(span)
        yield Unusable(_evidence(span, mapper), tuple(notes.omissions))


def _run(span: Span, mapper: SpanMapper, notes: Attributes, names: Namespaces, wanted: Wanted) -> Observation:
    attributes = Attributes(span.attributes)
    result, error = ended(span, attributes.read(convention.RUN_STATE, state))
    reading = Reading(span, attributes, names, wanted)
    run = reading.run(_evidence(span, mapper), Phase.END, _place(span), span.start_ns)
    omissions = (*notes.omissions, *run.omissions)
    ended_ns = max(span.start_ns, span.end_ns)
    return replace(run, ended_ns=ended_ns, state=result, error=error, omissions=omissions)


def _io(span: Span, mapper: SpanMapper, notes: Attributes, wanted: Wanted) -> IoObserved:
    attributes = Attributes(span.attributes)
    sql = attributes.read(convention.SQL, text)
    return IoObserved(
        evidence=_evidence(span, mapper),
        span=_place(span),
        at_ns=span.end_ns,
        enclosing_run_id=attributes.read(convention.RUN_ID, run_id),
        inputs=read_datasets(attributes, convention.INPUTS, wanted.dataset),
        outputs=read_datasets(attributes, convention.OUTPUTS, wanted.dataset),
        statements=(_statement(sql, span, wanted),) if sql else (),
        omissions=(*notes.omissions, *attributes.omissions),
    )


def _statement(sql: str, span: Span, wanted: Wanted) -> dict[str, Value]:
    told = told_of(span.attributes, wanted.dialects)
    failed: dict[str, Value] = {"failed": True} if span.status is Status.ERROR else {}
    return {
        "sql": sql,
        "dialect": told.dialect if told else "",
        "context": told.context() if told else {},
        **failed,
    }


def _place(span: Span) -> SpanRef:
    return SpanRef(span.trace_id, span.span_id, span.parent_span_id)


def _evidence(span: Span, mapper: SpanMapper) -> Evidence:
    return Evidence(span.trace_id, span.span_id, f"{NAME}.{mapper.name}")
