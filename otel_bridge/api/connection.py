"""The API's HTTP connections: uvicorn's, within bounds of time, of size and of number.

uvicorn itself waits for a request for ever, keeps heads of any size, and counts connections only when a request came.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar

from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
REFUSED_AT_ONCE = 64
"""So many connections over the limit are answered 503; any more are closed without a word."""
UNUSED_S = 0.5
"""For so long a new connection keeps its place without having been of use."""


class Connection(HttpToolsProtocol):
    """One connection of at most `most`. A request has to be here, and its answer taken, within `within_s`.

    A new one takes the place of one without an answer after half a second: opening connections keeps nobody out.
    """

    within_s = 75.0
    most = 512
    retry_after = 5
    unused_since_s: ClassVar[dict["Connection", float]] = {}
    _timer: asyncio.TimerHandle | None = None
    _in_head = False
    _head_size = 0
    _head_count = 0
    _deaf = False
    _admitted = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit it."""
        super().connection_made(transport)
        self._make_room()
        self._admitted = len(self.connections) <= self.most
        if len(self.connections) > self.most + REFUSED_AT_ONCE:
            transport.abort()
        else:
            self.unused_since_s[self] = self.loop.time()
        self._allow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        self.unused_since_s.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, as long as the head stays in its bounds."""
        if self._deaf:
            return
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._grow(len(data))

    def on_message_begin(self) -> None:
        """A head starts."""
        self._in_head, self._head_size, self._head_count = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        if self._grow(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer."""
        self._head_count += 1
        if self._grow(len(name) + len(value)):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request is answered while its body arrives."""
        self._in_head = False
        if not self._deaf:
            if not self._admitted:
                self.app = self._too_many
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._deaf:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next one gets as much time."""
        self.unused_since_s.pop(self, None)
        self._allow()
        super().on_response_complete()

    def _make_room(self) -> None:
        before_s = self.loop.time() - UNUSED_S
        while len(self.connections) > self.most and self.unused_since_s:
            oldest, since_s = next(iter(self.unused_since_s.items()))
            if since_s > before_s:
                break
            del self.unused_since_s[oldest]
            self.connections.discard(oldest)
            oldest.transport.abort()

    async def _too_many(self, scope: Any, receive: Any, send: Any) -> None:
        """As an ASGI application, in place of the API's."""
        error = {"error": "too many connections; repeat the request later"}
        headers = {"Retry-After": str(self.retry_after), "Connection": "close"}
        await JSONResponse(error, 503, headers)(scope, receive, send)

    def _grow(self, size: int) -> bool:
        self._head_size += size
        if self._deaf or self._head_size > MAX_HEAD_BYTES or self._head_count > MAX_HEADERS:
            self._refuse()
        return not self._deaf

    def _refuse(self) -> None:
        if self._deaf:
            return
        self._deaf = True
        error = f"more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes of them; send fewer"
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 431 {HTTPStatus(431).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _allow(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.within_s, self._expire)

    def _expire(self) -> None:
        """End it, unless we are the slow ones: the request is here, and its answer is not ready."""
        cycle = self.cycle
        if cycle and not (cycle.more_body or cycle.response_complete or self.flow.write_paused):
            self._allow()
        else:
            self.transport.abort()

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
