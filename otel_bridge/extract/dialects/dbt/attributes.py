"""Attributes of dbt runs, version 1: names as constants.

Generated from convention/dbt.yaml by `python -m convention`; edit the table.
"""

from typing import Final

TABLE_VERSION: Final = 1
CONVENTION: Final = "dbt.convention"
KIND: Final = "dbt.kind"
KIND_INVOCATION: Final = "invocation"
KIND_NODE: Final = "node"
KIND_BATCH: Final = "batch"
KIND_HOOK: Final = "hook"
KIND_OPERATION: Final = "operation"
INVOCATION_ID: Final = "dbt.invocation_id"
COMMAND: Final = "dbt.command"
VERSION: Final = "dbt.version"
PLUGIN_VERSION: Final = "dbt.plugin_version"
PROJECT: Final = "dbt.project"
PROFILE: Final = "dbt.profile"
TARGET: Final = "dbt.target"
CONNECTION: Final = "dbt.connection"
FLAGS: Final = "dbt.flags"
RETRY_OF: Final = "dbt.retry_of"
UNIQUE_ID: Final = "unique_id"
NODE_TYPE: Final = "node_type"
NAME: Final = "name"
MATERIALIZATION: Final = "materialization"
DATABASE: Final = "database"
SCHEMA: Final = "schema"
IDENTIFIER: Final = "identifier"
RELATIVE_PATH: Final = "relative_path"
NODE_CHECKSUM: Final = "node_checksum"
NODE_OUTCOME: Final = "node_outcome"
ROWS_AFFECTED: Final = "rows_affected"
QUERY_ID: Final = "query_id"
NODE: Final = "dbt.node"
INPUTS: Final = "dbt.inputs"
OUTPUT: Final = "dbt.output"
ASSET: Final = "dbt.asset"
CONSUMERS: Final = "dbt.consumers"
RESULT: Final = "dbt.result"
BATCH: Final = "dbt.batch"
HOOK: Final = "dbt.hook"
OPERATION: Final = "dbt.operation"
UNREAD: Final = "dbt.unread"
CODE: Final = "dbt.code"

RELATION_KEYS: Final = (
    "unique_id",
    "resource_type",
    "database",
    "schema",
    "identifier",
    "quoted",
    "path",
    "materialization",
    "columns",
    "columns_complete",
    "columns_from",
    "description",
    "tags",
    "meta",
    "owner",
    "loader",
    "access",
    "deferred",
)
