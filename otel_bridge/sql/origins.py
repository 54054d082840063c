"""What a value comes from, and how uses compose along expressions, subqueries and CTEs.

An origin is built once per output column of a query and shared by all who refer to it; nobody changes it afterwards.
"""

from collections.abc import Iterable

import msgspec

from otel_bridge.sql.values import DIRECT, Subtype, TableName, Use

Key = tuple[TableName, str, Subtype]
Uses = dict[Key, bool]
"""Masking by use. Of two ways to the same use one that shows the value is enough to show it."""

_RANK: dict[Subtype, int] = {"IDENTITY": 0, "TRANSFORMATION": 1, "AGGREGATION": 2}


class Origin(msgspec.Struct, frozen=True):
    """The uses that make a value; `reason` says why they are not known, "" if they are.

    `fields` are those of a struct or a whole row, by casefolded name, where they are known one by one.
    """

    uses: Uses = {}
    reason: str = ""
    fields: dict[str, "Origin"] | None = None


NOTHING = Origin()
"""The origin of a constant."""


def raised(outer: Subtype, inner: Subtype) -> Subtype:
    """The subtype of a use of `inner`, seen through a use of `outer`.

    >>> raised("TRANSFORMATION", "AGGREGATION"), raised("FILTER", "IDENTITY"), raised("AGGREGATION", "WINDOW")
    ('AGGREGATION', 'FILTER', 'WINDOW')
    """
    if outer not in DIRECT:
        return outer
    if inner not in DIRECT:
        return inner
    return outer if _RANK[outer] >= _RANK[inner] else inner


def add(into: Uses, uses: Uses, subtype: Subtype, masking: bool = False) -> None:
    """Adds uses as they are seen through a use of `subtype`."""
    for (table, column, inner), masked in uses.items():
        key = (table, column, raised(subtype, inner))
        value = masked or masking
        into[key] = value and into.get(key, True)


def merge(into: Uses, uses: Uses) -> None:
    """Adds uses as they are."""
    for key, masked in uses.items():
        into[key] = masked and into.get(key, True)


def joined(origins: Iterable[Origin]) -> Origin:
    """The origin of a value that is one of several, as in a union; unknown if one of them is."""
    several = list(origins)
    if len(several) == 1:
        return several[0]
    uses: Uses = {}
    for origin in several:
        if origin.reason:
            return origin
        merge(uses, origin.uses)
    return Origin(uses)


def seen(origin: Origin, subtype: Subtype) -> Origin:
    """The origin of a value computed from one of this origin."""
    if origin.reason or not origin.uses:
        return origin
    uses: Uses = {}
    add(uses, origin.uses, subtype)
    return Origin(uses)


def told(uses: Uses) -> tuple[Use, ...]:
    """Uses as values, in order."""
    return tuple(sorted(Use(table, column, subtype, mask) for (table, column, subtype), mask in uses.items()))
