"""Reading short forms: each function returns what a facet needs, or raises `LeftOut` with the reason.

`Fields` reads a map field by field; a field may have several spellings, the first one present counts. A field
that is absent or null is UNSET, and a wrong one leaves the whole facet out: half a schema is no schema.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast

from msgspec import UNSET, UnsetType

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.shapes import MAX_WHOLE, Moment, Number, Uri, Whole, is_uri

T = TypeVar("T")

MAX_DEPTH = 64
"""Deepest nesting that is passed on; consumers' JSON parsers give up at about twice that."""

_KINDS = {
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    bytes: "bytes",
    list: "a list",
    dict: "a map",
}


def kind_of(value: Value) -> str:
    """What a value is, in the words of a user.

    >>> kind_of([]), kind_of(None)
    ('a list', 'nothing')
    """
    return "nothing" if value is None else _KINDS.get(type(value), type(value).__name__)


def text(value: Value, what: str) -> str:
    """A text that is not empty; numbers and booleans in their JSON spelling."""
    if isinstance(value, str):
        if value:
            return value
        raise LeftOut(f"{what} is empty")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise LeftOut(f"{what} must be text, not {kind_of(value)}")


def flag(value: Value, what: str) -> bool:
    """A boolean, also as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise LeftOut(f"{what} must be true or false, not {kind_of(value)}")


def number(value: Value, what: str) -> Number:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
        raise LeftOut(
            f"{what} must be a finite number, not {value if isinstance(value, float) else kind_of(value)}"
        )
    return cast(Number, value)


def whole(value: Value, what: str) -> Whole:
    """A whole number that is not negative."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise LeftOut(f"{what} must be a whole number, not {kind_of(value)}")
    if not 0 <= value <= MAX_WHOLE:
        raise LeftOut(f"{what} must be between 0 and 2^63 - 1")
    return cast(Whole, value)


def uri(value: Value, what: str) -> Uri:
    """An absolute URI."""
    found = text(value, what)
    if not is_uri(found):
        raise LeftOut(f"{what} must be a URI such as postgres://host:5432, not {shown(found)}")
    return cast(Uri, found)


def moment(value: Value, what: str) -> Moment:
    """An ISO 8601 time, in UTC. One without an offset is taken as UTC, a date as its midnight.

    >>> moment("2026-11-24T02:00:00+02:00", "start"), moment("2026-11-24", "start")
    ('2026-11-24T00:00:00Z', '2026-11-24T00:00:00Z')
    """
    found = text(value, what)
    try:
        read = datetime.fromisoformat(found)
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LeftOut(f"{what} must be a time such as 2026-11-24T08:00:00Z, not {shown(found)}") from None
    return cast(Moment, read.replace(tzinfo=None).isoformat() + "Z")


def mapping(value: Value, what: str) -> Mapping[str, Value]:
    """A map."""
    if not isinstance(value, Mapping):
        raise LeftOut(f"{what} must be a map, not {kind_of(value)}")
    return value


def listing(value: Value, what: str) -> Sequence[Value]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise LeftOut(f"{what} must be a list, not {kind_of(value)}")
    return value


def shown(value: str) -> str:
    """The text in quotes, short enough for a message."""
    return f"`{value}`" if len(value) <= 60 else f"`{value[:57]}...`"


class Fields:
    """One map of a short form, called `what` in messages, with its number in a list."""

    __slots__ = ("_fields", "_number", "_what")

    def __init__(self, value: Value, what: str, number: int = 0) -> None:
        self._what = what
        self._number = number
        self._fields = value if type(value) is dict else mapping(value, self.what)

    @property
    def what(self) -> str:
        """How messages call the map; put together only when one is needed."""
        return f"{self._what} {self._number}" if self._number else self._what

    def get(self, *names: str) -> Value:
        """The first of these that is there; None if none is."""
        for name in names:
            if (found := self._fields.get(name)) is not None:
                return found
        return None

    def need(self, *names: str) -> str:
        """A text without which there is no facet."""
        found = self.get(*names)
        if type(found) is str and found:
            return found
        if found is None:
            raise LeftOut(f"{self.what} has no `{names[0]}`")
        return text(found, self._name(names))

    def text(self, *names: str) -> str | UnsetType:
        """An optional text; an empty one counts as absent."""
        found = self.get(*names)
        return found if type(found) is str and found else self._read(text, *names)

    def whole(self, *names: str) -> Whole | UnsetType:
        """An optional whole number."""
        return self._read(whole, *names)

    def number(self, *names: str) -> Number | UnsetType:
        """An optional number."""
        return self._read(number, *names)

    def flag(self, *names: str) -> bool | UnsetType:
        """An optional boolean."""
        return self._read(flag, *names)

    def uri(self, *names: str) -> Uri | UnsetType:
        """An optional URI."""
        return self._read(uri, *names)

    def moment(self, *names: str) -> Moment | UnsetType:
        """An optional time."""
        return self._read(moment, *names)

    def mapping(self, *names: str) -> Mapping[str, Value] | UnsetType:
        """An optional map."""
        return self._read(mapping, *names)

    def need_flag(self, *names: str) -> bool:
        """A boolean without which there is no facet."""
        return flag(self.get(*names), self._name(names))

    def need_mapping(self, *names: str) -> Mapping[str, Value]:
        """A map without which there is no facet."""
        return mapping(self.get(*names), self._name(names))

    def listing(self, *names: str) -> Sequence[Value]:
        """A list; empty if it is absent."""
        found = self._read(listing, *names)
        return () if found is UNSET else found

    def _read(self, how: Callable[[Value, str], T], *names: str) -> T | UnsetType:
        found = self.get(*names)
        return UNSET if found is None or found == "" else how(found, self._name(names))

    def _name(self, names: tuple[str, ...]) -> str:
        return f"`{names[0]}` of {self.what}"
