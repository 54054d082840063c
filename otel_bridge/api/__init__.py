"""What the bridge tells about itself over HTTP: health, metrics, the schemas of its facets. Read only."""

from otel_bridge.api.app import make_app
from otel_bridge.api.figures import Figures, Status
from otel_bridge.api.server import serve_api

__all__ = ["Figures", "Status", "make_app", "serve_api"]
