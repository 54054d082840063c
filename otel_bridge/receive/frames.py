"""The framing of OTLP: resources, scopes and items as bytes, without an object for each span.

Requests of traces and logs are framed alike (field numbers 1 and 2 on each level), so one partial schema
serves both. It is built at import and parsed by upb, which checks the framing down to the items and keeps
resources, scopes, spans and log records as the bytes that came. A span that is kept is wrapped into a request
of its own by putting those bytes together again: nothing is re-encoded, unknown fields included.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from otel_bridge.model import Malformed

_PACKAGE = "otel_bridge.frames"
_FIELDS: dict[str, tuple[tuple[str, int, bool], ...]] = {
    "Request": (("resources", Field.TYPE_MESSAGE, True),),
    "Resources": (
        ("resource", Field.TYPE_BYTES, False),
        ("scopes", Field.TYPE_MESSAGE, True),
        ("schema_url", Field.TYPE_STRING, False),
    ),
    "Scopes": (
        ("scope", Field.TYPE_BYTES, False),
        ("items", Field.TYPE_BYTES, True),
        ("schema_url", Field.TYPE_STRING, False),
    ),
}
_FIRST, _SECOND, _THIRD, _FOURTH = b"\x0a", b"\x12", b"\x1a", b"\x22"


def _schema() -> FileDescriptorProto:
    file = FileDescriptorProto(name="otel_bridge/frames.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for number, (name, kind, repeated) in enumerate(fields, 1):
            field = described.field.add(name=name, number=number, type=kind)
            field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if kind == Field.TYPE_MESSAGE:
                field.type_name = f".{_PACKAGE}.{name.capitalize()}"
    return file


def _message_class(name: str, pool: DescriptorPool) -> Any:
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_pool = DescriptorPool()
_pool.AddSerializedFile(_schema().SerializeToString())
_Request = _message_class("Request", _pool)
_Resources = _message_class("Resources", _pool)


class Group:
    """The items of one scope of one resource, each as bytes."""

    __slots__ = ("_after", "_before", "_scope_after", "_scope_before", "items", "resource", "scope")

    def __init__(self, resources: Any, scopes: Any) -> None:
        self.resource: bytes = resources.resource
        self.scope: bytes = scopes.scope
        self.items: Sequence[bytes] = scopes.items
        self._before = _field(_FIRST, self.resource)
        self._after = _field(_THIRD, resources.schema_url.encode())
        self._scope_before = _field(_FIRST, self.scope)
        self._scope_after = _field(_THIRD, scopes.schema_url.encode())

    def wrap(self, item: bytes) -> bytes:
        """`ResourceSpans` or `ResourceLogs` with this one item."""
        inner = b"".join((self._scope_before, _SECOND, _varint(len(item)), item, self._scope_after))
        return b"".join((self._before, _SECOND, _varint(len(inner)), inner, self._after))


def parse(body: bytes) -> Any:
    """A request, framing checked. Pass it to `count` and `groups`.

    Raises:
        Malformed: the bytes are not framed as OTLP.
    """
    try:
        return _Request.FromString(body)
    except DecodeError:
        raise Malformed("the body is not an OTLP protobuf message; check what the exporter sends") from None


def count(request: Any) -> int:
    """Spans or log records in a request."""
    return sum(len(scopes.items) for resources in request.resources for scopes in resources.scopes)


def groups(request: Any) -> Iterator[Group]:
    """The request by resource and scope."""
    for resources in request.resources:
        for scopes in resources.scopes:
            yield Group(resources, scopes)


def group_of(payload: bytes) -> Group:
    """The one group of what `Group.wrap` or `link` made.

    Raises:
        Malformed: it is something else.
    """
    try:
        resources = _Resources.FromString(payload)
        (scopes,) = resources.scopes
    except (DecodeError, ValueError):
        raise Malformed("not an accepted span or log record; the journal is damaged") from None
    return Group(resources, scopes)


def link(trace_id: bytes, span_id: bytes, parent_span_id: bytes) -> bytes:
    """`ResourceSpans` with one span that has nothing but its ids."""
    span = _field(_FIRST, trace_id) + _field(_SECOND, span_id) + _field(_FOURTH, parent_span_id)
    return _field(_SECOND, _field(_SECOND, span))


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content if content else b""


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
