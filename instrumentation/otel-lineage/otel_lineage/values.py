"""Values on their way into attributes: texts that UTF-8 can carry, and nested values as JSON.

Lists and maps travel as JSON strings, on every SDK: attributes of maps exist only since SDK 1.45.
"""

import datetime as dt
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any


def is_cut(kept: object, exact: object) -> bool:
    """Whether span limits made `kept` of `exact`, None where they dropped it.

    >>> is_cut("[{", "[{}]"), is_cut(None, 1), is_cut("other", "text"), is_cut(2, 2)
    (True, True, False, False)
    """
    if isinstance(kept, str) and isinstance(exact, str):
        return kept != exact and exact.startswith(kept)
    return kept is None


def to_text(value: object) -> str:
    """The value as a string without lone surrogates, which no OTLP message can hold."""
    text = value if type(value) is str else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def to_json(value: object) -> str:
    """Compact JSON; what JSON has no form for becomes text, NaN and infinities become null."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain, allow_nan=False)
    except (ValueError, TypeError):
        text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=False, default=_plain)
    return to_text(text)


def to_attribute(value: object) -> str | bool | int | float:
    """A scalar as it is, a time in ISO 8601, anything nested as a JSON string."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return to_text(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return to_json(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value, key=str)
    if hasattr(value, "as_map"):
        return value.as_map()
    try:
        # numbers of numpy and its kin have `item`
        return value.item() if callable(getattr(value, "item", None)) else str(value)
    except Exception:  # noqa: BLE001  one value without a text must not take the others along
        return None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, str | int) or value is None:
        return value
    return _finite(_plain(value))
