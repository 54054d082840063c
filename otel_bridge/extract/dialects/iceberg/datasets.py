"""Datasets out of what a span tells: the table as input or output, and files that a write took over."""

from typing import Final

from otel_bridge.extract.dialects.iceberg import attributes as at
from otel_bridge.extract.dialects.iceberg import facets
from otel_bridge.extract.dialects.iceberg.facts import Told
from otel_bridge.extract.dialects.iceberg.naming import identity, in_catalog, table_name
from otel_bridge.extract.dialects.iceberg.rows import written
from otel_bridge.extract.locations import file_named
from otel_bridge.extract.values import Attributes
from otel_bridge.model import Dataset, Value

Datasets = tuple[Dataset, ...]

LIFECYCLE: Final = {
    at.OPERATION_CREATE: "CREATE",
    at.OPERATION_REGISTER: "CREATE",
    at.OPERATION_DROP: "DROP",
    at.OPERATION_RENAME: "RENAME",
}
ALTERING: Final = ("schema", "partition_spec", "properties")
FRAMEWORK: Final = "iceberg"


def read_and_written(
    told: Told, attributes: Attributes, *, failed: bool = False
) -> tuple[Datasets, Datasets]:
    """Inputs and outputs; of what has failed only their names and what does not depend on it."""
    found = identity(told)
    if found is None:
        reason = "the span tells neither the table's location nor its catalog, so the table is left out"
        attributes.omit(at.TABLE_LOCATION, reason)
        return (), ()
    name, others = found
    symlinks = [{"namespace": other.namespace, "name": other.name, "type": kind} for other, kind in others]
    values = _values(told) | ({"symlinks": symlinks} if symlinks else {})
    if failed:
        table = Dataset(*name, {key: value for key, value in values.items() if key != "version"})
        return ((table,), ()) if told.reads else ((), (table,))
    if told.reads:
        values |= _read(told)
        table = Dataset(*name, values, {facets.SNAPSHOT: facets.snapshot(told)}, facets.of_scan(told))
        return (table,), ()
    values |= _written(told)
    table = Dataset(*name, values, {facets.SNAPSHOT: facets.snapshot(told)}, {}, facets.of_commit(told))
    return tuple(Dataset(*file) for path in told.files if (file := file_named(path))), (table,)


def _values(told: Told) -> dict[str, Value]:
    """What is the same for reads and writes."""
    values: dict[str, Value] = {
        "storage": {"layer": FRAMEWORK}
        | ({"format": told.table_file_format} if told.table_file_format else {})
    }
    if told.snapshot_id is not None:
        values["version"] = str(told.snapshot_id)
    if told.schema:
        values["schema"] = [_column(field) for field in told.schema]
    if told.catalog_name and told.catalog_type:
        values["catalog"] = _catalog(told)
    return values


def _catalog(told: Told) -> dict[str, Value]:
    told_of = {
        "framework": FRAMEWORK,
        "type": told.catalog_type,
        "name": told.catalog_name,
        "metadataUri": told.catalog_uri,
        "warehouseUri": told.catalog_warehouse,
        "source": told.engine_name,
    }
    return {key: value for key, value in told_of.items() if value}


def _column(field: dict[str, Value]) -> Value:
    """A column, with its field id beside what OpenLineage names."""
    known = {
        "name": field.get("name"),
        "type": field.get("type"),
        "description": field.get("doc"),
        "field_id": field.get("id"),
    }
    column: dict[str, Value] = {key: value for key, value in known.items() if value not in (None, "")}
    inner = field.get("fields")
    if isinstance(inner, list) and inner:
        column["fields"] = [_column(part) for part in inner if isinstance(part, dict)]
    return column


def _read(told: Told) -> dict[str, Value]:
    counts = {
        "row_count": told.rows_read,
        "bytes": told.figures.get(at.SCAN_FILE_SIZE),
        "file_count": told.figures.get(at.SCAN_RESULT_DATA_FILES),
    }
    return {key: int(value) for key, value in counts.items() if value is not None}


def _written(told: Told) -> dict[str, Value]:
    unsaid = 0 if told.snapshots else None  # summaries leave zeros out
    counts = {
        "row_count": written(told),
        "bytes": told.figures.get(at.COMMIT_FILE_SIZE_ADDED, unsaid),
        "file_count": told.figures.get(at.COMMIT_DATA_FILES_ADDED, unsaid),
    }
    values: dict[str, Value] = {key: int(value) for key, value in counts.items() if value is not None}
    change = _change(told)
    if change == "RENAME" and (before := in_catalog(told, table_name(told, told.table_previous_name))):
        values["lifecycle"] = {
            "change": change,
            "previous": {"namespace": before.namespace, "name": before.name},
        }
    elif change:
        values["lifecycle"] = change
    return values


def _change(told: Told) -> str | None:
    if told.lifecycle:
        return told.lifecycle
    if told.operation in LIFECYCLE:
        return LIFECYCLE[told.operation]
    return "ALTER" if any(part in told.changes for part in ALTERING) and not told.snapshots else None
