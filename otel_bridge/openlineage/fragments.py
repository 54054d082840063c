"""Facets as encoded fragments of an event, with `_producer` and `_schemaURL`.

Each facet is encoded by itself: what can't be encoded, or does not conform, is left out and harms nothing
else.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import BASE_FACETS
from otel_bridge.openlineage.facets import FACETS, Facet
from otel_bridge.openlineage.reading import MAX_DEPTH, kind_of, shown
from otel_bridge.openlineage.shapes import Shape, decoder, is_uri
from otel_bridge.settings import Slot

_BASE: Final = decoder(Shape)
_encode: Final = msgspec.json.Encoder().encode
PRODUCER: Final = "_producer"
SCHEMA_URL: Final = "_schemaURL"


class Fragments:
    """Makes fragments in the name of one producer; `base_url` is where our own schemas are served."""

    def __init__(self, producer: str, base_url: str) -> None:
        if not is_uri(producer):
            raise ValueError(
                f"producer: {shown(producer)} is not a URI; give one such as https://example.org/etl"
            )
        self._producer = producer
        self._urls = {(f.slot, f.key): _absolute(f.schema_url, base_url) for f in FACETS}
        self._heads = {key: self._head(url) for key, url in self._urls.items()}

    def _head(self, url: str) -> bytes:
        return _encode({PRODUCER: self._producer, SCHEMA_URL: url})[:-1]

    def built(self, facet: Facet, shape: Shape) -> msgspec.Raw:
        """The fragment of a facet that was built from short forms, which are only as deep as the shape."""
        body = _json(shape)
        return msgspec.Raw(self._heads[facet.slot, facet.key] + (b"}" if body == b"{}" else b"," + body[1:]))

    def given(self, facet: Facet, value: Value) -> msgspec.Raw:
        """The fragment of a facet in its official shape. Nulls count as absent."""
        fields = _fields(value)
        if facet.adapt is not None:
            fields = facet.adapt(fields)
        try:
            return self._conforming(facet, fields)
        except msgspec.ValidationError:
            try:
                return self._conforming(facet, _without_nulls(fields))
            except msgspec.ValidationError as error:
                raise LeftOut(f"is not what the specification says: {_reason(error)}") from None

    def _conforming(self, facet: Facet, fields: Mapping[str, Any]) -> msgspec.Raw:
        raw = self.described(fields, self._urls[facet.slot, facet.key])
        facet.decode(raw)
        return msgspec.Raw(raw)

    def unknown(self, slot: Slot, value: Value) -> msgspec.Raw:
        """The fragment of a facet that we know nothing of, but that it must be an object."""
        raw = self.described(_fields(value), BASE_FACETS[slot])
        try:
            _BASE.decode(raw)
        except msgspec.ValidationError as error:
            raise LeftOut(f"is not what the specification says: {_reason(error)}") from None
        return msgspec.Raw(raw)

    def described(self, fields: Mapping[str, Any], schema_url: str) -> bytes:
        """The fields, encoded, after `_producer` and `_schemaURL`: their own, if they have them."""
        own = {PRODUCER: self._producer, SCHEMA_URL: schema_url}
        whole = {**own, **fields}
        for name, default in own.items():
            if (found := whole[name]) is default:
                continue
            if found is None:
                whole[name] = default
            elif not isinstance(found, str) or not is_uri(found):
                raise LeftOut(f"{name} is not a URI; leave it out and the bridge sets it")
        return encoded(whole)


def _absolute(url: str, base_url: str) -> str:
    return base_url + url if url.startswith("/") else url


def encoded(value: Any) -> bytes:
    """As JSON; `LeftOut` for what JSON or its usual readers can't take."""
    raw = _json(value)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _too_deep(msgspec.json.decode(raw), MAX_DEPTH):
        raise LeftOut(f"is nested more than {MAX_DEPTH} levels deep")
    return raw


def _json(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise LeftOut("has a text that is not Unicode") from None
    except RecursionError:
        raise LeftOut(f"is nested more than {MAX_DEPTH} levels deep") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise LeftOut(f"can't be written as JSON: {error}") from None


def _fields(value: Value) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LeftOut(f"a facet must be a map, not {kind_of(value)}")
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(v) for v in value]
    return value


def _too_deep(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_too_deep(item, depth - 1) for item in inside)


def _reason(error: msgspec.ValidationError) -> str:
    """The decoder's message with the path first.

    >>> _reason(msgspec.ValidationError("Expected `str`, got `int` - at `$.query`"))
    'query: expected `str`, got `int`'
    """
    message, _, path = str(error).partition(" - at `$")
    message = message[:1].lower() + message[1:]
    path = path.removesuffix("`").removeprefix(".")
    return f"{path}: {message}" if path else message
