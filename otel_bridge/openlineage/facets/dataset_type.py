"""datasetType: table, view, topic and so on."""

from typing import Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "datasetType"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("DatasetTypeDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"datasetType": "VIEW", "subType": "MATERIALIZED"}


class DatasetType(Shape, frozen=True, kw_only=True):
    """The kind, and a kind of that kind."""

    dataset_type: str
    sub_type: str | Maybe = UNSET


SHAPE: Final = DatasetType
