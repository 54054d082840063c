"""Attributes of Dagster runs, version 1: names as constants.

Generated from convention/dagster.yaml by `python -m convention`; edit the table.
"""

from typing import Final

TABLE_VERSION: Final = 1
CONVENTION: Final = "dagster.convention"
KIND: Final = "dagster.kind"
KIND_RUN: Final = "run"
KIND_STEP: Final = "step"
KIND_ASSET: Final = "asset"
RUN_ID: Final = "dagster.run_id"
JOB_NAME: Final = "dagster.job_name"
CODE_LOCATION: Final = "dagster.code_location"
REPOSITORY: Final = "dagster.repository"
DEPLOYMENT: Final = "dagster.deployment"
VERSION: Final = "dagster.version"
PLUGIN_VERSION: Final = "dagster.plugin_version"
RUN_URL: Final = "dagster.run_url"
RUN_TAGS: Final = "dagster.run_tags"
LAUNCHED_BY: Final = "dagster.launched_by"
BACKFILL: Final = "dagster.backfill"
PARTITIONS: Final = "dagster.partitions"
RETRY_OF: Final = "dagster.retry_of"
STEP_KEY: Final = "dagster.step_key"
STEP_ATTEMPT: Final = "dagster.step_attempt"
OP_NAME: Final = "dagster.op_name"
ASSET: Final = "dagster.asset"
INPUTS: Final = "dagster.inputs"
OUTPUTS: Final = "dagster.outputs"
CHECKS: Final = "dagster.checks"
OBSERVATIONS: Final = "dagster.observations"
RESULT: Final = "dagster.result"
UNREAD: Final = "dagster.unread"

ASSET_KEYS: Final = (
    "key",
    "description",
    "group",
    "owners",
    "kinds",
    "tags",
    "code_version",
    "code_source",
    "partitioned_by",
    "dbt_unique_id",
    "told_by_dbt",
)

DATASET_KEYS: Final = (
    "asset_key",
    "connection",
    "relation",
    "location",
    "found_by",
    "io_manager",
    "data_version",
    "partitions",
    "schema",
    "columns",
    "row_count",
    "description",
    "produced_by",
    "format",
)

PARTITION_KEYS: Final = (
    "keys",
    "ranges",
    "count",
    "dimensions",
    "start",
    "end",
    "expression",
)
