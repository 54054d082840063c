"""Which SQL a statement is written in, and how that dialect spells names and lets aliases be used."""

from typing import Literal

import msgspec

ALIASES = {
    "postgresql": "postgres",
    "sqlserver": "tsql",
    "mssql": "tsql",
    "microsoft.sql_server": "tsql",
    "fabric": "tsql",
    "fabric-warehouse": "tsql",
    "synapse": "tsql",
    "azuresql": "tsql",
    "glue": "spark",
    "fabricspark": "spark",
    "spark_sql": "spark",
    "sparksql": "spark",
    "gcp.bigquery": "bigquery",
    "aws.redshift": "redshift",
    "aws.athena": "athena",
    "prestodb": "presto",
    "starburst": "trino",
    "galaxy": "trino",
    "mariadb": "mysql",
    "motherduck": "duckdb",
    "oracle.db": "oracle",
    "cockroachdb": "postgres",
    "alloydb": "postgres",
    "greenplum": "postgres",
    "yugabytedb": "postgres",
}
"""Names of adapters and of `db.system.name`, as sqlglot's dialects."""

_KNOWN = (
    "athena bigquery clickhouse databricks doris dremio drill druid duckdb exasol hive materialize mysql oracle "
    "postgres presto redshift risingwave singlestore snowflake spark spark2 sqlite starrocks teradata trino "
    "tsql"
)
KNOWN = frozenset(_KNOWN.split())
"""Dialects of sqlglot that are spoken."""

Fold = Literal["lower", "upper", "written"]

_UPPER = frozenset({"snowflake", "oracle", "exasol"})
_WRITTEN = frozenset(
    {"", "duckdb", "tsql", "sqlite", "bigquery", "mysql", "clickhouse", "starrocks", "doris", "singlestore"}
)
_EXACT_QUOTED = frozenset(
    {
        "postgres",
        "snowflake",
        "oracle",
        "exasol",
        "dremio",
        "teradata",
        "druid",
        "materialize",
        "risingwave",
        "drill",
    }
)
_EXACT_TABLES = frozenset({"bigquery", "mysql", "clickhouse", "starrocks", "doris", "singlestore"})
_LATERAL = frozenset({"", "snowflake", "redshift", "databricks", "spark", "duckdb", "clickhouse", "teradata"})
_WHERE = frozenset({"", "snowflake", "duckdb", "clickhouse", "teradata", "redshift"})
_NO_GROUP = frozenset({"tsql", "oracle", "athena", "trino", "presto"})
_STRUCTS = frozenset(
    {
        "bigquery",
        "spark",
        "spark2",
        "databricks",
        "hive",
        "duckdb",
        "trino",
        "presto",
        "athena",
        "clickhouse",
        "redshift",
    }
)
_IMPLICIT_RECURSION = frozenset({"tsql", "oracle", "snowflake", "teradata"})
_PSEUDO = frozenset({"level", "rownum", "rowid", "sysdate", "systimestamp", "current_user", "session_user"})


class Rules(msgspec.Struct, frozen=True):
    """How a dialect treats names. `name` is sqlglot's, "" is the generic one.

    `exact`: table names that differ in case are different tables; `exact_unquoted`: also when written without quotes.
    """

    name: str
    fold: Fold
    exact: bool
    exact_unquoted: bool
    lateral_alias: bool
    where_alias: bool
    group_alias: bool
    structs: bool
    implicit_recursion: bool
    pseudo: frozenset[str] = frozenset()

    def folded(self, text: str, quoted: bool) -> str:
        """The name that the warehouse knows for an identifier."""
        if self.fold == "written" or (quoted and self.exact):
            return text
        return text.upper() if self.fold == "upper" else text.lower()

    def key(self, text: str, quoted: bool) -> str:
        """What two names of CTEs or aliases have in common if they mean the same."""
        return self.folded(text, quoted) if self.exact and not self.exact_unquoted else text.casefold()


def rules(dialect: str) -> Rules:
    """Rules by a name of sqlglot's, an adapter's or a `db.system`; the generic ones where none is known.

    >>> rules("sqlserver").name, rules("Snowflake").fold, rules("no such thing").name
    ('tsql', 'upper', '')
    """
    name = dialect.strip().lower()
    name = ALIASES.get(name, name)
    name = name if name in KNOWN else ""
    return Rules(
        name=name,
        fold="upper" if name in _UPPER else "written" if name in _WRITTEN else "lower",
        exact=name in _EXACT_QUOTED or name in _EXACT_TABLES,
        exact_unquoted=name in _EXACT_TABLES,
        lateral_alias=name in _LATERAL,
        where_alias=name in _WHERE,
        group_alias=name not in _NO_GROUP,
        structs=name in _STRUCTS,
        implicit_recursion=name in _IMPLICIT_RECURSION,
        pseudo=_PSEUDO if name in {"oracle", "snowflake", "redshift", ""} else frozenset(),
    )
