"""Delivery of the event log to any number of destinations: in order for each run, until it is there.

`kinds` has one module for each kind of destination, `order` decides what may go, `pump` does it for one
destination, `deliveries` for all. A new kind is one new file in `kinds`; what a known consumer wants is a profile in
`openlineage.profiles`, which the pump applies (docs/adr/0004).
"""

from otel_bridge.deliver.deliveries import Deliveries, DestinationState
from otel_bridge.deliver.kinds import KINDS
from otel_bridge.deliver.kinds.openlineage_client import from_environment
from otel_bridge.deliver.outcome import Delivered, Outcome, Rejected, Retry
from otel_bridge.deliver.sender import Kind, Sender

__all__ = [
    "KINDS",
    "Delivered",
    "Deliveries",
    "DestinationState",
    "Kind",
    "Outcome",
    "Rejected",
    "Retry",
    "Sender",
    "from_environment",
]
