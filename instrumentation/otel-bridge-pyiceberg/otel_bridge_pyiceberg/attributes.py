"""Attributes of Iceberg reads and writes, version 1: names as constants.

Generated from convention/iceberg.yaml by `python -m convention`; edit the table.
"""

from typing import Final

TABLE_VERSION: Final = 1
CONVENTION: Final = "iceberg.convention"
OPERATION: Final = "iceberg.operation"
OPERATION_SCAN: Final = "scan"
OPERATION_APPEND: Final = "append"
OPERATION_OVERWRITE: Final = "overwrite"
OPERATION_OVERWRITE_PARTITIONS: Final = "overwrite_partitions"
OPERATION_DELETE: Final = "delete"
OPERATION_UPSERT: Final = "upsert"
OPERATION_ADD_FILES: Final = "add_files"
OPERATION_REPLACE: Final = "replace"
OPERATION_ALTER: Final = "alter"
OPERATION_CREATE: Final = "create"
OPERATION_REGISTER: Final = "register"
OPERATION_DROP: Final = "drop"
OPERATION_RENAME: Final = "rename"
OPERATION_TRANSACTION: Final = "transaction"
OPERATIONS: Final = "iceberg.operations"
ENGINE_NAME: Final = "iceberg.engine.name"
ENGINE_VERSION: Final = "iceberg.engine.version"
TABLE_NAME: Final = "iceberg.table.name"
TABLE_PREVIOUS_NAME: Final = "iceberg.table.previous_name"
TABLE_LOCATION: Final = "iceberg.table.location"
TABLE_UUID: Final = "iceberg.table.uuid"
TABLE_FORMAT_VERSION: Final = "iceberg.table.format_version"
TABLE_METADATA_LOCATION: Final = "iceberg.table.metadata_location"
TABLE_FILE_FORMAT: Final = "iceberg.table.file_format"
CATALOG_NAME: Final = "iceberg.catalog.name"
CATALOG_TYPE: Final = "iceberg.catalog.type"
CATALOG_URI: Final = "iceberg.catalog.uri"
CATALOG_WAREHOUSE: Final = "iceberg.catalog.warehouse"
SCHEMA_ID: Final = "iceberg.schema.id"
SCHEMA: Final = "iceberg.schema"
PARTITION_SPEC: Final = "iceberg.partition_spec"
REF: Final = "iceberg.ref"
SNAPSHOT_ID: Final = "iceberg.snapshot.id"
SNAPSHOT_PARENT_ID: Final = "iceberg.snapshot.parent_id"
SNAPSHOT_SEQUENCE_NUMBER: Final = "iceberg.snapshot.sequence_number"
SNAPSHOT_OPERATION: Final = "iceberg.snapshot.operation"
SNAPSHOTS: Final = "iceberg.snapshots"
CHANGES: Final = "iceberg.changes"
LIFECYCLE: Final = "iceberg.lifecycle"
LIFECYCLE_ALTER: Final = "ALTER"
LIFECYCLE_CREATE: Final = "CREATE"
LIFECYCLE_DROP: Final = "DROP"
LIFECYCLE_OVERWRITE: Final = "OVERWRITE"
LIFECYCLE_RENAME: Final = "RENAME"
LIFECYCLE_TRUNCATE: Final = "TRUNCATE"
ROWS_GIVEN: Final = "iceberg.rows.given"
ROWS_INSERTED: Final = "iceberg.rows.inserted"
ROWS_UPDATED: Final = "iceberg.rows.updated"
ROWS_READ: Final = "iceberg.rows.read"
FILES: Final = "iceberg.files"
FILTER: Final = "iceberg.filter"
FILTER_TEXT: Final = "iceberg.filter.text"
PROJECTION: Final = "iceberg.projection"
LIMIT: Final = "iceberg.limit"
SCAN_FROM_SNAPSHOT_ID: Final = "iceberg.scan.from_snapshot_id"
SCAN_PLANNING_DURATION: Final = "iceberg.scan.planning.duration"
SCAN_RESULT_DATA_FILES: Final = "iceberg.scan.result.data_files"
SCAN_RESULT_DELETE_FILES: Final = "iceberg.scan.result.delete_files"
SCAN_DATA_MANIFESTS_TOTAL: Final = "iceberg.scan.data_manifests.total"
SCAN_DELETE_MANIFESTS_TOTAL: Final = "iceberg.scan.delete_manifests.total"
SCAN_DATA_MANIFESTS_SCANNED: Final = "iceberg.scan.data_manifests.scanned"
SCAN_DATA_MANIFESTS_SKIPPED: Final = "iceberg.scan.data_manifests.skipped"
SCAN_DELETE_MANIFESTS_SCANNED: Final = "iceberg.scan.delete_manifests.scanned"
SCAN_DELETE_MANIFESTS_SKIPPED: Final = "iceberg.scan.delete_manifests.skipped"
SCAN_FILE_SIZE: Final = "iceberg.scan.file_size.bytes"
SCAN_DELETE_FILE_SIZE: Final = "iceberg.scan.delete_file_size.bytes"
SCAN_DATA_FILES_SKIPPED: Final = "iceberg.scan.data_files.skipped"
SCAN_DELETE_FILES_SKIPPED: Final = "iceberg.scan.delete_files.skipped"
SCAN_DELETE_FILES_INDEXED: Final = "iceberg.scan.delete_files.indexed"
SCAN_DELETE_FILES_EQUALITY: Final = "iceberg.scan.delete_files.equality"
SCAN_DELETE_FILES_POSITIONAL: Final = "iceberg.scan.delete_files.positional"
SCAN_DVS: Final = "iceberg.scan.dvs"
COMMIT_DURATION: Final = "iceberg.commit.duration"
COMMIT_ATTEMPTS: Final = "iceberg.commit.attempts"
COMMIT_DATA_FILES_ADDED: Final = "iceberg.commit.data_files.added"
COMMIT_DATA_FILES_REMOVED: Final = "iceberg.commit.data_files.removed"
COMMIT_DATA_FILES_TOTAL: Final = "iceberg.commit.data_files.total"
COMMIT_DELETE_FILES_ADDED: Final = "iceberg.commit.delete_files.added"
COMMIT_EQUALITY_DELETE_FILES_ADDED: Final = "iceberg.commit.delete_files.equality.added"
COMMIT_POSITIONAL_DELETE_FILES_ADDED: Final = "iceberg.commit.delete_files.positional.added"
COMMIT_DVS_ADDED: Final = "iceberg.commit.dvs.added"
COMMIT_DELETE_FILES_REMOVED: Final = "iceberg.commit.delete_files.removed"
COMMIT_EQUALITY_DELETE_FILES_REMOVED: Final = "iceberg.commit.delete_files.equality.removed"
COMMIT_POSITIONAL_DELETE_FILES_REMOVED: Final = "iceberg.commit.delete_files.positional.removed"
COMMIT_DVS_REMOVED: Final = "iceberg.commit.dvs.removed"
COMMIT_DELETE_FILES_TOTAL: Final = "iceberg.commit.delete_files.total"
COMMIT_RECORDS_ADDED: Final = "iceberg.commit.records.added"
COMMIT_RECORDS_REMOVED: Final = "iceberg.commit.records.removed"
COMMIT_RECORDS_TOTAL: Final = "iceberg.commit.records.total"
COMMIT_FILE_SIZE_ADDED: Final = "iceberg.commit.file_size.added_bytes"
COMMIT_FILE_SIZE_REMOVED: Final = "iceberg.commit.file_size.removed_bytes"
COMMIT_FILE_SIZE_TOTAL: Final = "iceberg.commit.file_size.total_bytes"
COMMIT_POSITIONAL_DELETES_ADDED: Final = "iceberg.commit.positional_deletes.added"
COMMIT_POSITIONAL_DELETES_REMOVED: Final = "iceberg.commit.positional_deletes.removed"
COMMIT_POSITIONAL_DELETES_TOTAL: Final = "iceberg.commit.positional_deletes.total"
COMMIT_EQUALITY_DELETES_ADDED: Final = "iceberg.commit.equality_deletes.added"
COMMIT_EQUALITY_DELETES_REMOVED: Final = "iceberg.commit.equality_deletes.removed"
COMMIT_EQUALITY_DELETES_TOTAL: Final = "iceberg.commit.equality_deletes.total"
COMMIT_MANIFESTS_CREATED: Final = "iceberg.commit.manifests.created"
COMMIT_MANIFESTS_REPLACED: Final = "iceberg.commit.manifests.replaced"
COMMIT_MANIFESTS_KEPT: Final = "iceberg.commit.manifests.kept"
COMMIT_MANIFEST_ENTRIES_PROCESSED: Final = "iceberg.commit.manifest_entries.processed"

FIELD_KEYS: Final = (
    "id",
    "name",
    "type",
    "required",
    "doc",
    "fields",
)

SNAPSHOT_KEYS: Final = (
    "snapshot_id",
    "parent_snapshot_id",
    "sequence_number",
    "timestamp_ms",
    "operation",
    "schema_id",
    "summary",
)

CHANGE_KEYS: Final = (
    "actions",
    "schema",
    "partition_spec",
    "properties",
)
