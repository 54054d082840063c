"""Names of datasets by data source: OpenLineage's naming specification, and a rule for what it does not name.

A connection gives the namespace, the parts of a relation's name give the name. Where the specification has a row it is
followed; everything else is `{type}://{host}[:{port}]` and the dotted name, which never fails but for want of a host.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec


class Attached(msgspec.Struct, frozen=True, omit_defaults=True):
    """A further database of a DuckDB connection: a file (`path`, absolute), a server, or a catalog (`endpoint`)."""

    alias: str = ""
    path: str = ""
    type: str = ""
    host: str = ""
    port: int | None = None
    database: str = ""
    endpoint: str = ""


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """The warehouse, without anything secret. `type` is dbt's name of the adapter, `version` the adapter's version."""

    type: str = ""
    version: str = ""
    host: str = ""
    port: int | None = None
    account: str = ""
    region: str = ""
    project: str = ""
    dataset: str = ""
    database: str = ""
    schema: str = ""
    catalog: str = ""
    cluster: str = ""
    path: str = ""
    warehouse: str = ""
    method: str = ""
    attached: tuple[Attached, ...] = ()


class Parts(NamedTuple):
    """A relation's name in parts, "" for those that it has not, and which of them are written in quotes."""

    database: str
    schema: str
    identifier: str
    quoted: tuple[bool, bool, bool] | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The parts that there are, outermost first."""
        return tuple(part for part in self[:3] if part)


class Name(NamedTuple):
    """A dataset's identity."""

    namespace: str
    name: str


_PORTS: Final[Mapping[str, int]] = {
    "postgres": 5432,
    "redshift": 5439,
    "mysql": 3306,
    "mssql": 1433,
    "sqlserver": 1433,
    "trino": 8080,
    "presto": 8080,
    "oracle": 1521,
    "teradata": 1025,
    "hive": 10000,
    "starrocks": 9030,
    "doris": 9030,
    "dremio": 9047,
    "clickhouse": 8123,
    "db2": 50000,
    "vertica": 5433,
    "crate": 5432,
}
"""Ports that a connection without one uses."""

_SCHEMES: Final[Mapping[str, str]] = {
    "alloydb": "postgres",
    "mysql5": "mysql",
    "mariadb": "mysql",
    "sqlserver": "mssql",
    "synapse": "sqlserver",
    "starburst": "trino",
    "watsonx_presto": "presto",
    "databricks_sql": "databricks",
    "cratedb": "crate",
    "ibmdb2": "db2",
}
"""Scheme of the namespace where it is not the adapter's type."""

_SQL_DIALECTS: Final[Mapping[str, str]] = {
    "alloydb": "postgres",
    "greenplum": "postgres",
    "cratedb": "postgres",
    "databricks_sql": "databricks",
    "fabricspark": "spark",
    "glue": "spark",
    "starburst": "trino",
    "watsonx_presto": "presto",
    "sqlserver": "tsql",
    "synapse": "tsql",
    "mysql5": "mysql",
    "mariadb": "mysql",
    "impala": "hive",
}
"""Dialect of SQL where it is not the adapter's type."""

_UPPER: Final = frozenset({"snowflake", "oracle", "db2", "ibmdb2", "exasol"})
"""Fold names without quotes to upper case."""
_LOWER: Final = frozenset(
    {"postgres", "redshift", "greenplum", "materialize", "risingwave", "trino", "starburst", "athena"}
)
"""Fold names without quotes to lower case; all others keep them as they are written."""
_CASELESS: Final = frozenset({"duckdb"})
"""Do not tell names apart by their case, in quotes or not: all are written in lower case."""
_UNQUOTED: Final = frozenset({"snowflake"})
"""dbt writes names without quotes unless the project says otherwise."""
_TWO_PARTS: Final = frozenset(
    {"mysql", "mysql5", "mariadb", "clickhouse", "teradata", "hive", "impala", "synapse", "spark"}
)
"""Name only the schema, which is their database, and the table."""

