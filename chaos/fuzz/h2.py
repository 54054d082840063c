"""HTTP/2 by hand: frames as bytes, so that they can be wrong."""

import random
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
ACK, END_STREAM, END_HEADERS = 1, 1, 4
TABLE_SIZE, ENABLE_PUSH, MAX_FRAME = 1, 2, 16384
FIRST_WINDOW = 65535
TIMEOUT_S = 60.0


class ClosedError(Exception):
    """The other side ended the connection."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def opening() -> bytes:
    """Preface and settings: the server's header table stays empty, and its answers need no window of ours."""
    settings = struct.pack(">HIHI", TABLE_SIZE, 0, ENABLE_PUSH, 0)
    return (
        PREFACE
        + frame(SETTINGS, 0, 0, settings)
        + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 1 - 65535))
    )


@lru_cache(maxsize=4096)
def header_block(path: str, more: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Header fields of a call, each a literal that is not indexed."""
    fields = (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
        ("te", "trailers"), ("content-type", "application/grpc"), *more,
    )  # fmt: skip
    return b"".join(map(literal, fields))


def literal(pair: tuple[str, str]) -> bytes:
    """One field without index and Huffman code."""
    name, value = (text.encode("latin-1") for text in pair)
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes((len(text),)) + text
    rest, encoded = len(text) - 127, bytearray((127,))
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*encoded, rest)) + text


@lru_cache(maxsize=4096)
def _decoded(block: bytes) -> Mapping[str, str]:
    """The server's table is empty, so that a block stands for itself."""
    decoder = hpack.Decoder()
    decoder.header_table_size = 0
    return {_text(name): _text(value) for name, value in decoder.decode(block, raw=True)}


def _text(of: bytes | str) -> str:
    return of if isinstance(of, str) else of.decode("latin-1")


def call(stream: int, path: str, message: bytes, more: tuple[tuple[str, str], ...] = ()) -> bytes:
    """HEADERS and DATA of one call."""
    data = [message[i : i + MAX_FRAME] for i in range(0, len(message), MAX_FRAME)] or [b""]
    last = len(data) - 1
    return frame(HEADERS, END_HEADERS, stream, header_block(path, more)) + b"".join(
        frame(DATA, END_STREAM if number == last else 0, stream, piece) for number, piece in enumerate(data)
    )


class Reply:
    """What came back on a stream."""

    __slots__ = ("body", "ended", "fields", "reset")

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.reset = False

    @property
    def code(self) -> int:
        """The gRPC status; -1 if there is none."""
        text = self.fields.get("grpc-status", "")
        return int(text) if text.isdigit() else -1


def _connected(address: tuple[str, int], source: tuple[str, int]) -> socket.socket:
    """The gRPC door is closed for a moment when it opens again after a path that is not UTF-8."""
    for _ in range(50):
        with suppress(ConnectionRefusedError, ConnectionResetError):
            return socket.create_connection(address, timeout=TIMEOUT_S, source_address=source)
        time.sleep(0.05)
    return socket.create_connection(address, timeout=TIMEOUT_S, source_address=source)


class Http2:
    """A connection. `window` is how much may be sent."""

    def __init__(self, address: tuple[str, int], chance: random.Random) -> None:
        source = (f"127.0.{chance.randint(1, 200)}.{chance.randint(1, 200)}", 0)
        self._socket = _connected(address, source)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.replies: dict[int, Reply] = {}
        self.window = FIRST_WINDOW
        self.next_stream = 1
        self.going_away = False

    def send(self, data: bytes) -> None:
        """Send bytes; that the other side has closed already shows when its frames are read."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def half_close(self) -> None:
        """Send nothing more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def read(self) -> None:
        """Take the frames of one piece of what arrives.

        Raises:
            ClosedError: the connection has ended.
            ValueError: a frame of the server is wrong.
        """
        try:
            piece = self._socket.recv(65536)
        except ConnectionResetError:
            raise ClosedError from None
        if not piece:
            raise ClosedError
        self._received += piece
        at = 0
        while len(self._received) - at >= 9:
            size = int.from_bytes(self._received[at : at + 3], "big")
            if len(self._received) - at < 9 + size:
                break
            kind, flags = self._received[at + 3], self._received[at + 4]
            stream = int.from_bytes(self._received[at + 5 : at + 9], "big")
            self._take(kind, flags, stream, self._received[at + 9 : at + 9 + size])
            at += 9 + size
        self._received = self._received[at:]

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            self._take_of_stream(kind, flags, self.replies.setdefault(stream, Reply()), payload)
        elif kind in {SETTINGS, PING} and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == WINDOW_UPDATE:
            self.window += int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.going_away = True

    def _take_of_stream(self, kind: int, flags: int, reply: Reply, payload: bytes) -> None:
        if kind == RST_STREAM:
            reply.reset = reply.ended = True
        elif kind == HEADERS:
            if not flags & END_HEADERS:
                raise ValueError("an answer with continuation frames")
            reply.fields.update(_decoded(payload))
        elif kind == DATA:
            reply.body += payload
        elif kind > CONTINUATION:
            raise ValueError(f"a frame of kind {kind}")
        if kind in {HEADERS, DATA} and flags & END_STREAM:
            reply.ended = True
