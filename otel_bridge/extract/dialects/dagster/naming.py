"""Which dataset a thing of Dagster's is: its table, else its file, else the asset by its key."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from otel_bridge.extract.data_sources import Connection, Name, Parts, named, symlinks_of
from otel_bridge.extract.dialects.dagster.facts import Key, Thing, written
from otel_bridge.extract.locations import location_named

ASSET: Final = "ASSET"
"""Type of the symlink with the asset key."""
DEFAULT: Final = "default"
"""The deployment, where none is told."""
_LAKES: Final = frozenset({"iceberg", "delta", "deltalake"})
"""Formats of tables whose place, not whose name in a catalog, tells which table it is."""
_WEB: Final = ("http://", "https://")
_BY_SCHEMA: Final = frozenset(
    {"mysql", "mysql5", "mariadb", "clickhouse", "teradata", "hive", "impala", "synapse", "spark", "glue"}
)
"""Warehouses with nothing above the schema."""
_FILES: Final = frozenset({"duckdb", "sqlite"})
"""Databases in files: one with a relative path could be anybody's."""
_BY_TABLE: Final = frozenset({"sqlite"})


class Identity(NamedTuple):
    """A dataset's name, its others as `{namespace, name, type}`, and whether the name is a table's or a file's."""

    name: Name
    others: tuple[dict[str, str], ...] = ()
    physical: bool = True


def by_key(deployment: str, key: Key) -> Name:
    """The asset, where nothing else is known of it.

    >>> by_key("prod", ("raw", "orders"))
    Name(namespace='dagster://prod', name='raw/orders')
    """
    return Name(f"dagster://{deployment or DEFAULT}", written(key))


def identity(thing: Thing, deployment: str) -> Identity | None:
    """What the thing is called; None if it has neither a table nor a place nor a key."""
    table, place = _table(thing), location_named(thing.location)
    first, second = (place, table) if thing.connection.type in _LAKES else (table, place)
    name, asset = first or second, by_key(deployment, thing.asset_key) if thing.asset_key else None
    if name is None:
        return Identity(asset, (), physical=False) if asset else None
    others = [
        _link(table, "TABLE") if table and table != name else None,
        _link(place, "LOCATION") if place and place != name else None,
        *(_link(link, "TABLE") for link in symlinks_of(thing.connection, _parts(thing))),
        _link(asset, ASSET) if asset else None,
    ]
    return Identity(name, tuple(link for link in others if link))


def _link(name: Name, kind: str) -> dict[str, str]:
    return {"namespace": name.namespace, "name": name.name, "type": kind}


def _table(thing: Thing) -> Name | None:
    """The table, if its whole name is known."""
    parts, kind = _parts(thing), thing.connection.type
    if not kind or not parts.identifier or not all(_needed(kind, parts)):
        return None
    if kind in _FILES and not _is_absolute(thing.connection.path):
        return None
    if kind == "iceberg":
        return _in_catalog(thing.connection, parts)
    return named(thing.connection, parts)


def _needed(kind: str, parts: Parts) -> Iterator[str]:
    """The parts without which the name is not whole."""
    if kind in _BY_TABLE:
        return
    yield parts.schema
    if kind not in _BY_SCHEMA and kind not in _LAKES:
        yield parts.database


def _in_catalog(connection: Connection, parts: Parts) -> Name | None:
    """A table of an Iceberg catalog, as the dialect of Iceberg names it: after a REST catalog, else after the warehouse."""
    address = connection.path or connection.host
    is_place = "://" in connection.warehouse or connection.warehouse.startswith("/")
    catalog = connection.warehouse if is_place and not address.startswith(_WEB) else address
    return Name(catalog.rstrip("/"), f"{parts.schema}.{parts.identifier}") if catalog else None


def _parts(thing: Thing) -> Parts:
    connection, relation = thing.connection, thing.relation
    if connection.type in _BY_SCHEMA:
        schema = relation.schema or relation.database or connection.schema or connection.database
        return Parts("", schema, relation.identifier)
    database = relation.database or connection.database or connection.project or connection.catalog
    schema = relation.schema or connection.schema or connection.dataset
    if connection.type == "duckdb":
        database = relation.database or _duckdb_catalog(connection.path)
    return Parts(database, schema, relation.identifier)


def _duckdb_catalog(path: str) -> str:
    """The name that DuckDB gives to the database of a file.

    >>> _duckdb_catalog("/srv/shop.duckdb"), _duckdb_catalog("md:shop?x=1"), _duckdb_catalog(":memory:")
    ('shop', 'shop', 'memory')
    """
    if path.lower().startswith(("md:", "motherduck:")):
        return path.partition(":")[2].partition("?")[0]
    if path.startswith(":memory:"):
        return "memory"
    file = path.replace("\\", "/").rpartition("/")[2]
    return file.rpartition(".")[0] or file


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", ":memory:")) or ":" in path
