"""Metrics in Prometheus' text format, by OpenTelemetry's own naming rules, from a private registry."""

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from otel_bridge.telemetry.metrics import Points, meter_provider


class Exposition:
    """Renders the table of metrics with the points it is given."""

    def __init__(self) -> None:
        self._points: Points = {}
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(scope_info_enabled=False, registry=self._registry)
        self._provider = meter_provider(lambda: self._points, [reader])

    def render(self, points: Points) -> tuple[bytes, str]:
        """The text and its content type."""
        self._points = points
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
