"""OTLP/JSON requests: to protobuf bytes, or only counted.

The mapping is OTLP's own, not protobuf's: ids are hex of any case, unknown fields are ignored at any depth;
names may be lowerCamelCase or snake_case, enums numbers or names, 64-bit integers numbers or strings. It is
driven by the descriptors of the official messages, so a field that a later release of them adds is carried as
well.

An id that is not hex is no reason to refuse the request: it becomes an id of the wrong length, and the
selection refuses that span like any other with a bad id.
"""

import base64
import binascii
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_bridge.model import Malformed

Signal = Literal["traces", "logs"]

MAX_DEPTH = 100
"""Nested messages in a request: what protobuf parsers accept."""

_REQUESTS: dict[str, Any] = {"traces": TracesData, "logs": LogsData}
_IDS = {"trace_id", "span_id", "parent_span_id"}
_BAD_ID = b"\x00"
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)

_T = TypeVar("_T")
_Read = Callable[[Any], Any]
_Set = Callable[[Any, Any, int], None]


class _MismatchError(Exception):
    """A value that does not fit; `path` grows from the inside out while the error rises."""

    def __init__(self, expected: str, value: Any) -> None:
        super().__init__(expected)
        shown = repr(value)
        self.reason = f"must be {expected}, not {shown if len(shown) <= 60 else shown[:57] + '...'}"
        self.path: list[str] = []


def transcode(signal: Signal, body: bytes) -> bytes:
    """The protobuf bytes of an OTLP/JSON request.

    Raises:
        Malformed: no JSON, a value of the wrong type, or nested too deep; says where if that is known.
    """
    document = _decode(body, dict[str, Any])
    message = _REQUESTS[signal]()
    try:
        _fill(message, document, 1)
    except _MismatchError as error:
        path = "$" + "".join(reversed(error.path))
        raise Malformed(f"not OTLP/JSON: {path} {error.reason}; check what the exporter sends") from None
    encoded: bytes = message.SerializeToString()
    return encoded


class _Item(msgspec.Struct):
    """Any JSON object."""


class _Scopes(msgspec.Struct, rename="camel"):
    spans: list[_Item] | None = None
    log_records: list[_Item] | None = None
    log_records_: list[_Item] | None = msgspec.field(default=None, name="log_records")


class _Resources(msgspec.Struct, rename="camel"):
    scope_spans: list[_Scopes] | None = None
    scope_spans_: list[_Scopes] | None = msgspec.field(default=None, name="scope_spans")
    scope_logs: list[_Scopes] | None = None
    scope_logs_: list[_Scopes] | None = msgspec.field(default=None, name="scope_logs")


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_Resources] | None = None
    resource_spans_: list[_Resources] | None = msgspec.field(default=None, name="resource_spans")
    resource_logs: list[_Resources] | None = None
    resource_logs_: list[_Resources] | None = msgspec.field(default=None, name="resource_logs")


def count(signal: Signal, body: bytes) -> int:
    """Spans or log records in a request of which nothing else is wanted; types are checked down to them.

    Raises:
        Malformed: as `transcode`.
    """
    request = _decode(body, _Request)
    if signal == "traces":
        scopes = [s for r in _both(request.resource_spans, request.resource_spans_) for s in _spans_of(r)]
        return sum(len(s.spans or ()) for s in scopes)
    scopes = [s for r in _both(request.resource_logs, request.resource_logs_) for s in _logs_of(r)]
    return sum(len(_both(s.log_records, s.log_records_)) for s in scopes)


def _spans_of(resources: _Resources) -> list[_Scopes]:
    return _both(resources.scope_spans, resources.scope_spans_)


def _logs_of(resources: _Resources) -> list[_Scopes]:
    return _both(resources.scope_logs, resources.scope_logs_)


def _both(camel: list[_T] | None, snake: list[_T] | None) -> list[_T]:
    return [*(camel or ()), *(snake or ())]


