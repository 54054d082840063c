"""Facets in OpenLineage's own shape: Iceberg's reports, the part of the table, and the snapshot itself."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.extract.dialects.iceberg import attributes as at
from otel_bridge.extract.dialects.iceberg.facts import Told
from otel_bridge.extract.dialects.iceberg.rows import deleted
from otel_bridge.extract.dialects.iceberg.subsets import condition
from otel_bridge.model import Value

Facets = dict[str, Value]

SNAPSHOT: Final = "otel_iceberg_snapshot"
SCAN_REPORT: Final = "icebergScanReport"
COMMIT_REPORT: Final = "icebergCommitReport"
SUBSET: Final = "subset"

SIGNS: Final = {"eq": "=", "not-eq": "!=", "lt": "<", "lt-eq": "<=", "gt": ">", "gt-eq": ">="}
SCAN_METRICS: Final = {
    at.SCAN_PLANNING_DURATION: "totalPlanningDuration",
    at.SCAN_RESULT_DATA_FILES: "resultDataFiles",
    at.SCAN_RESULT_DELETE_FILES: "resultDeleteFiles",
    at.SCAN_DATA_MANIFESTS_TOTAL: "totalDataManifests",
    at.SCAN_DELETE_MANIFESTS_TOTAL: "totalDeleteManifests",
    at.SCAN_DATA_MANIFESTS_SCANNED: "scannedDataManifests",
    at.SCAN_DATA_MANIFESTS_SKIPPED: "skippedDataManifests",
    at.SCAN_FILE_SIZE: "totalFileSizeInBytes",
    at.SCAN_DELETE_FILE_SIZE: "totalDeleteFileSizeInBytes",
    at.SCAN_DATA_FILES_SKIPPED: "skippedDataFiles",
    at.SCAN_DELETE_FILES_SKIPPED: "skippedDeleteFiles",
    at.SCAN_DELETE_MANIFESTS_SCANNED: "scannedDeleteManifests",
    at.SCAN_DELETE_MANIFESTS_SKIPPED: "skippedDeleteManifests",
    at.SCAN_DELETE_FILES_INDEXED: "indexedDeleteFiles",
    at.SCAN_DELETE_FILES_EQUALITY: "equalityDeleteFiles",
    at.SCAN_DELETE_FILES_POSITIONAL: "positionalDeleteFiles",
}
COMMIT_METRICS: Final = {
    at.COMMIT_DURATION: "totalDuration",
    at.COMMIT_ATTEMPTS: "attempts",
    at.COMMIT_DATA_FILES_ADDED: "addedDataFiles",
    at.COMMIT_DATA_FILES_REMOVED: "removedDataFiles",
    at.COMMIT_DATA_FILES_TOTAL: "totalDataFiles",
    at.COMMIT_DELETE_FILES_ADDED: "addedDeleteFiles",
    at.COMMIT_EQUALITY_DELETE_FILES_ADDED: "addedEqualityDeleteFiles",
    at.COMMIT_POSITIONAL_DELETE_FILES_ADDED: "addedPositionalDeleteFiles",
    at.COMMIT_DVS_ADDED: "addedDVs",
    at.COMMIT_DELETE_FILES_REMOVED: "removedDeleteFiles",
    at.COMMIT_EQUALITY_DELETE_FILES_REMOVED: "removedEqualityDeleteFiles",
    at.COMMIT_POSITIONAL_DELETE_FILES_REMOVED: "removedPositionalDeleteFiles",
    at.COMMIT_DVS_REMOVED: "removedDVs",
    at.COMMIT_DELETE_FILES_TOTAL: "totalDeleteFiles",
    at.COMMIT_RECORDS_ADDED: "addedRecords",
    at.COMMIT_RECORDS_REMOVED: "removedRecords",
    at.COMMIT_RECORDS_TOTAL: "totalRecords",
    at.COMMIT_FILE_SIZE_ADDED: "addedFilesSizeInBytes",
    at.COMMIT_FILE_SIZE_REMOVED: "removedFilesSizeInBytes",
    at.COMMIT_FILE_SIZE_TOTAL: "totalFilesSizeInBytes",
    at.COMMIT_POSITIONAL_DELETES_ADDED: "addedPositionalDeletes",
    at.COMMIT_POSITIONAL_DELETES_REMOVED: "removedPositionalDeletes",
    at.COMMIT_POSITIONAL_DELETES_TOTAL: "totalPositionalDeletes",
    at.COMMIT_EQUALITY_DELETES_ADDED: "addedEqualityDeletes",
    at.COMMIT_EQUALITY_DELETES_REMOVED: "removedEqualityDeletes",
    at.COMMIT_EQUALITY_DELETES_TOTAL: "totalEqualityDeletes",
}


def of_scan(told: Told) -> Facets:
    """Input facets: Iceberg's report of the scan, and the part that was read."""
    columns = list(told.projection) or [field["name"] for field in told.schema if "name" in field]
    report = {
        "snapshotId": told.snapshot_id,
        "filterDescription": told.filter_text or _written(told.filter),
        "schemaId": told.schema_id,
        "projectedFieldNames": columns,
        "scanMetrics": _metrics(told, SCAN_METRICS),
        "metadata": _engine(told),
    }
    told_of = {SCAN_REPORT: found} if (found := _present(report)) else {}
    return {**told_of, **_subset(told, "inputCondition")}


