"""Observations out of spans and log events, one file per dialect. Pure."""

from otel_bridge.extract.dialect import Dialect, connecting
from otel_bridge.extract.dialects.bridge import Bridge
from otel_bridge.extract.dialects.dbt.dialect import Dbt
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import LogEvent, Observation, Span
from otel_bridge.namespaces import Namespaces

__all__ = ["DIALECTS", "MARKERS", "Dialect", "Wanted", "extract"]

DIALECTS: tuple[Dialect, ...] = (Dbt(), Bridge())
"""In order: the first that claims a span reads it."""

MARKERS: tuple[bytes, ...] = tuple(dict.fromkeys(m for dialect in DIALECTS for m in dialect.markers))
"""A span or log event with none of these in its bytes, its resource's or its scope's says nothing."""


def extract(item: Span | LogEvent, names: Namespaces, wanted: Wanted = Wanted()) -> list[Observation]:  # noqa: B008
    """What a span or log event says; for a span that no dialect claims, that it was seen."""
    if isinstance(item, LogEvent):
        found = next((d for d in DIALECTS if d.claims_event(item)), None)
        return list(found.extract_event(item, names, wanted)) if found else []
    claimed = next((d for d in DIALECTS if d.claims(item)), None)
    return list(claimed.extract(item, names, wanted)) if claimed else [connecting(item)]
