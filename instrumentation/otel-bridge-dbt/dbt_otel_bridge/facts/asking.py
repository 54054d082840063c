"""Which relations of a node are looked up, once dbt has worked on it."""

from typing import Any

from .flags import flag
from .inputs import compiled_code, is_deferred, is_physical, physical_parents
from .node import stores_failures
from .relations import relation_of
from .scope import Scope
from .values import part, text

_WRITERS = frozenset({"model", "seed", "snapshot"})


def ask_columns(scope: Scope, node: Any, runner: Any = None) -> None:
    """Look up the node's output, and those of its inputs that nothing is known of."""
    if scope.columns.mode == "off" or scope.columns.given_up:
        return
    kind = text(part(node, "resource_type"))
    if kind == "test" and stores_failures(node):
        _ask(scope, node, output=True)
    if kind not in _WRITERS or not is_physical(node):
        return
    _ask(scope, node, output=not _is_later_batch(scope, node, runner))
    for relation in _read(scope, node):
        _observe(scope, relation, output=False)


def _read(scope: Scope, node: Any) -> list[Any]:
    if text(flag(scope.args, "which")) == "clone":
        deferred_to = part(node, "defer_relation")
        return [relation_of(scope, deferred_to)] if deferred_to else []
    code = compiled_code(node)
    relations = []
    for parent in physical_parents(scope, node):
        own, deferred = is_deferred(scope, parent, code)
        relations += [relation_of(scope, parent)] if own else []
        relations += [relation_of(scope, part(parent, "defer_relation"))] if deferred else []
    return relations


def _ask(scope: Scope, node: Any, *, output: bool) -> None:
    _observe(scope, relation_of(scope, node), output=output)


def _observe(scope: Scope, relation: Any, *, output: bool) -> None:
    if scope.columns.wants(str(relation.render()), output=output):
        scope.columns.observe(scope.adapter, relation)


def _is_later_batch(scope: Scope, node: Any, runner: Any) -> bool:
    """Batches of one model write the same table: the first that succeeds tells its columns."""
    if part(runner, "batch_idx") is None:
        return False
    asked: set[str] = scope.remembered.setdefault("batched", set())
    key = str(part(node, "unique_id"))
    later = key in asked
    asked.add(key)
    return later
