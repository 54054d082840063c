"""The node of dbt behind an asset of dagster-dbt."""

from collections.abc import Mapping
from typing import Any

from .metadata import plain
from .reading import part, text

_MANIFESTS_AT_MOST = 4
_MAKING = frozenset({"model", "seed", "snapshot"})
_by_name: dict[int, tuple[Any, dict[str, list[Any]]]] = {}


def unique_id(asset_key: Any, metadata: Mapping[str, Any]) -> str | None:
    """Its unique id: releases before 0.25 do not tell it, though which manifest it is in, and how keys are made."""
    told = text(plain(metadata.get("dagster_dbt/unique_id")))
    manifest = part(plain(metadata.get("dagster_dbt/manifest")), "manifest")
    if told or not isinstance(manifest, Mapping):
        return told
    translator = plain(metadata.get("dagster_dbt/dagster_dbt_translator"))
    for node in _named(manifest).get(asset_key.path[-1], ()):
        if translator.get_asset_key(node) == asset_key:
            return text(node.get("unique_id"))
    return None


def _named(manifest: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Nodes by what the last part of a key may be: the name, or the alias."""
    if id(manifest) not in _by_name:
        while len(_by_name) >= _MANIFESTS_AT_MOST:
            _by_name.pop(next(iter(_by_name)), None)
        # with the manifest, so that its id stays its own
        _by_name[id(manifest)] = (manifest, _index(manifest))
    return _by_name[id(manifest)][1]


def _index(manifest: Mapping[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for node in manifest.get("nodes", {}).values():
        if node.get("resource_type") in _MAKING:
            for name in {node.get("name"), node.get("alias")} - {None}:
                found.setdefault(name, []).append(node)
    return found
