"""What dbt's own objects say about an invocation and its nodes, as attributes of convention/dbt.yaml.

Pure readers: nothing here changes dbt's objects, asks the warehouse or names a dataset. Each answers with whatever
can be read; an object that lacks a field, in one version of dbt or another, lacks the fact.
"""

import importlib.metadata
import os
from functools import lru_cache
from typing import Any

import dbt_otel_bridge
from dbt_otel_bridge import attributes as names

from . import connection as connections
from . import flags as flags_
from .asking import ask_columns
from .batches import batch
from .consumers import consumers
from .inputs import compiled_code, inputs
from .node import code, described, identity, output
from .results import outcome, summary, told
from .scope import Scope, forget, running_scope, scope_of
from .skips import skip_cause
from .values import compact, part, text, to_json

__all__ = ["invocation", "invocation_end", "node_end", "node_ran", "node_start", "operation"]

Attributes = dict[str, Any]


def invocation(task: Any) -> Attributes:
    """What is known of the invocation when its task starts; every run of it repeats that."""
    scope = scope_of(task)
    if "invocation" not in scope.remembered:
        scope.remembered["invocation"] = _invocation(scope, task)
    return {**scope.remembered["invocation"], names.KIND: names.KIND_INVOCATION}


def invocation_end(task: Any, results: Any, error: BaseException | None = None) -> Attributes:
    """What is known when it is over; drops what was remembered for it."""
    scope = scope_of(task)
    attributes = {**invocation(task), names.RESULT: to_json(summary(results, error))}
    forget(scope.invocation_id)
    return attributes


def node_start(task: Any, node: Any, manifest: Any, runner: Any = None) -> Attributes:
    """What is known of a node, or of a batch by its runner, before dbt works on it."""
    return _node(task, node, manifest, runner, compiled_code(node))


def _node(task: Any, node: Any, manifest: Any, runner: Any, compiled: str | None) -> Attributes:
    scope = scope_of(task, manifest)
    shared = {**invocation(task), names.KIND: names.KIND_NODE}
    window = batch(runner)
    if window:
        shared.update({names.KIND: names.KIND_BATCH, names.BATCH: to_json(window)})
    maps = {
        names.NODE: described(scope, node),
        names.INPUTS: inputs(scope, node, shared.get(names.COMMAND), compiled),
        names.OUTPUT: output(scope, node) if shared.get(names.COMMAND) != "source freshness" else {},
        names.CONSUMERS: [] if window else consumers(scope, node),
    }
    return {**shared, **identity(node), **{name: to_json(value) for name, value in compact(maps).items()}}


def node_ran(runner: Any, node: Any, manifest: Any) -> None:
    """To be called within the node's open connection once its materialization succeeded: looks its columns up."""
    scope = running_scope()
    if scope is not None:
        scope.manifest = scope.manifest or manifest
        ask_columns(scope, node, runner)


def node_end(task: Any, node: Any, manifest: Any, runner: Any, result: Any) -> Attributes:
    """The whole of what is known once dbt is done with the node: what it started with, renewed, and the result."""
    scope = scope_of(task, manifest)
    last = _compiled(scope, node, runner, result)
    result_map = told(result) | compact({"skip_cause": skip_cause(scope, node, result, runner)})
    return {
        **_node(task, node, manifest, runner, compiled_code(last)),
        **code(scope, last, invocation(task).get(names.COMMAND), with_sql=_wants_sql()),
        **outcome(scope, node, result),
        names.RESULT: to_json(result_map),
    }


def operation(task: Any) -> Attributes:
    """What is known of a `dbt run-operation`: its macro, and its arguments by name alone."""
    args = part(task, "args")
    macro, arguments = text(flags_.flag(args, "macro")), flags_.flag(args, "args")
    told_names = sorted(map(str, arguments)) if isinstance(arguments, dict) else []
    shown = compact({"macro": macro, "arguments": told_names})
    return {**invocation(task), names.KIND: names.KIND_OPERATION, names.OPERATION: to_json(shown)}


def _invocation(scope: Scope, task: Any) -> Attributes:
    config = scope.config
    found = {
        names.CONVENTION: names.TABLE_VERSION,
        names.PLUGIN_VERSION: getattr(dbt_otel_bridge, "__version__", None),
        names.VERSION: _version("dbt-core"),
        names.INVOCATION_ID: scope.invocation_id,
        names.COMMAND: flags_.command(task),
        names.PROJECT: text(part(config, "project_name")),
        names.PROFILE: text(part(config, "profile_name")),
        names.TARGET: text(part(config, "target_name")),
        names.RETRY_OF: flags_.retry_of(task),
    }
    maps = {
        names.CONNECTION: connections.connection(part(config, "credentials"), _adapter_version(scope)),
        names.FLAGS: flags_.flags(scope.args, config),
    }
    return {**compact(found), **{name: to_json(value) for name, value in compact(maps).items()}}


def _compiled(scope: Scope, node: Any, runner: Any, result: Any) -> Any:
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


def _wants_sql() -> bool:
    return os.environ.get("OTEL_BRIDGE_DBT_SQL", "").strip().lower() not in {"off", "0", "false", "no"}


def _adapter_version(scope: Scope) -> str | None:
    return _version(f"dbt-{scope.adapter_type}")


@lru_cache(maxsize=32)
def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
