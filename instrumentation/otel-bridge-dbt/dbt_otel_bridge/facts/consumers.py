"""Who uses a relation beyond the warehouse: exposures, metrics, semantic models and saved queries."""

from typing import Any

from .inputs import is_physical, lookup
from .scope import Scope
from .values import compact, labels, part, plain, public, text

_KINDS = ("exposures", "metrics", "semantic_models", "saved_queries")


def consumers(scope: Scope, node: Any) -> list[dict[str, Any]]:
    """Those that depend on the node, directly or through each other and through ephemeral models."""
    if "consumers" not in scope.remembered:
        scope.remembered["consumers"] = _index(scope.manifest)
    found: list[dict[str, Any]] = scope.remembered["consumers"].get(text(part(node, "unique_id")), [])
    return found


def _index(manifest: Any) -> dict[str, list[dict[str, Any]]]:
    index: dict[str, list[dict[str, Any]]] = {}
    for kind in _KINDS:
        for consumer in (part(manifest, kind) or {}).values():
            shown = _shown(consumer)
            for key in _sources(manifest, consumer, set()):
                index.setdefault(key, []).append(shown)
    return index


def _sources(manifest: Any, consumer: Any, seen: set[str]) -> set[str]:
    found = set()
    for key in part(part(consumer, "depends_on"), "nodes") or ():
        if key in seen:
            continue
        seen.add(key)
        parent = lookup(manifest, key)
        if is_physical(parent):
            found.add(key)
        elif parent is not None:
            found |= _sources(manifest, parent, seen)
    return found


def _shown(consumer: Any) -> dict[str, Any]:
    owner = part(consumer, "owner")
    return compact(
        {
            "unique_id": text(part(consumer, "unique_id")),
            "type": text(part(consumer, "resource_type")),
            "kind": text(part(consumer, "type")),
            "name": text(part(consumer, "name")),
            "label": text(part(consumer, "label")),
            "url": public_url(part(consumer, "url")),
            "owner": compact({"name": text(part(owner, "name")), "email": plain(part(owner, "email"))}),
            "maturity": text(part(consumer, "maturity")),
            "description": text(part(consumer, "description")),
            "tags": labels(consumer),
            "meta": plain(part(consumer, "meta")),
        }
    )


def public_url(url: object) -> str | None:
    """The address as the project gives it, without a password: a page's query names the page."""
    shown = text(url)
    return shown if shown is None or "@" not in shown.split("?", 1)[0] else public(shown)
