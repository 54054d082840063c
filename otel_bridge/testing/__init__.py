"""What a user needs to test lineage in their own project; our own tests use nothing else.

- `BridgeProcess`: a real bridge, its own process and ports; `InProcessBridge`: the same conversion without one.
- `Sink`: an OpenLineage endpoint that records, and misbehaves on request.
- `Events`: recorded events and the questions that a test asks of them.

The pytest plugin (`otel_bridge.testing.plugin`, loaded by itself) has them as fixtures. docs/testing.md shows how.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_bridge.testing.events import Events
    from otel_bridge.testing.in_process import InProcessBridge
    from otel_bridge.testing.process import BridgeProcess
    from otel_bridge.testing.sink import Sink

__all__ = ["BridgeProcess", "Events", "InProcessBridge", "Sink"]

_MODULES = {"BridgeProcess": "process", "Events": "events", "InProcessBridge": "in_process", "Sink": "sink"}


def __getattr__(name: str) -> Any:
    """Import at first use: pytest loads the plugin in every project, also where nobody tests lineage."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
