"""Spans and log events as OTLP bytes. Spans go through the official encoder, our log events are built here.

Each result is a whole export request with one item. Requests joined byte by byte are one bigger request,
because their only field is a repeated one.

Attributes are most of a request, so they are written straight into its message, once: a message for each of them,
made by itself and copied into its place, costs three times as much. Resources are kept encoded.
"""

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_lineage import attributes as at
from otel_lineage.identity import job_namespace
from otel_lineage.values import is_cut, to_text

SCOPE = "otel_lineage"
HAS_EVENT_NAME = "event_name" in LogRecord.DESCRIPTOR.fields_by_name
_NO_RESOURCE = Resource.get_empty()


class Encoder:
    """Encodes what is told of one resource. `job_namespace`: that of its jobs, unless it is configured."""

    def __init__(self, resource: Resource, version: str) -> None:
        self.resource = resource
        self.job_namespace = to_text(job_namespace(resource.attributes))
        self._resource = ResourceMessage()
        _add(self._resource.attributes, resource.attributes)
        self._logs = ResourceLogs(
            resource=self._resource,
            scope_logs=[ScopeLogs(scope=InstrumentationScope(name=SCOPE, version=version))],
        )

    def span(self, span: ReadableSpan, exact: Mapping[str, Any], *, alone: bool) -> bytes:
        """A run span as it is sent for lineage, with the exact values of these attributes.

        Span limits may have cut or dropped them on the span itself. `alone`: nobody else sends the span, so that
        this one is for tracing too; otherwise it is marked as a copy.
        """
        request = encode_spans([_without_attributes(span)])
        (group,) = request.resource_spans
        group.resource.CopyFrom(self._resource)
        group.schema_url = self.resource.schema_url or ""
        message = group.scope_spans[0].spans[0]
        message.dropped_attributes_count = span.dropped_attributes
        message.dropped_events_count = span.dropped_events
        message.dropped_links_count = span.dropped_links
        if span.context is not None:
            message.flags |= span.context.trace_flags & 0xFF  # the encoder leaves W3C's flags out
        _add(message.attributes, _whole(span, exact, alone=alone))
        return bytes(request.SerializeToString())

    def event(
        self,
        name: str,
        attributes: Mapping[str, Any],
        *,
        span: SpanContext | None = None,
        at_ns: int | None = None,
    ) -> bytes:
        """A request with one named event."""
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        group.CopyFrom(self._logs)
        record = group.scope_logs[0].log_records.add()
        record.observed_time_unix_nano = now_ns = time.time_ns()
        record.time_unix_nano = now_ns if at_ns is None else at_ns
        record.severity_number = SEVERITY_NUMBER_INFO
        _add(record.attributes, attributes if HAS_EVENT_NAME else {**attributes, "event.name": name})
        if HAS_EVENT_NAME:  # opentelemetry-proto of OTLP 1.5 and later
            record.event_name = name
        if span is not None and span.is_valid:
            record.trace_id = span.trace_id.to_bytes(16, "big")
            record.span_id = span.span_id.to_bytes(8, "big")
            record.flags = span.trace_flags
        return bytes(request.SerializeToString())


def _without_attributes(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=_NO_RESOURCE,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _whole(span: ReadableSpan, exact: Mapping[str, Any], *, alone: bool) -> dict[str, Any]:
    """The span's attributes, and the exact values where they were cut or dropped."""
    values = dict(span.attributes or {})
    values.pop(at.EXPORT, None)
    if not exact.items() <= values.items():
        values.update({name: value for name, value in exact.items() if is_cut(values.get(name), value)})
    if not alone:
        values[at.EXPORT] = at.EXPORT_LINEAGE
    return values


def _add(field: Any, attributes: Mapping[str, Any]) -> None:
    """Write attributes into a field of them."""
    for key, value in attributes.items():
        added = field.add()
        added.key = to_text(key)
        if type(value) is str:
            added.value.string_value = to_text(value)
        else:
            added.value.CopyFrom(_any_value(value))


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
        nested = KeyValueList()
        _add(nested.values, value)
        return AnyValue(kvlist_value=nested)
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))
    return AnyValue() if value is None else AnyValue(string_value=to_text(value))
