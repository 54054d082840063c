"""What a step wrote or observed: its assets as datasets, and what belongs to none of them."""

from collections.abc import Iterable
from typing import Any

from . import access, asset, layers, metadata, partitions
from .reading import Reading, compact, key_of, part, text
from .told import StepTold

_VERSION = "dagster/data_version"
_PLACE = ("connection", "relation", "location", "format")
_LOOKS = ("schema", "row_count")
"""What an IO manager's value shows; metadata say it better."""


def output(reading: Reading, context: Any, asset_key: Any, told: StepTold) -> dict[str, Any]:
    """The dataset map of an asset that the step makes, whether it came to that or not."""
    node = layers.node_of(context, asset_key)
    events = [m for m in told.materializations if m.asset_key == asset_key]
    dataset = of_events(asset_key, events, node)
    stored = next((s.dataset for s in told.stores if s.asset_key == asset_key), None)
    if stored is None:
        stored = {} if events else reading.read("place", access.planned, reading, context, asset_key) or {}
    looks = {name: stored[name] for name in _LOOKS if name in stored}
    if "found_by" in stored:
        dataset = {name: value for name, value in dataset.items() if name not in _PLACE}
    dataset = looks | dataset | {name: value for name, value in stored.items() if name not in _LOOKS}
    return dataset | compact({"partitions": written(context, node, events)})


def of_events(asset_key: Any, events: list[Any], node: Any) -> dict[str, Any]:
    """What the events of one asset tell, completed from its definition."""
    said: list[Any] = [event.metadata or {} for event in events]
    defined = part(node, "metadata") or {}
    everywhere = [*reversed(said), defined]
    dataset: dict[str, Any] = {"asset_key": key_of(asset_key)}
    dataset |= _identity(events) or asset.identity(node)
    return dataset | compact(
        {
            "data_version": text((part(events[-1], "tags") or {}).get(_VERSION)) if events else None,
            "schema": _first(metadata.declared_schema, everywhere) or _first(metadata.schema, everywhere),
            "columns": _first(metadata.column_lineage, everywhere),
            "row_count": metadata.row_count(said),
            "description": text(part(node, "description")) or _described(events),
        }
    )


def written(context: Any, node: Any, events: list[Any]) -> dict[str, Any]:
    """Partitions that were written: those of the events, or where there are none those of the run."""
    definition = part(node, "partitions_def")
    keys = [event.partition for event in events if event.partition is not None]
    if keys:
        told = partitions.of_keys(definition, keys)
    elif definition is not None and not events:
        told = partitions.of_tags(definition, context.dagster_run.tags)
    else:
        return {}
    expression = (part(node, "metadata") or {}).get("partition_expr")
    return told | compact({"expression": expression}) if told else {}


def others(context: Any, told: StepTold, made: Iterable[Any]) -> list[dict[str, Any]]:
    """What the step wrote that belongs to none of its assets: outputs of ops, and assets that it logged."""
    own = frozenset(made)
    found = [store.dataset for store in told.stores if store.asset_key is None and not store.is_passing]
    logged = dict.fromkeys(m.asset_key for m in told.materializations if m.asset_key not in own)
    for key in logged:
        events = [m for m in told.materializations if m.asset_key == key]
        node = layers.node_of(context, key)
        found.append(of_events(key, events, node) | compact({"partitions": written(context, node, events)}))
    return found


def observed(
    context: Any, told: StepTold, asset_keys: Iterable[Any] | None, without: Iterable[Any] = ()
) -> list[dict[str, Any]]:
    """Observed assets, all or some of them."""
    wanted = None if asset_keys is None else frozenset(asset_keys)
    left_out = frozenset(without)
    keys = dict.fromkeys(o.asset_key for o in told.observations)
    return [
        _observation(context, key, told)
        for key in keys
        if key not in left_out and (wanted is None or key in wanted)
    ]  # fmt: skip


def _observation(context: Any, key: Any, told: StepTold) -> dict[str, Any]:
    events = [o for o in told.observations if o.asset_key == key]
    node = layers.node_of(context, key)
    keys = [event.partition for event in events if event.partition is not None]
    read = partitions.of_keys(part(node, "partitions_def"), keys)
    return of_events(key, events, node) | compact({"partitions": read})


def _identity(events: list[Any]) -> dict[str, Any]:
    found = _first(
        lambda event: metadata.identity(event.metadata or {}, event.partition), [*reversed(events)]
    )
    return found | {"found_by": "metadata"} if found else {}


def _first(reader: Any, sources: list[Any]) -> Any:
    """What the first source has to say that has anything to say."""
    return next((found for source in sources if (found := reader(source))), None)


def _described(events: list[Any]) -> str | None:
    return text(part(events[-1], "description")) if events else None
