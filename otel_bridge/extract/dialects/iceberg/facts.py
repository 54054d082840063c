"""The attributes of one span as a value; what can't be read is noted and left out."""

from collections.abc import Mapping
from typing import Final

import msgspec

from otel_bridge.extract.dialects.iceberg import attributes as at
from otel_bridge.extract.values import Attributes, integer, listing, mapping, number, text
from otel_bridge.model import Value

SCAN: Final = at.OPERATION_SCAN
COMMIT: Final = "commit"
"""A commit whose operation is not told."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Fields have the names of the attributes; `figures` are `iceberg.scan.*` and `iceberg.commit.*`."""

    operation: str
    operations: tuple[str, ...] = ()
    engine_name: str = ""
    engine_version: str = ""
    table_name: str = ""
    table_previous_name: str = ""
    table_location: str = ""
    table_uuid: str = ""
    table_format_version: int | None = None
    table_metadata_location: str = ""
    table_file_format: str = ""
    catalog_name: str = ""
    catalog_type: str = ""
    catalog_uri: str = ""
    catalog_warehouse: str = ""
    schema_id: int | None = None
    schema: tuple[dict[str, Value], ...] = ()
    partition_spec: dict[str, Value] = {}
    ref: str = ""
    snapshot_id: int | None = None
    snapshot_parent_id: int | None = None
    snapshot_sequence_number: int | None = None
    snapshot_operation: str = ""
    snapshots: tuple[dict[str, Value], ...] = ()
    changes: dict[str, Value] = {}
    lifecycle: str = ""
    rows_given: int | None = None
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_read: int | None = None
    files: tuple[str, ...] = ()
    filter: dict[str, Value] = {}
    filter_text: str = ""
    projection: tuple[str, ...] = ()
    limit: int | None = None
    scan_from_snapshot_id: int | None = None
    figures: dict[str, float] = {}

    @property
    def reads(self) -> bool:
        """Whether the table was read; every other operation writes."""
        return self.operation == SCAN


_TEXTS: Final = {
    "engine_name": at.ENGINE_NAME,
    "engine_version": at.ENGINE_VERSION,
    "table_name": at.TABLE_NAME,
    "table_previous_name": at.TABLE_PREVIOUS_NAME,
    "table_location": at.TABLE_LOCATION,
    "table_uuid": at.TABLE_UUID,
    "table_metadata_location": at.TABLE_METADATA_LOCATION,
    "table_file_format": at.TABLE_FILE_FORMAT,
    "catalog_name": at.CATALOG_NAME,
    "catalog_type": at.CATALOG_TYPE,
    "catalog_uri": at.CATALOG_URI,
    "catalog_warehouse": at.CATALOG_WAREHOUSE,
    "ref": at.REF,
    "snapshot_operation": at.SNAPSHOT_OPERATION,
    "lifecycle": at.LIFECYCLE,
    "filter_text": at.FILTER_TEXT,
}
_WHOLE: Final = {
    "table_format_version": at.TABLE_FORMAT_VERSION,
    "schema_id": at.SCHEMA_ID,
    "snapshot_id": at.SNAPSHOT_ID,
    "snapshot_parent_id": at.SNAPSHOT_PARENT_ID,
    "snapshot_sequence_number": at.SNAPSHOT_SEQUENCE_NUMBER,
    "rows_given": at.ROWS_GIVEN,
    "rows_inserted": at.ROWS_INSERTED,
    "rows_updated": at.ROWS_UPDATED,
    "rows_read": at.ROWS_READ,
    "limit": at.LIMIT,
    "scan_from_snapshot_id": at.SCAN_FROM_SNAPSHOT_ID,
}
_MAPS: Final = {"partition_spec": at.PARTITION_SPEC, "changes": at.CHANGES, "filter": at.FILTER}
_NAMES: Final = {"operations": at.OPERATIONS, "files": at.FILES, "projection": at.PROJECTION}
_LISTS: Final = {"schema": at.SCHEMA, "snapshots": at.SNAPSHOTS}
FIGURES: Final = ("iceberg.scan.", "iceberg.commit.")


def told_of(said: Mapping[str, Value], attributes: Attributes) -> Told:
    """All that the span says."""
    read = attributes.read
    found: dict[str, object] = {
        **{field: read(name, text) for field, name in _TEXTS.items()},
        **{field: read(name, integer) for field, name in _WHOLE.items()},
        **{field: read(name, mapping) for field, name in _MAPS.items()},
        **{field: _each(attributes, name, str) for field, name in _NAMES.items()},
        **{field: _each(attributes, name, dict) for field, name in _LISTS.items()},
    }
    figures = {
        key: value
        for key in said
        if key.startswith(FIGURES) and key != at.SCAN_FROM_SNAPSHOT_ID
        if (value := read(key, number)) is not None
    }
    present = {field: value for field, value in found.items() if value is not None}
    return Told(operation=_operation(said, attributes), figures=figures, **present)  # type: ignore[arg-type]


def _operation(said: Mapping[str, Value], attributes: Attributes) -> str:
    given = (attributes.read(at.OPERATION, text) or "").lower()
    return given or (SCAN if any(key.startswith(FIGURES[0]) for key in said) else COMMIT)


def _each(attributes: Attributes, name: str, kind: type) -> tuple[Value, ...] | None:
    found = attributes.read(name, listing)
    if found is None:
        return None
    for i, item in enumerate(found):
        if not isinstance(item, kind):
            attributes.omit(f"{name}[{i}]", f"expected a {'text' if kind is str else 'map'}")
    return tuple(item for item in found if isinstance(item, kind))
