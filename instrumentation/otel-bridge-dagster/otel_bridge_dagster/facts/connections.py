"""Where a table is: what names its warehouse, and nothing that opens it.

Fields come from a list of those that naming needs; users, passwords, tokens, key files and options are never read.
"""

import os
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from .locations import absolute
from .reading import compact, part, public, text

_FIELDS = {
    "host": ("host", "hostname", "server", "server_hostname"),
    "port": ("port",),
    "account": ("account",),
    "project": ("project",),
    "database": ("database", "dbname", "db"),
    "region": ("region", "region_name", "location"),
}
_KINDS = (
    "duckdb", "snowflake", "bigquery", "redshift", "postgres", "databricks", "clickhouse", "sqlserver", "mssql",
    "mysql", "trino", "athena", "oracle", "teradata", "sqlite", "iceberg", "deltalake",
)  # fmt: skip
_NO_FILE = ("md:", "motherduck:", ":memory:")
_DUCKDB_FILE = re.compile(r"\.(duckdb|ddb|db)$", re.IGNORECASE)


def kind_of(*hints: object) -> str | None:
    """The type of warehouse, as dbt names its adapters, that a name hints at.

    >>> kind_of("dagster_snowflake.snowflake_io_manager.SnowflakeDbClient"), kind_of("mine.Client")
    ('snowflake', None)
    """
    shown = " ".join(str(hint) for hint in hints).lower()
    return next((kind for kind in _KINDS if kind in shown), None)


def connection(kind: str | None, config: Any, database: str | None = None) -> dict[str, Any]:
    """What a resource's configuration says of the place; `database` is what its IO manager was given as such."""
    if kind == "duckdb":
        return compact({"type": kind, "path": database_path(database)})
    found = {name: _first(config, names) for name, names in _FIELDS.items()}
    if kind == "bigquery":
        found |= {"project": found["project"] or database, "database": None}
    elif kind == "iceberg":
        found = _catalog(config) | {"database": database}
    else:
        found["database"] = found["database"] or database
    return compact({"type": kind, **found})


def database_path(path: object) -> str | None:
    """Where DuckDB opens it: a file's absolute path, anything else as written, without secrets.

    >>> database_path(":memory:"), database_path("md:shop?token=x"), database_path("/data/shop.duckdb")
    (':memory:', 'md:shop', '/data/shop.duckdb')
    """
    shown = text(path)
    if shown is None:
        return None
    shown = public(shown)
    return shown if shown.lower().startswith(_NO_FILE) else absolute(shown)


def catalog_of(path: str | None) -> str | None:
    """The name that DuckDB gives the database of a file.

    >>> catalog_of("/data/shop.v2.duckdb"), catalog_of("md:shop"), catalog_of(":memory:")
    ('shop.v2', 'shop', 'memory')
    """
    if path is None:
        return None
    if path == ":memory:":
        return "memory"
    scheme, mark, name = path.partition(":")
    if mark and scheme.lower() in {"md", "motherduck"}:
        return name or None
    return PurePath(path).stem or None


def of_table_name(name: str, kind: str | None) -> dict[str, Any]:
    """Connection and relation of a table by its name in metadata; the database of DuckDB's may be a path.

    >>> of_table_name("/data/shop.duckdb.raw.orders", None)["relation"]
    {'database': 'shop', 'schema': 'raw', 'identifier': 'orders'}
    """
    database, schema, identifier = _three(name)
    if database and (os.sep in database or _DUCKDB_FILE.search(database)):
        path = database_path(database)
        return {
            "connection": {"type": "duckdb", "path": path},
            "relation": compact({"database": catalog_of(path), "schema": schema, "identifier": identifier}),
        }
    kind = kind_of(kind) or kind
    relation = compact({"database": database, "schema": schema, "identifier": identifier})
    connected = compact({"type": kind, "project": database if kind == "bigquery" else None})
    return compact({"connection": connected, "relation": relation})


def _three(name: str) -> tuple[str | None, str | None, str]:
    parts = name.rsplit(".", 2)
    return (None,) * (3 - len(parts)) + tuple(parts)  # type: ignore[return-value]


def _first(config: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = part(config, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return public(value)
    return None


def _catalog(config: Any) -> dict[str, Any]:
    """Of an Iceberg catalog: its URI as `path`, and its warehouse."""
    said = part(config, "config.properties") or part(config, "properties")
    if not isinstance(said, Mapping):
        return {}
    return {"path": _public(said.get("uri")), "warehouse": _public(said.get("warehouse"))}


def _public(value: object) -> str | None:
    return public(value) if value else None
