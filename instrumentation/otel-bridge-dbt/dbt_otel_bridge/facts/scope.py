"""What the facts of one invocation share: configuration, adapter, manifest, and what is worked out once."""

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

from dbt_otel_bridge.columns import Columns

from .values import part, text

_KEPT = 8  # invocations of one process, which may run at the same time; each goes when it is over


@dataclass
class Scope:
    """One invocation, as far as facts need it."""

    invocation_id: str
    config: Any
    args: Any
    manifest: Any
    columns: Columns = field(default_factory=Columns)
    remembered: dict[str, Any] = field(default_factory=dict)
    relations: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def adapter(self) -> Any:
        """The adapter that dbt has made for this configuration."""
        from dbt.adapters.factory import get_adapter

        return get_adapter(self.config)

    @cached_property
    def adapter_type(self) -> str:
        """`duckdb`, `postgres`, ..."""
        return text(part(part(self.config, "credentials"), "type")) or "unknown"


_scopes: dict[int, Scope] = {}
_lock = Lock()


def invocation_id() -> str:
    """The id of the invocation that runs."""
    from dbt_common.invocation import get_invocation_id

    return str(get_invocation_id())


def scope_of(task: Any, manifest: Any = None) -> Scope:
    """The scope of the task's invocation, made at the first question.

    The configuration tells invocations apart: dbt has one id for the process, whatever runs in it at the same time.
    """
    config = part(task, "config")
    with _lock:
        scope = _scopes.get(id(config))
        if scope is None:
            scope = _scopes[id(config)] = Scope(invocation_id(), config, part(task, "args"), None)
            while len(_scopes) > _KEPT:
                _scopes.pop(next(iter(_scopes)))
    scope.manifest = manifest if manifest is not None else part(task, "manifest") or scope.manifest
    return scope


def scope_with(config: Any) -> Scope | None:
    """The scope of the invocation with this configuration, None before its first question."""
    return _scopes.get(id(config))


def forget(scope: Scope) -> None:
    """Drop what was kept for an invocation that is over."""
    with _lock:
        _scopes.pop(id(scope.config), None)
