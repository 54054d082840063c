"""ownership facets: who answers for it."""

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import Fields, listing, text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape


class Owner(Part, frozen=True, kw_only=True):
    """`name` as in `team:sales` or `user:ada`."""

    name: str
    type: str | Maybe = UNSET


class Ownership(Shape, frozen=True, kw_only=True):
    """Owners in the order given."""

    owners: list[Owner] | Maybe = UNSET


def ownership(value: Value) -> Ownership:
    """From a list of names or `{name, type}`; a single one needs no list."""
    entries = [value] if isinstance(value, str | dict) else listing(value, "owners")
    return Ownership(owners=[_owner(entry, i) for i, entry in enumerate(entries, 1)])


def _owner(entry: Value, number: int) -> Owner:
    if isinstance(entry, str):
        return Owner(name=text(entry, f"owner {number}"))
    fields = Fields(entry, "owner", number)
    return Owner(name=fields.need("name"), type=fields.text("type"))
