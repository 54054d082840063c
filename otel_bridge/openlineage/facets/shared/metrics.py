"""dataQualityMetrics facets: counts and distributions by column."""

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import Fields, mapping, number
from otel_bridge.openlineage.shapes import Maybe, Moment, Number, Part, Shape, Whole


class ColumnMetrics(Part, frozen=True, kw_only=True, rename="camel"):
    """`quantiles`: quantile (`0.5`) to value."""

    null_count: Whole | Maybe = UNSET
    distinct_count: Whole | Maybe = UNSET
    sum: Number | Maybe = UNSET
    count: Number | Maybe = UNSET
    min: Number | Maybe = UNSET
    max: Number | Maybe = UNSET
    quantiles: dict[str, Number] | Maybe = UNSET


class Metrics(Shape, frozen=True, kw_only=True):
    """`bytes` and counts are of the whole dataset."""

    row_count: Whole | Maybe = UNSET
    bytes: Whole | Maybe = UNSET
    file_count: Whole | Maybe = UNSET
    last_updated: Moment | Maybe = UNSET
    column_metrics: dict[str, ColumnMetrics]


def metrics(value: Value) -> Metrics:
    """From `{row_count, bytes, file_count, last_updated, columns: {column: {null_count, ...}}}`."""
    fields = Fields(value, "metrics")
    columns = mapping(fields.get("columns", "columnMetrics") or {}, "`columns` of metrics")
    return Metrics(
        row_count=fields.whole("row_count", "rowCount"),
        bytes=fields.whole("bytes"),
        file_count=fields.whole("file_count", "fileCount"),
        last_updated=fields.moment("last_updated", "lastUpdated"),
        column_metrics={name: _column(found, name) for name, found in columns.items()},
    )


def _column(value: Value, name: str) -> ColumnMetrics:
    fields = Fields(value, f"column `{name}`")
    quantiles = fields.mapping("quantiles")
    return ColumnMetrics(
        null_count=fields.whole("null_count", "nullCount"),
        distinct_count=fields.whole("distinct_count", "distinctCount"),
        sum=fields.number("sum"),
        count=fields.number("count"),
        min=fields.number("min"),
        max=fields.number("max"),
        quantiles=UNSET
        if quantiles is UNSET
        else {q: number(v, f"quantile {q}") for q, v in quantiles.items()},
    )
