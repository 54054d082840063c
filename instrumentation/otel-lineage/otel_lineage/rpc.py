"""Unary gRPC calls over one HTTP/2 connection, in the calling thread.

grpcio is not used: it has threads and locks of its own, and a process that was forked after its first use can
be aborted or blocked by it. Here a fork copies nothing but a socket, which the child leaves alone.
"""

import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

PREFIX = struct.Struct(">?I")
MAX_ANSWER = 65536
CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


@dataclass
class Reply:
    """What came back on one stream. `code` is the name of the gRPC status."""

    stream: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False

    @property
    def code(self) -> str:
        """UNKNOWN if the server is none for gRPC."""
        number = self.headers.get("grpc-status", "")
        return CODES[int(number)] if number.isdecimal() and int(number) < len(CODES) else "UNKNOWN"

    @property
    def details(self) -> str:
        """What the server says about it."""
        if "grpc-status" in self.headers:
            return unquote(self.headers.get("grpc-message", ""))
        return f"HTTP status {self.headers.get(':status')} without a gRPC status; is it a gRPC port?"

    @property
    def message(self) -> bytes:
        """The response message, if it is a plain one."""
        if len(self.body) < PREFIX.size or self.body[0]:
            return b""
        return bytes(self.body[PREFIX.size :])


class Connection:
    """One connection over a connected socket. After an exception it is of no use any more."""

    def __init__(self, sock: socket.socket, authority: str, scheme: str) -> None:
        self._sock = sock
        self._named = [(":authority", authority), (":scheme", scheme)]
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.usable = True
        self._calls = 0
        self._going_away = False

    def call(
        self, method: str, message: bytes, metadata: Iterable[tuple[str, str]], timeout_s: float
    ) -> Reply:
        """Send one message and wait for the reply. OSError if there is none, TimeoutError if it is late."""
        deadline = time.monotonic() + timeout_s
        self.usable = False  # until the reply is whole
        try:
            reply = self._call(method, message, metadata, deadline)
        except ProtocolError as error:
            raise ConnectionError(f"HTTP/2: {error or type(error).__name__}") from error
        self._calls += 1
        return reply

    def close(self) -> None:
        """Give it up."""
        self.usable = False
        self._sock.close()

    def _call(
        self, method: str, message: bytes, metadata: Iterable[tuple[str, str]], deadline: float
    ) -> Reply:
        if not self._calls:
            self._http.initiate_connection()
        reply = Reply(self._http.get_next_available_stream_id())
        left_ms = max(int((deadline - time.monotonic()) * 1000), 1)
        fixed = [("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", f"{left_ms}m")]
        path = [(":method", "POST"), (":path", method), *self._named]
        self._http.send_headers(reply.stream, [*path, *fixed, *metadata])
        whole = self._upload(reply, message, deadline)
        while not reply.ended:
            self._receive(reply, deadline)
        self.usable = whole and not self._going_away
        return reply

    def _upload(self, reply: Reply, data: bytes, deadline: float) -> bool:
        """Send as the server's windows allow; False if it ended the call before it had all."""
        sent = 0
        while not reply.ended:
            window = self._http.local_flow_control_window(reply.stream)
            room = min(window, self._http.max_outbound_frame_size)
            if room <= 0:
                self._receive(reply, deadline)
                continue
            part = data[sent : sent + room]
            sent += len(part)
            self._http.send_data(reply.stream, part, end_stream=sent == len(data))
            self._flush(deadline)
            if sent == len(data):
                return True
        return False

    def _receive(self, reply: Reply, deadline: float) -> None:
        self._limit(deadline)
        data = self._sock.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        for event in self._http.receive_data(data):
            self._take(event, reply)
        self._flush(deadline)

    def _take(self, event: Any, reply: Reply) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self._going_away = True
            if (event.last_stream_id or 0) < reply.stream:
                raise ConnectionResetError("the server is going away")
        if getattr(event, "stream_id", None) != reply.stream:
            return
        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            reply.headers.update(event.headers)  # type: ignore[arg-type]  # text, as header_encoding is set
        elif isinstance(event, events.DataReceived):
            reply.body += event.data[: MAX_ANSWER - len(reply.body)]
            self._http.acknowledge_received_data(event.flow_controlled_length, reply.stream)
        elif isinstance(event, events.StreamEnded):
            reply.ended = True
        elif isinstance(event, events.StreamReset) and not reply.ended:
            if "grpc-status" not in reply.headers:
                raise ConnectionResetError(f"the server reset the call: {_reset_name(event.error_code)}")
            reply.ended = True

    def _flush(self, deadline: float) -> None:
        data = self._http.data_to_send()
        if data:
            self._limit(deadline)
            self._sock.sendall(data)

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)


def frame(message: bytes, *, compressed: bool) -> bytes:
    """The message with gRPC's prefix."""
    return PREFIX.pack(compressed, len(message)) + message


def _reset_name(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)
