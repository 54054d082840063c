"""One HTTP/1.1 connection: requests are read in order, taken one at a time, answered in order.

    head ──► body ──► queue ──► taken (a task) ──► answered ──┐
     ▲                                                        │ keep-alive
     └────────────────────────────────────────────────────────┘

Whatever can't be served is refused as early as it is known. If bytes of such a request are still under way,
the connection lingers after the answer and throws them away: closing at once would reset it, and the sender
would see a broken connection in place of the answer, and repeat what must not be repeated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

import httptools
import structlog

from otel_bridge.model import Malformed, Refused, Unavailable, Unsupported
from otel_bridge.receive import http_message, inflate
from otel_bridge.receive.ack import Answer, Content, Encoding, Receiver
from otel_bridge.receive.credentials import Tokens
from otel_bridge.receive.http_message import Head, Service

log = structlog.get_logger()

LINGER_S = 2.0
SKIPPED_BODY = 64 * 1024
"""A refused request with a body up to this size is read to its end, and the connection is kept."""


class Door(Protocol):
    """What a connection needs of the door that it came through."""

    receiver: Receiver
    tokens: Tokens
    service: Service
    idle_timeout: float

    @property
    def crowded(self) -> bool:
        """Whether there are so many connections that not even a refusal is said."""

    def entered(self, connection: "Connection") -> bool:
        """A new connection; False if there are too many."""

    def served(self, connection: "Connection") -> None:
        """A request was taken over this connection."""

    def left(self, connection: "Connection") -> None:
        """The connection is gone."""


class _Request:
    """A request to be answered: with what comes of taking it, or with a refusal that is known already."""

    __slots__ = ("body", "close", "content_encoding", "encoding", "head_only", "held", "refusal", "signal")

    def __init__(self, encoding: Encoding | None, refusal: Refused | None = None) -> None:
        self.signal: Content = "traces"
        self.encoding = encoding
        self.content_encoding = ""
        self.body = b""
        self.held = 0
        self.refusal = refusal
        self.close = False
        self.head_only = False


class Connection(asyncio.Protocol):
    """The protocol of one connection; also the callbacks of its parser."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._receiver = door.receiver
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._queue: deque[_Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._head: Head | None = None
        self._request: _Request | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._continue_due = False
        self._deaf = False
        self._last = False
        self._closing = False
        self._write_paused = False
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, or answer 503 to whatever it wants."""
        # uvloop's transports are no instances of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)
        self._allow(self._door.idle_timeout)
        self._watch()
        if not self._door.entered(self):
            if self._door.crowded:
                self._transport.abort()
                return
            self._refuse(
                Unavailable("too many connections; repeat the request later", self._receiver.retry_after)
            )

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what comes after a final refusal is thrown away."""
        if self._deaf:
            return
        head = self._head
        try:
            self._parser.feed_data(data)
            if head is not None and head is self._head and self._request is None:
                head.grow(len(data))
        except httptools.HttpParserUpgrade:
            self._decline_upgrade()
        except httptools.HttpParserCallbackError:
            log.exception("parsing_failed")
            self._refuse(
                Unavailable("internal error; the request can be repeated", self._receiver.retry_after)
            )
        except httptools.HttpParserError as error:
            self._refuse(Malformed(f"not HTTP/1.1: {error}; send {self._door.service.name}"))
        except Unsupported as refusal:
            self._refuse(refusal)

    def pause_writing(self) -> None:
        """The client does not read its answers: take no further request of it."""
        self._write_paused = True
        self._allow(self._door.idle_timeout)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        self._take_next()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of everything but a request that is being made durable."""
        self._deaf = self._closing = True
        if self._timer:
            self._timer.cancel()
        self._receiver.in_flight.release(self._held + sum(request.held for request in self._queue))
        self._held = 0
        self._queue.clear()
        self._door.left(self)

    # The parser's side.

    def on_message_begin(self) -> None:
        """A request starts, and has to arrive in time."""
        self._head = Head()
        self._request = None
        if not (self._task or self._queue):
            self._allow(self._door.idle_timeout)

    def on_url(self, part: bytes) -> None:
        """A part of the request target."""
        if self._head and not self._deaf:
            self._guard(lambda head: head.add_target(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer of a chunked body, of which only the size is of interest."""
        if self._head and not self._deaf:
            self._guard(lambda head: head.add_header(name, value))

    def on_headers_complete(self) -> None:
        """Everything but the body is known."""
        if self._deaf or self._head is None:
            return
        self._head.method = self._parser.get_method()
        self._request = request = _Request(self._head.encoding)
        request.head_only = self._head.method == b"HEAD"
        request.content_encoding = self._head.content_encoding
        try:
            request.signal = self._head.check(
                self._door.tokens, self._receiver.max_request, self._door.service
            )
        except Refused as refusal:
            request.refusal = refusal
            if self._head.expects_continue or self._head.content_length > SKIPPED_BODY:
                self._refuse(refusal)
        else:
            self._continue_due = self._head.expects_continue
            self._continue()

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body, within the limits."""
        if self._deaf or self._request is None:
            return
        try:
            if self._held + len(piece) > self._body_limit():
                raise self._request.refusal or inflate.too_large(self._receiver.max_request)
            self._receiver.in_flight.add(len(piece))
        except Refused as refusal:
            self._refuse(refusal)
            return
        self._held += len(piece)
        if self._request.refusal is None:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Queue the request."""
        request, self._head, self._request = self._request, None, None
        if self._deaf or request is None:
            return
        request.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        request.held, self._held = self._held, 0
        request.close = not self._parser.should_keep_alive() or self._parser.get_http_version() == "1.0"
        self._pieces = []
        self._continue_due = False
        self._queue.append(request)
        if request.close:
            self._deaf = True
        self._take_next()

    # Our side.

    def drain(self) -> None:
        """Close when the requests under way are answered; at once if there are none."""
        self._last = True
        if not (self._busy or self._closing):
            self._close()

    def abort(self) -> None:
        """Close now, whatever is under way."""
        self._transport.abort()

    @property
    def _busy(self) -> bool:
        return bool(self._task or self._queue or self._head)

    def _body_limit(self) -> int:
        refused = self._request is not None and self._request.refusal is not None
        return SKIPPED_BODY if refused else self._receiver.max_request

    def _guard(self, add: Callable[[Head], None]) -> None:
        assert self._head is not None
        try:
            add(self._head)
        except Unsupported as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: Refused) -> None:
        """Answer after the requests before this one; read no more."""
        if self._deaf:
            return
        request = _Request(self._request.encoding if self._request else None, refusal)
        request.head_only = bool(self._request and self._request.head_only)
        request.held, self._held = self._held, 0
        request.close = self._deaf = True
        self._pieces, self._head, self._request = [], None, None
        self._queue.append(request)
        self._take_next()

    def _decline_upgrade(self) -> None:
        """Answer in HTTP/1.1 what asks for another protocol, and close."""
        if not (self._queue or self._task):
            self._refuse(Unsupported("only HTTP/1.1 is spoken here; send a plain POST", 405))
        self._deaf = self._last = True

    def _continue(self) -> None:
        if self._continue_due and not (self._task or self._queue):
            self._continue_due = False
            self._transport.write(http_message.CONTINUE)

    def _take_next(self) -> None:
        if self._task or self._write_paused or self._transport.is_closing() or self._closing:
            return
        if self._queue:
            self._deadline = None
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._take(self._queue.popleft()))
        elif self._last and not self._head:
            self._close()
        else:
            self._transport.resume_reading()
            self._allow(self._door.idle_timeout)
            self._continue()

    async def _take(self, request: _Request) -> None:
        try:
            response = await self._respond(request)
        except Exception:
            log.exception("answer_failed", signal=request.signal)
            self._transport.abort()
            return
        finally:
            self._receiver.in_flight.release(request.held)
            self._task = None
        if self._transport.is_closing():
            return
        self._transport.write(response)
        if request.close:
            self._close(linger=True)
        else:
            self._take_next()

    async def _respond(self, request: _Request) -> bytes:
        try:
            answer = await self._answer(request)
        except Refused as refusal:
            self._decide_to_close(request)
            return http_message.refusal(
                self._door.service, refusal, request.encoding, request.close, request.head_only
            )
        self._door.served(self)
        self._decide_to_close(request)
        return http_message.success(
            self._door.service, request.signal, answer, request.encoding or "json", request.close
        )

    async def _answer(self, request: _Request) -> Answer:
        if request.refusal is not None:
            self._receiver.count_refusal(request.refusal)
            raise request.refusal
        assert request.encoding is not None
        body, request.body = request.body, b""
        return await self._receiver.answer(request.signal, request.encoding, body, request.content_encoding)

    def _decide_to_close(self, request: _Request) -> None:
        """When draining, the last answer says that it is the last; known only once it is about to be sent."""
        request.close = request.close or (self._last and not (self._queue or self._head))

    def _close(self, linger: bool = False) -> None:
        self._closing = self._deaf = True
        self._allow(LINGER_S)
        self._watch()
        if not linger or self._transport.is_closing():
            self._transport.close()
            return
        if self._transport.can_write_eof():
            with suppress(OSError):  # the client may be gone
                self._transport.write_eof()
        self._transport.resume_reading()

    def _allow(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds

    def _watch(self) -> None:
        """One timer for a connection; it looks whether the deadline has moved meanwhile."""
        if self._timer:
            self._timer.cancel()
        now = self._loop.time()
        if self._deadline is not None and now >= self._deadline:
            self._expire()
        wait = self._deadline - now if self._deadline is not None else self._door.idle_timeout
        self._timer = self._loop.call_later(max(wait, 0.01), self._watch)

    def _expire(self) -> None:
        """Nothing came in time. A request that is half here is worth another try of its sender."""
        self._allow(LINGER_S)
        if self._closing or self._write_paused:
            self._transport.abort()
        elif self._head:
            self._refuse(
                Unavailable("the request did not arrive in time; repeat it", self._receiver.retry_after)
            )
        else:
            self._close()
