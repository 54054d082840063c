"""Lineage of dbt as OpenTelemetry spans.

dbt imports every installed module named `dbt_*` and loads the classes in its `plugins`: that is all it takes.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`plugins` is asked for by dbt alone, so that dbt need not be there to read the facts."""
    if name != "plugins":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from dbt_otel_bridge.plugin import PLUGINS
    except Exception as error:
        raise AttributeError(f"this dbt takes no plugins: {error}") from error  # dbt goes on without
    return PLUGINS
