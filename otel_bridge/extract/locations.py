"""Files, folders and objects as datasets: OpenLineage's names of what lies at a path or URI.

An object store's bucket is the namespace and its key, without the first slash, the name. Everything else keeps the slash,
as OpenLineage's own producers write it.
"""

import re
from typing import Final
from urllib.parse import unquote

from otel_bridge.extract.data_sources import Name

_SCHEMES: Final = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "wasb": "wasbs"}
"""Scheme of the namespace where that of the URI is another name of the same store."""
_BY_KEY: Final = frozenset({"s3", "gs"})
"""Their names are keys, which begin with no slash."""
_WEB: Final = frozenset({"http", "https"})
_DRIVE: Final = re.compile(r"^[A-Za-z]:[\\/]")
_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://([^/]*))?(/.*|$)", re.DOTALL)


def location_named(location: str) -> Name | None:
    """The dataset at an absolute path or URI; None for what is neither.

    >>> location_named("s3a://lake/raw/orders/")
    Name(namespace='s3://lake', name='raw/orders')
    >>> location_named("abfss://lake@acme.dfs.core.windows.net/raw/orders")
    Name(namespace='abfss://lake@acme.dfs.core.windows.net', name='/raw/orders')
    >>> location_named("hdfs://namenode:8020/raw"), location_named("/data/orders.csv")
    (Name(namespace='hdfs://namenode:8020', name='/raw'), Name(namespace='file', name='/data/orders.csv'))
    """
    if not location or location.strip() != location:
        return None
    if _DRIVE.match(location):
        return Name("file", location)
    if location.startswith("/"):
        return Name("file", _without_last_slash(location))
    found = _URI.fullmatch(location)
    if found is None:
        return None
    scheme, authority, path = found[1].lower(), _without_password(found[2] or ""), found[3]
    return _local(authority, path) if scheme == "file" else _remote(scheme, authority, path)


def file_named(location: str) -> Name | None:
    """As `location_named`, but neither whole buckets nor calls of functions, which stand for files in dbt.

    >>> file_named("s3://lake/raw/orders.parquet")
    Name(namespace='s3://lake', name='raw/orders.parquet')
    >>> file_named("s3://lake"), file_named("read_csv('/data/orders.csv')")
    (None, None)
    """
    found = None if "(" in location else location_named(location)
    return None if found is None or found.name == "/" else found


def _local(host: str, path: str) -> Name | None:
    if not path:
        return None
    return Name(f"file://{host}" if host else "file", _without_last_slash(unquote(path)))


def _remote(scheme: str, authority: str, path: str) -> Name | None:
    scheme = _SCHEMES.get(scheme, scheme)
    if scheme in _WEB:
        path = re.split("[?#]", path, maxsplit=1)[0]
    if scheme in _BY_KEY:
        return Name(f"{scheme}://{authority}", path.strip("/") or "/") if authority else None
    if not authority and not path:
        return None
    return Name(f"{scheme}://{authority}" if authority else scheme, _without_last_slash(path))


def _without_last_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def _without_password(authority: str) -> str:
    """Of `user:password@host` the host; of `container@account` everything."""
    user, at, host = authority.rpartition("@")
    return host if at and ":" in user else authority
