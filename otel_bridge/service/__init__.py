"""The running bridge: the only place that wires the parts together.

`serve` runs three processes (docs/adr/0001): this one receives and acknowledges, `convert` turns what was
acknowledged into events, `deliver` sends events and answers the API. They share nothing but the journal.
"""

from otel_bridge.service.conversion import Conversion
from otel_bridge.service.offline import convert_files
from otel_bridge.service.serve import Endpoints, serve

__all__ = ["Conversion", "Endpoints", "convert_files", "serve"]
