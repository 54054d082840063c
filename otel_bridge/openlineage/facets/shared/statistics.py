"""Statistics of what a run read or wrote."""

from collections.abc import Mapping

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import Fields
from otel_bridge.openlineage.shapes import Maybe, Shape, Whole


class Statistics(Shape, frozen=True, kw_only=True):
    """`size` is in bytes."""

    row_count: Whole | Maybe = UNSET
    size: Whole | Maybe = UNSET
    file_count: Whole | Maybe = UNSET


def statistics(values: Mapping[str, Value]) -> Statistics:
    """From `row_count`, `bytes` and `file_count`."""
    fields = Fields(values, "the dataset")
    return Statistics(
        row_count=fields.whole("row_count"), size=fields.whole("bytes"), file_count=fields.whole("file_count")
    )
