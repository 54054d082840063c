"""One thing that an IO manager loaded or stored: which asset it is, and where it is kept."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Access:
    """What is known of it: `dataset` has keys of the table's dataset map."""

    name: str
    asset_key: Any = None
    dataset: dict[str, Any] = field(default_factory=dict)


def access(io_manager: Any, context: Any, value: Any) -> Access | None:
    """What was accessed by the IO manager in this context (an InputContext or OutputContext)."""
    key = context.asset_key if context.has_asset_key else None
    return Access(context.name, key, {"io_manager": type(io_manager).__name__})
