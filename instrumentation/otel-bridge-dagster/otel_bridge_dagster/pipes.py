"""Processes that Dagster Pipes starts, wherever: they get trace and run in the environment that every client hands on."""

from collections.abc import Mapping
from typing import Any

from otel_lineage import child_env
from otel_lineage.trouble import guarded


def around_env(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the variables that a Pipes session gives to the process that it starts."""
    found = wrapped(*args, **kwargs)
    return {**_carrier(), **found} if isinstance(found, Mapping) else found


@guarded("handing a run to a Pipes process", fallback={})
def _carrier() -> dict[str, str]:
    return child_env({})
