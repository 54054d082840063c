"""Reading attribute values: what producers meant by the spellings that their SDKs allow.

The functions take a decoded value and raise `LeftOut` with a reason that its author understands. `Attributes`
reads attributes by name with them and notes what was left out.
"""

import math
import re
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from otel_bridge.model import LeftOut, Omission, Value

T = TypeVar("T")

MAX_DEPTH = 64
"""Deepest nesting of a JSON string. OTLP itself allows 100 levels."""
MAX_INTEGER = 2**63 - 1
_LONG_NUMBER = re.compile(r"\d{19}")
YEAR_S = 366 * 86400


class Attributes:
    """Attributes read with the functions below; `omissions` says what could not be read."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values
        self.omissions: list[Omission] = []

    def read(self, name: str, how: Callable[[Value], T]) -> T | None:
        """The attribute as `how` reads it; None if it is absent, empty or left out."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            return how(value)
        except LeftOut as left_out:
            self.omit(name, left_out.reason)
            return None

    def omit(self, path: str, reason: str) -> None:
        """Note that what stood at `path` is left out."""
        self.omissions.append(Omission(path, reason))

    def omit_all(self, path: str, part: "Attributes") -> None:
        """Note what `part`, the map at `path`, leaves out."""
        self.omissions += [Omission(f"{path}.{found.path}", found.reason) for found in part.omissions]


def text(value: Value) -> str:
    """A string; numbers and booleans in their JSON spelling.

    >>> text(" daily "), text(7), text(True)
    ('daily', '7', 'true')
    """
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise LeftOut(f"expected text, got {kind_of(value)}")


def integer(value: Value) -> int:
    """A whole number, also as text or as a float without a fraction.

    >>> integer("1200"), integer(3.0)
    (1200, 3)
    """
    found = number(value)
    if found != int(found):
        raise LeftOut(f"expected a whole number, got {found}")
    return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdigit() else int(found)


def number(value: Value) -> int | float:
    """A finite number, also as text."""
    found = value
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            raise LeftOut(f"expected a number, got the text {shown(value)}") from None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise LeftOut(f"expected a number, got {kind_of(value)}")
    if not math.isfinite(found) or abs(found) > MAX_INTEGER:
        raise LeftOut(f"{shown(str(value))} is out of range")
    return found


def flag(value: Value) -> bool:
    """A boolean, also as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise LeftOut(f"expected true or false, got {kind_of(value)}")


def interval(value: Value) -> float:
    """Seconds between two signs of life: positive, at most a year."""
    seconds = float(number(value))
    if not 0 < seconds <= YEAR_S:
        raise LeftOut(f"expected more than 0 and at most {YEAR_S} seconds, got {seconds:g}")
    return seconds


def run_id(value: Value) -> str:
    """A UUID in its canonical form.

    >>> run_id("{0F5C2B9E-7A63-4C0C-9E0B-0C4C2E9E6A11}")
    '0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11'
    """
    if not isinstance(value, str):
        raise LeftOut(f"expected a UUID, got {kind_of(value)}")
    try:
        return str(uuid.UUID(value.strip()))
    except ValueError:
        raise LeftOut(f"{shown(value)} is not a UUID") from None


def span_id(value: Value) -> str:
    """A span id: 16 hex digits, not all zero."""
    found = text(value).lower()
    if len(found) != 16 or found.strip("0123456789abcdef") or not found.strip("0"):
        raise LeftOut(f"{shown(found)} is not a span id of 16 hex digits")
    return found


def structure(value: Value) -> Value:
    """The value, or what the JSON in it says if it is a text that looks like a JSON list or object.

    >>> structure('{"a": 1}'), structure("plain"), structure([1])
    ({'a': 1}, 'plain', [1])
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return _json(value)
    return value


def mapping(value: Value) -> dict[str, Value]:
    """A map, also as JSON text."""
    found = structure(value)
    if not isinstance(found, dict):
        raise LeftOut(f"expected a map, got {kind_of(found)}")
    return found


def listing(value: Value) -> list[Value]:
    """A list, also as JSON text; one text or map stands for a list of it."""
    found = structure(value)
    if isinstance(found, str | dict):
        return [found]
    if not isinstance(found, list):
        raise LeftOut(f"expected a list, got {kind_of(found)}")
    return found


def tags(value: Value) -> Value:
    """Tags as a map of key to value, or as a list of keys or maps."""
    found = structure(value)
    return found if isinstance(found, dict) else listing(found)


def text_or_mapping(value: Value) -> Value:
    """Plain text, or a map (also as JSON text)."""
    found = structure(value)
    return found if isinstance(found, dict) else text(found)


def compact(values: Mapping[str, Value]) -> dict[str, Value]:
    """What says something: neither None nor empty.

    >>> compact({"a": False, "b": "", "c": 0, "d": []})
    {'a': False, 'c': 0}
    """
    return {
        key: value
        for key, value in values.items()
        if value is not None and value != "" and value not in ([], {})
    }


def kind_of(value: Value) -> str:
    """What a value is, in the words of a user.

    >>> kind_of([]), kind_of("")
    ('a list', 'an empty text')
    """
    if isinstance(value, str):
        return "an empty text" if not value.strip() else f"the text {shown(value)}"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        bytes: "bytes",
        list: "a list",
        dict: "a map",
    }
    return names.get(type(value), "nothing")


def shown(value: str) -> str:
    """The text in quotes, short enough for a message."""
    return f"`{value}`" if len(value) <= 60 else f"`{value[:57]}...`"


def _json(value: str) -> Value:
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LeftOut(f"is no valid JSON ({error}): {shown(value)}") from None
    if value.count("[") + value.count("{") > MAX_DEPTH:
        _check_depth(found)
    if _LONG_NUMBER.search(value):
        _check_numbers(found)
    return found


def _check_depth(value: Value) -> None:
    """Refuse endless nesting, which later encoders can't take."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inside = [v.values() if type(v) is dict else v for v in level]
        level = [v for values in inside for v in values if type(v) is dict or type(v) is list]
        if not level:
            return
    raise LeftOut(f"is nested more than {MAX_DEPTH} levels deep")


def _check_numbers(value: Value) -> None:
    """Refuse integers beyond 64 bits, which later encoders can't take."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_numbers(item)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise LeftOut(f"the number {shown(str(value))} has more than 64 bits; give it as text")