MOTHERDUCK: Final = "motherduck://"
IN_MEMORY: Final = "inmemory://"


def dialect_of(kind: str) -> str:
    """The SQL dialect of an adapter type.

    >>> dialect_of("synapse"), dialect_of("duckdb")
    ('tsql', 'duckdb')
    """
    return _SQL_DIALECTS.get(kind, kind)


def default_port(scheme: str) -> int | None:
    """The port that a namespace of this scheme means without one."""
    return _PORTS.get(scheme)


def namespace_of(connection: Connection) -> str | None:
    """The namespace of what the connection leads to; None if the connection does not tell.

    >>> namespace_of(Connection(type="postgres", host="db.example"))
    'postgres://db.example:5432'
    """
    rule = _NAMESPACES.get(connection.type, _server)
    return rule(connection)


def named(connection: Connection, parts: Parts, namespace: str | None = None) -> Name | None:
    """The dataset that the parts name; `namespace` stands for that of the connection, if given.

    >>> named(Connection(type="snowflake", account="acme-prod"), Parts("shop", "raw", "orders"))
    Name(namespace='snowflake://acme-prod', name='SHOP.RAW.ORDERS')
    """
    folded = folded_parts(connection.type, parts)
    if not folded.identifier:
        return None
    attached = _attachment(connection, folded.database) if connection.type == "duckdb" else None
    if attached is not None:
        return _in_attached(attached, folded)
    found = namespace or namespace_of(connection)
    return Name(found, _written(connection, folded, namespace)) if found else None


def symlinks_of(connection: Connection, parts: Parts) -> tuple[Name, ...]:
    """Other identities by which other producers know the same table."""
    if connection.type in ("databricks", "databricks_sql") and connection.host:
        folded = folded_parts(connection.type, parts)
        return (Name(f"unitycatalog://{_host(connection.host)}", ".".join(folded.given)),)
    return ()


def folded_parts(kind: str, parts: Parts) -> Parts:
    """The parts in the case that the warehouse keeps them in."""
    if kind in _CASELESS:
        return Parts(parts.database.lower(), parts.schema.lower(), parts.identifier.lower(), parts.quoted)
    if kind not in _UPPER and kind not in _LOWER:
        return parts
    quoted = parts.quoted or ((False,) * 3 if kind in _UNQUOTED else (True,) * 3)
    change = str.upper if kind in _UPPER else str.lower
    database, schema, identifier = (
        part if q else change(part) for part, q in zip(parts[:3], quoted, strict=True)
    )
    return Parts(database, schema, identifier, parts.quoted)


def _host(host: str) -> str:
    """The host alone, where a URL was given.

    >>> _host("https://dbc-1.cloud.example/")
    'dbc-1.cloud.example'
    """
    if "://" not in host:
        return host.strip("/")
    try:
        return urlsplit(host).hostname or ""
    except ValueError:
        return ""


def _server(connection: Connection) -> str | None:
    scheme = _SCHEMES.get(connection.type, connection.type)
    host = _host(connection.host) or connection.account
    if not scheme or not host:
        return None
    port = connection.port or _PORTS.get(scheme)
    return f"{scheme}://{host}:{port}" if port and ":" not in host else f"{scheme}://{host}"


def _redshift(connection: Connection) -> str | None:
    """`{cluster}.{region}`: of a provisioned cluster's and of a serverless workgroup's address."""
    labels = connection.host.lower().split(".")
    if "redshift" in labels or "redshift-serverless" in labels:
        host = f"{labels[0]}.{labels[2]}" if len(labels) > 4 else connection.host
        return f"redshift://{host}:{connection.port or _PORTS['redshift']}"
    return _server(connection)