def of_commit(told: Told) -> Facets:
    """Output facets: Iceberg's report of the commit, if it made snapshots, and the part that was written."""
    metrics = _metrics(told, COMMIT_METRICS)
    made = (
        bool(told.snapshots)
        or at.COMMIT_DATA_FILES_TOTAL in told.figures
        or at.COMMIT_RECORDS_ADDED in told.figures
    )
    if not made:
        return _subset(told, "outputCondition")
    report = {
        "snapshotId": told.snapshot_id,
        "sequenceNumber": told.snapshot_sequence_number,
        "operation": told.snapshot_operation or told.operation,
        "commitMetrics": metrics,
        "metadata": _engine(told),
    }
    return {COMMIT_REPORT: _present(report), **_subset(told, "outputCondition")}


def snapshot(told: Told) -> Value:
    """The snapshot and all that belongs to it."""
    return _present(
        {
            "performed": told.operation,
            "operations": list(told.operations),
            "snapshotId": _id(told.snapshot_id),
            "parentSnapshotId": _id(told.snapshot_parent_id),
            "fromSnapshotId": _id(told.scan_from_snapshot_id),
            "sequenceNumber": told.snapshot_sequence_number,
            "operation": told.snapshot_operation,
            "ref": told.ref,
            "snapshots": [_one(each) for each in told.snapshots],
            "rows": _rows(told),
            "tableUuid": told.table_uuid,
            "formatVersion": told.table_format_version,
            "metadataLocation": told.table_metadata_location,
            "schemaId": told.schema_id,
            "partitionSpec": _spec(told.partition_spec),
            "changes": _changes(told.changes),
        }
    )


def _one(each: Mapping[str, Value]) -> Facets:
    return _present(
        {
            "snapshotId": _id(each.get("snapshot_id")),
            "parentSnapshotId": _id(each.get("parent_snapshot_id")),
            "sequenceNumber": each.get("sequence_number"),
            "timestampMs": each.get("timestamp_ms"),
            "operation": each.get("operation"),
            "schemaId": each.get("schema_id"),
            "summary": each.get("summary"),
        }
    )


def _rows(told: Told) -> Facets:
    counts = {
        "given": told.rows_given,
        "inserted": told.rows_inserted,
        "updated": told.rows_updated,
        "deleted": None if told.reads else deleted(told),
    }
    return {key: value for key, value in counts.items() if value is not None}


def _spec(spec: Mapping[str, Value]) -> Facets:
    fields = spec.get("fields")
    if not isinstance(fields, list):
        return {}
    names = {"name": "name", "transform": "transform", "source_id": "sourceId", "field_id": "fieldId"}
    told = [
        {names[k]: v for k, v in field.items() if k in names} for field in fields if isinstance(field, dict)
    ]
    return _present({"specId": spec.get("spec_id"), "fields": told})


def _changes(changes: Mapping[str, Value]) -> Facets:
    names = {"partition_spec": "partitionSpec"}
    return {names.get(key, key): value for key, value in changes.items()}


def _subset(told: Told, direction: str) -> Facets:
    found = condition(told.filter) if told.filter else None
    return {SUBSET: {direction: found}} if found else {}


def _metrics(told: Told, names: Mapping[str, str]) -> Facets:
    return {names[key]: value for key, value in told.figures.items() if key in names}


def _engine(told: Told) -> Facets:
    return _present({"engine-name": told.engine_name, "engine-version": told.engine_version})


def _written(filtered: Mapping[str, Value]) -> str:
    """A filter as text.

    >>> _written({"type": "and", "left": {"type": "gt", "term": "a", "value": 1}, "right": {"type": "is-null", "term": "b"}})
    '(a > 1 and b is-null)'
    """
    kind = str(filtered.get("type", ""))
    if kind in {"and", "or"}:
        sides = [_written(side) for key in ("left", "right") if isinstance(side := filtered.get(key), dict)]
        return f"({f' {kind} '.join(sides)})"
    if isinstance(child := filtered.get("child"), dict):
        return f"{kind} {_written(child)}"
    value = filtered.get("value", filtered.get("values", ""))
    return " ".join(
        str(part) for part in (filtered.get("term", ""), SIGNS.get(kind, kind), value) if part != ""
    )


def _id(value: Value) -> str | None:
    return None if value is None else str(value)


def _present(values: Mapping[str, Value]) -> Facets:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}
