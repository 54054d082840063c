"""What all runs of an invocation have in common."""

import importlib.metadata
from functools import lru_cache
from typing import Any

import dbt_otel_bridge
from dbt_otel_bridge import attributes as names

from .connection import connection
from .flags import command, flags, retry_of
from .scope import Scope
from .values import compact, part, text, to_json


def shared(scope: Scope, task: Any) -> dict[str, Any]:
    """Attributes of every run of the invocation, read once."""
    found: dict[str, Any] | None = scope.remembered.get("shared")
    if found is None:
        found = scope.remembered["shared"] = _read(scope, task)
    return found


def _read(scope: Scope, task: Any) -> dict[str, Any]:
    config = scope.config
    found = {
        names.CONVENTION: names.TABLE_VERSION,
        names.PLUGIN_VERSION: getattr(dbt_otel_bridge, "__version__", None),
        names.VERSION: _version("dbt-core"),
        names.INVOCATION_ID: scope.invocation_id,
        names.COMMAND: command(task),
        names.PROJECT: text(part(config, "project_name")),
        names.PROFILE: text(part(config, "profile_name")),
        names.TARGET: text(part(config, "target_name")),
        names.RETRY_OF: retry_of(task),
    }
    adapter_version = _version(f"dbt-{scope.adapter_type}")
    maps = {
        names.CONNECTION: connection(part(config, "credentials"), adapter_version),
        names.FLAGS: flags(scope.args, config),
    }
    return {**compact(found), **{name: to_json(value) for name, value in compact(maps).items()}}


@lru_cache(maxsize=32)
def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
