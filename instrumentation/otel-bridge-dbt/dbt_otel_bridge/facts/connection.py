"""The warehouse of an invocation: what names it, and nothing that opens it.

Fields come from a list of those that naming needs; users, passwords, tokens, key files and options are never read.
"""

import os
import re
from pathlib import Path
from typing import Any

from .values import compact, part, public, text

# Field of the told map -> names that adapters give it, in the order of preference.
_FIELDS = {
    "host": ("host", "server", "software_host"),
    "port": ("port",),
    "account": ("account",),
    "region": ("region", "region_name", "location"),
    "cluster": ("cluster_id", "cluster"),
    "project": ("project",),
    "dataset": ("dataset",),
    "database": ("database",),
    "schema": ("schema",),
    "catalog": ("catalog",),
    "method": ("method",),
}
_LIBPQ = re.compile(r"\b(host|hostaddr|port|dbname|database|db)\s*=\s*('[^']*'|\S+)")
_SERVERS = frozenset({"postgres", "postgres_scanner", "mysql", "mysql_scanner"})
_SERVER_PATHS = ("postgres:", "mysql:", "postgresql://")
_NO_FILE = ("md:", "motherduck:", ":memory:", "ducklake:", "postgres:", "mysql:", "quack:")


def connection(credentials: object, version: str | None = None) -> dict[str, Any]:
    """`{type, version, host, port, ...}` of the credentials that dbt resolved."""
    kind = text(part(credentials, "type"))
    found = {field: _first(credentials, names) for field, names in _FIELDS.items()}
    if kind == "duckdb":
        found["path"] = database_path(part(credentials, "path"))
        found["attached"] = [_attachment(item) for item in part(credentials, "attach") or ()]
    return compact({"type": kind, "version": version, **found})


def database_path(path: object) -> str | None:
    """Where DuckDB opens it: a file's absolute path, anything else as written, without secrets.

    >>> database_path(":memory:"), database_path("md:shop?token=x"), database_path("/data/shop.duckdb")
    (':memory:', 'md:shop', '/data/shop.duckdb')
    """
    shown = public(path)
    if shown is None or "://" in shown or shown.lower().startswith(_NO_FILE):
        return shown
    # DuckDB resolves it against the directory that the process is in, and so does this
    return os.path.normpath(Path(shown).expanduser().absolute())


def _first(credentials: object, names: tuple[str, ...]) -> Any:
    for name in names:
        value = part(credentials, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return public(value)
    return None


def _attachment(attachment: object) -> dict[str, Any]:
    kind = text(part(attachment, "type") or part(part(attachment, "options"), "type"))
    path = text(part(attachment, "path"))
    known: dict[str, Any] = {"alias": text(part(attachment, "alias")), "type": kind}
    if path and ((kind or "").lower() in _SERVERS or path.lower().startswith(_SERVER_PATHS)):
        known.update(_server(path))
    elif (kind or "").lower() == "iceberg":
        known.update(path=public(path), endpoint=public(part(part(attachment, "options"), "endpoint")))
    else:
        known["path"] = database_path(path)
    return compact(known)


def _server(path: str) -> dict[str, Any]:
    """Host, port and database of a connection string, in its two forms."""
    if "://" in path:
        return {"path": public(path)}
    names = {"hostaddr": "host", "dbname": "database", "db": "database"}
    return {names.get(key, key): value.strip("'") for key, value in _LIBPQ.findall(path)}
