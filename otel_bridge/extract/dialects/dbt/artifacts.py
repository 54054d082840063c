"""dbt's artifacts, as files or requests hold them: told apart, read into pieces, made small for sending.

The schema version in the head names the kind, whatever its number: new releases add keys far more often than they
change those that are read here. An entry that can't be read costs no other.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt import manifest, results
from otel_bridge.extract.dialects.dbt.facts import Column, Relation
from otel_bridge.extract.dialects.dbt.pieces import CATALOG, MANIFEST, RUN_RESULTS, SOURCES, Piece
from otel_bridge.extract.dialects.dbt.shapes import (
    Catalog,
    CatalogColumn,
    Checksum,
    Describes,
    Entry,
    Head,
    Manifest,
    Metadata,
    Outcome,
    Results,
    Table,
)
from otel_bridge.extract.lenient import read as read_leniently
from otel_bridge.extract.values import Attributes
from otel_bridge.model import BridgeError

S = TypeVar("S", bound=msgspec.Struct)

FILES: Final = {
    MANIFEST: "manifest.json",
    RUN_RESULTS: "run_results.json",
    SOURCES: "sources.json",
    CATALOG: "catalog.json",
}
"""Where dbt writes each kind, in its target folder."""
_KINDS: Final = {"manifest": MANIFEST, "run-results": RUN_RESULTS, "catalog": CATALOG, "sources": SOURCES}
_SCHEMA: Final = re.compile(r"/dbt/([a-z-]+)/v\d+")
_SHOWN: Final = 60


class NoArtifact(BridgeError):
    """What was given is no artifact of dbt that can be used. The message says why, and what to do."""


class Artifact(msgspec.Struct, frozen=True):
    """One artifact. `pieces` is read once; `generated_at` in ISO 8601, "" if not known."""

    kind: str
    invocation_id: str
    generated_at: str
    pieces: Iterator[tuple[str, str, Piece]]


def read(body: bytes, of: Metadata | None = None) -> Artifact:
    """The artifact in a file; a catalog describes the tables of the run that `of` is the head of, if given.

    Raises:
        NoArtifact: it is none of manifest, run results, sources and catalog, or belongs to no invocation.
    """
    kind, head = kind_of(body)
    describes = head.metadata.otel_bridge
    if kind == CATALOG and of is not None:
        describes = describing(head.metadata, of) or describes
    invocation_id = (describes.invocation_id if describes else "") or head.metadata.invocation_id
    if not invocation_id:
        raise NoArtifact(
            f"this {FILES[kind]} has no metadata.invocation_id, so it belongs to no run; give the file as dbt wrote it"
        )
    at = results.utc(head.metadata.generated_at or "")
    pieces = _catalog(body, describes) if kind == CATALOG else _READERS[kind](body)
    return Artifact(kind, invocation_id, at, pieces)


def kind_of(body: bytes) -> tuple[str, Head]:
    """Which artifact it is, and its head.

    Raises:
        NoArtifact: it is none.
    """
    head = _decoded(body, Head, "one of " + ", ".join(FILES.values()))
    version = head.metadata.dbt_schema_version or ""
    named = _SCHEMA.search(version)
    kind = _KINDS.get(named[1]) if named else _guessed(head)
    if kind is None:
        said = (
            f"metadata.dbt_schema_version is {version[:_SHOWN]!r}"
            if version
            else "it names no schema version"
        )
        raise NoArtifact(
            f"this is no artifact that is used ({said}); give one of {', '.join(FILES.values())}"
        )
    return kind, head


def reduced(body: bytes, describes: Describes | None = None) -> bytes:
    """The artifact with nothing in it but what `read` looks at; `describes` is put into its head.

    Raises:
        NoArtifact: as `read`.
    """
    kind, _ = kind_of(body)
    small = _REDUCERS[kind](body)
    if describes is not None:
        small = replace(small, metadata=replace(small.metadata, otel_bridge=describes))
    return msgspec.json.encode(small)


def _guessed(head: Head) -> str | None:
    if head.results is not UNSET:
        return RUN_RESULTS if head.args is not UNSET else SOURCES
    if head.nodes is not UNSET:
        return MANIFEST if head.macros is not UNSET else CATALOG
    return None


def _manifest(body: bytes) -> Iterator[tuple[str, str, Piece]]:
    given = _decoded(body, Manifest, FILES[MANIFEST])
    if given.nodes is None:
        raise NoArtifact("this manifest.json has no `nodes`; give the file as dbt wrote it")
    sections = {name: _entries(getattr(given, name), Entry) for name in manifest.SECTIONS}
    return manifest.pieces(given.metadata, sections)


def _results(source: str) -> Callable[[bytes], Iterator[tuple[str, str, Piece]]]:
    def pieces(body: bytes) -> Iterator[tuple[str, str, Piece]]:
        given = _decoded(body, Results, FILES[source])
        if given.results is None:
            raise NoArtifact(f"this {FILES[source]} has no `results`; give the file as dbt wrote it")
        return results.pieces(given, (_one(raw, Outcome) for raw in given.results), source)

    return pieces


def _catalog(body: bytes, describes: Describes | None) -> Iterator[tuple[str, str, Piece]]:
    given = _decoded(body, Catalog, FILES[CATALOG])
    complete = describes.complete if describes else True
    return _tables(given, complete)


def _tables(given: Catalog, complete: bool) -> Iterator[tuple[str, str, Piece]]:
    yield "", CATALOG, Piece()
    for key, raw in {**(given.sources or {}), **(given.nodes or {})}.items():
        table = _one(raw, Table)
        columns = sorted((table.columns or {}).items(), key=lambda named: named[1].index or 0)
        relation = Relation(
            unique_id=key,
            columns=tuple(_column(name, column) for name, column in columns),
            columns_complete=complete,
            columns_from="catalog",
        )
        if relation.columns:
            yield key, CATALOG, Piece(relation=relation)


def _column(name: str, given: CatalogColumn) -> Column:
    return Column(name=given.name or name, type=given.type or "", description=given.comment or "")


_READERS: Final[Mapping[str, Callable[[bytes], Iterator[tuple[str, str, Piece]]]]] = {
    MANIFEST: _manifest,
    RUN_RESULTS: _results(RUN_RESULTS),
    SOURCES: _results(SOURCES),
}


def _small_manifest(body: bytes) -> Any:
    given = _decoded(body, Manifest, FILES[MANIFEST])
    return replace(given, **{name: _small_entries(getattr(given, name)) for name in manifest.SECTIONS})


def _small_entries(section: Mapping[str, Raw] | None) -> dict[str, Raw] | None:
    if section is None:
        return None
    return {key: Raw(msgspec.json.encode(_small_entry(_one(raw, Entry)))) for key, raw in section.items()}


def _small_entry(entry: Entry) -> Entry:
    """Without source code that is compiled anyhow, and with those keys of the configuration that are read."""
    is_sql = (entry.language or "sql") == "sql"
    checksum = entry.checksum.checksum if isinstance(entry.checksum, Checksum) else entry.checksum
    config = {
        k: v for k, v in (entry.config or {}).items() if k in manifest.KEPT and v not in (None, "", [], {})
    }
    return replace(
        entry,
        raw_code=None if is_sql else entry.raw_code,
        compiled_code=entry.compiled_code if is_sql or not entry.raw_code else None,
        checksum=checksum,
        config=config or None,
    )


def _small_results(body: bytes) -> Any:
    given = _decoded(body, Results, FILES[RUN_RESULTS])
    small = [Raw(msgspec.json.encode(_one(raw, Outcome))) for raw in given.results or ()]
    args = {name: value for name, value in (given.args or {}).items() if name in results.KEPT_ARGS}
    return replace(given, results=small if given.results is not None else None, args=args)


def _small_catalog(body: bytes) -> Any:
    given = _decoded(body, Catalog, FILES[CATALOG])
    found = {
        name: {key: Raw(msgspec.json.encode(_one(raw, Table))) for key, raw in section.items()}
        for name in ("nodes", "sources")
        if (section := getattr(given, name)) is not None
    }
    return replace(given, **found)


_REDUCERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    MANIFEST: _small_manifest,
    RUN_RESULTS: _small_results,
    SOURCES: _small_results,
    CATALOG: _small_catalog,
}


def _entries(section: Mapping[str, Raw] | None, shape: type[S]) -> dict[str, S]:
    return {key: _one(raw, shape) for key, raw in (section or {}).items()}


def _one(raw: Raw, shape: type[S]) -> S:
    """One entry; of one that is not quite as it should be, what can be read."""
    try:
        return msgspec.json.decode(raw, type=shape, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _leniently(raw, shape)


def _leniently(raw: Raw, shape: type[S]) -> S:
    try:
        return read_leniently(shape, msgspec.json.decode(raw), "", Attributes({}))
    except msgspec.ValidationError:  # a number that nothing can hold
        return shape()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoArtifact(f"this is no JSON ({error}); give the file as dbt wrote it") from None


def _decoded(body: bytes, shape: type[S], what: str) -> S:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise NoArtifact(f"this is not {what}: {error}; give the file as dbt wrote it") from None
    except RecursionError:
        raise NoArtifact(
            f"this is not {what}: it is nested too deep; give the file as dbt wrote it"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoArtifact(f"this is no JSON ({error}); give {what} as dbt wrote it") from None


def describing(catalog: Metadata, of: Metadata) -> Describes | None:
    """What a catalog has to say of the run that it lies beside; None if it is of that very invocation.

    Its columns are all there are if it was made after the run.
    """
    if not of.invocation_id or catalog.invocation_id == of.invocation_id:
        return None
    made, ended = results.utc(catalog.generated_at or ""), results.utc(of.generated_at or "")
    return Describes(invocation_id=of.invocation_id, complete=bool(made and ended and made >= ended))
