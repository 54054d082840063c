"""The connection that a statement ran over, by the `db.*` and `server.*` attributes of OpenTelemetry's conventions."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from otel_bridge.extract.data_sources import Connection, Name, Parts, dialect_of, folded_parts, namespace_of
from otel_bridge.model import Value
from otel_bridge.settings import Dialects

SYSTEM: Final = ("db.system.name", "db.system")
DATABASE: Final = ("db.namespace", "db.name")
HOST: Final = ("server.address", "net.peer.name", "network.peer.address", "net.peer.ip", "net.sock.peer.addr")
PORT: Final = ("server.port", "net.peer.port", "network.peer.port", "net.sock.peer.port")
"""Today's name of each, then those before; of hosts the name before the address."""


class System(msgspec.Struct, frozen=True):
    """A database as data sources know it.

    `parts` is how many parts the name of a table has, `schema` the one that is looked in where SQL names none, `sql`
    whether its statements are SQL that is understood.
    """

    kind: str
    parts: int = 3
    schema: str = ""
    sql: bool = True


_POSTGRES: Final = System("postgres", schema="public")
_SQL_SERVER: Final = System("sqlserver", schema="dbo")
SYSTEMS: Final[Mapping[str, System]] = {
    "postgresql": _POSTGRES,
    "mysql": System("mysql", 2),
    "mariadb": System("mariadb", 2),
    "microsoft.sql_server": _SQL_SERVER,
    "mssql": _SQL_SERVER,
    "oracle.db": System("oracle"),
    "oracle": System("oracle"),
    "aws.redshift": System("redshift", schema="public"),
    "redshift": System("redshift", schema="public"),
    "cockroachdb": System("cockroachdb", schema="public"),
    "snowflake": System("snowflake"),
    "gcp.bigquery": System("bigquery"),
    "bigquery": System("bigquery"),
    "databricks": System("databricks"),
    "trino": System("trino"),
    "presto": System("presto"),
    "clickhouse": System("clickhouse", 2),
    "teradata": System("teradata", 2),
    "hive": System("hive", 2),
    "ibm.db2": System("db2"),
    "db2": System("db2"),
    "sqlite": System("sqlite", 1),
    "duckdb": System("duckdb", schema="main"),
    "cassandra": System("cassandra", 2, sql=False),
    "mongodb": System("mongodb", 2, sql=False),
    "azure.cosmosdb": System("azurecosmos", 1, sql=False),
    "cosmosdb": System("azurecosmos", 1, sql=False),
    "elasticsearch": System("elasticsearch", 1, sql=False),
    "opensearch": System("opensearch", 1, sql=False),
}
"""Systems whose datasets have a name that these attributes tell, by today's name and the one before."""

OF_TWO_PARTS: Final = frozenset(
    {"mysql", "mariadb", "clickhouse", "teradata", "hive", "cassandra", "mongodb"}
)
"""Their database is what qualifies a table; there is nothing above it."""
OF_AN_INSTANCE: Final = frozenset({"sqlserver"})
"""`db.namespace` is an instance and a database, not a database and a schema."""
OF_A_FILE: Final = frozenset({"sqlite", "duckdb"})
"""`db.namespace` is a file."""
_PORTS: Final = {
    "cassandra": 9042,
    "mongodb": 27017,
    "elasticsearch": 9200,
    "opensearch": 9200,
    "cockroachdb": 26257,
}
_COSMOS: Final = "azurecosmos"


class Told(msgspec.Struct, frozen=True):
    """What a span tells of the database. `dialect` is "" where statements are not SQL, `namespace` where it is not known."""

    kind: str
    namespace: str
    database: str
    schema: str
    dialect: str
    parts: int

    def context(self) -> dict[str, Value]:
        """As it goes with a statement."""
        return {
            "namespace": self.namespace,
            "database": self.database,
            "schema": self.schema,
            "dialect": self.dialect,
            "parts": self.parts,
        }

    def named(self, given: Sequence[tuple[str, bool]]) -> Name | None:
        """The table or collection by the parts of its name, each with whether it is quoted; None if some are missing."""
        if not self.namespace or not 0 < len(given) <= self.parts:
            return None
        known = [(self.database, True), (self.schema, True)][2 - (self.parts - 1) :] if self.parts > 1 else []
        whole = [*known[: self.parts - len(given)], *given]
        if len(whole) != self.parts or not all(part for part, _ in whole):
            return None
        padded = [("", True)] * (3 - len(whole)) + whole
        quoted = (padded[0][1], padded[1][1], padded[2][1])
        folded = folded_parts(self.kind, Parts(padded[0][0], padded[1][0], padded[2][0], quoted))
        name = ".".join(folded.given)
        return Name(self.namespace, f"colls/{name}" if self.kind == _COSMOS else name)


def sql_context(attributes: Mapping[str, Value]) -> dict[str, Value] | None:
    """Namespace, database, schema and dialect, as far as they are told; None if the system is not.

    >>> sql_context({"db.system.name": "postgresql", "server.address": "db.example", "db.namespace": "shop|public"})
    {'namespace': 'postgres://db.example:5432', 'database': 'shop', 'schema': 'public', 'dialect': 'postgres'}
    """
    told = told_of(attributes)
    if told is None or not told.dialect:
        return None
    context = told.context()
    del context["parts"]
    return context


def told_of(attributes: Mapping[str, Value], dialects: Dialects | None = None) -> Told | None:
    """What the attributes tell; None for a system that has no tables or the like.

    With settings, what lacks is completed by them and by the database's defaults.
    """
    name = _text(attributes, SYSTEM).lower()
    system = SYSTEMS.get(name)
    if system is None:
        return None
    place = _text(attributes, DATABASE)
    database, schema = _parts(system.kind, place)
    namespace = _namespace(system.kind, place, attributes) or ""
    if dialects is not None:
        namespace = namespace or _of(dialects.namespaces, name, system) or ""
        own = _of(dialects.schemas, name, system)
        schema = schema or (system.schema if own is None else own)
    return Told(
        kind=system.kind,
        namespace=namespace,
        database=database,
        schema=schema,
        dialect=dialect_of(system.kind) if system.sql else "",
        parts=system.parts,
    )


def _of(given: Mapping[str, str], name: str, system: System) -> str | None:
    return given.get(name, given.get(system.kind))


def _namespace(kind: str, place: str, attributes: Mapping[str, Value]) -> str | None:
    if kind in OF_A_FILE:
        return namespace_of(Connection(type=kind, path=place)) if place.startswith("/") else None
    host, port = _text(attributes, HOST).partition(",")[0], _text(attributes, PORT)
    if host.startswith("/"):
        return None  # a socket of the machine that the client runs on
    if kind == _COSMOS:
        return f"azurecosmos://{host}/dbs/{place}" if host and place else None
    number = int(port) if port.isdecimal() else _PORTS.get(kind)
    return namespace_of(Connection(type=kind, host=host, port=number))


def _parts(kind: str, namespace: str) -> tuple[str, str]:
    """Database and schema, "" where they are not known."""
    first, _, second = namespace.partition("|")
    if kind in OF_TWO_PARTS:
        return "", first
    if kind in OF_AN_INSTANCE:
        return second or first, ""
    if kind == "duckdb":
        return first.rpartition("/")[2].partition(".")[0], ""
    if kind in ("sqlite", _COSMOS):
        return "", ""
    return first, second


def _text(attributes: Mapping[str, Value], names: tuple[str, ...]) -> str:
    found = next((attributes[name] for name in names if attributes.get(name) not in (None, "")), "")
    return str(found).strip() if isinstance(found, str | int) else ""
