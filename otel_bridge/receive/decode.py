"""Accepted payloads to model values: `span` for a one-span `ResourceSpans`, `log_event` for a one-record
`ResourceLogs`.

Resources and scopes repeat in every span of a process, so they are decoded once and shared. Values that come
from here are treated as read-only by everybody.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from otel_bridge.model import LogEvent, Malformed, Resource, Scope, Span, SpanEvent, SpanLink, Status, Value
from otel_bridge.receive import frames

EVENT_NAME = "event.name"
"""Attribute that carries a log event's name in SDKs older than the field `event_name`."""

REMEMBERED_BYTES = 4 * 1024
"""A larger resource or scope is decoded each time, so that what is remembered stays below 100 MiB."""

_STATUS = {status.value: status for status in Status}


def span(payload: bytes) -> Span:
    """The span of a SPAN or LINK row.

    Raises:
        Malformed: the payload is not a one-span `ResourceSpans`.
    """
    group, message = _only(payload, SpanMessage)
    return Span(
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        parent_span_id=_optional_id(message.parent_span_id),
        flags=message.flags,
        name=message.name,
        kind=message.kind,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        status=_STATUS.get(message.status.code, Status.UNSET),
        status_message=message.status.message,
        attributes=attributes(message.attributes),
        events=tuple(SpanEvent(e.name, e.time_unix_nano, attributes(e.attributes)) for e in message.events),
        links=tuple(
            SpanLink(k.trace_id.hex(), k.span_id.hex(), attributes(k.attributes)) for k in message.links
        ),
        resource=resource(group.resource),
        scope=scope(group.scope),
    )


def log_event(payload: bytes) -> LogEvent:
    """The record of a LOG row.

    Raises:
        Malformed: the payload is not a one-record `ResourceLogs`.
    """
    group, message = _only(payload, LogRecord)
    decoded = attributes(message.attributes)
    return LogEvent(
        name=message.event_name or str(decoded.get(EVENT_NAME, "")),
        trace_id=_optional_id(message.trace_id),
        span_id=_optional_id(message.span_id),
        flags=message.flags,
        time_ns=message.time_unix_nano or message.observed_time_unix_nano,
        attributes=decoded,
        body=value(message.body),
        resource=resource(group.resource),
        scope=scope(group.scope),
    )


def _only(payload: bytes, message_class: Any) -> tuple[frames.Group, Any]:
    group = frames.group_of(payload)
    try:
        (item,) = group.items
        return group, message_class.FromString(item)
    except (DecodeError, ValueError):
        raise Malformed("not an accepted span or log record; the journal is damaged") from None


def resource(encoded: bytes) -> Resource:
    """A serialized `Resource`.

    Raises:
        Malformed: it can't be parsed.
    """
    return _resource(encoded) if len(encoded) <= REMEMBERED_BYTES else _resource.__wrapped__(encoded)


def scope(encoded: bytes) -> Scope:
    """A serialized `InstrumentationScope`.

    Raises:
        Malformed: it can't be parsed.
    """
    return _scope(encoded) if len(encoded) <= REMEMBERED_BYTES else _scope.__wrapped__(encoded)


@lru_cache(maxsize=1024)
def _resource(encoded: bytes) -> Resource:
    return Resource(attributes(_parsed(ResourceMessage, encoded).attributes))


@lru_cache(maxsize=1024)
def _scope(encoded: bytes) -> Scope:
    message = _parsed(InstrumentationScope, encoded)
    return Scope(message.name, message.version, attributes(message.attributes))


def _parsed(message_class: Any, encoded: bytes) -> Any:
    try:
        return message_class.FromString(encoded)
    except DecodeError:
        raise Malformed(f"{message_class.__name__} can't be parsed; check what the exporter sends") from None


def attributes(pairs: Iterable[Any]) -> dict[str, Value]:
    """Key-value pairs as a dict; of a repeated key the last value counts."""
    return {pair.key: value(pair.value) for pair in pairs}


def value(message: Any) -> Value:
    """An AnyValue. One without a value, or with a kind of value that we don't know, is None."""
    text = message.string_value
    if text:
        return text
    kind = message.WhichOneof("value")
    return _VALUES[kind](message) if kind in _VALUES else None


_VALUES: dict[str, Callable[[Any], Value]] = {
    "string_value": lambda message: message.string_value,
    "bool_value": lambda message: message.bool_value,
    "int_value": lambda message: message.int_value,
    "double_value": lambda message: message.double_value,
    "bytes_value": lambda message: message.bytes_value,
    "array_value": lambda message: [value(item) for item in message.array_value.values],
    "kvlist_value": lambda message: attributes(message.kvlist_value.values),
}


def _optional_id(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""