def _snowflake(connection: Connection) -> str | None:
    """`{organization}-{account}`, or a locator with region and cloud, completed as OpenLineage's producers do."""
    account = re.sub(
        r"(\.privatelink)?(\.snowflakecomputing\.com)?$", "", _host(connection.account or connection.host)
    )
    if not account:
        return None
    locator, *rest = account.split(".")
    if "-" in locator:
        return f"snowflake://{locator}"
    region = rest or ["us-west-1"]
    cloud = [] if len(region) > 1 else ["aws"]
    return "snowflake://" + ".".join([locator, *region, *cloud])


def _athena(connection: Connection) -> str | None:
    region = connection.region
    return f"awsathena://athena.{region}.amazonaws.com" if region else None


def _glue(connection: Connection) -> str | None:
    known = connection.region and connection.account
    return f"arn:aws:glue:{connection.region}:{connection.account}" if known else None


def _fabric(connection: Connection) -> str | None:
    host, port = _host(connection.host), connection.port
    return (f"fabric-warehouse://{host}:{port}" if port else f"fabric-warehouse://{host}") if host else None


def _databricks(connection: Connection) -> str | None:
    host = _host(connection.host)
    return f"databricks://{host}" if host else None


def _spark(connection: Connection) -> str | None:
    """The port that dbt-spark uses for its method, if none is given."""
    host, ports = _host(connection.host), {"http": 443, "odbc": 443, "thrift": 10001}
    port = connection.port or ports.get(connection.method)
    return (f"spark://{host}:{port}" if port else f"spark://{host}") if host and host != "NA" else None


def _duckdb(connection: Connection) -> str | None:
    return _duckdb_at(connection.path) if connection.path else None


def _duckdb_at(path: str) -> str:
    lower = path.lower()
    if lower.startswith(":memory:"):
        return IN_MEMORY
    if lower.startswith(("md:", "motherduck:")):
        return MOTHERDUCK
    if lower.startswith("ducklake:"):
        return f"ducklake://{path.partition(':')[2]}"
    return path if "://" in path else f"duckdb://{path}"


_NAMESPACES: Final[Mapping[str, Callable[[Connection], str | None]]] = {
    "redshift": _redshift,
    "snowflake": _snowflake,
    "bigquery": lambda _: "bigquery",
    "athena": _athena,
    "glue": _glue,
    "fabric": _fabric,
    "databricks": _databricks,
    "databricks_sql": _databricks,
    "spark": _spark,
    "duckdb": _duckdb,
    "sqlite": lambda c: f"sqlite://{c.path}" if c.path else None,
}


def _written(connection: Connection, parts: Parts, override: str | None) -> str:
    kind = connection.type
    if kind == "glue" and not override:
        return f"table/{parts.schema}/{parts.identifier}"
    if kind in _TWO_PARTS and parts.schema:
        return f"{parts.schema}.{parts.identifier}"
    if kind == "athena" and not parts.database:
        return ".".join(("awsdatacatalog", *parts.given))
    return ".".join(parts.given)


def _attachment(connection: Connection, database: str) -> Attached | None:
    """The attached database of this name; DuckDB does not mind the case."""
    found = (a for a in connection.attached if a.alias and a.alias.lower() == database.lower())
    return next(found, None)


def _in_attached(attached: Attached, parts: Parts) -> Name:
    """A table of an attached database by the identity that its own clients give it."""
    kind = attached.type.lower()
    table = f"{parts.schema}.{parts.identifier}" if parts.schema else parts.identifier
    if kind == "iceberg" and (attached.endpoint or attached.path):
        return Name(attached.endpoint or attached.path, table)
    if kind in ("postgres", "mysql") and attached.host:
        server = _server(Connection(type=kind, host=attached.host, port=attached.port)) or ""
        return Name(server, table if kind == "mysql" else f"{attached.database or attached.alias}.{table}")
    if kind == "sqlite" and attached.path:
        return Name(f"sqlite://{attached.path}", parts.identifier)
    return Name(_duckdb_at(attached.path or ":memory:"), ".".join(parts.given))