def _decode(body: bytes, wanted: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        raise Malformed(f"not OTLP/JSON: {error}; check what the exporter sends") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON: {error}; check what the exporter sends") from None
    except RecursionError:
        raise Malformed("the JSON is nested too deep; send flatter attribute values") from None


def _fill(message: Any, document: Any, depth: int) -> None:
    """Set the fields of a message from a JSON object, in place."""
    if not isinstance(document, dict):
        raise _MismatchError("an object", document)
    if depth > MAX_DEPTH:
        raise _MismatchError(f"nested at most {MAX_DEPTH} deep", document)
    plan, key = _plan(message.DESCRIPTOR), ""
    try:
        for key, value in document.items():
            if value is not None and key in plan:
                plan[key](message, value, depth)
    except _MismatchError as error:
        error.path.append(f".{key}")
        raise
    except (ValueError, TypeError, OverflowError):
        unfit = _MismatchError("a value that fits the field", document[key])
        unfit.path.append(f".{key}")
        raise unfit from None


@cache
def _plan(descriptor: Descriptor) -> dict[str, _Set]:
    """For each JSON key of a message how to set it; both spellings."""
    plan: dict[str, _Set] = {}
    for field in descriptor.fields:
        plan[field.name] = plan[field.camelcase_name] = _setter(field)
    return plan


def _setter(field: FieldDescriptor) -> _Set:
    if field.message_type is not None:
        return partial(_set_messages if _repeated(field) else _set_message, field.name)
    return partial(_set_scalars if _repeated(field) else _set_scalar, field.name, _reader(field))


def _repeated(field: FieldDescriptor) -> bool:
    """Whether a list; releases of protobuf differ in how they say it."""
    described: Any = field
    if hasattr(described, "is_repeated"):
        return bool(described.is_repeated)
    return bool(described.label == FieldDescriptor.LABEL_REPEATED)


def _set_message(name: str, message: Any, value: Any, depth: int) -> None:
    inner = getattr(message, name)
    inner.SetInParent()
    _fill(inner, value, depth + 1)


def _set_messages(name: str, message: Any, value: Any, depth: int) -> None:
    add = getattr(message, name).add
    _each(value, lambda item: _fill(add(), item, depth + 1))


def _set_scalar(name: str, read: _Read, message: Any, value: Any, depth: int) -> None:
    setattr(message, name, read(value))


def _set_scalars(name: str, read: _Read, message: Any, value: Any, depth: int) -> None:
    append = getattr(message, name).append
    _each(value, lambda item: append(read(item)))


def _each(items: Any, take: Callable[[Any], None]) -> None:
    if not isinstance(items, list):
        raise _MismatchError("an array", items)
    index = 0
    try:
        for item in items:
            take(item)
            index += 1
    except _MismatchError as error:
        error.path.append(f"[{index}]")
        raise


def _reader(field: FieldDescriptor) -> _Read:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hex if field.name in _IDS else _base64
    if field.enum_type is not None:
        return partial(_enum, field.enum_type)
    return _READERS.get(field.cpp_type, _integer)


def _hex(value: Any) -> bytes:
    try:
        return binascii.unhexlify(_text(value))
    except ValueError:
        return _BAD_ID


def _base64(value: Any) -> bytes:
    text = _text(value).translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _MismatchError("base64", value) from None


_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def _enum(described: EnumDescriptor, value: Any) -> int:
    named = described.values_by_name.get(value) if isinstance(value, str) else None
    return named.number if named is not None else _integer(value)


def _integer(value: Any) -> int:
    if isinstance(value, str) and len(value) < 32 and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _MismatchError("an integer", value)


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _MismatchError("a number", value)
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise _MismatchError("a number", value) from None


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _MismatchError("true or false", value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _MismatchError("a string", value)
    return value


_READERS: dict[int, _Read] = {
    FieldDescriptor.CPPTYPE_STRING: _text,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _double,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
}
