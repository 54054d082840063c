"""What a user needs to test lineage in their own project; our own tests use nothing else.

- `BridgeProcess`: a real bridge, its own process and ports; `InProcessBridge`: the same conversion without one.
- `Sink`: an OpenLineage endpoint that records, and misbehaves on request.
- `Events`: recorded events and the questions that a test asks of them.

The pytest plugin (`otel_bridge.testing.plugin`, loaded by itself) has them as fixtures.
"""

from otel_bridge.testing.events import Events
from otel_bridge.testing.in_process import InProcessBridge
from otel_bridge.testing.process import BridgeProcess
from otel_bridge.testing.sink import Sink

__all__ = ["BridgeProcess", "Events", "InProcessBridge", "Sink"]
