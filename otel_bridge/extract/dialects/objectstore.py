"""Clients of object stores, and of files: spans of AWS SDKs for S3, and requests to S3, Google Cloud Storage and Azure.

A dataset is an object by its bucket and whole key. What is read and what is written is told by the operation; one that
does neither, such as a listing, says nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from otel_bridge import convention
from otel_bridge.extract.data_sources import Name
from otel_bridge.extract.dialect import Io
from otel_bridge.extract.locations import location_named
from otel_bridge.extract.object_urls import accessed, store
from otel_bridge.extract.values import Attributes, run_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Dataset, Evidence, IoObserved, Observation, Span, SpanRef, Status, Value
from otel_bridge.namespaces import Namespaces

BUCKET: Final = ("aws.s3.bucket", "aws.bucket.name")
KEY: Final = "aws.s3.key"
COPIED: Final = "aws.s3.copy_source"
METHOD: Final = "rpc.method"
SERVICE: Final = "rpc.service"
REQUEST: Final = ("http.request.method", "http.method")
URL: Final = ("url.full", "http.url")
HOST: Final = ("server.address", "net.peer.name")
PATH: Final = "file.path"

READS: Final = frozenset({"getobject", "selectobjectcontent", "getobjecttorrent"})
WRITES: Final = frozenset(
    {"putobject", "uploadpart", "completemultipartupload", "copyobject", "uploadpartcopy"}
)
COPIES: Final = frozenset({"copyobject", "uploadpartcopy"})
"""Operations of S3, in lower case."""
FILE_READS: Final = frozenset(
    {"read", "read_file", "cat", "cat_file", "cat_ranges", "get", "get_file", "download"}
)
FILE_WRITES: Final = frozenset({"write", "write_file", "pipe", "pipe_file", "put", "put_file", "upload"})
"""Last words of names of spans over files, as in file systems of fsspec."""
_WEB: Final = ("http://", "https://")

Found = tuple[list[Name], list[Name]]


class ObjectStore(Io):
    """The dialect of object stores and files."""

    name = "objectstore"
    markers = (
        *(b"aws.s3.", b"file.path", b".amazonaws.com", b"storage.googleapis.com", b".core.windows.net"),
        *(b"s3://", b"s3a://", b"gs://", b"abfss://", b"wasbs://"),
    )

    def claims(self, span: Span) -> bool:
        """A span over objects or files, and no copy that limits have cut."""
        said = span.attributes
        if said.get(convention.EXPORT) == convention.EXPORT_PARTIAL:
            return False
        return (
            any(name in said for name in BUCKET)
            or str(said.get(SERVICE)).lower() == "s3"
            or PATH in said
            or _is_location(_first(said, URL))
            or store(_first(said, HOST))
            or store(_host(_first(said, URL)))
        )

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The objects that the span's run read and wrote."""
        attributes = Attributes(span.attributes)
        failed = span.status is Status.ERROR
        reads, writes = ([], []) if failed else _found(span, attributes)
        yield IoObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.span"),
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            at_ns=span.end_ns,
            enclosing_run_id=attributes.read(convention.RUN_ID, run_id),
            inputs=tuple(Dataset(*name) for name in reads),
            outputs=tuple(Dataset(*name) for name in writes),
            omissions=tuple(attributes.omissions),
        )


def _found(span: Span, attributes: Attributes) -> Found:
    said = span.attributes
    if _first(said, BUCKET) or str(said.get(SERVICE)).lower() == "s3":
        return _s3(said, attributes)
    location = _first(said, (PATH, *URL))
    if _is_location(location) or PATH in said:
        return _file(span.name, location)
    return _requested(said)


def _s3(said: Mapping[str, Value], attributes: Attributes) -> Found:
    """`rpc.method` is the operation, in newer conventions after the service."""
    operation = _first(said, (METHOD,)).rpartition("/")[2].lower()
    if operation not in READS | WRITES:
        return [], []
    bucket, key = _first(said, BUCKET), _first(said, (KEY,))
    if not bucket or not key:
        attributes.omit(
            BUCKET[0], "an object is left out: its bucket and key are not told (docs/dialects.md)"
        )
        return [], []
    name = location_named(f"s3://{bucket}/{key}")
    found = [name] if name else []
    return (found, []) if operation in READS else (_copied(said, operation), found)


def _copied(said: Mapping[str, Value], operation: str) -> list[Name]:
    """What an object was copied from, `bucket/key`."""
    source = unquote(_first(said, (COPIED,))).lstrip("/").partition("?versionId=")[0]
    name = location_named(f"s3://{source}") if operation in COPIES and "/" in source else None
    return [name] if name else []


def _file(operation: str, location: str) -> Found:
    """By the last word of the span's name."""
    word = operation.lower().replace(".", " ").replace("/", " ").split()[-1:] or [""]
    name = location_named(location)
    reads, writes = word[0] in FILE_READS, word[0] in FILE_WRITES
    return ([name] if name and reads else [], [name] if name and writes else [])


def _requested(said: Mapping[str, Value]) -> Found:
    """By the method and address of a request."""
    url = _first(said, URL)
    if not url and (host := _first(said, HOST)):
        url = f"https://{host}{_first(said, ('url.path',))}?{_first(said, ('url.query',))}"
    found = accessed(_first(said, REQUEST), url)
    if found is None:
        return [], []
    name, access = found
    return ([name], []) if access == "read" else ([], [name])


def _is_location(url: str) -> bool:
    return "://" in url and not url.startswith(_WEB) and location_named(url) is not None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0] if url.startswith(_WEB) else ""


def _first(said: Mapping[str, Value], names: tuple[str, ...]) -> str:
    found = next((said[name] for name in names if said.get(name) not in (None, "")), "")
    return found if isinstance(found, str) else ""
