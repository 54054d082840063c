"""What the definitions say of an asset; read once a process, as long as the definitions live."""

from typing import Any
from weakref import WeakKeyDictionary

from . import layers, metadata, partitions, tags
from .dbt_nodes import unique_id
from .reading import compact, key_of, part, text

_known: "WeakKeyDictionary[Any, dict[str, Any]]" = WeakKeyDictionary()


def asset(context: Any, asset_key: Any) -> dict[str, Any]:
    """The asset map."""
    node = layers.node_of(context, asset_key)
    if node is None:
        return {"key": key_of(asset_key)}
    if node not in _known:
        _known[node] = _asset(asset_key, node)
    return _known[node]


def identity(node: Any) -> dict[str, Any]:
    """Where the asset is, if its definition says so."""
    found = metadata.identity(part(node, "metadata") or {})
    return found | {"found_by": "definition"} if found else {}


def _asset(asset_key: Any, node: Any) -> dict[str, Any]:
    said = part(node, "metadata") or {}
    given = part(node, "tags") or {}
    return compact(
        {
            "key": key_of(asset_key),
            "description": text(part(node, "description")),
            "group": text(part(node, "group_name")),
            "owners": [_owner(owner) for owner in part(node, "owners") or ()],
            "kinds": tags.kinds(given) or _compute_kind(node, said),
            "tags": tags.of_user(given),
            "code_version": text(part(node, "code_version")),
            "code_source": metadata.code_source(said),
            "partitioned_by": partitions.described(part(node, "partitions_def")),
            "dbt_unique_id": unique_id(asset_key, said),
        }
    )


def _owner(owner: Any) -> str:
    """An e-mail address, or `team:` and its name; early releases keep them as objects."""
    if isinstance(owner, str):
        return owner
    team = text(part(owner, "team"))
    return f"team:{team}" if team else text(part(owner, "email")) or str(owner)


def _compute_kind(node: Any, said: Any) -> list[str]:
    """What assets had before they had kinds."""
    names = (
        metadata.plain(said.get("dagster/storage_kind")),
        (part(node, "tags") or {}).get("dagster/compute_kind"),
    )
    return sorted({str(name) for name in names if name})
