"""nominalTime: the time that a run is for."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import moment
from otel_bridge.openlineage.shapes import Maybe, Moment, Shape

KEY: Final = "nominalTime"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("NominalTimeRunFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {
    "nominal_start": convention.NOMINAL_START,
    "nominal_end": convention.NOMINAL_END,
}
EXAMPLE: Final = {"nominal_start": "2026-11-23", "nominal_end": "2026-11-24T01:00:00+01:00"}


class NominalTime(Shape, frozen=True, kw_only=True):
    """From when to when."""

    nominal_start_time: Moment
    nominal_end_time: Moment | Maybe = UNSET


SHAPE: Final = NominalTime


def build(values: Mapping[str, Value]) -> NominalTime:
    """From ISO 8601 texts, written in UTC; without an offset they are taken as UTC."""
    if (start := values.get("nominal_start")) is None:
        raise LeftOut("an end needs a start; set openlineage.nominal_start too")
    end = values.get("nominal_end")
    return NominalTime(
        nominal_start_time=moment(start, "the start"),
        nominal_end_time=UNSET if end is None else moment(end, "the end"),
    )
