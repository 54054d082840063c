"""Partitions as subset facets: keys one by one, many contiguous ones as a condition on what partitions the data."""

from collections.abc import Sequence
from typing import Final

from otel_bridge.extract.dialects.dagster.facts import Partitions, Range
from otel_bridge.model import Value

PARTITION: Final = "partition"
"""Name of the only dimension, where no column is known for it."""
MOST_LISTED: Final = 50
MOST_RANGES: Final = 20


def listed(partitions: Partitions) -> list[dict[str, Value]]:
    """The keys with their dimensions; [] if there are none, or too many.

    >>> listed(Partitions(keys=("2026-01-06",), expression="day"))
    [{'identifier': '2026-01-06', 'dimensions': {'day': '2026-01-06'}}]
    """
    keys = partitions.keys
    if not 0 < len(keys) <= MOST_LISTED:
        return []
    return [{"identifier": key, "dimensions": _dimensions(partitions, i)} for i, key in enumerate(keys)]


def condition(partitions: Partitions) -> dict[str, Value] | None:
    """The ranges as a condition; None if there are none, or they are of more than one dimension."""
    ranges = partitions.ranges
    if not ranges or len(ranges) > MOST_RANGES or isinstance(partitions.expression, dict):
        return None
    field = _column(partitions) or PARTITION
    if len(ranges) == 1 and partitions.start and partitions.end and _column(partitions):
        return _both(
            "AND",
            _compare(field, "GREATER_EQUAL_THAN", partitions.start),
            _compare(field, "LESS_THAN", partitions.end),
        )
    return _any([_within(field, each) for each in ranges])


def unsaid(partitions: Partitions) -> str:
    """Why no subset tells which partitions these are; "" if one does, or there is nothing to tell."""
    number = partitions.count or len(partitions.keys)
    if not number or listed(partitions) or condition(partitions):
        return ""
    return f"{number} partitions in no few ranges of one dimension are too many to list"


def _column(partitions: Partitions) -> str:
    return partitions.expression if isinstance(partitions.expression, str) else ""


def _dimensions(partitions: Partitions, index: int) -> dict[str, Value]:
    if index >= len(partitions.dimensions):
        return {_column(partitions) or PARTITION: partitions.keys[index]}
    columns = partitions.expression if isinstance(partitions.expression, dict) else {}
    return {str(columns.get(name) or name): value for name, value in partitions.dimensions[index].items()}


def _within(field: str, found: Range) -> dict[str, Value]:
    if found.first == found.last:
        return _compare(field, "EQUAL", found.first)
    return _both(
        "AND",
        _compare(field, "GREATER_EQUAL_THAN", found.first),
        _compare(field, "LESS_EQUAL_THAN", found.last),
    )


def _any(conditions: Sequence[dict[str, Value]]) -> dict[str, Value]:
    first, *rest = conditions
    return _both("OR", first, _any(rest)) if rest else first


def _both(operator: str, left: dict[str, Value], right: dict[str, Value]) -> dict[str, Value]:
    return {"type": "binary", "left": left, "right": right, "operator": operator}


def _compare(field: str, comparison: str, value: str) -> dict[str, Value]:
    return {
        "type": "compare",
        "left": {"type": "field", "field": field},
        "right": {"type": "literal", "value": value},
        "comparison": comparison,
    }
