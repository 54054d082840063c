"""Facts of several sources as one: field by field the first that says anything."""

from typing import Any, TypeVar

import msgspec

from otel_bridge.extract.dialects.dbt.facts import Told

F = TypeVar("F", bound=msgspec.Struct)
_SQL_END = ";\n"


def merged(*sources: Told) -> Told:
    """The facts of all; earlier sources go before later ones, in every field of every part. What run it is, the first says.

    >>> merged(Told(tier="B"), Told(tier="D")).tier
    'B'
    """
    first, *others = sources
    for other in others:
        first = over(first, other)
    return msgspec.structs.replace(first, tier=sources[0].tier, kind=sources[0].kind)


def in_order(notes: list[Told]) -> Told:
    """What queries of one node say, in the order that they ran: together they are its statement.

    Of an error, an id or an adapter the last one counts.
    """
    statements = [note.node.sql.rstrip().rstrip(";") for note in notes if note.node.sql.strip()]
    found = merged(*reversed(notes)) if notes else Told()
    return msgspec.structs.replace(
        found, node=msgspec.structs.replace(found.node, sql=_SQL_END.join(statements))
    )


def over(first: F, second: F) -> F:
    """One part, field by field."""
    fields = msgspec.structs.fields(type(first))
    return type(first)(
        **{f.name: _either(getattr(first, f.name), getattr(second, f.name), _default(f)) for f in fields}
    )


def _either(first: Any, second: Any, default: Any) -> Any:
    if isinstance(first, msgspec.Struct) and isinstance(second, msgspec.Struct):
        return over(first, second)
    return second if first == default or first is None else first


def _default(field: Any) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default
