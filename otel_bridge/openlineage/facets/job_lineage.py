"""lineage of a job: explicit edges (experimental in OpenLineage)."""

from typing import Final

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.lineage import ToDataset, ToJob
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "lineage"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("LineageFacet", "1-0-0", "LineageJobFacet")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {
    "entries": [
        {
            "namespace": "s3://lake",
            "name": "daily",
            "type": "DATASET",
            "inputs": [{"namespace": "s3://lake", "name": "orders", "type": "DATASET"}],
        }
    ]
}


class LineageJob(Shape, frozen=True, kw_only=True):
    """Edges by their target."""

    entries: list[ToDataset | ToJob]


SHAPE: Final = LineageJob
