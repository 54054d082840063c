"""inputStatistics: how much a run read."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.statistics import Statistics, statistics

KEY: Final = "inputStatistics"
SLOT: Final = "input"
SCHEMA_URL: Final = facet_url("InputStatisticsInputDatasetFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {"row_count": "row_count", "bytes": "bytes", "file_count": "file_count"}
EXAMPLE: Final = {"row_count": 100, "bytes": 2048, "file_count": 2}

SHAPE: Final = Statistics


def build(values: Mapping[str, Value]) -> Statistics:
    """From `row_count`, `bytes` and `file_count`."""
    return statistics(values)
