"""dagster_asset: the asset behind a dataset, and how it is stored."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "dagster_asset"
SLOT: Final = "dataset"
SCHEMA_URL: Final = "/facets/1-0-0/DagsterAssetDatasetFacet.json#/$defs/DagsterAssetDatasetFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "key": "raw/orders",
    "group": "raw",
    "kinds": ["duckdb"],
    "code_version": "3",
}


class DagsterAsset(Shape, frozen=True, kw_only=True, rename=named):
    """What Dagster knows of a dataset. Its definition is told where the run makes it."""

    key: Annotated[str | Maybe, told("The asset key, joined by slashes.")] = UNSET
    group: Annotated[str | Maybe, told("Asset group.")] = UNSET
    kinds: Annotated[list[str] | Maybe, told("Kinds, such as duckdb or python.")] = UNSET
    code_version: Annotated[str | Maybe, told("Code version of the definition.")] = UNSET
    partitioned_by: Annotated[
        dict[str, Any] | Maybe,
        told("The partitions definition: type, dimensions, cron and format, what it has of these."),
    ] = UNSET
    dbt_unique_id: Annotated[str | Maybe, told("The node of dbt behind it.")] = UNSET
    data_version: Annotated[str | Maybe, told("Dagster's data version that was read or written.")] = UNSET
    format: Annotated[str | Maybe, told("Format of the files.")] = UNSET
    io_manager: Annotated[str | Maybe, told("Class of the IO manager.")] = UNSET
    found_by: Annotated[
        str | Maybe, told("Where the name comes from: io_manager, metadata or definition; absent: the key.")
    ] = UNSET


SHAPE: Final = DagsterAsset


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url,
        KEY,
        "DagsterAssetDatasetFacet",
        SLOT,
        fields_of(SHAPE, "The asset of Dagster behind the dataset."),
    )
