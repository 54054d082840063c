"""A random OTLP body: a mutated real request, or lineage that makes no sense, in either encoding."""

import gzip
import random
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from chaos.fuzz import documents, lineage, protobuf, seeds


class Body(NamedTuple):
    """A request body before any content encoding; `kind` names what was done to it."""

    signal: str
    encoding: str
    content: bytes
    kind: str


class Bodies:
    """Source of bodies. `more` are further protobuf bodies of traces, for instance made by hypothesis;
    `lineage` is the share of valid OTLP that says nonsense.
    """

    def __init__(self, more: Sequence[bytes] = (), lineage: float = 0.25) -> None:
        self._seeds = seeds.load()
        self._more = more
        self._lineage = lineage

    def any(self, chance: random.Random, encodings: Sequence[str] = ("protobuf", "json")) -> Body:
        """One body."""
        dice = chance.random()
        if dice < self._lineage:
            signal, kind, content = lineage.request(chance)
            if chance.random() < 0.2:
                name, content = protobuf.mutated(content, chance)
                kind = f"{kind}, {name}"
            return Body(signal, "protobuf", content, kind)
        if self._more and dice < self._lineage + 0.05:
            return Body("traces", "protobuf", chance.choice(self._more), "built by hypothesis")
        return self._mutated(chance, chance.choice(encodings))

    def _mutated(self, chance: random.Random, encoding: str) -> Body:
        seed = chance.choice(self._seeds)
        content = seed.fresh(encoding, chance)
        mutate = protobuf.mutated if encoding == "protobuf" else documents.mutated
        kind, content = mutate(content, chance)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            kind, content = mutate(content, chance)
        return Body(seed.signal, encoding, content, f"{encoding}: {kind}")

    def plain(self, chance: random.Random, encoding: str) -> Body:
        """A real request as it is, with fresh ids."""
        seed = chance.choice(self._seeds)
        return Body(seed.signal, encoding, seed.fresh(encoding, chance), "valid")


def compressed(content: bytes, chance: random.Random) -> tuple[str, str, bytes]:  # noqa: PLR0911 - one a case
    """Kind, content encoding and bytes: well compressed, broken, of another encoding, or a bomb."""
    match chance.randrange(8):
        case 0:
            return "deflate", "deflate", zlib.compress(content, 1)
        case 1:
            return "bare deflate", "deflate", zlib.compress(content, 1)[2:-4]
        case 2:
            return (
                "two gzip members",
                "gzip",
                gzip.compress(content[:30], 1, mtime=0) + gzip.compress(content[30:], 1, mtime=0),
            )
        case 3:
            return "broken gzip", "gzip", protobuf.random_bytes(gzip.compress(content, 1, mtime=0), chance)
        case 4:
            return "gzip that is none", chance.choice(("gzip", "deflate", "x-gzip")), content
        case 5:
            return "bomb", "gzip", BOMB
        case _:
            return "gzip", "gzip", gzip.compress(content, 1, mtime=0)


BOMB = gzip.compress(bytes(2 * 1024**2), mtime=0)
