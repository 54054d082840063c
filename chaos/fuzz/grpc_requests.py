"""Calls around bodies: with hostile messages, wrongly compressed, and connections with wrong frames."""

import gzip
import random
import struct
import zlib
from typing import NamedTuple

from chaos.fuzz import h2
from chaos.fuzz.bodies import BOMB, Bodies
from chaos.fuzz.h2 import frame
from chaos.fuzz.neighbours import Neighbour
from chaos.fuzz.protobuf import random_bytes

_PACKAGE = "/opentelemetry.proto.collector"
PATHS = {
    "traces": f"{_PACKAGE}.trace.v1.TraceService/Export",
    "logs": f"{_PACKAGE}.logs.v1.LogsService/Export",
    "metrics": f"{_PACKAGE}.metrics.v1.MetricsService/Export",
}
ODD_PATHS = (
    "",
    "/",
    "//",
    f"{_PACKAGE}.trace.v1.TraceService/",
    f"{_PACKAGE}.trace.v1.TraceService/Import",
    "/x" * 900,
    "/\xff",
)
MAX_MESSAGE = 40_000
GZIP = (("grpc-encoding", "gzip"),)


class Call(NamedTuple):
    """One call. `framed` says that its framing is right, so that no fault of framing may be answered."""

    kind: str
    signal: str
    path: str
    data: bytes
    more: tuple[tuple[str, str], ...] = ()
    framed: bool = True
    neighbour: Neighbour | None = None


def prefixed(message: bytes, compressed: bool = False) -> bytes:
    """A message as gRPC frames it."""
    return struct.pack(">BI", compressed, len(message)) + message


def valid(neighbour: Neighbour, chance: random.Random) -> Call:
    """A neighbour, plain or compressed."""
    content = neighbour.protobuf
    if chance.random() < 0.5:
        return Call("valid", "traces", PATHS["traces"], prefixed(content), neighbour=neighbour)
    data = prefixed(gzip.compress(content, 1, mtime=0), compressed=True)
    return Call("valid", "traces", PATHS["traces"], data, GZIP, neighbour=neighbour)


def hostile(source: Bodies, chance: random.Random) -> Call:  # noqa: PLR0911 - one a case
    """A call with a hostile message, in one out of five cases with a wrong framing of it."""
    body = source.any(chance, ("protobuf",))
    content, path = body.content[:MAX_MESSAGE], PATHS[body.signal]
    if len(body.content) > MAX_MESSAGE:
        return Call("cut off", body.signal, path, prefixed(content))
    match chance.randrange(16):
        case 0:
            data = prefixed(gzip.compress(content, 1, mtime=0), compressed=True)
            return Call(f"gzip, {body.kind}", body.signal, path, data, GZIP)
        case 1:
            return _oddly_compressed(content, body.signal, chance)
        case 2:
            return _oddly_prefixed(content, body.signal, chance)
        case 3:
            return _odd_fields(content, body.signal, chance)
        case 4:
            signal = "logs" if body.signal == "traces" else "traces"
            return Call("the other signal", signal, PATHS[signal], prefixed(content))
        case _:
            return Call(body.kind, body.signal, path, prefixed(content))


def _oddly_compressed(content: bytes, signal: str, chance: random.Random) -> Call:
    """Compressed in a way that the header does not say, or broken, or a bomb."""
    packed = gzip.compress(content, 1, mtime=0)
    message, encoding = chance.choice(
        (
            (random_bytes(packed, chance), "gzip"),
            (content, "gzip"),
            (packed[:-5], "gzip"),
            (packed, "identity"),
            (packed, "deflate"),
            (zlib.compress(content, 1), "deflate"),
            (packed, "zstd"),
            (packed, ""),
            (BOMB, "gzip"),
        )
    )
    more = (("grpc-encoding", encoding),) if encoding else ()
    kind = "bomb" if message is BOMB else "wrong compression"
    return Call(kind, signal, PATHS[signal], prefixed(message, compressed=True), more, framed=False)


def _oddly_prefixed(content: bytes, signal: str, chance: random.Random) -> Call:
    size = len(content)
    data = chance.choice(
        (
            struct.pack(">BI", 0, size + 1) + content,
            struct.pack(">BI", 0, 2**32 - 1) + content,
            struct.pack(">BI", 0, max(size - 1, 0)) + content,
            struct.pack(">BI", 7, size) + content,
            prefixed(content) * 2,
            prefixed(content)[:3],
            b"",
        )
    )
    return Call("wrong message prefix", signal, PATHS[signal], data, framed=False)


def _odd_fields(content: bytes, signal: str, chance: random.Random) -> Call:
    path, more = PATHS[signal], ()
    match chance.randrange(4):
        case 0:
            path = chance.choice(ODD_PATHS)
        case 1:
            more = (("grpc-timeout", chance.choice(("1n", "0S", "99999999H", "x", ""))),)
        case 2:
            more = (("x" * chance.choice((1, 3000)), "y" * chance.choice((0, 3000))),)
        case _:
            more = chance.choice(
                ((("authorization", "Bearer \xff"),), (("a-bin", "!"),), (("content-type", "text/plain"),))
            )
    return Call("odd headers", signal, path, prefixed(content), more, framed=False)


