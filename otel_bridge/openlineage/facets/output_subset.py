"""subset: the part of an output that a run wrote."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.subset import Condition, partitions
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "subset"
SLOT: Final = "output"
SCHEMA_URL: Final = facet_url("BaseSubsetDatasetFacet", "1-0-0", "OutputSubsetOutputDatasetFacet")
VALUES: Final[dict[str, str]] = {"partitions": "partitions"}
EXAMPLE: Final = {"partitions": [{"identifier": "p1", "dimensions": {"day": "2026-11-23"}}]}


class OutputSubset(Shape, frozen=True, kw_only=True):
    """The condition that the part fulfils; the other direction's must be absent."""

    output_condition: Condition
    input_condition: Any = UNSET

    def __post_init__(self) -> None:
        if self.input_condition is not UNSET:
            raise ValueError("Expected no `inputCondition` on an output")


SHAPE: Final = OutputSubset


def build(values: Mapping[str, Value]) -> OutputSubset:
    """From a list of `{identifier, dimensions}`."""
    return OutputSubset(output_condition=partitions(values["partitions"]))
