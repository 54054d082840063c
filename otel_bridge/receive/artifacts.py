"""Artifacts of dbt in: one file as dbt wrote it, rows of the journal out, each with some of its pieces.

A row's key is a hash of what it says, so that an artifact that comes again is recognised, whole or in part. The pieces
of one artifact stand in the order of their rows; the last row tells that it is whole.
"""

import zlib
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from otel_bridge.extract.dialects.dbt import artifacts
from otel_bridge.extract.dialects.dbt.pieces import Piece
from otel_bridge.extract.dialects.dbt.shapes import Metadata
from otel_bridge.model import Accepted, Kind, Tally

INVALID_ARTIFACT = "invalid_artifact"
"""What artifacts that are refused are counted under, among what was rejected."""
KEY_PREFIX = b"D"
ROW_BYTES = 4 * 1024**2
"""Of pieces in one row, before compression."""
LEVEL = 6


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One piece of an artifact."""

    part: str
    source: str
    piece: Piece


class Chunk(msgspec.Struct, frozen=True):
    """Some pieces of an artifact, as a row carries them. `last`: the artifact is whole with this one."""

    invocation_id: str
    kind: str
    last: bool
    parts: tuple[Part, ...]


class Taken(msgspec.Struct, frozen=True):
    """What a sender of an artifact is told."""

    invocation_id: str
    kind: str
    nodes: int


class Artifacts(msgspec.Struct, frozen=True):
    """What to keep of an artifact; without rows it is refused because of `message`."""

    rows: tuple[Accepted, ...]
    tally: Tally
    taken: Taken | None = None
    message: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Chunk).decode


def select(body: bytes, manifest: bytes | None = None) -> Artifacts:
    """Select from a file. A catalog describes the tables of the run whose manifest lies beside it, if one does."""
    try:
        artifact = artifacts.read(body, _beside(manifest))
        chunks = list(_chunks(artifact))
    except artifacts.NoArtifact as error:
        return Artifacts((), Tally(1, 0, {INVALID_ARTIFACT: 1}), message=str(error))
    nodes = len({part.part for chunk in chunks for part in chunk.parts if part.part})
    rows = tuple(_row(chunk) for chunk in chunks)
    return Artifacts(rows, Tally(len(rows)), Taken(artifact.invocation_id, artifact.kind, nodes))


def chunk(payload: bytes) -> Chunk:
    """What a row carries."""
    return _decode(zlib.decompress(payload))


def _beside(manifest: bytes | None) -> Metadata | None:
    try:
        return None if manifest is None else artifacts.kind_of(manifest)[1].metadata
    except artifacts.NoArtifact:
        return None


def _chunks(artifact: artifacts.Artifact) -> Iterator[Chunk]:
    parts: list[Part] = []
    size = 0
    for part, source, piece in artifact.pieces:
        if size > ROW_BYTES:
            yield Chunk(artifact.invocation_id, artifact.kind, False, tuple(parts))
            parts, size = [], 0
        parts.append(Part(part, source, piece))
        size += len(_encode(piece))
    yield Chunk(artifact.invocation_id, artifact.kind, True, tuple(parts))


def _row(said: Chunk) -> Accepted:
    content = _encode(said)
    key = KEY_PREFIX + blake2b(content, digest_size=24).digest()
    return Accepted(Kind.ARTIFACT, key, zlib.compress(content, LEVEL))
