"""What a dataset's name tells of what it names: where data lies, a table, or something that only a tool knows."""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

from otel_bridge.extract.data_sources import Name

_LOCATIONS: Final = frozenset(
    {"file", "s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "wasb", "wasbs", "adl", "hdfs", "viewfs", "dbfs",
     "oss", "obs", "cos", "cosn", "r2", "swift", "azure"}
)  # fmt: skip
_LOGICAL: Final = frozenset({"dagster", "dbt", "airflow", "prefect", "urn", ""})
_SPELLINGS: Final = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
_WITHOUT_SLASHES: Final = frozenset({"file", "bigquery", "awsathena", "inmemory"})
_PASSING: Final = frozenset({"inmemory", "memory"})
_ARN: Final = re.compile(r"arn:[^:]+:([a-z0-9-]+):")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PARTITION: Final = re.compile(r"(?:^|/)[^/=]+=[^/]*(?:/|$)")


class Kind(IntEnum):
    """In the order of preference for a name that is to stand for the others."""

    LOCATION = 0
    TABLE = 1
    LOGICAL = 2


@lru_cache(4096)
def scheme_of(namespace: str) -> str:
    """The scheme of a namespace, "" for a text that is none by OpenLineage's naming.

    >>> scheme_of("s3a://lake"), scheme_of("file"), scheme_of("arn:aws:glue:eu-west-1:1"), scheme_of("shop")
    ('s3a', 'file', 'glue', '')
    """
    if found := _SCHEME.match(namespace):
        return found[1].lower()
    if found := _ARN.match(namespace):
        return found[1]
    return namespace if namespace in _WITHOUT_SLASHES else ""


def kind_of(name: Name) -> Kind:
    """What is named.

    >>> kind_of(Name("s3://lake", "raw/orders")), kind_of(Name("dagster://prod", "raw/orders"))
    (<Kind.LOCATION: 0>, <Kind.LOGICAL: 2>)
    """
    scheme = scheme_of(name.namespace)
    if scheme in _LOCATIONS:
        return Kind.LOCATION
    return Kind.LOGICAL if scheme in _LOGICAL else Kind.TABLE


def spelled(name: Name) -> Name:
    """The name with what is certainly the same spelled the same.

    >>> spelled(Name("s3a://lake", "raw/orders/"))
    Name(namespace='s3://lake', name='raw/orders')
    """
    if kind_of(name) is not Kind.LOCATION:
        return name
    scheme = scheme_of(name.namespace)
    path = name.name.lstrip("/") if _SPELLINGS.get(scheme, scheme) in ("s3", "gs") else name.name
    namespace = _SPELLINGS.get(scheme, scheme) + name.namespace[len(scheme) :]
    return Name(namespace.rstrip("/"), path.rstrip("/") or name.name)


def type_of(name: Name) -> str:
    """`type` of a symlink to the name, where nobody gave one.

    >>> type_of(Name("dagster://prod", "a/b")), type_of(Name("duckdb:///shop.duckdb", "shop.main.orders"))
    ('ASSET', 'TABLE')
    """
    kind = kind_of(name)
    if kind is Kind.LOGICAL and scheme_of(name.namespace) == "dagster":
        return "ASSET"
    return "LOCATION" if kind is Kind.LOCATION else "TABLE"


def is_passing(name: Name) -> bool:
    """Whether it names something that ends with a process, so that the next one may mean something else by it.

    >>> is_passing(Name("inmemory://", "memory.main.orders"))
    True
    """
    return scheme_of(name.namespace) in _PASSING


def is_partition(name: Name) -> bool:
    """Whether it is a part of a table by the way it lies on disk.

    >>> is_partition(Name("s3://lake", "raw/orders/day=2026-01-01")), is_partition(Name("s3://lake", "raw/orders"))
    (True, False)
    """
    return kind_of(name) is Kind.LOCATION and _PARTITION.search(name.name) is not None
