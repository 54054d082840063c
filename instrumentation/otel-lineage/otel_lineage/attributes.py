"""The attribute convention, version 1: names as constants.

Generated from convention/attributes.yaml by `python -m convention`; edit the table.
"""

from typing import Final

JOB_NAME: Final = "openlineage.job.name"
JOB_NAMESPACE: Final = "openlineage.job.namespace"
JOB_TYPE: Final = "openlineage.job.type"
JOB_INTEGRATION: Final = "openlineage.job.integration"
JOB_PROCESSING_TYPE: Final = "openlineage.job.processing_type"
JOB_DOCUMENTATION: Final = "openlineage.job.documentation"
JOB_OWNERS: Final = "openlineage.job.owners"
JOB_TAGS: Final = "openlineage.job.tags"
JOB_SOURCE_CODE: Final = "openlineage.job.source_code"
JOB_FACETS: Final = "openlineage.job.facets"
RUN_ID: Final = "openlineage.run.id"
RUN_STATE: Final = "openlineage.run.state"
RUN_TAGS: Final = "openlineage.run.tags"
RUN_FACETS: Final = "openlineage.run.facets"
PARENT_RUN_ID: Final = "openlineage.parent.run.id"
PARENT_JOB_NAMESPACE: Final = "openlineage.parent.job.namespace"
PARENT_JOB_NAME: Final = "openlineage.parent.job.name"
PARENT_SPAN_ID: Final = "openlineage.parent.span.id"
ROOT_RUN_ID: Final = "openlineage.root.run.id"
ROOT_JOB_NAMESPACE: Final = "openlineage.root.job.namespace"
ROOT_JOB_NAME: Final = "openlineage.root.job.name"
INPUTS: Final = "openlineage.inputs"
OUTPUTS: Final = "openlineage.outputs"
NOMINAL_START: Final = "openlineage.nominal_start"
NOMINAL_END: Final = "openlineage.nominal_end"
SQL: Final = "openlineage.sql"
SQL_DIALECT: Final = "openlineage.sql.dialect"
PROCESSING_ENGINE: Final = "openlineage.processing_engine"
EXTERNAL_QUERY: Final = "openlineage.external_query"
HEARTBEAT_INTERVAL: Final = "openlineage.heartbeat.interval"
DATASET: Final = "openlineage.dataset"
EXPORT: Final = "openlineage.export"
EXPORT_LINEAGE: Final = "lineage"
EXPORT_PARTIAL: Final = "partial"
IO_SPANS: Final = "openlineage.io.spans"
EVENT_RUN_START: Final = "openlineage.run.start"
EVENT_RUN_HEARTBEAT: Final = "openlineage.run.heartbeat"
EVENT_DATASET: Final = "openlineage.dataset"
EVENT_JOB: Final = "openlineage.job"

DATASET_KEYS: Final = (
    "schema",
    "schema_partial",
    "logical",
    "columns",
    "version",
    "row_count",
    "bytes",
    "file_count",
    "partitions",
    "documentation",
    "owners",
    "tags",
    "source",
    "symlinks",
    "storage",
    "catalog",
    "lifecycle",
    "metrics",
    "assertions",
)

IO_ATTRIBUTES: Final = (
    "db.system",
    "db.system.name",
    "messaging.system",
    "aws.s3.bucket",
    "az.namespace",
    "gcp.client.service",
    "file.path",
    "iceberg.operation",
    "iceberg.table.name",
)
