"""Why a node was skipped: which one failed before it. dbt itself says so only where an ephemeral model did."""

from typing import Any

from .inputs import lookup
from .results import FAILED, status_of
from .scope import Scope
from .values import compact, part, text


def skip_cause(scope: Scope, node: Any, result: Any, runner: Any) -> dict[str, Any]:
    """`{unique_id, status}` of what failed; remembers how the node ended, for those after it."""
    key, status = text(part(node, "unique_id")), status_of(result)
    failed: dict[str, str] = scope.remembered.setdefault("failed", {})
    if key and status in FAILED:
        failed[key] = status
    if status != "skipped":
        return {}
    cause = part(runner, "skip_cause")
    if cause is not None:
        told = {"unique_id": text(part(part(cause, "node"), "unique_id")), "status": status_of(cause)}
        return compact(told)
    return _failed_before(scope.manifest, node, dict(failed))


def _failed_before(manifest: Any, node: Any, failed: dict[str, str]) -> dict[str, Any]:
    above = _ancestors(manifest, node, set())
    for key, status in failed.items():
        # a failed test of what the node reads stops it too, in `dbt build`
        if key in above or above.issuperset(_parents(lookup(manifest, key)) or {key}):
            return {"unique_id": key, "status": status}
    return {}


def _ancestors(manifest: Any, node: Any, found: set[str]) -> set[str]:
    for key in _parents(node):
        if key not in found:
            found.add(key)
            _ancestors(manifest, lookup(manifest, key), found)
    return found


def _parents(node: Any) -> list[str]:
    return list(part(part(node, "depends_on"), "nodes") or ())