def bad_frames(source: Bodies, chance: random.Random) -> tuple[str, bytes]:
    """What follows the opening of a connection."""
    content = prefixed(source.any(chance, ("protobuf",)).content[:8000])
    kind, frames = chance.choice(_BAD)
    return kind, frames(content, chance)


def _random_frames(content: bytes, chance: random.Random) -> bytes:
    return b"".join(
        frame(
            chance.randrange(12),
            chance.randrange(256),
            chance.choice((0, 1, 2, 3, 2**31 - 1)),
            chance.randbytes(chance.randrange(30)),
        )
        for _ in range(chance.randint(1, 12))
    )


def _spoilt_call(content: bytes, chance: random.Random) -> bytes:
    return random_bytes(h2.call(1, PATHS["traces"], content) + h2.call(3, PATHS["logs"], content), chance)


def _odd_sizes(content: bytes, chance: random.Random) -> bytes:
    size = chance.choice((16385, 2**20, 2**24 - 1))
    head = (
        size.to_bytes(3, "big")
        + bytes((chance.choice((h2.DATA, h2.HEADERS, h2.SETTINGS)), 0))
        + (1).to_bytes(4, "big")
    )
    return head + content


def _odd_header_block(content: bytes, chance: random.Random) -> bytes:
    good = h2.header_block(PATHS["traces"])
    block = chance.choice(
        (
            random_bytes(good, chance),
            b"\xff" * 40,
            b"\xbf",
            good + h2.literal((":path", "/again")),
            h2.literal(("content-type", "application/grpc")),
            good.replace(b":path", b":pith"),
            good + h2.literal(("Upper", "x")) + h2.literal(("connection", "close")),
            good + h2.literal(("x", "y" * 16000)),
            b"\x3f\xff\xff\xff\xff\x0f" + good,
        )
    )
    return frame(h2.HEADERS, h2.END_HEADERS, 1, block[: h2.MAX_FRAME]) + frame(
        h2.DATA, h2.END_STREAM, 1, content
    )


def _continuations(content: bytes, chance: random.Random) -> bytes:
    good = h2.header_block(PATHS["traces"])
    more = frame(h2.CONTINUATION, 0, 1, h2.literal(("x", "y" * 90))) * chance.choice((1, 30, 200))
    return (
        frame(h2.HEADERS, 0, 1, good)
        + more
        + frame(chance.choice((h2.CONTINUATION, h2.DATA)), h2.END_HEADERS, 1, b"")
    )


def _resets(content: bytes, chance: random.Random) -> bytes:
    """Calls that are taken back at once."""
    return b"".join(
        h2.call(2 * i + 1, PATHS["traces"], content[:500])
        + frame(h2.RST_STREAM, 0, 2 * i + 1, (8).to_bytes(4, "big"))
        for i in range(chance.choice((1, 20, 60)))
    )


def _odd_control(content: bytes, chance: random.Random) -> bytes:
    window = frame(
        h2.WINDOW_UPDATE, 0, chance.choice((0, 1)), chance.choice((0, 2**31 - 1)).to_bytes(4, "big")
    )
    settings = frame(
        h2.SETTINGS,
        0,
        0,
        chance.choice((4, 5, 6, 3)).to_bytes(2, "big") + chance.choice((0, 1, 2**32 - 1)).to_bytes(4, "big"),
    )
    odd = (
        window * 2, settings * 40, frame(h2.PING, 0, 0, bytes(8)) * 100, frame(h2.PING, 0, 1, b"x"), frame(h2.SETTINGS, 0, 0, b"odd"),
        frame(h2.GOAWAY, 0, 0, bytes(8)), frame(h2.PUSH_PROMISE, 4, 1, bytes(9)), frame(h2.PRIORITY, 0, 1, b"\x00\x00\x00\x01\x00"),
        frame(h2.SETTINGS, h2.ACK, 0) * 50, frame(h2.RST_STREAM, 0, 9, bytes(4)), frame(h2.DATA, 0, 5, content),
        frame(h2.DATA, 8, 1, b"\xff"),
    )  # fmt: skip
    return chance.choice(odd) + h2.call(1, PATHS["traces"], content) + chance.choice(odd)


def _odd_streams(content: bytes, chance: random.Random) -> bytes:
    calls = [h2.call(chance.choice((0, 1, 1, 2, 3, 2**31 - 1)), PATHS["traces"], content) for _ in range(3)]
    return b"".join(calls)


def _cut_off(content: bytes, chance: random.Random) -> bytes:
    data = h2.call(1, PATHS["traces"], content)
    return data[: chance.randrange(len(data))]


_BAD = (
    ("random frames", _random_frames),
    ("random bytes in two calls", _spoilt_call),
    ("frame too large", _odd_sizes),
    ("header block", _odd_header_block),
    ("continuation frames", _continuations),
    ("calls taken back", _resets),
    ("control frames", _odd_control),
    ("stream ids", _odd_streams),
    ("cut off", _cut_off),
)
