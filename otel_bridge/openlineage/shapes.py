"""Official shapes of facets as types: what JSON must look like to be accepted, down to formats.

A shape is a `Shape` struct with the field names of the official schema. It serves both ways: builders make
one from short forms, and a facet given in OpenLineage's own shape is checked by decoding it. Fields beyond
the shape are allowed, as in the specification.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import jsonschema_rs
import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

S = TypeVar("S", bound=Struct)

MAX_WHOLE = 2**63 - 1


class Uri(str):
    """`format: uri`."""

    __slots__ = ()


class Uuid(str):
    """`format: uuid`, in its form with four hyphens."""

    __slots__ = ()


class Moment(str):
    """`format: date-time`."""

    __slots__ = ()


class Whole(int):
    """`type: integer` within 64 bits; `3.0` is one too."""

    __slots__ = ()


class Number(float):
    """`type: number`, finite."""

    __slots__ = ()


Maybe = UnsetType
"""The other half of an optional field: `name: str | Maybe = UNSET`. What is unset is not written."""

Positive = Annotated[int, Meta(ge=1)]

Text = Annotated[str, Meta(min_length=1)]


class Part(Struct, frozen=True, kw_only=True):
    """An object inside a facet."""


class Shape(Struct, frozen=True, kw_only=True, rename="camel"):
    """A facet without `_producer` and `_schemaURL`, which every facet has."""

    deleted: bool | Maybe = field(name="_deleted", default=UNSET)


class Forwarded(Part, frozen=True, kw_only=True):
    """A facet of another run or job, inside a facet."""

    producer: Uri = field(name="_producer")
    schema_url: Uri = field(name="_schemaURL")


def _format(name: str) -> Callable[[str], bool]:
    checked = jsonschema_rs.validator_for({"type": "string", "format": name}, validate_formats=True)
    return checked.is_valid


_FORMATS: dict[type, tuple[Callable[[str], bool], str]] = {
    Uri: (_format("uri"), "a URI"),
    Uuid: (_format("uuid"), "a UUID"),
    Moment: (_format("date-time"), "a time in RFC 3339 form, such as 2026-11-24T08:00:00Z"),
}


def is_uri(text: str) -> bool:
    """Whether the text is an absolute URI.

    >>> is_uri("postgres://db:5432"), is_uri("postgres")
    (True, False)
    """
    return _conforms(Uri, text)


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its form with four hyphens."""
    return _conforms(Uuid, text)


def decoder(shape: type[S]) -> msgspec.json.Decoder[S]:
    """A decoder that accepts what the official schema of `shape` accepts."""
    return msgspec.json.Decoder(shape, dec_hook=_read)


def _read(kind: type, value: Any) -> Any:
    if kind in _FORMATS:
        if isinstance(value, str) and _conforms(kind, value):
            return kind(value)
        raise ValueError(f"Expected {_FORMATS[kind][1]}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Expected a number")
    if kind is Whole and (abs(value) > MAX_WHOLE or value != int(value)):
        raise ValueError("Expected a whole number of at most 64 bits")
    return kind(value)


def _conforms(kind: type, value: str) -> bool:
    try:
        return _FORMATS[kind][0](value)
    except UnicodeEncodeError:
        return False
