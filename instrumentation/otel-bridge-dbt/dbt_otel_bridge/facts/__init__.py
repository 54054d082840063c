"""What dbt's own objects say about an invocation and its nodes, as attributes of convention/dbt.yaml.

Readers: nothing here changes dbt's objects or names a dataset, and `node_ran` alone asks the warehouse. Each answers
with whatever can be read; an object that lacks a field, in one version of dbt or another, lacks the fact.
"""

from typing import Any

from dbt_otel_bridge import attributes as names

from . import invocations, nodes
from .asking import ask_columns
from .flags import flag
from .inputs import compiled_code
from .results import lookups, outcome, summary, told
from .scope import forget, scope_of, scope_with
from .skips import skip_cause
from .values import compact, part, text, to_json

__all__ = [
    "hook", "invocation", "invocation_end", "node_end", "node_ran", "node_start", "operation", "operation_end",
    "statements",
]  # fmt: skip

Attributes = dict[str, Any]


def invocation(task: Any) -> Attributes:
    """What is known of the invocation when its task starts; every run of it repeats that."""
    return {**invocations.shared(scope_of(task), task), names.KIND: names.KIND_INVOCATION}


def invocation_end(task: Any, results: Any, error: BaseException | None = None) -> Attributes:
    """What is known when it is over; drops what was remembered for it."""
    scope = scope_of(task)
    result = summary(results, error) | compact({"lookups": lookups(scope)})
    forget(scope)
    return {
        **invocations.shared(scope, task),
        names.KIND: names.KIND_INVOCATION,
        names.RESULT: to_json(result),
    }


def node_start(task: Any, node: Any, manifest: Any, runner: Any = None) -> Attributes:
    """What is known of a node, or of a batch by its runner, before dbt works on it."""
    return nodes.told_of(scope_of(task, manifest), task, node, runner, compiled_code(node))


def node_ran(runner: Any, node: Any, manifest: Any) -> None:
    """To be called within the node's open connection once its materialization succeeded: looks its columns up."""
    scope = scope_with(part(runner, "config"))
    if scope is not None:
        scope.manifest = scope.manifest or manifest
        ask_columns(scope, node, runner)


def node_end(task: Any, node: Any, manifest: Any, runner: Any, result: Any) -> Attributes:
    """The whole of what is known once dbt is done with the node: what it started with, renewed, and the result."""
    scope = scope_of(task, manifest)
    last = nodes.compiled(scope, node, runner, result)
    result_map = told(result) | compact({"skip_cause": skip_cause(scope, node, result, runner)})
    return {
        **nodes.told_of(scope, task, node, runner, compiled_code(last)),
        **nodes.code_of(scope, task, last),
        **outcome(scope, node, result),
        names.RESULT: to_json(result_map),
    }


def hook(
    task: Any, kind: str, index: int, count: int, *, sql: str | None = None, transaction: Any = None
) -> Attributes:
    """What is known of a hook: its kind (`pre-hook`, ...), its place among those of its kind, and its SQL."""
    scope = scope_of(task)
    shown = compact({"type": kind, "index": index, "count": count, "transaction": transaction})
    code = nodes.sql_of(scope, sql)
    return {
        **invocations.shared(scope, task), names.KIND: names.KIND_HOOK, names.HOOK: to_json(shown), **code,
    }  # fmt: skip


def operation(task: Any) -> Attributes:
    """What is known of a `dbt run-operation`: its macro, and its arguments by name alone."""
    args = part(task, "args")
    macro, arguments = text(flag(args, "macro")), flag(args, "args")
    told_names = sorted(map(str, arguments)) if isinstance(arguments, dict) else []
    shown = compact({"macro": macro, "arguments": told_names})
    shared = invocations.shared(scope_of(task), task)
    return {**shared, names.KIND: names.KIND_OPERATION, names.OPERATION: to_json(shown)}


def operation_end(task: Any, results: Any, error: BaseException | None = None) -> Attributes:
    """What is known when it is over."""
    return {**operation(task), names.RESULT: to_json(summary(results, error))}


def statements(task: Any, sql: str) -> Attributes:
    """The SQL that a run-operation executed."""
    return nodes.sql_of(scope_of(task), sql or None)
