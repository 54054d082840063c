"""HTTP requests around bodies: whole ones with hostile headers, and such as break the framing."""

import random
from typing import NamedTuple

from chaos.fuzz import bodies
from chaos.fuzz.bodies import Bodies, Body
from chaos.fuzz.neighbours import Neighbour
from chaos.fuzz.protobuf import random_bytes

MEDIA_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}
HEADERS = (
    "Content-Type: text/plain", "Content-Type:", "Content-Type: application/json; charset=\xff",
    "Content-Encoding: zstd",
    "Content-Encoding: gzip, gzip", "Content-Encoding: IDENTITY", "Authorization: Bearer",
    "Authorization: Basic \x80",
    "X: " + "y" * 7000, "Accept: */*;q=x", "Expect: 200-ok", "Cookie: " + "a=b; " * 200, "Host: \xe9",
    "Traceparent: 00-zz",
    "X-Empty:", "Via: 1.1 a", "Range: bytes=0-", "TE: trailers", "Content-Length-X: 5", "Forwarded: for=_",
    "X:\ty\t",
)  # fmt: skip
TARGETS = (
    "/", "/v1/traces/", "/v1/traces?x=%00", "/v1/trac%65s", "//v1/traces", "/v1/../v1/traces", "*",
    "http://a/v1/traces",
    "http://[::1/v1/logs", "/v1/metrics", "/v1/logs#f", "/" + "a" * 3000, "/\xff",
    "/v1/development/profiles", "/api/v1/lineage",
)  # fmt: skip
METHODS = ("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "PROPFIND")


class Sent(NamedTuple):
    """A request as bytes. `neighbour` is set on valid ones; `last` ones end the connection."""

    kind: str
    signal: str
    data: bytes
    neighbour: Neighbour | None = None
    head_only: bool = False
    last: bool = False


def post(
    signal: str, encoding: str, content: bytes, *more: str, target: str = "", method: str = "POST"
) -> bytes:
    """A request with a length."""
    lines = (
        f"{method} {target or '/v1/' + signal} HTTP/1.1", "Host: x", f"Content-Type: {MEDIA_TYPES[encoding]}",
        f"Content-Length: {len(content)}", *more, "\r\n",
    )  # fmt: skip
    return "\r\n".join(lines).encode("latin-1") + content


def valid(neighbour: Neighbour, chance: random.Random) -> Sent:
    """A neighbour, in one of the ways that exporters send."""
    encoding = chance.choice(("protobuf", "json"))
    content = neighbour.content(encoding)
    match chance.randrange(3):
        case 0:
            data = post("traces", encoding, content)
        case 1:
            data = post(
                "traces", encoding, bodies.gzip.compress(content, 1, mtime=0), "Content-Encoding: gzip"
            )
        case _:
            data = _chunked("traces", encoding, content, chance)
    return Sent("valid", "traces", data, neighbour)


def whole(source: Bodies, chance: random.Random) -> Sent:
    """A request that a parser of HTTP takes for one, so that exactly one answer is due."""
    body = source.any(chance)
    match chance.randrange(20):
        case 0 | 1:
            return Sent(f"chunked, {body.kind}", body.signal, _chunked(*body[:3], chance))
        case 2 | 3:
            kind, encoding, content = bodies.compressed(body.content, chance)
            data = post(body.signal, body.encoding, content, f"Content-Encoding: {encoding}")
            return Sent(f"{kind}, {body.kind}" if "gzip" in kind else kind, body.signal, data)
        case 4:
            return _with_odd_head(body, chance)
        case 5:
            other = "json" if body.encoding == "protobuf" else "protobuf"
            return Sent("the other encoding", body.signal, post(body.signal, other, body.content))
        case 6:
            signal = "logs" if body.signal == "traces" else "traces"
            return Sent("the other signal", signal, post(signal, body.encoding, body.content))
        case _:
            return Sent(body.kind, body.signal, post(*body[:3]))


def _with_odd_head(body: Body, chance: random.Random) -> Sent:
    content = body.content[:50_000]
    match chance.randrange(4):
        case 0:
            target = chance.choice(TARGETS)
            signal = "logs" if "logs" in target else "metrics" if "metrics" in target else "traces"
            return Sent("odd target", signal, post(signal, body.encoding, content, target=target))
        case 1:
            method = chance.choice(METHODS)
            data = post(body.signal, body.encoding, content, method=method)
            return Sent("other method", body.signal, data, head_only=method == "HEAD")
        case 2:
            many = [f"X-{i}: {i}" for i in range(chance.choice((3, 90)))]
            return Sent("many headers", body.signal, post(body.signal, body.encoding, content, *many))
        case _:
            odd = [chance.choice(HEADERS) for _ in range(chance.randint(1, 3))]
            return Sent("odd headers", body.signal, post(body.signal, body.encoding, content, *odd))


def _chunked(signal: str, encoding: str, content: bytes, chance: random.Random) -> bytes:
    """In up to six chunks, sometimes with extensions and trailers."""
    at, chunks = 0, []
    for _ in range(chance.randint(0, 5)):
        size = chance.randint(1, max(1, len(content) // 3))
        chunks.append(content[at : at + size])
        at += size
    extension = chance.choice((b"", b"", b";a=b", b';x="y"'))
    parts = [b"%x%s\r\n%s\r\n" % (len(c), extension, c) for c in (*chunks, content[at:]) if c]
    trailer = chance.choice((b"", b"", b"X-T: 1\r\n"))
    head = f"POST /v1/{signal} HTTP/1.1\r\nHost: x\r\nContent-Type: {MEDIA_TYPES[encoding]}\r\n"
    return (
        head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts) + b"0\r\n" + trailer + b"\r\n"
    )


FRAMINGS = (
    "Content-Length: -1", "Content-Length: +5", "Content-Length: 0x10", "Content-Length: 5, 5",
    "Content-Length: 5 5",
    "Content-Length: 99999999999999999999", "Content-Length: 9223372036854775807", "Content-Length: 70000000",
    "Content-Length:", "Content-Length: \u00b2", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\nContent-Length: 3", "Content-Length: 3\r\nContent-Length: 4",
    "Connection: close",
    "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Expect: 100-continue", "No-Colon", ": no name", "Space : before", " folded", "X: a\rb", "X: a\x00b",
    "X: a\nContent-Length: 1",
    "X: " + "y" * 40_000, "\r\n".join(f"X-{i}: y" for i in range(150)), "Proxy-Connection: x", "Keep-Alive: timeout=0",
)  # fmt: skip
CHUNKS = (
    b"zz\r\nabc\r\n", b"-1\r\nx\r\n", b"fffffffffffffffff\r\nabc", b"7fffffffffffffff\r\nabc",
    b"5\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n",
    b"3\r\nabcX0\r\n\r\n", b"3;" + b"e" * 70_000 + b"\r\nabc\r\n", b"0\r\n" + b"T: y\r\n" * 300 + b"\r\n",
    b"0\r\nContent-Length: 9\r\n\r\n",
    b"0x3\r\nabc\r\n", b" 3\r\nabc\r\n0\r\n\r\n", b"", b"0\r\n", b"00000000000000000003\r\nabc\r\n0\r\n\r\n",
)  # fmt: skip
NOT_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"\r\n\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n", b"GET /\r\n", b"POST /v1/traces\r\n\r\n", b"POST /v1/traces HTTP/1.1\n\n",
    b"\x00" * 100, b"HTTP/1.1 200 OK\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"POST  /v1/traces  HTTP/1.1\r\n\r\n",
    b"post /v1/traces HTTP/1.1\r\n\r\n", b"POST /v1/traces HTTP/9.9\r\n\r\n",
    b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n", b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"\xff\xfe POST", b"SSH-2.0-x\r\n", b"*1\r\n$4\r\nPING\r\n",
    b"POST http:// HTTP/1.1\r\n\r\n",
    b"POST http://h:99999/v1/traces HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"POST ?x HTTP/1.1\r\n\r\n",
)  # fmt: skip


def broken(source: Bodies, chance: random.Random) -> Sent:
    """Bytes that need not be HTTP: any number of well-formed answers, then the end."""
    body = source.any(chance)
    content = body.content[:20_000]
    head = f"POST /v1/{body.signal} HTTP/1.1\r\nHost: x\r\nContent-Type: {MEDIA_TYPES[body.encoding]}\r\n".encode()
    match chance.randrange(6):
        case 0:
            return Sent("not HTTP", body.signal, chance.choice(NOT_HTTP) + content[: chance.choice((0, 40))])
        case 1:
            framing = chance.choice(FRAMINGS).encode("latin-1")
            return Sent("odd framing", body.signal, head + framing + b"\r\n\r\n" + content)
        case 2:
            data = head + b"Transfer-Encoding: chunked\r\n\r\n" + chance.choice(CHUNKS) + content[:9]
            return Sent("odd chunks", body.signal, data)
        case 3:
            data = post(body.signal, body.encoding, content)
            return Sent("cut off", body.signal, data[: chance.randrange(len(data))])
        case 4:
            two = post(body.signal, body.encoding, content) * 2
            return Sent("random bytes in two requests", body.signal, random_bytes(two, chance))
        case _:
            return Sent("random bytes in a head", body.signal, random_bytes(head, chance) + b"\r\n" + content)
