"""A run's statement as a question: its SQL, with the run's datasets as tables where they are tables.

What a table is called comes from the dataset's name, so that the answer leads back to the dataset. Two datasets of
one name in different namespaces are told apart by the connection's namespace, or not at all.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from otel_bridge.model import Dataset, JobDescribed, Run, State, Value
from otel_bridge.sql.dialects import rules
from otel_bridge.sql.values import Column, Statement, Table, TableName

Said = Run | JobDescribed
"""What has a statement and datasets."""

Key = tuple[str, str]
"""Namespace and name of a dataset."""

NO_TARGET: Final = frozenset({"TEST", "UNIT_TEST", "HOOK", "OPERATION", "SOURCE_FRESHNESS"})
"""Types of jobs whose bare query goes nowhere, whatever they write beside it."""

NO_TABLES: Final = frozenset({
    "abfs", "abfss", "adl", "alluxio", "amqp", "azure-service-bus", "cos", "dbfs", "elasticsearch", "file", "ftp", "gcs",
    "gs", "hdfs", "kafka", "kinesis", "maprfs", "mqtt", "nats", "obs", "oss", "pubsub", "pulsar",
    "rabbitmq", "redis", "s3", "s3a", "s3n", "sftp", "sqs", "swift", "wasb", "wasbs",
})  # fmt: skip
"""Schemes of namespaces whose datasets no statement calls by name."""

CATALOGS: Final = frozenset({"http", "https"})
"""Schemes of catalogs, whose tables have a schema, and of much else."""

DIALECTS: Final = {
    "arn": "athena",
    "awsathena": "athena",
    "bigquery": "bigquery",
    "clickhouse": "clickhouse",
    "cockroachdb": "postgres",
    "databricks": "databricks",
    "duckdb": "duckdb",
    "ducklake": "duckdb",
    "fabric-warehouse": "tsql",
    "hive": "hive",
    "motherduck": "duckdb",
    "mssql": "tsql",
    "mysql": "mysql",
    "oracle": "oracle",
    "postgres": "postgres",
    "presto": "presto",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "spark": "spark",
    "sqlite": "sqlite",
    "sqlserver": "tsql",
    "starrocks": "starrocks",
    "trino": "trino",
    "unitycatalog": "databricks",
}
"""Dialect by the scheme of a namespace, where nothing else tells it."""

TWO_PARTS: Final = frozenset({
    "clickhouse", "doris", "hive", "mysql", "singlestore", "spark", "spark2", "starrocks", "teradata",
})  # fmt: skip
"""Dialects whose databases and schemas are one and the same: a full name has two parts, elsewhere three."""

_PART: Final = re.compile(r'"((?:[^"]|"")+)"|`([^`]+)`|\[([^\[\]]+)\]|([^."`\[\]]+)')
_GLUE: Final = "arn:aws:glue:"


class Context(msgspec.Struct, frozen=True):
    """The connection that the statement runs over, as far as it is known."""

    namespace: str = ""
    database: str = ""
    schema: str = ""
    dialect: str = ""


class Question(msgspec.Struct, frozen=True):
    """`datasets` are what the tables of the statement stand for; `ambiguous` names stand for more than one.

    `namespace` is that of tables that the run does not list, "" if it is not known; their names have `parts` parts.
    `adds`: what is written becomes an output beside those that the run lists.
    """

    statement: Statement
    datasets: dict[TableName, Key] = {}
    ambiguous: frozenset[TableName] = frozenset()
    namespace: str = ""
    parts: int = 0
    adds: bool = False


def question(said: Said) -> Question | None:
    """What to ask about it; None if it has no statement or did nothing, or if nothing could come of an answer."""
    found = _sql(said)
    if found is None or (isinstance(said, Run) and said.state is State.SKIP):
        return None
    if said.outputs and all(has_own_lineage(output) for output in said.outputs):
        return None
    sql, dialect = found
    context = _context(said)
    tables, ambiguous = _tables(said, context)
    dialect = dialect or context.dialect or _dialect(tables)
    namespace, parts = _unlisted(tables, context, dialect)
    if not said.outputs and not namespace:
        return None
    target = _target(said, tables)
    datasets = {table.name: key for key, table in tables.items()}
    if target is not None and target.name not in datasets:
        datasets[target.name] = _key(said.outputs[0])
    statement = Statement(
        sql=sql,
        dialect=dialect,
        tables=tuple(sorted(tables.values(), key=lambda table: table.name)),
        target=target,
        database=context.database,
        schema=context.schema,
    )
    return Question(statement, datasets, ambiguous, namespace, parts)


def has_own_lineage(dataset: Dataset) -> bool:
    """Whether the producer itself says what its columns come from."""
    return bool(dataset.values.get("columns")) or dataset.facets.get("columnLineage") is not None


def schema_of(dataset: Dataset) -> tuple[Column, ...] | None:
    """All its columns, in order; None if they are not known, or not all of them."""
    return None if dataset.values.get("schema_partial") else listed_columns(dataset)


def listed_columns(dataset: Dataset) -> tuple[Column, ...] | None:
    """The columns that its schema lists; None if it has none, or one that can't be read."""
    given = dataset.facets.get("schema")
    fields = given.get("fields") if isinstance(given, Mapping) else dataset.values.get("schema")
    if not isinstance(fields, list | tuple) or not fields:
        return None
    found = [_column(field) for field in fields]
    return None if None in found else tuple(column for column in found if column is not None)


