"""All facts of a node put together; one that can't be read leaves the others."""

import os
from collections.abc import Callable
from typing import Any

from dbt_otel_bridge import attributes as names

from . import invocations
from .assets import asset
from .batches import batch
from .consumers import consumers
from .inputs import compiled_code, inputs
from .node import code, described, identity, output, sql
from .scope import Scope
from .values import compact, message, part, to_json


def told_of(scope: Scope, task: Any, node: Any, runner: Any, compiled: str | None) -> dict[str, Any]:
    """What is known of a node or batch, its compiled code given, beside how it ended."""
    shared = {**invocations.shared(scope, task), names.KIND: names.KIND_NODE}
    command = shared.get(names.COMMAND)
    window = batch(runner)
    if window:
        shared |= {names.KIND: names.KIND_BATCH, names.BATCH: to_json(window)}
    moving = {
        names.INPUTS: lambda: inputs(scope, node, command, compiled),
        names.OUTPUT: lambda: output(scope, node, command),
    }
    lasting = {
        names.NODE: lambda: described(scope, node),
        names.ASSET: lambda: asset(scope, node),
        names.CONSUMERS: lambda: [] if window else consumers(scope, node),
    }
    return {**shared, **identity(node), **_read_once(scope, node, window, lasting, moving)}


def code_of(scope: Scope, task: Any, node: Any) -> dict[str, Any]:
    """The compiled SQL or the source, unless the user leaves it out."""
    command = invocations.shared(scope, task).get(names.COMMAND)
    return code(scope, node, command) if _wants_sql() else {}


def sql_of(scope: Scope, text: str | None) -> dict[str, Any]:
    """SQL beside a node's own, such as a hook's."""
    return sql(scope, text) if _wants_sql() else {}


def compiled(scope: Scope, node: Any, runner: Any, result: Any) -> Any:
    """The node with its compiled code.

    That is the result's where dbt made another object of it (unit tests), and the last batch of a microbatch model,
    whose own code dbt never compiles.
    """
    batches: dict[str, Any] = scope.remembered.setdefault("batches", {})
    key = str(part(node, "unique_id"))
    if part(runner, "batch_idx") is not None and compiled_code(node):
        batches[key] = node
    candidates = (node, part(result, "node"), batches.get(key))
    return next((found for found in candidates if compiled_code(found)), node)


def _read_once(
    scope: Scope,
    node: Any,
    window: Any,
    lasting: dict[str, Callable[[], Any]],
    moving: dict[str, Callable[[], Any]],
) -> dict[str, str]:
    """What lasts is read at the node's start and said again at its end, unless something in it could not be read."""
    key = f"lasting {'batch' if window else 'node'} {part(node, 'unique_id')}"
    known: dict[str, str] | None = scope.remembered.get(key)
    if known is not None:
        return {**known, **_read(moving)}
    found = _read({**lasting, **moving})
    if names.UNREAD not in found:
        scope.remembered[key] = {name: found[name] for name in lasting if name in found}
    return found


def _read(readers: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """What the readers give as JSON, and of those that raise the reason."""
    unread: dict[str, str | None] = {}
    found = {name: _attempt(name, read, unread) for name, read in readers.items()}
    found[names.UNREAD] = unread
    return {name: to_json(value) for name, value in compact(found).items()}


def _attempt(name: str, read: Callable[[], Any], unread: dict[str, str | None]) -> Any:
    try:
        return read()
    except Exception as error:  # noqa: BLE001  objects of dbt and of its adapters may raise anything
        unread[name] = message(f"{type(error).__name__}: {error}")
        return None


def _wants_sql() -> bool:
    return os.environ.get("OTEL_BRIDGE_DBT_SQL", "").strip().lower() not in {"off", "0", "false", "no"}
