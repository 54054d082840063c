"""The connection that a statement ran over, by the `db.*` and `server.*` attributes of OpenTelemetry's conventions."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.extract.data_sources import Connection, dialect_of, namespace_of
from otel_bridge.model import Value

SYSTEM: Final = ("db.system.name", "db.system")
DATABASE: Final = ("db.namespace", "db.name")
HOST: Final = ("server.address", "net.peer.name")
PORT: Final = ("server.port", "net.peer.port")
"""Today's name of each, then the one before."""

TYPES: Final = {
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "microsoft.sql_server": "sqlserver",
    "mssql": "sqlserver",
    "oracle.db": "oracle",
    "oracle": "oracle",
    "aws.redshift": "redshift",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "gcp.bigquery": "bigquery",
    "bigquery": "bigquery",
    "trino": "trino",
    "presto": "presto",
    "clickhouse": "clickhouse",
}
"""Systems whose datasets have a name that these attributes tell."""

OF_TWO_PARTS: Final = frozenset({"mysql", "mariadb", "clickhouse"})
"""Their database is what qualifies a table; there is nothing above it."""
OF_AN_INSTANCE: Final = frozenset({"sqlserver"})
"""`db.namespace` is an instance and a database, not a database and a schema."""


def sql_context(attributes: Mapping[str, Value]) -> dict[str, Value] | None:
    """Namespace, database, schema and dialect, as far as they are told; None if the system is not.

    >>> sql_context({"db.system.name": "postgresql", "server.address": "db.example", "db.namespace": "shop|public"})
    {'namespace': 'postgres://db.example:5432', 'database': 'shop', 'schema': 'public', 'dialect': 'postgres'}
    """
    kind = TYPES.get(_text(attributes, SYSTEM).lower())
    if kind is None:
        return None
    port = _text(attributes, PORT)
    connection = Connection(
        type=kind, host=_text(attributes, HOST), port=int(port) if port.isdecimal() else None
    )
    database, schema = _parts(kind, _text(attributes, DATABASE))
    return {
        "namespace": namespace_of(connection) or "",
        "database": database,
        "schema": schema,
        "dialect": dialect_of(kind),
    }


def _parts(kind: str, namespace: str) -> tuple[str, str]:
    """Database and schema, "" where they are not known."""
    first, _, second = namespace.partition("|")
    if kind in OF_TWO_PARTS:
        return "", first
    if kind in OF_AN_INSTANCE:
        return second or first, ""
    return first, second


def _text(attributes: Mapping[str, Value], names: tuple[str, ...]) -> str:
    found = next((attributes[name] for name in names if attributes.get(name) not in (None, "")), "")
    return str(found).strip() if isinstance(found, str | int) else ""
