"""What a node reads: its parents, ephemeral ones passed through, each where ref() really resolved to."""

import json
import re
from collections.abc import Iterator
from typing import Any

from .flags import flag
from .relations import deferred_relation, node_relation, relation_of, rendered, seed_file
from .scope import Scope
from .values import part, text

_RELATIONAL = frozenset({"model", "seed", "snapshot", "source"})
_KINDS = ("nodes", "sources", "metrics", "semantic_models", "saved_queries", "exposures", "unit_tests")


def inputs(scope: Scope, node: Any, command: str | None, code: str | None) -> list[dict[str, Any]]:
    """Relation maps of all that the node reads, by its compiled code if there is any; of a seed its file."""
    kind = text(part(node, "resource_type"))
    if command == "clone":
        return [deferred_relation(scope, node)] if part(node, "defer_relation") else []
    if kind == "seed":
        return [seed_file(scope, node)]
    if kind == "source":
        return [node_relation(scope, node)]
    if kind == "unit_test":
        return []
    return [found for parent in physical_parents(scope, node) for found in _as_read(scope, parent, code)]


def physical_parents(scope: Scope, node: Any) -> list[Any]:
    """Nodes and sources with a relation that the node depends on, in its order."""
    found: dict[str, Any] = {}
    _collect(scope.manifest, node, found, {text(part(node, "unique_id"))})
    return list(found.values())


def compiled_code(node: Any) -> str | None:
    """The compiled code, once there is one."""
    return part(node, "compiled_code") or None


def is_deferred(scope: Scope, parent: Any, code: str | None) -> tuple[bool, bool]:
    """Whether the node reads the parent's own relation, and whether that of the deferred state.

    The compiled code decides; before it is there, or where it names neither, what dbt itself goes by does.
    """
    if not part(parent, "defer_relation") or not flag(scope.args, "defer"):
        return True, False
    own = rendered(relation_of(scope, parent))
    other = rendered(relation_of(scope, part(parent, "defer_relation")))
    if own == other:
        return True, False
    names = (_is_named(own, code), _is_named(other, code))
    if any(names):
        return names
    deferred = _would_defer(scope, parent)
    return not deferred, deferred


def _as_read(scope: Scope, parent: Any, code: str | None) -> Iterator[dict[str, Any]]:
    own, deferred = is_deferred(scope, parent, code)
    if own:
        yield node_relation(scope, parent)
    if deferred:
        yield deferred_relation(scope, parent)


def _collect(manifest: Any, node: Any, found: dict[str, Any], seen: set[str | None]) -> None:
    for key in part(part(node, "depends_on"), "nodes") or ():
        if key in seen:
            continue
        seen.add(key)
        parent = lookup(manifest, key)
        if parent is None:
            continue
        if is_physical(parent):
            found[key] = parent
        else:
            _collect(manifest, parent, found, seen)


def lookup(manifest: Any, key: str) -> Any:
    """Whatever the manifest has under the unique id."""
    for kind in _KINDS:
        found = (part(manifest, kind) or {}).get(key)
        if found is not None:
            return found
    return None


def is_physical(node: Any) -> bool:
    """Whether the node has a relation in the warehouse."""
    return text(part(node, "resource_type")) in _RELATIONAL and part(node, "is_ephemeral_model") is not True


def _is_named(relation: str, code: str | None) -> bool:
    """Whether the code names the relation, and not one whose name only begins or ends like it."""
    if not code:
        return False
    # in a Python model the names stand as texts in JSON
    if json.dumps(relation) in code:
        return True
    return re.search(rf"(?<![\w.\"`\]]){re.escape(relation)}(?![\w\"`])", code) is not None


def _would_defer(scope: Scope, parent: Any) -> bool:
    from dbt import selected_resources

    if flag(scope.args, "favor_state") and parent.unique_id not in selected_resources.SELECTED_RESOURCES:
        return True
    return not _is_cached(scope, parent)


def _is_cached(scope: Scope, parent: Any) -> bool:
    """Whether the adapter has seen the relation in the warehouse; asks its cache and never the warehouse."""
    relations = scope.adapter.cache.get_relations(part(parent, "database"), part(parent, "schema"))
    wanted = str(part(parent, "identifier") or part(parent, "alias")).lower()
    return any(str(part(relation, "identifier")).lower() == wanted for relation in relations)
