"""dbt_exposures: what uses a relation beyond the warehouse. Fields of openlineage-dbt's facet, and more of them."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "dbt_exposures"
SLOT: Final = "dataset"
SCHEMA_URL: Final = "/facets/1-0-0/DbtExposuresDatasetFacet.json#/$defs/DbtExposuresDatasetFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "exposures": [{"unique_id": "exposure.shop.board", "name": "board", "type": "dashboard"}]
}


class Exposure(Part, frozen=True, kw_only=True):
    """An exposure, or what else depends on the relation."""

    unique_id: Annotated[str, told("dbt's id.")]
    name: Annotated[str, told("Its name.")]
    type: Annotated[
        str | Maybe,
        told("dashboard, notebook, analysis, ml or application; of what is no exposure its type."),
    ] = UNSET
    url: Annotated[str | Maybe, told("Where it is.")] = UNSET
    label: Annotated[str | Maybe, told("Its title.")] = UNSET
    owner: Annotated[str | Maybe, told("Name of its owner.")] = UNSET
    email: Annotated[str | Maybe, told("Address of its owner.")] = UNSET
    maturity: Annotated[str | Maybe, told("low, medium or high.")] = UNSET
    description: Annotated[str | Maybe, told("What it is.")] = UNSET


class DbtExposures(Shape, frozen=True, kw_only=True, rename=named):
    """Direct and through ephemeral models."""

    exposures: Annotated[list[Exposure], told("Exposures that use the relation.")]
    semantics: Annotated[
        list[Exposure] | Maybe, told("Metrics, semantic models and saved queries that use it.")
    ] = UNSET


SHAPE: Final = DbtExposures


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url,
        KEY,
        "DbtExposuresDatasetFacet",
        SLOT,
        fields_of(SHAPE, "What uses the relation beyond the warehouse."),
    )
