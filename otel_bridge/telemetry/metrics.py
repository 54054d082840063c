"""The table of metrics (docs/metrics.md) as OpenTelemetry instruments.

They are read from the journal's own counts whenever somebody asks, so that they agree with `/health` and
survive a restart.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from otel_bridge import __version__


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
    Metric(
        "otel_bridge.column_lineage.runs",
        "{run}",
        "counter",
        "Runs with outputs and with SQL to read column lineage from.",
    ),
    Metric(
        "otel_bridge.column_lineage.columns",
        "{column}",
        "counter",
        "Columns of their outputs; columns that are not known by name count as one.",
    ),
    Metric(
        "otel_bridge.column_lineage.resolved",
        "{column}",
        "counter",
        "Columns of which it is known what they come from.",
    ),
    Metric(
        "otel_bridge.column_lineage.unresolved",
        "{column}",
        "counter",
        "Columns without lineage.",
        ("reason",),
    ),
    Metric(
        "otel_bridge.column_lineage.statements",
        "{statement}",
        "counter",
        "Statements, by how they were answered.",
        ("outcome",),
    ),
    Metric(
        "otel_bridge.column_lineage.cpu",
        "s",
        "counter",
        "Processor time of the process that analyses statements.",
    ),
    Metric(
        "otel_bridge.identity.datasets", "{dataset}", "gauge", "Datasets that are known by several names."
    ),
    Metric("otel_bridge.identity.aliases", "{name}", "gauge", "Names of datasets that stand for another."),
    Metric(
        "otel_bridge.identity.conflicts",
        "{conflict}",
        "gauge",
        "Names of datasets about which events contradict each other.",
        ("reason",),
    ),
    Metric(
        "otel_bridge.identity.refused",
        "{statement}",
        "counter",
        "Statements on other names of datasets that never count.",
        ("reason",),
    ),
    Metric("otel_bridge.journal.size", "By", "gauge", "Payload bytes kept in the journal.", ("part",)),
    Metric(
        "otel_bridge.source.messages",
        "{message}",
        "counter",
        "Messages read and finished, since the process started.",
        ("source",),
    ),
    Metric(
        "otel_bridge.source.poison",
        "{message}",
        "counter",
        "Of them kept because they can't be taken, or not whole.",
        ("source",),
    ),
    Metric("otel_bridge.source.in_flight", "{message}", "gauge", "Messages in hand.", ("source",)),
    Metric(
        "otel_bridge.source.lag",
        "{message}",
        "gauge",
        "Messages not yet finished in this replica's partitions.",
        ("source",),
    ),
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
        "otel_bridge.skipped",
        "{event}",
        "gauge",
        "Events that the destination's profile does not want.",
        ("destination", "reason"),
    ),
    Metric(
        "otel_bridge.shed",
        "{facet}",
        "counter",
        "Facets that events were delivered without.",
        ("destination", "facet"),
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
