"""icebergCommitReport: what Iceberg reports of a commit."""

from typing import Any, Final

from msgspec import UNSET, field

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Number, Part, Shape

KEY: Final = "icebergCommitReport"
SLOT: Final = "output"
SCHEMA_URL: Final = facet_url("IcebergCommitReportOutputDatasetFacet", "1-0-2")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"snapshotId": 17, "operation": "append", "commitMetrics": {"addedRecords": 100}}


class CommitMetrics(Part, frozen=True, kw_only=True, rename="camel"):
    """Counters of the commit."""

    total_duration: Number | Maybe = UNSET
    attempts: Number | Maybe = UNSET
    added_data_files: Number | Maybe = UNSET
    removed_data_files: Number | Maybe = UNSET
    total_data_files: Number | Maybe = UNSET
    added_delete_files: Number | Maybe = UNSET
    added_equality_delete_files: Number | Maybe = UNSET
    added_positional_delete_files: Number | Maybe = UNSET
    added_dvs: Number | Maybe = field(name="addedDVs", default=UNSET)
    removed_delete_files: Number | Maybe = UNSET
    removed_equality_delete_files: Number | Maybe = UNSET
    removed_positional_delete_files: Number | Maybe = UNSET
    removed_dvs: Number | Maybe = field(name="removedDVs", default=UNSET)
    total_delete_files: Number | Maybe = UNSET
    added_records: Number | Maybe = UNSET
    removed_records: Number | Maybe = UNSET
    total_records: Number | Maybe = UNSET
    added_files_size_in_bytes: Number | Maybe = UNSET
    removed_files_size_in_bytes: Number | Maybe = UNSET
    total_files_size_in_bytes: Number | Maybe = UNSET
    added_positional_deletes: Number | Maybe = UNSET
    removed_positional_deletes: Number | Maybe = UNSET
    total_positional_deletes: Number | Maybe = UNSET
    added_equality_deletes: Number | Maybe = UNSET
    removed_equality_deletes: Number | Maybe = UNSET
    total_equality_deletes: Number | Maybe = UNSET


class IcebergCommitReport(Shape, frozen=True, kw_only=True):
    """The snapshot that was made, and how."""

    snapshot_id: Number | Maybe = UNSET
    sequence_number: Number | Maybe = UNSET
    operation: str | Maybe = UNSET
    commit_metrics: CommitMetrics | Maybe = UNSET
    metadata: dict[str, Any] | Maybe = UNSET


SHAPE: Final = IcebergCommitReport
