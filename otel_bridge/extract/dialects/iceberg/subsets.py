"""Iceberg's filters as OpenLineage's conditions: what they have no word for is left out where that is still true."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final

from otel_bridge.model import Value

COMPARISONS: Final = {
    "eq": "EQUAL",
    "lt": "LESS_THAN",
    "lt-eq": "LESS_EQUAL_THAN",
    "gt": "GREATER_THAN",
    "gt-eq": "GREATER_EQUAL_THAN",
}
MOST_VALUES: Final = 50
MAX_DEPTH: Final = 48

Condition = dict[str, Value]


def condition(expression: Mapping[str, Value], depth: int = MAX_DEPTH) -> Condition | None:
    """What every row of the part fulfils; None if nothing can be said.

    >>> condition({"type": "gt", "term": "id", "value": 10})["comparison"]
    'GREATER_THAN'
    """
    kind, term = str(expression.get("type", "")), expression.get("term")
    if not depth:
        return None
    if kind in {"and", "or"}:
        sides = [
            condition(side, depth - 1) if isinstance(side, dict) else None
            for side in (expression.get("left"), expression.get("right"))
        ]
        return _joined(kind, sides)
    if kind in COMPARISONS and isinstance(term, str) and "value" in expression:
        return _compared(term, kind, expression["value"])
    values = expression.get("values")
    if kind == "in" and isinstance(term, str) and isinstance(values, list) and 0 < len(values) <= MOST_VALUES:
        return reduce(_or, [_compared(term, "eq", value) for value in values])
    return None


def _joined(kind: str, sides: Sequence[Condition | None]) -> Condition | None:
    """Of an `and` either side alone holds, too."""
    known = [side for side in sides if side is not None]
    if len(known) == 2:
        return _both(kind.upper(), *known)
    return known[0] if known and kind == "and" else None


def _or(left: Condition, right: Condition) -> Condition:
    return _both("OR", left, right)


def _both(operator: str, left: Condition, right: Condition) -> Condition:
    return {"type": "binary", "left": left, "right": right, "operator": operator}


def _compared(term: str, kind: str, value: Value) -> Condition:
    literal = str(value).lower() if isinstance(value, bool) else str(value)
    return {
        "type": "compare",
        "left": {"type": "field", "field": term},
        "right": {"type": "literal", "value": literal},
        "comparison": COMPARISONS[kind],
    }
