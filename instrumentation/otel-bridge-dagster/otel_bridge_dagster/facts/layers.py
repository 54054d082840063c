"""The assets of a job, asked in the same way of every release: Dagster has changed the names around them a few times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from .reading import part


def node_of(context: Any, asset_key: Any) -> Any:
    """The asset's node in the graph of the job's definitions; None if it is not among them."""
    return node_in(context.job_def.asset_layer, asset_key)


def node_in(layer: Any, asset_key: Any) -> Any:
    """The asset's node in a job's asset layer."""
    if _is_early(layer):
        return _early_node(layer, asset_key)
    return layer.get(asset_key) if layer.has(asset_key) else None


def definition_of(context: Any) -> Any:
    """The AssetsDefinition behind a step; None of an op's."""
    layer = context.job_def.asset_layer
    find = part(layer, "get_assets_def_for_node") or layer.assets_def_for_node
    return find(context.node_handle)


def made_by(context: Any) -> list[Any]:
    """Keys of the assets that a step is to make, in the order of its outputs."""
    layer = context.job_def.asset_layer
    find = part(layer, "get_asset_key_for_node_output") or layer.asset_key_for_output
    selected = (
        (part(definition_of(context), "keys") or ()) if _is_early(layer) else context.get_output_asset_keys()
    )
    keys = [find(context.node_handle, output.name) for output in context.step.step_outputs]
    return [key for key in keys if key in selected and not part(node_in(layer, key), "is_observable", False)]


def input_name(context: Any, asset_key: Any) -> str | None:
    """The step's input that stands for an upstream asset; None of one that the step makes itself."""
    layer = context.job_def.asset_layer
    find = part(layer, "get_node_input_name") or layer.input_for_asset_key
    name = find(context.node_handle, asset_key)
    return None if name is None else str(name)


def has_mapping(definition: Any, asset_key: Any) -> bool:
    """Whether an AssetsDefinition says by itself how partitions of an upstream asset are mapped to its own."""
    find = part(definition, "get_partition_mapping_for_dep") or definition.get_partition_mapping
    return find(asset_key) is not None


def io_manager_key(node: Any, asset_key: Any) -> Any:
    """The resource that stores the asset."""
    named = part(node, "io_manager_key")
    find = part(node, "assets_def.get_io_manager_key_for_asset_key")
    return named or (find(asset_key) if find is not None else None)


@dataclass(frozen=True, eq=False)
class _EarlyNode:
    """What has been a node of the graph since 1.7, of the definitions before."""

    parent_keys: frozenset[Any] = frozenset()
    partitions_def: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    group_name: str | None = None
    owners: tuple[Any, ...] = ()
    description: str | None = None
    code_version: str | None = None
    is_observable: bool = False
    assets_def: Any = None


_early: "WeakKeyDictionary[Any, dict[Any, _EarlyNode]]" = WeakKeyDictionary()


def _is_early(layer: Any) -> bool:
    return part(layer, "has") is None


def _early_node(layer: Any, asset_key: Any) -> Any:
    definition = layer.assets_defs_by_key.get(asset_key)
    if definition is None:
        source = layer.source_assets_by_key.get(asset_key)
        return None if source is None else _of_source(source)
    known = _early.setdefault(definition, {})
    if asset_key not in known:
        known[asset_key] = _of_definition(layer, definition, asset_key)
    return known[asset_key]


def _of_source(source: Any) -> _EarlyNode:
    return _EarlyNode(
        partitions_def=part(source, "partitions_def"),
        metadata=part(source, "metadata") or {},
        group_name=part(source, "group_name"),
        description=part(source, "description"),
        is_observable=bool(part(source, "is_observable")),
    )


def _of_definition(layer: Any, definition: Any, asset_key: Any) -> _EarlyNode:
    def said(name: str) -> Any:
        return (part(definition, name) or {}).get(asset_key)

    return _EarlyNode(
        frozenset(layer.upstream_assets_for_asset(asset_key)),
        part(definition, "partitions_def"),
        said("metadata_by_key") or {},
        said("tags_by_key") or {},
        said("group_names_by_key"),
        tuple(said("owners_by_key") or ()),
        said("descriptions_by_key"),
        said("code_versions_by_key"),
        assets_def=definition,
    )
