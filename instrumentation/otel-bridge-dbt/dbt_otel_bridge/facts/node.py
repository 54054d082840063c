"""What the project says about a node, and the relation that it writes."""

from typing import Any

from dbt_otel_bridge import attributes as names

from .checks import check
from .columns import constraints
from .inputs import compiled_code, is_physical
from .relations import node_relation, owner, relation_of, rendered
from .results import criteria
from .scope import Scope
from .values import compact, labels, part, parts, plain, text

_CONFIG = (
    "materialized", "incremental_strategy", "unique_key", "full_refresh", "event_time", "strategy",
    "updated_at", "check_cols", "hard_deletes", "invalidate_hard_deletes", "target_schema", "target_database",
    "snapshot_meta_column_names", "delimiter", "quote_columns", "partition_by", "cluster_by", "location", "format",
    "file_format", "table_format", "catalog_name", "loaded_at_field", "loaded_at_query", "schema", "database",
    "alias", "indexes", "sort", "dist", "transient", "submission_method",
)  # fmt: skip
_CONFIG_OF = {
    "incremental": ("on_schema_change", "batch_size", "lookback", "begin", "concurrent_batches"),
    "materialized_view": ("on_configuration_change",),
}
_SQL_LIMIT = 1024 * 1024
_WRITERS = frozenset({"model", "seed", "snapshot"})
_DIALECTS = {
    "postgres": "postgres", "greenplum": "postgres", "materialize": "materialize", "risingwave": "risingwave",
    "redshift": "redshift", "snowflake": "snowflake", "bigquery": "bigquery", "databricks": "databricks",
    "databricks_sql": "databricks", "spark": "spark", "fabricspark": "spark", "glue": "spark", "duckdb": "duckdb",
    "trino": "trino", "starburst": "trino", "presto": "presto", "athena": "athena", "clickhouse": "clickhouse",
    "sqlserver": "tsql", "fabric": "fabric", "synapse": "tsql", "mysql": "mysql", "mysql5": "mysql",
    "mariadb": "mysql", "singlestore": "singlestore", "starrocks": "starrocks", "doris": "doris", "hive": "hive",
    "impala": "hive", "oracle": "oracle", "teradata": "teradata", "sqlite": "sqlite", "dremio": "dremio",
    "exasol": "exasol", "dameng": "dameng", "drill": "drill",
}  # fmt: skip


def described(scope: Scope, node: Any) -> dict[str, Any]:
    """The map of `dbt.node`."""
    contract = part(node, "contract") or part(part(node, "config"), "contract")
    enforced = part(contract, "enforced") is True
    return compact(
        {
            "package": text(part(node, "package_name")),
            "language": text(part(node, "language")),
            "alias": text(part(node, "alias")),
            "fqn": plain(part(node, "fqn")),
            "access": text(part(node, "access")),
            "version": plain(part(node, "version")),
            "latest_version": plain(part(node, "latest_version")),
            "deprecation_date": plain(part(node, "deprecation_date")),
            "group": text(part(node, "group") or part(part(node, "config"), "group")),
            "owner": owner(scope, node),
            "description": text(part(node, "description")),
            "tags": labels(node),
            "meta": plain(part(node, "meta") or part(part(node, "config"), "meta")),
            "contract": parts(contract, ("enforced", "checksum")) if enforced else None,
            "constraints": constraints(part(node, "constraints")),
            "original_file_path": text(part(node, "original_file_path")),
            "patch_path": text(part(node, "patch_path")),
            "source": parts(node, ("source_name", "source_description", "loader")) or None,
            "freshness": criteria(part(node, "freshness")),
            "config": _config(node),
            "test": check(node),
        }
    )


def _config(node: Any) -> dict[str, Any]:
    """The configuration that bears on lineage; what has a default everywhere, only where it is looked at."""
    config = part(node, "config")
    # what only the adapter or the project knows stands in `_extra`; the config's own `get` would warn of some keys
    found = {**parts(part(config, "_extra"), _CONFIG), **parts(config, _CONFIG)}
    return {**found, **parts(config, _CONFIG_OF.get(found.get("materialized", ""), ()))}


def identity(node: Any) -> dict[str, Any]:
    """The flat attributes that dbt's own spans have too."""
    return compact(
        {
            "unique_id": text(part(node, "unique_id")),
            "node_type": text(part(node, "resource_type")),
            "name": text(part(node, "name")),
            "materialization": text(part(part(node, "config"), "materialized")),
            "database": text(part(node, "database")),
            "schema": text(part(node, "schema")),
            "identifier": text(part(node, "identifier") or part(node, "alias")),
            "relative_path": text(part(node, "original_file_path")),
            "node_checksum": _checksum(part(node, "checksum")),
        }
    )


def _cloning(scope: Scope, node: Any) -> str | None:
    """What a clone comes to, in whichever way the warehouse makes it."""
    deferred = part(node, "defer_relation")
    return f"select * from {rendered(relation_of(scope, deferred))}" if deferred else None  # noqa: S608


def _checksum(checksum: Any) -> str | None:
    return text(checksum if isinstance(checksum, str) else part(checksum, "checksum"))


def output(scope: Scope, node: Any, command: str | None) -> dict[str, Any]:
    """The relation that the node writes, nothing for nodes that write none."""
    if command == "source freshness":
        return {}
    kind = text(part(node, "resource_type"))
    if kind in _WRITERS and is_physical(node):
        return node_relation(scope, node)
    if kind == "test" and stores_failures(node):
        return {**node_relation(scope, node), "resource_type": "test"}
    return {}


def stores_failures(node: Any) -> bool:
    """Whether the test keeps the rows that fail in a table."""
    if text(part(part(node, "config"), "store_failures_as")) == "ephemeral":
        return False
    return part(node, "should_store_failures") is True


def code(scope: Scope, node: Any, command: str | None) -> dict[str, Any]:
    """The compiled SQL with its dialect, or the source of what is not SQL."""
    if command == "clone":
        return sql(scope, _cloning(scope, node))
    if (text(part(node, "language")) or "sql") == "sql":
        return sql(scope, text(compiled_code(node)))
    source = text(part(node, "raw_code") or compiled_code(node))
    return {names.CODE: source} if source else {}


def sql(scope: Scope, statement: str | None) -> dict[str, Any]:
    """A statement in the dialect of the warehouse, by sqlglot's name; none of more than a megabyte."""
    if not statement or len(statement) > _SQL_LIMIT:
        return {}
    dialect = _DIALECTS.get(scope.adapter_type, scope.adapter_type)
    return {"openlineage.sql": statement, "openlineage.sql.dialect": dialect}
