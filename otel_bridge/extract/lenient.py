"""Maps into facts: what can be read is, one bad field costs no other."""

import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from otel_bridge.extract.values import Attributes, kind_of, text
from otel_bridge.model import LeftOut, Value

T = TypeVar("T", bound=msgspec.Struct)


def read(shape: type[T], value: Value, path: str, notes: Attributes) -> T:
    """The map as a struct; fields that can't be read are noted as left out."""
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError:
        return _by_field(shape, value, path, notes)


def _by_field(shape: type[T], value: Value, path: str, notes: Attributes) -> T:
    if not isinstance(value, dict):
        notes.omit(path, f"expected a map, got {kind_of(value)}")
        return shape()
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        given = value.get(field.encode_name)
        if given is None:
            continue
        try:
            found[field.name] = _as(field.type, given, f"{path}.{field.encode_name}", notes)
        except (LeftOut, msgspec.ValidationError) as error:
            notes.omit(f"{path}.{field.encode_name}", str(error))
    return shape(**found)


def _as(kind: Any, value: Value, path: str, notes: Attributes) -> Any:
    kind = _without_none(kind)
    if kind is str:
        return ", ".join(map(text, value)) if isinstance(value, list) else text(value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return read(kind, value, path, notes)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        item = get_args(kind)[0]
        return tuple(_as(item, each, f"{path}[{i}]", notes) for i, each in enumerate(value))
    return msgspec.convert(value, kind, strict=False)


def _without_none(kind: Any) -> Any:
    """The type itself of an optional one."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind
