"""otel_iceberg_snapshot: the Iceberg snapshot behind a read or a write. The bridge's own facet.

Ids of snapshots are texts here: they exceed what JSON numbers hold everywhere.
"""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import told
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "otel_iceberg_snapshot"
SLOT: Final = "dataset"
SCHEMA_URL: Final = (
    "/facets/1-0-0/OtelIcebergSnapshotDatasetFacet.json#/$defs/OtelIcebergSnapshotDatasetFacet"
)
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "performed": "append",
    "snapshotId": "5937117119577207000",
    "parentSnapshotId": "3051729675574597004",
    "tableUuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
    "snapshots": [{"snapshotId": "5937117119577207000", "operation": "append"}],
}


class Snapshot(Part, frozen=True, kw_only=True, rename="camel"):
    """One snapshot."""

    snapshot_id: Annotated[str, told("Its id.")]
    parent_snapshot_id: Annotated[str | Maybe, told("Its parent.")] = UNSET
    sequence_number: Annotated[int | Maybe, told("Its sequence number.")] = UNSET
    timestamp_ms: Annotated[int | Maybe, told("When it was made, Unix milliseconds.")] = UNSET
    operation: Annotated[str | Maybe, told("append, overwrite, delete or replace.")] = UNSET
    schema_id: Annotated[int | Maybe, told("Its schema.")] = UNSET
    summary: Annotated[dict[str, str] | Maybe, told("Iceberg's figures of it.")] = UNSET


class PartitionField(Part, frozen=True, kw_only=True, rename="camel"):
    """One field of a partition spec."""

    name: Annotated[str, told("Its name.")]
    transform: Annotated[str, told("identity, day, bucket[16], ...")]
    source_id: Annotated[int | Maybe, told("Field id of the column.")] = UNSET
    field_id: Annotated[int | Maybe, told("Its own field id.")] = UNSET


class PartitionSpec(Part, frozen=True, kw_only=True, rename="camel"):
    """How the table is partitioned."""

    spec_id: Annotated[int | Maybe, told("Its id.")] = UNSET
    fields: Annotated[list[PartitionField], told("Its fields.")]


class Changes(
    Part, frozen=True, kw_only=True, rename={"schema_": "schema", "partition_spec": "partitionSpec"}
):
    """What the commit changed beside data."""

    actions: Annotated[list[str] | Maybe, told("Iceberg's names of the updates.")] = UNSET
    schema_: Annotated[
        dict[str, Any] | Maybe, told("Columns added, removed, renamed, retyped and moved; ids from and to.")
    ] = UNSET
    partition_spec: Annotated[dict[str, Any] | Maybe, told("Ids of the specs before and after.")] = UNSET
    properties: Annotated[dict[str, list[str]] | Maybe, told("Names of properties, set and removed.")] = UNSET


class Rows(Part, frozen=True, kw_only=True, rename="camel"):
    """Rows of a write, not counting those that were only written again."""

    given: Annotated[int | Maybe, told("Handed over by the program.")] = UNSET
    inserted: Annotated[int | Maybe, told("New ones of an upsert.")] = UNSET
    updated: Annotated[int | Maybe, told("Those of an upsert that were there.")] = UNSET
    deleted: Annotated[int | Maybe, told("Gone for good: by the table's totals before and after.")] = UNSET


class OtelIcebergSnapshot(Shape, frozen=True, kw_only=True):
    """See the module."""

    performed: Annotated[str | Maybe, told("What was done: scan, append, upsert, alter, ...")] = UNSET
    operations: Annotated[list[str] | Maybe, told("What the commit is made of, if more than one.")] = UNSET
    snapshot_id: Annotated[str | Maybe, told("The snapshot read, or the last one written.")] = UNSET
    parent_snapshot_id: Annotated[str | Maybe, told("Of a write: the one before.")] = UNSET
    from_snapshot_id: Annotated[str | Maybe, told("Of an incremental scan: the one it begins after.")] = UNSET
    sequence_number: Annotated[int | Maybe, told("Sequence number of the snapshot.")] = UNSET
    operation: Annotated[str | Maybe, told("The snapshot's operation, as Iceberg notes it.")] = UNSET
    ref: Annotated[str | Maybe, told("The branch, where it is not main.")] = UNSET
    snapshots: Annotated[list[Snapshot] | Maybe, told("All snapshots of the commit.")] = UNSET
    rows: Annotated[Rows | Maybe, told("Rows of the write.")] = UNSET
    table_uuid: Annotated[str | Maybe, told("The table, whatever its name.")] = UNSET
    format_version: Annotated[int | Maybe, told("Version of the table format.")] = UNSET
    metadata_location: Annotated[str | Maybe, told("The table's metadata file.")] = UNSET
    schema_id: Annotated[int | Maybe, told("Its schema.")] = UNSET
    partition_spec: Annotated[PartitionSpec | Maybe, told("Its partition spec.")] = UNSET
    changes: Annotated[Changes | Maybe, told("What else changed.")] = UNSET


SHAPE: Final = OtelIcebergSnapshot


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    fields = fields_of(SHAPE, "The Iceberg snapshot behind a read or a write.")
    return facet_document(url, KEY, "OtelIcebergSnapshotDatasetFacet", SLOT, fields)
