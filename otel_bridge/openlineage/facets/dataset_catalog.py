"""catalog: the catalog that a dataset is registered in."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, text
from otel_bridge.openlineage.secrets import mask_url
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "catalog"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("CatalogDatasetFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"catalog": "catalog"}
EXAMPLE: Final = {
    "catalog": {"framework": "iceberg", "type": "rest", "name": "lake", "metadataUri": "http://catalog:8181"}
}


class Catalog(Shape, frozen=True, kw_only=True):
    """`framework`: iceberg, ...; `type`: rest, hive, glue, ...; `name` as configured."""

    framework: str
    type: str
    name: str
    metadata_uri: str | Maybe = UNSET
    warehouse_uri: str | Maybe = UNSET
    source: str | Maybe = UNSET
    catalog_properties: dict[str, str] | Maybe = UNSET


SHAPE: Final = Catalog


def build(values: Mapping[str, Value]) -> Catalog:
    """From `{framework, type, name, metadataUri, warehouseUri, source, catalogProperties}`."""
    fields = Fields(values["catalog"], "the catalog")
    metadata, warehouse = (
        fields.text("metadataUri", "metadata_uri"),
        fields.text("warehouseUri", "warehouse_uri"),
    )
    properties = fields.mapping("catalogProperties", "catalog_properties")
    return Catalog(
        framework=fields.need("framework"),
        type=fields.need("type"),
        name=fields.need("name"),
        metadata_uri=mask_url(metadata) if metadata else UNSET,
        warehouse_uri=mask_url(warehouse) if warehouse else UNSET,
        source=fields.text("source"),
        catalog_properties={k: text(v, f"catalog property `{k}`") for k, v in properties.items()}
        if properties
        else UNSET,
    )
