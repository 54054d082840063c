"""What the bridge says about itself: the table of metrics (docs/metrics.md), and how it logs.

Metrics are read from the journal's own counts whenever somebody asks, so that they agree with `/health` and
survive a restart.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from otel_bridge import __version__
from otel_bridge.settings import Log, Secret


class Metric(msgspec.Struct, frozen=True):
    """One metric: OpenTelemetry name, UCUM unit, kind, meaning, and the attributes that its points carry."""

    name: str
    unit: str
    kind: Literal["counter", "gauge"]
    doc: str
    attributes: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("otel_bridge.received", "{item}", "counter", "Spans and log records received."),
    Metric("otel_bridge.not_lineage", "{item}", "counter", "Received ones without lineage."),
    Metric("otel_bridge.duplicate", "{item}", "counter", "Received ones that are known already."),
    Metric(
        "otel_bridge.rejected", "{item}", "counter", "Received ones that were refused for good.", ("reason",)
    ),
    Metric("otel_bridge.accepted", "{item}", "counter", "Received ones that were written to the journal."),
    Metric("otel_bridge.converted", "{item}", "counter", "Accepted ones that are converted."),
    Metric("otel_bridge.conversion.failed", "{item}", "gauge", "Accepted ones whose conversion failed."),
    Metric("otel_bridge.conversion.waiting", "{item}", "gauge", "Accepted ones that are not converted yet."),
    Metric("otel_bridge.conversion.oldest", "s", "gauge", "Age of the oldest one that is not converted yet."),
    Metric("otel_bridge.events", "{event}", "counter", "OpenLineage events made.", ("type",)),
    Metric("otel_bridge.omissions", "{value}", "counter", "Values left out of events.", ("reason",)),
    Metric("otel_bridge.assembly", "{case}", "counter", "Irregular runs, by what was found.", ("finding",)),
    Metric("otel_bridge.journal.size", "By", "gauge", "Payload bytes kept in the journal.", ("part",)),
    Metric("otel_bridge.accepting", "1", "gauge", "1 if requests are accepted, 0 if they are refused."),
    Metric("otel_bridge.delivered", "{event}", "gauge", "Events that the destination has.", ("destination",)),
    Metric("otel_bridge.waiting", "{event}", "gauge", "Events still to be delivered.", ("destination",)),
    Metric(
        "otel_bridge.dead", "{event}", "gauge", "Events refused for good (dead letters).", ("destination",)
    ),
    Metric(
        "otel_bridge.missed",
        "{event}",
        "gauge",
        "Events pruned while the destination was away.",
        ("destination",),
    ),
    Metric(
        "otel_bridge.waiting.oldest", "s", "gauge", "Age of the oldest event that waits.", ("destination",)
    ),
    Metric("otel_bridge.in_flight", "{event}", "gauge", "Events under way.", ("destination",)),
    Metric(
        "otel_bridge.attempts",
        "{attempt}",
        "counter",
        "Attempts to deliver, since the process started.",
        ("destination", "outcome"),
    ),
)

Points = Mapping[str, list[tuple[float, dict[str, str]]]]
"""Name of a metric -> its points, each a value with its attributes."""


def meter_provider(points: Callable[[], Points], readers: Iterable[MetricReader]) -> MeterProvider:
    """Observable instruments for the whole table; `points` is called for each of them in a collection."""
    resource = Resource.create({"service.name": "otel-bridge", "service.version": __version__})
    provider = MeterProvider(metric_readers=list(readers), resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("otel_bridge", __version__)
    for metric in METRICS:
        create = (
            meter.create_observable_counter if metric.kind == "counter" else meter.create_observable_gauge
        )
        create(metric.name, [_callback(metric, points)], metric.unit, metric.doc)
    return provider


def _callback(
    metric: Metric, points: Callable[[], Points]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, attributes) for value, attributes in points().get(metric.name, [])]

    return observe


def configure_logging(settings: Log) -> None:
    """Write to stderr, as text or one JSON object a line; secrets are masked in both."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    render: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    if settings.format == "text":
        render = [structlog.dev.ConsoleRenderer(colors=False)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _mask,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )


class _Stderr:
    """A line that can't be written (a full disk, a closed pipe) is lost and stops nothing else."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def _mask(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    """A Secret is a str, so that a renderer could print it: replace it, at any depth."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    return value


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
