"""What the facets of Dagster share."""

from typing import Annotated, Any

from msgspec import UNSET

from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Part, Whole


class Range(Part, frozen=True, kw_only=True, rename=named):
    """Contiguous partition keys."""

    first: Annotated[str, told("The first key.")]
    last: Annotated[str, told("The last one.")]


class Partitions(Part, frozen=True, kw_only=True, rename=named):
    """Partition keys, or ranges where there are more than 50 of them."""

    keys: Annotated[list[str] | Maybe, told("Partition keys.")] = UNSET
    ranges: Annotated[list[Range] | Maybe, told("Contiguous keys, where there are many.")] = UNSET
    count: Annotated[Whole | Maybe, told("How many there are.")] = UNSET
    dimensions: Annotated[
        list[dict[str, Any]] | Maybe, told("Of each key its parts by dimension, in the order of the keys.")
    ] = UNSET
    start: Annotated[str | Maybe, told("Start of the time window.")] = UNSET
    end: Annotated[str | Maybe, told("End of the time window; absent where it has gaps.")] = UNSET
