"""Things of Dagster's as dataset maps of the bridge's convention."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from otel_bridge.extract.dialects.dagster import checks, partitions
from otel_bridge.extract.dialects.dagster.facets import asset_facet
from otel_bridge.extract.dialects.dagster.facts import Asset, Key, Origin, Thing, Told
from otel_bridge.extract.dialects.dagster.facts import written as joined
from otel_bridge.extract.dialects.dagster.naming import Identity, by_key, identity
from otel_bridge.extract.values import Attributes, compact
from otel_bridge.model import Value

SOURCE: Final = "DAGSTER"
"""Source of the tags."""
Side = Literal["input", "output"]


def inputs(told: Told, notes: Attributes, path: str) -> list[dict[str, Value]]:
    """What was read or observed, and what was checked, each with the results of its checks.

    An asset that observes itself while it is made does not read itself.
    """
    written = {thing.asset_key for thing in told.outputs if thing.asset_key}
    things = [*told.inputs, *(thing for thing in told.observations if thing.asset_key not in written)]
    known = {thing.asset_key for thing in (*things, *told.outputs)}
    checked = dict.fromkeys(c.asset_key for c in told.checks if c.asset_key and c.asset_key not in known)
    things += [Thing(asset_key=key) for key in checked]
    return _maps(things, told, "input", notes, path)


def outputs(told: Told, notes: Attributes, path: str) -> list[dict[str, Value]]:
    """What was written, with what the definitions say of it and where its columns come from."""
    return _maps(told.outputs, told, "output", notes, path)


def described(thing: Thing, told: Told) -> dict[str, Value] | None:
    """The thing as static metadata; None if only its key is known."""
    found = identity(thing, told.deployment)
    if found is None or not found.physical:
        return None
    return compact(_common(thing, found, told) | _of_asset(told.asset) | {"schema": _schema(thing)})


def is_logical(namespace: str) -> bool:
    """Whether a dataset of this namespace is known by its asset key only."""
    return namespace.startswith("dagster://")


def tags(asset: Asset) -> list[Value]:
    """Kinds, group and tags of the definition."""
    named = [("dagster/group", asset.group), *((f"dagster/kind/{kind}", "true") for kind in asset.kinds)]
    given = [(key, str(value)) for key, value in asset.tags.items() if value not in (None, "")]
    plain = [(key, "true") for key, value in asset.tags.items() if value == ""]
    return [
        {"key": key, "value": value, "source": SOURCE} for key, value in (*named, *given, *plain) if value
    ]


def _maps(
    things: Iterable[Thing], told: Told, side: Side, notes: Attributes, path: str
) -> list[dict[str, Value]]:
    found = []
    for i, thing in enumerate(things):
        name = identity(thing, told.deployment)
        if name is None:
            notes.omit(f"{path}[{i}]", "neither an asset key nor a table nor a place is known")
            continue
        found.append(_map(thing, name, told, side, Notes(notes, f"{path}[{i}]")))
    return found


class Notes:
    """Where to tell what of one dataset is left out."""

    def __init__(self, notes: Attributes, path: str) -> None:
        self._notes = notes
        self._path = path

    def omit(self, part: str, reason: str) -> None:
        """Note it."""
        self._notes.omit(f"{self._path}.{part}", reason)


def _map(thing: Thing, name: Identity, told: Told, side: Side, notes: Notes) -> dict[str, Value]:
    own = side == "output" and thing.asset_key == told.asset.key != ()
    dataset = _common(thing, name, told) | {
        "schema": _schema(thing),
        "version": thing.data_version,
        "row_count": thing.row_count,
        **_subset(thing, side, notes),
    }
    if side == "input":
        dataset["assertions"] = checks.assertions(told.checks, thing.asset_key) if thing.asset_key else []
    else:
        dataset["columns"] = _columns(thing, told, notes)
        dataset["logical"] = None if name.physical else True
    return compact({**dataset, **(_of_asset(told.asset) if own else {})})


def _common(thing: Thing, name: Identity, told: Told) -> dict[str, Value]:
    own = told.asset if thing.asset_key == told.asset.key else Asset()
    facet = asset_facet(thing, own)
    return {
        "namespace": name.name.namespace,
        "name": name.name.name,
        "documentation": thing.description,
        "symlinks": list(name.others),
        "facets": {"dagster_asset": facet} if facet else {},
    }


def _of_asset(asset: Asset) -> dict[str, Value]:
    """What the definition says of the dataset that it makes; what it does not say stands as it is."""
    return compact({"documentation": asset.description, "owners": list(asset.owners), "tags": tags(asset)})


def _schema(thing: Thing) -> list[dict[str, Value]]:
    return [
        compact({"name": c.name, "type": c.type, "description": c.description})
        for c in thing.schema
        if c.name
    ]


def _subset(thing: Thing, side: Side, notes: Notes) -> dict[str, Value]:
    if thing.partitions is None:
        return {}
    if keys := partitions.listed(thing.partitions):
        return {"partitions": keys}
    if condition := partitions.condition(thing.partitions):
        return {f"{side}Facets": {"subset": {f"{side}Condition": condition}}}
    if reason := partitions.unsaid(thing.partitions):
        notes.omit("partitions", reason)
    return {}


def _columns(thing: Thing, told: Told, notes: Notes) -> dict[str, Value]:
    """Column lineage, with the assets by the names that the inputs have."""
    known = {t.asset_key: name for t in (*told.inputs, *told.observations) if (name := _named(t, told))}
    found = {column: _origins(column, origins, known, notes) for column, origins in thing.columns.items()}
    return {column: origins for column, origins in found.items() if origins}


def _named(thing: Thing, told: Told) -> Identity | None:
    return identity(thing, told.deployment) if thing.asset_key else None


def _origins(
    column: str, origins: Iterable[Origin], known: Mapping[Key, Identity], notes: Notes
) -> list[dict[str, Value]]:
    found = []
    for origin in origins:
        name = known.get(origin.asset_key)
        if name is None or not origin.column:
            reason = f"asset `{joined(origin.asset_key)}`, which it comes from, is none of the inputs"
            notes.omit(f"columns.{column}", reason)
            continue
        found.append({"namespace": name.name.namespace, "name": name.name.name, "field": origin.column})
    return found


__all__ = ["by_key", "described", "inputs", "is_logical", "outputs", "tags"]
