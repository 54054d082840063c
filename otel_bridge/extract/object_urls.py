"""Requests to the HTTP interfaces of object stores: which object, and whether its content is read or written."""

import re
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from otel_bridge.extract.data_sources import Name
from otel_bridge.extract.locations import location_named

Access = Literal["read", "write"]

_S3: Final = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:-accelerate)?(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
)
_S3_OTHER: Final = frozenset({
    "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
    "legal-hold", "lifecycle", "list-type", "location", "logging", "metrics", "notification", "object-lock",
    "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "restore",
    "retention", "tagging", "torrent", "uploads", "versioning", "versions", "website",
})  # fmt: skip
"""Parameters of requests for something else than an object's content."""
_AZURE: Final = re.compile(r"(?P<account>[a-z0-9-]+)\.(?P<kind>blob|dfs)\.core\.[a-z.]+")
_AZURE_CONTENT: Final = frozenset({"block", "blocklist", "appendblock", "page"})
_GOOGLE: Final = frozenset({"storage.googleapis.com", "www.googleapis.com", "storage.cloud.google.com"})
_GOOGLE_OBJECT: Final = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<key>[^/]+)")
_ACCESS: Final[dict[str, Access]] = {"GET": "read", "PUT": "write"}


def accessed(method: str, url: str) -> tuple[Name, Access] | None:
    """The object whose content a request reads or writes; None for anything else.

    >>> accessed("GET", "https://lake.s3.eu-west-1.amazonaws.com/raw/orders.csv?x-id=GetObject")
    (Name(namespace='s3://lake', name='raw/orders.csv'), 'read')
    >>> accessed("PUT", "https://acme.blob.core.windows.net/lake/raw/orders.csv")
    (Name(namespace='wasbs://lake@acme.blob.core.windows.net', name='/raw/orders.csv'), 'write')
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        asked = frozenset(parse_qs(parts.query, keep_blank_values=True))
    except ValueError:
        return None
    method = method.upper()
    if host in _GOOGLE:
        return _google(method, parts, asked)
    if found := _S3.fullmatch(host):
        return _s3(method, parts, found["bucket"], asked)
    if found := _AZURE.fullmatch(host):
        return _azure(method, parts, found["kind"], host)
    return None


def store(host: str) -> bool:
    """Whether a host is that of an object store."""
    host = host.lower()
    return host in _GOOGLE or bool(_S3.fullmatch(host) or _AZURE.fullmatch(host))


def _s3(
    method: str, parts: SplitResult, bucket: str | None, asked: frozenset[str]
) -> tuple[Name, Access] | None:
    path = unquote(parts.path).lstrip("/")
    bucket, key = (bucket, path) if bucket else path.partition("/")[::2]
    access = _ACCESS.get(method)
    if access is None or not bucket or not key or asked & _S3_OTHER:
        return None
    return _located(f"s3://{bucket}/{key}", access)


def _google(method: str, parts: SplitResult, asked: frozenset[str]) -> tuple[Name, Access] | None:
    """The JSON interface tells an object's content from its metadata by `alt=media`, or by the path."""
    if found := _GOOGLE_OBJECT.fullmatch(parts.path):
        media = parts.path.startswith("/download") or "alt=media" in parts.query
        where = f"gs://{unquote(found['bucket'])}/{unquote(found['key'])}"
        return _located(where, "read") if method == "GET" and media else None
    if "/storage/v1/" in parts.path or asked & _S3_OTHER:
        return None
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    access = _ACCESS.get(method)
    return _located(f"gs://{bucket}/{key}", access) if access and bucket and key else None


def _azure(method: str, parts: SplitResult, kind: str, host: str) -> tuple[Name, Access] | None:
    query = parse_qs(parts.query, keep_blank_values=True)
    container, _, path = unquote(parts.path).lstrip("/").partition("/")
    access = _azure_access(method, kind, query)
    if access is None or not container or not path:
        return None
    scheme = "wasbs" if kind == "blob" else "abfss"
    return _located(f"{scheme}://{container}@{host}/{path}", access)


def _azure_access(method: str, kind: str, query: dict[str, list[str]]) -> Access | None:
    """`comp` and `action` say what of a blob or path is asked for, where it is not simply its content."""
    if "restype" in query or "resource" in query:
        return None
    if kind == "dfs" and method == "PATCH":
        return "write" if query.get("action", [""])[0] in {"append", "flush"} else None
    comp = query.get("comp", [""])[0]
    if comp and (comp not in _AZURE_CONTENT or method != "PUT"):
        return None
    return None if "action" in query else _ACCESS.get(method)


def _located(location: str, access: Access) -> tuple[Name, Access] | None:
    name = location_named(location)
    return (name, access) if name else None
