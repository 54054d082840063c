"""subset: the part of an input that a run read."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.subset import Condition, partitions
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "subset"
SLOT: Final = "input"
SCHEMA_URL: Final = facet_url("BaseSubsetDatasetFacet", "1-0-0", "InputSubsetInputDatasetFacet")
VALUES: Final[dict[str, str]] = {"partitions": "partitions"}
EXAMPLE: Final = {"partitions": [{"identifier": "p1", "dimensions": {"day": "2026-11-23"}}]}


class InputSubset(Shape, frozen=True, kw_only=True):
    """The condition that the part fulfils; the other direction's must be absent."""

    input_condition: Condition
    output_condition: Any = UNSET

    def __post_init__(self) -> None:
        if self.output_condition is not UNSET:
            raise ValueError("Expected no `outputCondition` on an input")


SHAPE: Final = InputSubset


def build(values: Mapping[str, Value]) -> InputSubset:
    """From a list of `{identifier, dimensions}`."""
    return InputSubset(input_condition=partitions(values["partitions"]))
