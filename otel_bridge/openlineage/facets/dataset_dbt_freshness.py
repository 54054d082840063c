"""dbt_freshness: how fresh a source is. The bridge's own facet."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "dbt_freshness"
SLOT: Final = "dataset"
SCHEMA_URL: Final = "/facets/1-0-0/DbtFreshnessDatasetFacet.json#/$defs/DbtFreshnessDatasetFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "status": "warn",
    "max_loaded_at": "2026-11-24T22:00:00+00:00",
    "age": 36000.0,
}


class DbtFreshness(Shape, frozen=True, kw_only=True, rename=named):
    """As in sources.json."""

    status: Annotated[str, told("pass, warn, error or runtime error.")]
    max_loaded_at: Annotated[str | Maybe, told("Time of the newest row, ISO 8601.")] = UNSET
    snapshotted_at: Annotated[str | Maybe, told("When that was asked, ISO 8601.")] = UNSET
    age: Annotated[float | Maybe, told("Seconds between the two.")] = UNSET
    criteria: Annotated[dict[str, Any] | Maybe, told("warn_after and error_after, as in the project.")] = (
        UNSET
    )


SHAPE: Final = DbtFreshness


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url, KEY, "DbtFreshnessDatasetFacet", SLOT, fields_of(SHAPE, "How fresh the source is.")
    )
