"""What the facts of one invocation share: configuration, adapter, manifest, and what is worked out once."""

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

from dbt_otel_bridge.columns import Columns

from .values import part, text

_KEPT = 2  # invocations of one process; a runner in it may start a second while the first is told


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


_scopes: dict[str, Scope] = {}
_lock = Lock()


def invocation_id() -> str:
    """The id of the invocation that runs."""
    from dbt_common.invocation import get_invocation_id

    return str(get_invocation_id())


def scope_of(task: Any, manifest: Any = None) -> Scope:
    """The scope of the task's invocation, made at the first question."""
    key = invocation_id()
    with _lock:
        scope = _scopes.get(key)
        if scope is None:
            scope = Scope(key, part(task, "config"), part(task, "args"), None)
            _scopes[key] = scope
            while len(_scopes) > _KEPT:
                _scopes.pop(next(iter(_scopes)))
    scope.manifest = manifest if manifest is not None else part(task, "manifest") or scope.manifest
    return scope


def running_scope() -> Scope | None:
    """The scope of the invocation that runs, None before its first question."""
    return _scopes.get(invocation_id())


def forget(key: str) -> None:
    """Drop what was kept for an invocation that is over."""
    with _lock:
        _scopes.pop(key, None)
