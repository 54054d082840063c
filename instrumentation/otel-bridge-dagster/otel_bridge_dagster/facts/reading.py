"""Reading of objects that belong to Dagster: one fact at a time, none of which can take the others along."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")

_TEXT_LIMIT = 8 * 1024
_UNREAD_LIMIT = 300


@dataclass
class Reading:
    """Attributes as they are read; what fails is kept in `unread`, by what it was about."""

    attributes: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def read(self, what: str, reader: Callable[..., T], *arguments: Any) -> T | None:
        """What the reader answers, None if it fails."""
        try:
            return reader(*arguments)
        except Exception as error:  # noqa: BLE001  Dagster's and the user's objects may raise anything
            self.unread[what] = f"{type(error).__name__}: {public(error)}"[:_UNREAD_LIMIT]
            return None

    def add(self, attribute: str, reader: Callable[..., Any], *arguments: Any) -> None:
        """The attribute, if the reader has anything to say."""
        value = self.read(attribute, reader, *arguments)
        if not is_nothing(value):
            self.attributes[attribute] = value


def part(source: object, path: str, default: Any = None) -> Any:
    """An attribute (or the key of a map), or one of an attribute's, or the default; never an error.

    >>> part({"a": {"b": 1}}, "a.b"), part(object(), "a.b", 2)
    (1, 2)
    """
    for name in path.split("."):
        source = _part(source, name)
        if source is None:
            return default
    return source


def _part(source: Any, name: str) -> Any:
    if type(source) is dict:
        return source.get(name)
    try:
        value = getattr(source, name, None)
        return source.get(name) if value is None and isinstance(source, Mapping) else value
    except Exception:  # noqa: BLE001  properties of Dagster's objects check their state
        return None


def text(value: object) -> str | None:
    """The value as a text that is not too long, None for nothing."""
    if value is None or value == "":
        return None
    shown = str(getattr(value, "value", value))
    return shown if len(shown) <= _TEXT_LIMIT else shown[:_TEXT_LIMIT] + " ..."


def compact(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the values: neither None nor anything empty.

    >>> compact({"a": 0, "b": False, "c": None, "d": "", "e": []})
    {'a': 0, 'b': False}
    """
    return {key: value for key, value in values.items() if not is_nothing(value)}


def is_nothing(value: Any) -> bool:
    """Whether there is nothing to tell."""
    return value is None or (isinstance(value, str | list | tuple | dict | set) and not value)


_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*@|(?<=://)[^/\s@:]+@")
_QUERY = re.compile(r"(\b[a-zA-Z][\w+.-]+:[^\s?]*)\?\S+")


def public(value: object) -> str:
    """A text, path or URL without what may be secret in it: user and password of a URL, and its query.

    >>> public("s3://user:pass@bucket/x?key=1"), public("md:shop?motherduck_token=abc"), public("/data/what?.csv")
    ('s3://bucket/x', 'md:shop', '/data/what?.csv')
    """
    return _QUERY.sub(r"\1", _CREDENTIALS.sub("", str(value)))


def key_of(asset_key: Any) -> list[str]:
    """The parts of an asset key."""
    return [str(step) for step in asset_key.path]


def unique(items: Iterable[T]) -> list[T]:
    """In their order, each once."""
    return list(dict.fromkeys(items))


def is_a(value: object, *class_names: str) -> bool:
    """Whether a class of one of these names is among its classes; none has to be imported to ask.

    >>> is_a(True, "int"), is_a(1.0, "int")
    (True, False)
    """
    kind: Any = type(value)
    return _is_a(kind, class_names)


@lru_cache(maxsize=1024)
def _is_a(kind: Any, class_names: tuple[str, ...]) -> bool:
    return any(known.__name__ in class_names for known in kind.__mro__)
