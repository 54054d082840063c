"""Metrics pushed by OTLP/HTTP, if `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` is set.

Interval, headers and the rest follow OpenTelemetry's own variables.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import structlog

from otel_bridge.api.figures import Figures, Status
from otel_bridge.model import BridgeError
from otel_bridge.telemetry.metrics import Points, meter_provider

ENDPOINT = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
READ_EVERY_S = 5.0

log = structlog.get_logger()


async def push(figures: Callable[[], Awaitable[Figures]], status: Status, stop: asyncio.Event) -> None:
    """Push until `stop`; nothing without the variable."""
    if not os.environ.get(ENDPOINT):
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    points: Points = {}
    provider = meter_provider(lambda: points, [PeriodicExportingMetricReader(OTLPMetricExporter())])
    while not stop.is_set():
        try:
            points = (await figures()).points(status.accepting, status.sources)
        except BridgeError as error:
            log.warning("metrics could not be read", error=str(error))
        await _stopped_within(stop, READ_EVERY_S)
    await asyncio.to_thread(provider.shutdown)


async def _stopped_within(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
