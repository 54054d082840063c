"""What an asset was made from: the assets that its definition names, and what IO managers loaded for it."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from . import asset, io_managers, layers, metadata, partitions
from .access import Access
from .reading import Reading, compact, key_of, part, text
from .told import StepTold

_VERSION = "dagster/input_data_version/"
_STORED = "Query"
"""An entry that only Dagster's database IO managers give a table."""
_NO_VERSIONS = frozenset({"INITIAL", "NULL", "UNKNOWN"})
"""What Dagster says of assets that were never made."""
_TRACE = "otel/trace_id"
_SPAN = "otel/span_id"


def inputs(reading: Reading, context: Any, asset_key: Any, told: StepTold) -> list[dict[str, Any]]:
    """Dataset maps of all upstream assets of an asset, whether anything was loaded from them or not."""
    node = layers.node_of(context, asset_key)
    versions, own = _versions(asset_key, told), part(node, "assets_def")
    found = []
    for key in sorted(part(node, "parent_keys") or (), key=key_of):
        name = key.to_user_string()
        found.append(reading.read(f"input {name}", one, context, key, told, versions.get(name), own))
    return [dataset for dataset in found if dataset is not None]


def loads_of(told: StepTold, asset_key: Any) -> list[Access]:
    """What was loaded of an asset."""
    return [load for load in told.loads if load.asset_key == asset_key]


def one(
    context: Any, key: Any, told: StepTold, version: str | None = None, own: Any = None
) -> dict[str, Any]:
    """The dataset map of an asset that was read, for an asset of this AssetsDefinition (by default the step's)."""
    record = told.upstream.get(key)
    node = layers.node_of(context, key)
    loads = loads_of(told, key)
    dataset = {"asset_key": key_of(key)} | _identity(context, key, node, told, record)
    read = next((load.partitions for load in loads if load.partitions is not None), None)
    return dataset | compact(
        {
            "data_version": _real(version) or _real(_fetched_version(context, key)),
            "partitions": read if read is not None else mapped(context, key, node, own),
            "produced_by": _producer(context, key, record),
            "schema": metadata.schema(part(_event(record), "metadata") or part(node, "metadata") or {}),
            "description": text(part(node, "description")),
        }
    )


def mapped(context: Any, key: Any, node: Any, own: Any) -> dict[str, Any]:
    """Upstream partitions that Dagster maps the step's to; nothing of an asset without partitions."""
    definition = part(node, "partitions_def")
    if definition is None:
        return {}
    own = layers.definition_of(context) if own is None else own
    if own is not None and part(own, "partitions_def") == definition and not layers.has_mapping(own, key):
        return partitions.of_tags(definition, context.dagster_run.tags)
    name = layers.input_name(context, key) if part(context, "node_handle") is not None else None
    if name is None:
        return {}
    with _loading(context):
        subset = context.asset_partitions_subset_for_input(name, require_valid_partitions=False)
        return partitions.of_subset(definition, subset)


def _event(record: Any) -> Any:
    """The materialization or observation in an event record."""
    said = part(record, "event_log_entry.dagster_event.event_specific_data")
    return part(said, "materialization") or part(said, "asset_observation")


def _identity(context: Any, key: Any, node: Any, told: StepTold, record: Any) -> dict[str, Any]:
    """Physical where it is known: from the IO manager, the event, the definition, in this order."""
    accesses = [*loads_of(told, key), *(store for store in told.stores if store.asset_key == key)]
    known = next((a.dataset for a in accesses if "found_by" in a.dataset), None)
    if known is not None:
        return {name: value for name, value in known.items() if name not in {"schema", "row_count"}}
    own = [m for m in told.materializations if m.asset_key == key]
    for event in (*own, _event(record)):
        said = part(event, "metadata") or {}
        found = metadata.identity(said, text(part(event, "partition")))
        if found:
            return _completed(context, key, node, found, said) | {"found_by": "metadata"}
    manager = next((compact({"io_manager": a.dataset.get("io_manager")}) for a in accesses), {})
    return asset.identity(node) | manager


def _completed(context: Any, key: Any, node: Any, found: dict[str, Any], said: Any) -> dict[str, Any]:
    """With the connection of its IO manager, if the step has that and the table was stored by it."""
    if _STORED not in said or "relation" not in found or part(found, "connection.type") == "duckdb":
        return found
    name = layers.io_manager_key(node, key)
    manager = part(context, f"resources.{name}")
    config = part(part(context, "resolved_run_config.resources", {}).get(name), "config")
    connected = io_managers.connection_of(manager, config) if manager is not None else None
    same = part(manager, "_database") == found["relation"].get("database")
    return found | {"connection": connected} if connected and same else found


def _versions(asset_key: Any, told: StepTold) -> dict[str, str]:
    """Data versions of inputs by their key, as the asset's last materialization tells them."""
    own = [m.tags or {} for m in told.materializations if m.asset_key == asset_key]
    told_last = own[-1] if own else {}
    return {
        name.removeprefix(_VERSION): version
        for name, version in told_last.items()
        if name.startswith(_VERSION)
    }


def _fetched(context: Any, key: Any) -> Any:
    """What Dagster fetched of the input before the step worked."""
    known = part(context, "input_asset_records")
    return (known or {}).get(key)


def _fetched_version(context: Any, key: Any) -> str | None:
    return text(part(_fetched(context, key), "data_version.value"))


def _real(version: str | None) -> str | None:
    return None if version in _NO_VERSIONS else version


def _producer(context: Any, key: Any, record: Any) -> dict[str, Any]:
    entry = part(record, "event_log_entry")
    event = part(entry, "dagster_event")
    said = part(event, "event_specific_data.materialization")
    if record is not None and said is None:
        return {}
    run_id = text(part(record, "run_id") or part(entry, "run_id") or part(_fetched(context, key), "run_id"))
    tags = {name: plain for name in (_TRACE, _SPAN) if (plain := _told_id(said, name))}
    found = {
        "run_id": run_id,
        "step_key": text(part(event, "step_key")),
        "trace_id": tags.get(_TRACE),
        "span_id": tags.get(_SPAN),
    }
    return compact(found) if run_id else {}


def _told_id(said: Any, name: str) -> str | None:
    return text(
        (part(said, "tags") or {}).get(name) or metadata.plain((part(said, "metadata") or {}).get(name))
    )


def _loading(context: Any) -> AbstractContextManager[Any]:
    """How releases from 1.11 give definitions the store of dynamic partitions."""
    module = sys.modules.get("dagster._core.definitions.partitions.context")
    if module is None:
        return nullcontext()
    entered: AbstractContextManager[Any] = module.partition_loading_context(
        dynamic_partitions_store=context.instance
    )
    return entered
