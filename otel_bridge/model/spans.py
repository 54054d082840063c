"""What arrives: spans and log events, decoded from OTLP, with their resource and scope."""

from enum import IntEnum
from typing import Any

import msgspec

Value = Any
"""A decoded OTLP AnyValue: str, bool, int, float, bytes, None, or a list or dict of them."""

Attributes = dict[str, Value]


class Status(IntEnum):
    """Status of a span, as numbered by OTLP."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Resource(msgspec.Struct, frozen=True):
    """The entity that emitted: its attributes, such as `service.name`."""

    attributes: Attributes = {}


class Scope(msgspec.Struct, frozen=True):
    """The instrumentation scope that emitted."""

    name: str = ""
    version: str = ""
    attributes: Attributes = {}


class SpanEvent(msgspec.Struct, frozen=True):
    """A timed event on a span; `time_ns` is Unix nanoseconds."""

    name: str
    time_ns: int
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True):
    """A link to another span; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True):
    """A finished span. Ids are lower-case hex, `parent_span_id` is "" for a root; times are Unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    start_ns: int = 0
    end_ns: int = 0
    status: Status = Status.UNSET
    status_message: str = ""
    attributes: Attributes = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    resource: Resource = Resource()
    scope: Scope = Scope()


class LogEvent(msgspec.Struct, frozen=True):
    """A log record that is a named event, with the ids of the span it was emitted in ("" for none).

    `name` is OTLP's `event_name`, or the attribute `event.name` of older SDKs.
    """

    name: str
    trace_id: str = ""
    span_id: str = ""
    flags: int = 0
    time_ns: int = 0
    attributes: Attributes = {}
    body: Value = None
    resource: Resource = Resource()
    scope: Scope = Scope()
