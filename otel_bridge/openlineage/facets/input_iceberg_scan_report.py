"""icebergScanReport: what Iceberg reports of a scan."""

from typing import Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Number, Part, Shape

KEY: Final = "icebergScanReport"
SLOT: Final = "input"
SCHEMA_URL: Final = facet_url("IcebergScanReportInputDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"snapshotId": 17, "projectedFieldNames": ["id"], "scanMetrics": {"resultDataFiles": 2}}


class ScanMetrics(Part, frozen=True, kw_only=True, rename="camel"):
    """Counters of the scan."""

    total_planning_duration: Number | Maybe = UNSET
    result_data_files: Number | Maybe = UNSET
    result_delete_files: Number | Maybe = UNSET
    total_data_manifests: Number | Maybe = UNSET
    total_delete_manifests: Number | Maybe = UNSET
    scanned_data_manifests: Number | Maybe = UNSET
    skipped_data_manifests: Number | Maybe = UNSET
    total_file_size_in_bytes: Number | Maybe = UNSET
    total_delete_file_size_in_bytes: Number | Maybe = UNSET
    skipped_data_files: Number | Maybe = UNSET
    skipped_delete_files: Number | Maybe = UNSET
    scanned_delete_manifests: Number | Maybe = UNSET
    skipped_delete_manifests: Number | Maybe = UNSET
    indexed_delete_files: Number | Maybe = UNSET
    equality_delete_files: Number | Maybe = UNSET
    positional_delete_files: Number | Maybe = UNSET


class IcebergScanReport(Shape, frozen=True, kw_only=True):
    """The snapshot that was read, and how."""

    snapshot_id: Number | Maybe = UNSET
    filter_description: str | Maybe = UNSET
    schema_id: Number | Maybe = UNSET
    projected_field_names: list[str] | Maybe = UNSET
    scan_metrics: ScanMetrics | Maybe = UNSET
    metadata: dict[str, Any] | Maybe = UNSET


SHAPE: Final = IcebergScanReport
