"""Locations without what is secret in them. Of a catalog's properties only those named here are read at all."""

import re

STORES = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "oss", "hdfs", "viewfs", "file", "hf"})
AZURE = frozenset({"abfs", "abfss", "wasb", "wasbs", "adls", "az"})
"""Here the part before `@` is a container, not a user."""

_END = re.compile(r"[?#;&]")


def location(value: object) -> str | None:
    """A path or URI without user, password, query and fragment; None for nothing.

    >>> location("s3://key:secret@lake/db/orders"), location("abfss://lake@acme.dfs.core.windows.net/db")
    ('s3://lake/db/orders', 'abfss://lake@acme.dfs.core.windows.net/db')
    >>> location("postgresql+psycopg2://ada:pa/ss@db:5432/catalog?password=x"), location("sqlite:////data/catalog.db")
    ('postgresql+psycopg2://db:5432/catalog', 'sqlite:////data/catalog.db')
    """
    text = value.strip() if isinstance(value, str) else ""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text or None
    kind = scheme.lower().partition("+")[0]
    if kind in AZURE:
        return text
    if kind in STORES or kind in {"http", "https"}:
        authority, slash, path = rest.partition("/")
        rest = authority.rpartition("@")[2] + slash + path
    elif not rest.startswith("/"):
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{rest if kind in STORES else _END.split(rest, maxsplit=1)[0]}"
