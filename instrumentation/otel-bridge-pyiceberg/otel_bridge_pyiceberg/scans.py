"""What a scan reads: the snapshot, the columns, the filter, and the files that were planned for it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from otel_lineage.trouble import guarded

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg import expressions, operations, settings, tables
from otel_bridge_pyiceberg.telling import Telling

Plan = Callable[[], Any]


def planned(scan: Any, plan: Plan) -> Any:
    """Call `plan`, and tell the scan unless it is a part of a write."""
    telling = _begin(scan)
    if telling is None:
        return plan()
    begun = time.monotonic()
    try:
        tasks = plan()
    except BaseException as error:
        telling.end(error)
        raise
    telling.say(_planned(scan, tasks, time.monotonic() - begun))
    telling.end(None)
    return tasks


@guarded("starting an Iceberg scan", fallback=None)
def _begin(scan: Any) -> Telling | None:
    if not settings.enabled() or operations.is_inner_scan(scan.table_metadata):
        return None
    return Telling(at.OPERATION_SCAN, {**_table(scan), **_read(scan)})


def _table(scan: Any) -> Mapping[str, Any]:
    """The table's name and catalog as the scan, or else whoever made the table, knows them."""
    catalog, identifier = getattr(scan, "catalog", None), getattr(scan, "table_identifier", None)
    told = tables.of_catalog(catalog) if catalog is not None and identifier else {}
    if told and identifier:
        return {at.TABLE_NAME: tables.written(identifier), **told}
    return tables.of_uuid(scan.table_metadata.table_uuid)


def _read(scan: Any) -> Mapping[str, Any]:
    metadata, snapshot = scan.table_metadata, _snapshot(scan)
    schema = _schema(metadata, snapshot, explicit=getattr(scan, "snapshot_id", None) is not None)
    told: dict[str, Any] = tables.of_metadata(metadata, schema)
    told |= expressions.told(scan.row_filter)
    told[at.LIMIT] = scan.limit
    if "*" not in scan.selected_fields:
        told[at.PROJECTION] = [field.name for field in scan.projection().fields]
    told[at.SCAN_FROM_SNAPSHOT_ID] = getattr(scan, "from_snapshot_id", None)
    if snapshot is not None:
        told[at.SNAPSHOT_ID] = snapshot.snapshot_id
        told[at.SNAPSHOT_SEQUENCE_NUMBER] = snapshot.sequence_number
    return told


def _snapshot(scan: Any) -> Any:
    """The one that is read: a given one, or the current one."""
    number = getattr(scan, "snapshot_id", None) or getattr(scan, "to_snapshot_id", None)
    metadata = scan.table_metadata
    return metadata.snapshot_by_id(number) if number else metadata.current_snapshot()


def _schema(metadata: Any, snapshot: Any, *, explicit: bool) -> Any:
    """A snapshot that was asked for is read with its own schema."""
    number = snapshot.schema_id if explicit and snapshot is not None else None
    return next((schema for schema in metadata.schemas if schema.schema_id == number), None)


@guarded("describing an Iceberg scan", fallback={})
def _planned(scan: Any, tasks: Any, took_s: float) -> Mapping[str, Any]:
    told: dict[str, Any] = {at.SCAN_PLANNING_DURATION: round(took_s * 1000, 3)}
    if isinstance(tasks, list):
        deletes = {d.file_path: d.file_size_in_bytes for task in tasks for d in task.delete_files}
        told |= {
            at.SCAN_RESULT_DATA_FILES: len(tasks),
            at.SCAN_FILE_SIZE: sum(task.file.file_size_in_bytes for task in tasks),
            at.SCAN_RESULT_DELETE_FILES: len(deletes),
            at.SCAN_DELETE_FILE_SIZE: sum(deletes.values()),
        }
        whole = scan.limit is None and not deletes and all(_is_whole(task) for task in tasks)
        told[at.ROWS_READ] = sum(task.file.record_count for task in tasks) if whole else None
    elif _snapshot(scan) is None:
        told |= {at.SCAN_RESULT_DATA_FILES: 0, at.ROWS_READ: 0}
    return told


def _is_whole(task: Any) -> bool:
    """Whether every row of the file passes the filter."""
    residual = getattr(task, "residual", None)
    return residual is not None and expressions.everything(residual)
