"""lineage of a dataset: explicit edges (experimental in OpenLineage)."""

from typing import Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.lineage import FieldEdges, FromDataset, FromJob
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "lineage"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("LineageFacet", "1-0-0", "LineageDatasetFacet")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"inputs": [{"namespace": "s3://lake", "name": "orders", "type": "DATASET"}]}


class LineageDataset(Shape, frozen=True, kw_only=True):
    """Edges to the dataset and to its fields."""

    inputs: list[FromDataset | FromJob] | Maybe = UNSET
    fields: dict[str, FieldEdges] | Maybe = UNSET


SHAPE: Final = LineageDataset
