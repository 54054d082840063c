"""Templates of mappings: text with `{attribute | filter("argument")}` in it.

A template over an attribute that is a list gives a list. What has nothing to give raises `LeftOut` with the reason.

>>> Template('{url | after("://") | lower}.daily').fill({"url": "https://Shop"}.get)
'shop.daily'
>>> Template("{tables}").fill({"tables": ["a", "b"]}.get)
['a', 'b']
"""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from otel_bridge.extract.values import structure, text
from otel_bridge.model import LeftOut, Value

Lookup = Callable[[str], Value]
"""The value of an attribute by its name; None for none."""
Filled = str | list[str]

_PARTS: Final = re.compile(r"(\{\{|\}\})|\{((?:[^{}\"']|\"[^\"]*\"|'[^']*')*)\}|([{}])|([^{}]+)")
_PIPED: Final = re.compile(r"\|((?:[^|\"']|\"[^\"]*\"|'[^']*')*)")
_FILTER: Final = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_ARGUMENTS: Final = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)')\s*(?:,|$)")


class TemplateError(ValueError):
    """A template that can't work, with what to do."""


class Absent(LeftOut):
    """An attribute of a template is not there."""


class _Filter(NamedTuple):
    arguments: int
    apply: Callable[..., Filled | None]


def _after(value: str, mark: str) -> str | None:
    return value.partition(mark)[2] or None


def _before(value: str, mark: str) -> str | None:
    return value.partition(mark)[0] if mark in value else None


def _after_last(value: str, mark: str) -> str | None:
    return value.rpartition(mark)[2] if mark in value else None


def _before_last(value: str, mark: str) -> str | None:
    return value.rpartition(mark)[0] or None


FILTERS: Final[dict[str, _Filter]] = {
    "lower": _Filter(0, str.lower),
    "upper": _Filter(0, str.upper),
    "after": _Filter(1, _after),
    "before": _Filter(1, _before),
    "after_last": _Filter(1, _after_last),
    "before_last": _Filter(1, _before_last),
    "replace": _Filter(2, str.replace),
    "split": _Filter(1, lambda value, mark: [part.strip() for part in value.split(mark) if part.strip()]),
    "default": _Filter(1, lambda value, _: value),
}
"""Each with the number of its arguments. One that gives nothing leaves out what the template is for."""


class _Step(NamedTuple):
    name: str
    arguments: tuple[str, ...]


class _Field:
    """One `{...}`: an attribute and the filters on it."""

    def __init__(self, source: str) -> None:
        head, piped, rest = source.partition("|")
        self.attribute = head.strip()
        if not self.attribute or set(self.attribute) & set("\"'()"):
            raise TemplateError(
                f"{{{source}}} names no attribute. Write {{attribute}} or {{attribute | filter}}."
            )
        self.steps = tuple(_step(found) for found in _PIPED.findall(f"|{rest}")) if piped else ()

    def fill(self, lookup: Lookup) -> Filled:
        read = found = _as_text(lookup(self.attribute), self.attribute)
        for step in self.steps:
            found = _applied(found, step)
        if found:
            return found
        if read is None:
            raise Absent(f"there is no attribute `{self.attribute}`")
        raise LeftOut(f"the filters leave nothing of `{self.attribute}`")


class Template:
    """A template, checked.

    Raises:
        TemplateError: it can't work.
    """

    def __init__(self, source: str) -> None:
        if not source.strip():
            raise TemplateError("is empty. Write a text, with {attribute} for what differs.")
        self._parts = tuple(_parts(source))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes in it."""
        return tuple(part.attribute for part in self._parts if isinstance(part, _Field))

    def fill(self, lookup: Lookup) -> Filled:
        """The text, or the texts where an attribute is a list.

        Raises:
            LeftOut: an attribute is missing, or lists are of different lengths.
        """
        return joined([part if isinstance(part, str) else part.fill(lookup) for part in self._parts])

    def one(self, lookup: Lookup) -> str:
        """The one text.

        Raises:
            LeftOut: as `fill`, or there are several.
        """
        found = self.fill(lookup)
        if isinstance(found, list):
            raise LeftOut(
                f"{' and '.join(f'`{name}`' for name in self.attributes)}: expected one text, got a list"
            )
        return found


def joined(parts: list[Filled]) -> Filled:
    """Texts one after the other; with lists, the first with the first, and so on."""
    rows = rowed(parts)
    lines = ["".join(row) for row in rows]
    return lines if any(isinstance(part, list) for part in parts) else lines[0]


def rowed(parts: list[Filled]) -> list[tuple[str, ...]]:
    """Texts beside each other; one that is no list stands in every row.

    >>> rowed(["s3://lake", ["a", "b"]])
    [('s3://lake', 'a'), ('s3://lake', 'b')]
    """
    lengths = {len(part) for part in parts if isinstance(part, list)}
    if len(lengths) > 1:
        raise LeftOut(f"lists of {' and '.join(map(str, sorted(lengths)))} entries don't go together")
    count = lengths.pop() if lengths else 1
    return list(zip(*(part if isinstance(part, list) else [part] * count for part in parts), strict=True))


def _parts(source: str) -> Iterable[str | _Field]:
    at = 0
    for found in _PARTS.finditer(source):
        doubled, field, lone, literal = found.groups()
        if lone or found.start() != at:
            raise TemplateError(
                f"a brace is left alone in {source!r}. Write {{{{ or }}}} for one that stands for itself."
            )
        at = found.end()
        yield doubled[0] if doubled else literal or _Field(field or "")


def _step(source: str) -> _Step:
    found = _FILTER.fullmatch(source)
    if found is None:
        raise TemplateError(f'`{source.strip()}` is no filter. Write name or name("argument").')
    name, given = found[1], found[2]
    if name not in FILTERS:
        near = difflib.get_close_matches(name, FILTERS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(FILTERS)}."
        raise TemplateError(f"unknown filter {name!r}. {hint}")
    arguments = _arguments(given or "", name)
    if len(arguments) != FILTERS[name].arguments:
        wanted = ", ".join(['"text"'] * FILTERS[name].arguments)
        raise TemplateError(f"the filter {name!r} has {len(arguments)} arguments. Write {name}({wanted}).")
    if name != "default" and arguments[:1] == ("",):
        raise TemplateError(f"the filter {name!r} looks for an empty text. Write what it is to look for.")
    return _Step(name, arguments)


def _arguments(given: str, name: str) -> tuple[str, ...]:
    found = list(_ARGUMENTS.finditer(given))
    if "".join(match[0] for match in found) != given:
        raise TemplateError(
            f"the arguments of {name!r} can't be read. Put each in quotes, with commas between."
        )
    return tuple(match[1] if match[1] is not None else match[2] for match in found)


def _as_text(value: Value, name: str) -> Filled | None:
    """Texts and numbers as text, lists (also as JSON text) of these as lists."""
    try:
        found = structure(value)
    except LeftOut:
        found = value
    if found is None or found in ("", []):
        return None
    try:
        return [text(entry) for entry in found] if isinstance(found, list) else text(found)
    except LeftOut as left_out:
        raise LeftOut(f"`{name}`: {left_out.reason}") from None


def _applied(value: Filled | None, step: _Step) -> Filled | None:
    if value is None or value == "":
        return step.arguments[0] if step.name == "default" else None
    if isinstance(value, str):
        return FILTERS[step.name].apply(value, *step.arguments)
    if step.name == "split":
        return value
    made = [FILTERS[step.name].apply(entry, *step.arguments) for entry in value]
    return None if None in made else [str(entry) for entry in made]
