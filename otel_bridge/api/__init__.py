"""The API on port 4319: health, metrics, the schemas of our facets, and the way in for events of other producers.

`access` says who may ask what, `intake` passes events on to the receiving process, and nothing here writes to the journal.
"""

from otel_bridge.api.app import make_app
from otel_bridge.api.figures import Figures, Status
from otel_bridge.api.server import serve_api

__all__ = ["Figures", "Status", "make_app", "serve_api"]
