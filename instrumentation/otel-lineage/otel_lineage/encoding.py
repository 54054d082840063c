"""Spans and log events as OTLP bytes. Spans go through the official encoder, our log events are built here.

Each result is a whole export request with one item. Requests joined byte by byte are one bigger request,
because their only field is a repeated one.
"""

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_lineage import attributes as at
from otel_lineage.values import is_cut, to_text

SCOPE = "otel_lineage"
HAS_EVENT_NAME = "event_name" in LogRecord.DESCRIPTOR.fields_by_name


def encode_span(span: ReadableSpan, exact: Mapping[str, Any], *, alone: bool) -> bytes:
    """A run span as it is sent for lineage, with the exact values of these attributes.

    Span limits may have cut or dropped them on the span itself. `alone`: nobody else sends the span, so that this one
    is for tracing too; otherwise it is marked as a copy.
    """
    request = encode_spans([span])
    copy = request.resource_spans[0].scope_spans[0].spans[0]
    if span.context is not None:
        copy.flags |= span.context.trace_flags & 0xFF  # the encoder leaves W3C's flags out
    if span.attributes and at.EXPORT in span.attributes:
        given = [attribute for attribute in copy.attributes if attribute.key != at.EXPORT]
        del copy.attributes[:]
        copy.attributes.extend(given)
    missing = dict(exact) if alone else {**exact, at.EXPORT: at.EXPORT_LINEAGE}
    for attribute in copy.attributes:
        value, kept = missing.pop(attribute.key, None), attribute.value
        if is_cut(kept.string_value if kept.HasField("string_value") else kept, value):
            kept.CopyFrom(_any_value(value))
    copy.attributes.extend(_key_values(missing))
    return bytes(request.SerializeToString())


class EventEncoder:
    """Log events of one resource."""

    def __init__(self, resource: Resource, version: str) -> None:
        self._empty = ResourceLogs(
            resource=ResourceMessage(attributes=_key_values(resource.attributes)),
            scope_logs=[ScopeLogs(scope=InstrumentationScope(name=SCOPE, version=version))],
        )

    def encode(
        self,
        name: str,
        attributes: Mapping[str, Any],
        *,
        span: SpanContext | None = None,
        at_ns: int | None = None,
    ) -> bytes:
        """A request with one named event."""
        now_ns = time.time_ns()
        record = LogRecord(
            time_unix_nano=now_ns if at_ns is None else at_ns,
            observed_time_unix_nano=now_ns,
            severity_number=SEVERITY_NUMBER_INFO,
            attributes=_key_values(attributes if HAS_EVENT_NAME else {**attributes, "event.name": name}),
        )
        if HAS_EVENT_NAME:  # opentelemetry-proto of OTLP 1.5 and later
            record.event_name = name
        if span is not None and span.is_valid:
            record.trace_id = span.trace_id.to_bytes(16, "big")
            record.span_id = span.span_id.to_bytes(8, "big")
            record.flags = span.trace_flags
        logs = ResourceLogs()
        logs.CopyFrom(self._empty)
        logs.scope_logs[0].log_records.append(record)
        return bytes(ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString())


def _key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=to_text(key), value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: Any) -> AnyValue:  # noqa: PLR0911  a case a kind
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=_key_values(value)))
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))
    return AnyValue() if value is None else AnyValue(string_value=to_text(value))
