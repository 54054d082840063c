"""dataQualityMetrics of a dataset that is read."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.metrics import Metrics, metrics

KEY: Final = "dataQualityMetrics"
SLOT: Final = "input"
SCHEMA_URL: Final = facet_url("DataQualityMetricsInputDatasetFacet", "1-0-3")
VALUES: Final[dict[str, str]] = {"metrics": "metrics"}
EXAMPLE: Final = {
    "metrics": {"row_count": 100, "columns": {"amount": {"null_count": 0, "min": 1, "max": 30.5}}}
}

SHAPE: Final = Metrics


def build(values: Mapping[str, Value]) -> Metrics:
    """From `{row_count, bytes, file_count, columns: {column: {null_count, min, max, ...}}}`."""
    return metrics(values["metrics"])
