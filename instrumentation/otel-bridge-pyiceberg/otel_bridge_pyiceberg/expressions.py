"""pyiceberg's filters in the JSON form that Iceberg's REST specification gives expressions."""

from collections import OrderedDict
from typing import Any

from otel_bridge_pyiceberg import attributes as at

TESTS = {
    "IsNull": "is-null",
    "NotNull": "not-null",
    "IsNaN": "is-nan",
    "NotNaN": "not-nan",
    "EqualTo": "eq",
    "NotEqualTo": "not-eq",
    "LessThan": "lt",
    "LessThanOrEqual": "lt-eq",
    "GreaterThan": "gt",
    "GreaterThanOrEqual": "gt-eq",
    "StartsWith": "starts-with",
    "NotStartsWith": "not-starts-with",
    "In": "in",
    "NotIn": "not-in",
}
MAX_DEPTH = 40
MAX_PARTS = 200
"""Filters with more parts than that are made by programs; they are left out."""


REMEMBERED = 64
_parsed: "OrderedDict[str, Any]" = OrderedDict()


class TooLarge(Exception):
    """The filter has too many parts."""


def everything(expression: Any) -> bool:
    """Whether it is the filter that every row passes."""
    return type(expression).__name__ == "AlwaysTrue"


def remember(text: Any, expression: Any) -> None:
    """Note how pyiceberg has read a filter that was given as text."""
    if isinstance(text, str):
        _parsed[text] = expression
        if len(_parsed) > REMEMBERED:
            _parsed.popitem(last=False)


def told(expression: Any) -> dict[str, Any]:
    """The filter as attributes; none for one that every row passes, or that is too large to tell."""
    if expression is None or everything(expression) or expression == "":
        return {}
    if isinstance(expression, str):
        if expression not in _parsed:
            return {at.FILTER_TEXT: expression}
        expression = _parsed[expression]
    try:
        return {at.FILTER: _Form().of(expression, MAX_DEPTH)}
    except TooLarge:
        return {}


class _Form:
    def __init__(self) -> None:
        self._parts = 0

    def of(self, expression: Any, depth: int) -> dict[str, Any]:
        self._count(depth)
        name = type(expression).__name__.removeprefix("Bound")
        if name in {"And", "Or"}:
            sides = (self.of(expression.left, depth - 1), self.of(expression.right, depth - 1))
            return {"type": name.lower(), "left": sides[0], "right": sides[1]}
        if name == "Not":
            return {"type": "not", "child": self.of(expression.child, depth - 1)}
        if name in {"AlwaysTrue", "AlwaysFalse"}:
            return {"type": name.removeprefix("Always").lower()}
        return self._test(name, expression)

    def _test(self, name: str, expression: Any) -> dict[str, Any]:
        told: dict[str, Any] = {"type": TESTS.get(name, name), "term": _term(expression.term)}
        if hasattr(expression, "literals"):
            told["values"] = sorted(map(self._value, expression.literals), key=str)
        elif hasattr(expression, "literal"):
            told["value"] = self._value(expression.literal)
        return told

    def _value(self, literal: Any) -> Any:
        self._count(1)
        value = getattr(literal, "value", literal)
        return value if isinstance(value, str | int | float) else str(value)

    def _count(self, depth: int) -> None:
        self._parts += 1
        if not depth or self._parts > MAX_PARTS:
            raise TooLarge


def _term(term: Any) -> str:
    """The column's name."""
    reference = term.ref() if hasattr(term, "ref") else term
    field = getattr(reference, "field", None)
    return str(field.name if field is not None else getattr(reference, "name", reference))