def table_name(dataset: Dataset) -> TableName | None:
    """Its name in parts; None for what is no table.

    >>> table_name(Dataset("postgres://db:5432", 'shop.public."odd.name"'))
    ('shop', 'public', 'odd.name')
    >>> table_name(Dataset("s3://lake", "raw/orders.parquet"))
    """
    namespace, name = dataset.namespace, dataset.name
    if namespace.startswith(_GLUE) and name.startswith("table/"):
        return tuple(name.split("/")[1:])
    if _scheme(namespace) in NO_TABLES or "/" in name:
        return None
    parts = _split(name)
    return None if parts and len(parts) < 2 and _scheme(namespace) in CATALOGS else parts


def same_ending(one: TableName, other: TableName) -> bool:
    """Whether the shorter name is how the longer one ends, in any case.

    >>> same_ending(("public", "orders"), ("shop", "PUBLIC", "Orders"))
    True
    """
    shortest = min(len(one), len(other))
    return [part.casefold() for part in one[-shortest:]] == [part.casefold() for part in other[-shortest:]]


def _split(name: str) -> TableName | None:
    parts: list[str] = []
    at = 0
    while True:
        found = _PART.match(name, at)
        if found is None:
            return None
        quoted, ticked, bracketed, plain = found.groups()
        parts.append(quoted.replace('""', '"') if quoted else ticked or bracketed or plain)
        at = found.end()
        if at == len(name):
            return tuple(parts)
        if name[at] != ".":
            return None
        at += 1


def _sql(said: Said) -> tuple[str, str] | None:
    """The statement and its dialect, of the facet or of the short form."""
    facet = said.job_facets.get("sql")
    given = facet if isinstance(facet, Mapping) else {}
    sql, dialect = given.get("query"), given.get("dialect") or said.job_values.get("sql_dialect")
    sql = sql or said.job_values.get("sql")
    if not isinstance(sql, str) or not sql.strip():
        return None
    return sql, dialect if isinstance(dialect, str) else ""


def _context(said: Said) -> Context:
    given = said.job_values.get("sql_context")
    if not isinstance(given, Mapping):
        return Context()
    return Context(**{f: v for f in Context.__struct_fields__ if isinstance(v := given.get(f), str)})


def _tables(said: Said, context: Context) -> tuple[dict[Key, Table], frozenset[TableName]]:
    """The datasets that can be told apart by name, and the names of those that can't."""
    known: dict[Key, Table] = {}
    for dataset in (*said.inputs, *said.outputs):
        key, name = _key(dataset), table_name(dataset)
        if name is None:
            continue
        before = known.get(key)
        if before is None or before.columns is None:
            known[key] = Table(name, schema_of(dataset))
    if len({namespace for namespace, _ in known}) < 2:
        return known, frozenset()
    hidden = {key for key, table in known.items() if _is_hidden(key, table, known, context)}
    doubtful = frozenset(known[key].name for key in hidden if not _elsewhere(key, known[key], known, context))
    return {key: table for key, table in known.items() if key not in hidden}, doubtful


def _is_hidden(key: Key, table: Table, known: Mapping[Key, Table], context: Context) -> bool:
    """Whether another namespace has a table of this name, and this one is not the connection's."""
    rivals = [k for k, t in known.items() if k[0] != key[0] and same_ending(t.name, table.name)]
    return bool(rivals) and key[0] != context.namespace


def _elsewhere(key: Key, table: Table, known: Mapping[Key, Table], context: Context) -> bool:
    """Whether the connection's own table of this name is what the statement means."""
    return any(
        k[0] == context.namespace != key[0] and same_ending(t.name, table.name) for k, t in known.items()
    )


def _unlisted(tables: Mapping[Key, Table], context: Context, dialect: str) -> tuple[str, int]:
    """Namespace of tables that the run does not list, and how many parts their full names have."""
    namespaces = {namespace for namespace, _ in tables}
    namespace = context.namespace or (next(iter(namespaces)) if len(namespaces) == 1 else "")
    lengths = {len(table.name) for (ns, _), table in tables.items() if ns == namespace}
    if len(lengths) > 1:
        return "", 0
    return namespace, lengths.pop() if lengths else 2 if rules(dialect).name in TWO_PARTS else 3


def _target(said: Said, tables: Mapping[Key, Table]) -> Table | None:
    """Where the rows of a bare query go: the one output."""
    if len(said.outputs) != 1 or said.job_values.get("type") in NO_TARGET:
        return None
    output = said.outputs[0]
    table = tables.get(_key(output))
    return Table(table.name if table else ("|".join(_key(output)),), schema_of(output))


def _dialect(tables: Iterable[Key]) -> str:
    found = {DIALECTS.get(_scheme(namespace), "") for namespace, _ in tables}
    return found.pop() if len(found) == 1 else ""


def _key(dataset: Dataset) -> Key:
    return dataset.namespace, dataset.name


def _scheme(namespace: str) -> str:
    return namespace.partition(":")[0].casefold()


def _column(field: Value) -> Column | None:
    name = field.get("name") if isinstance(field, Mapping) else None
    if not isinstance(name, str) or not name:
        return None
    kind = field.get("type")
    return Column(name, kind if isinstance(kind, str) else "")
