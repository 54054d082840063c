"""Observations out of spans and log events, one file per dialect. Pure."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from otel_bridge import convention
from otel_bridge.extract.dialect import Dialect, connecting
from otel_bridge.extract.dialects.airflow import Airflow
from otel_bridge.extract.dialects.bridge import Bridge
from otel_bridge.extract.dialects.dagster.dialect import Dagster
from otel_bridge.extract.dialects.dagster.otel import DagsterOtel
from otel_bridge.extract.dialects.database import Database
from otel_bridge.extract.dialects.dbt.dialect import Dbt
from otel_bridge.extract.dialects.iceberg.dialect import Iceberg
from otel_bridge.extract.dialects.mapped import mapped
from otel_bridge.extract.dialects.messaging import Messaging
from otel_bridge.extract.dialects.objectstore import ObjectStore
from otel_bridge.extract.dialects.prefect import Prefect
from otel_bridge.extract.mappings import Mappings
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import LogEvent, Observation, Span
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dialects, SpanMapping

__all__ = ["DIALECTS", "Dialect", "Wanted", "extract", "markers"]

DIALECTS: tuple[Dialect, ...] = (
    Dbt(),
    Dagster(),
    DagsterOtel(),
    Iceberg(),
    Bridge(),
    Airflow(),
    Prefect(),
    Database(),
    Messaging(),
    ObjectStore(),
)
"""In order: the first that claims a span reads it. Those of I/O come last: a run is more than what it reads and writes."""

OURS: frozenset[str] = frozenset({"dbt", "dagster", "bridge"})
"""Dialects whose spans no mapping of the user's changes."""

SWITCHES: dict[str, Dialect] = {d.name: d for d in DIALECTS if d.name in {f.name for f in fields(Dialects)}}
"""Dialects that `settings.Dialects` says something of; all others are always read."""

_modes = attrgetter(*SWITCHES)


def markers(
    dialects: Dialects = Dialects(),  # noqa: B008
    mappings: Sequence[SpanMapping] = (),
) -> tuple[bytes, ...]:
    """A span or log event with none of these in its bytes, its resource's or its scope's says nothing.

    >>> b"db.system" in markers(), b"db.system" in markers(Dialects(database="all"))
    (False, True)
    """
    read = _reading(_modes(dialects), marked=False)
    own = (marker for dialect in read for marker in dialect.markers)
    return tuple(dict.fromkeys((*own, *Mappings(mappings).markers)))


def extract(item: Span | LogEvent, names: Namespaces, wanted: Wanted = Wanted()) -> list[Observation]:  # noqa: B008
    """What a span or log event says; for a span that no dialect claims, that it was seen."""
    if isinstance(item, LogEvent):
        found = next((d for d in DIALECTS if d.claims_event(item)), None)
        return list(found.extract_event(item, names, wanted)) if found else []
    reading = _reading(_modes(wanted.dialects), convention.RUN_ID in item.attributes)
    claimed = next((d for d in reading if d.claims(item)), None)
    if wanted.mappings and (claimed is None or claimed.name not in OURS):
        mapper = wanted.mappings.first(item)
        if mapper is not None:
            return list(mapped(item, mapper, names, wanted))
    return list(claimed.extract(item, names, wanted)) if claimed else [connecting(item)]


@lru_cache(maxsize=16)
def _reading(modes: tuple[str | bool, ...], marked: bool) -> tuple[Dialect, ...]:
    """The dialects that may claim a span, by whether it carries `openlineage.run.id`."""
    skipped = {"off", False} if marked else {"off", False, "marked"}
    off = {name for name, mode in zip(SWITCHES, modes, strict=True) if mode in skipped}
    return tuple(dialect for dialect in DIALECTS if dialect.name not in off)
