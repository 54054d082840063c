"""Values of dbt's objects made plain: enums, dates and dataclasses as JSON knows them, texts without secrets."""

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any

from otel_lineage.values import to_json

__all__ = ["compact", "instant", "labels", "message", "part", "parts", "plain", "public", "text", "to_json"]

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # a drive's single letter is none
_SECRET_PREFIX = "DBT_ENV_SECRET"  # noqa: S105  how their names begin
_TEXT_LIMIT = 64 * 1024


def text(value: object) -> str | None:
    """The value as a text, None for nothing.

    >>> text(1.5), text(""), text(None)
    ('1.5', None, None)
    """
    if value is None or value == "":
        return None
    return str(value.value if isinstance(value, Enum) else value)


def message(value: object) -> str | None:
    r"""What was said to people: without colours, and without the values of dbt's secret variables.

    >>> message("\x1b[31mred\x1b[0m")
    'red'
    """
    shown = text(value)
    if shown is None:
        return None
    shown = _ANSI.sub("", shown)
    for name, secret in os.environ.items():
        if name.startswith(_SECRET_PREFIX) and secret.strip():
            shown = shown.replace(secret, "*****")
    return shown if len(shown) <= _TEXT_LIMIT else shown[:_TEXT_LIMIT] + " ..."


def plain(value: Any) -> Any:
    """The value of nothing but maps, lists and scalars, as deep as it goes (up to twelve levels)."""
    return _plain(value, 12)


def compact(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the values: neither None nor anything empty.

    >>> compact({"a": 0, "b": False, "c": None, "d": "", "e": []})
    {'a': 0, 'b': False}
    """
    return {key: value for key, value in values.items() if not _is_nothing(value)}


def parts(source: object, names: Iterable[str]) -> dict[str, Any]:
    """The named attributes (or keys) of the source that say something, made plain."""
    return compact({name: plain(part(source, name)) for name in names})


def part(source: object, name: str, default: Any = None) -> Any:
    """An attribute, or the key of a map, or the default; never an error."""
    try:
        if isinstance(source, Mapping):
            return source.get(name, default)
        return getattr(source, name, default)
    except Exception:  # noqa: BLE001  properties of dbt's objects may raise anything
        return default


def instant(value: Any) -> Any:
    """A time in ISO 8601; dbt keeps those of UTC without a zone."""
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)).isoformat()
    return plain(value)


def labels(source: object) -> list[str]:
    """Its tags, in order; dbt takes a single one without a list."""
    tags = part(source, "tags") or ()
    return sorted({tags} if isinstance(tags, str) else {str(tag) for tag in tags})


def public(location: object) -> str | None:
    """A path or URL without what may be secret in it: user and password, and the query.

    >>> public("md:shop?motherduck_token=abc"), public("s3://user:pass@bucket/x?key=1"), public("/data/x?.duckdb")
    ('md:shop', 's3://bucket/x', '/data/x?.duckdb')
    """
    shown = text(location)
    if shown is None or not _URL.match(shown):
        return shown
    shown = shown.split("?", 1)[0]
    scheme, mark, rest = shown.rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple | dict | set) and not value)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _nested(value, depth) if depth else None


def _nested(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value), depth - 1)
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else text(value)
