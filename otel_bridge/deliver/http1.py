"""A small HTTP/1.1 client: many requests to one origin over connections that are kept open.

One request at a time on a connection, as many connections as there are requests at once. Everything about an
answer is bounded: its time, its size, and what is kept of it.
"""

import asyncio
import ssl
from typing import Any

import httptools
import msgspec

from otel_bridge.deliver.outcome import ANSWER_LIMIT

READ_LIMIT = 256 * 1024
"""Bytes of one answer that are read, unless more are kept; a longer one is cut off and its connection closed."""


class Answer(msgspec.Struct, frozen=True):
    """An HTTP response: header names in lower case, the body up to what is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


class ExchangeFailed(Exception):
    """No whole answer; the request may have been handled or not."""


class ConnectFailed(ExchangeFailed):
    """No connection, so the request was not handled."""


class Stale(ExchangeFailed):
    """The connection ended without a byte of an answer."""


class Origin(msgspec.Struct, frozen=True):
    """Where to connect to; `tls` is a client context, or None for plain text."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Pool:
    """Connections to one origin. `timeout_s` bounds connecting and, separately, each exchange.

    `kept` is how many bytes of an answer's body are of interest.
    """

    def __init__(self, origin: Origin, timeout_s: float, kept: int = ANSWER_LIMIT) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._kept = kept
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()

    async def exchange(self, request: bytes) -> Answer:
        """Send a whole request and return its answer.

        A connection that the server closed while it was idle is replaced, and the request sent again.

        Raises:
            ConnectFailed: nobody listens, or TLS could not be agreed on.
            ExchangeFailed: the answer did not come, or was not HTTP.
        """
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._on(connection, request)
            except Stale:
                continue
        return await self._on(await self._connect(), request)

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)

    async def _on(self, connection: "Connection", request: bytes) -> Answer:
        try:
            answer = await connection.exchange(request, self._timeout_s)
        except BaseException:
            connection.abort()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self) -> "Connection":
        loop = asyncio.get_running_loop()
        where = self._origin
        try:
            async with asyncio.timeout(self._timeout_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._gone, self._kept),
                    where.host, where.port, ssl=where.tls, server_hostname=where.host if where.tls else None,
                )  # fmt: skip
        except TimeoutError:
            raise ConnectFailed(f"no connection to {where} within {self._timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:  # ssl.SSLError is an OSError
            raise ConnectFailed(f"no connection to {where}: {_said(error)}") from None
        self._open.add(connection)
        return connection

    def _gone(self, connection: "Connection") -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


class Connection(asyncio.Protocol):
    """One connection; `exchange` is never called while another one is under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, gone: Any, kept: int) -> None:
        self.reusable = True
        self._kept = kept
        self._loop = loop
        self._gone = gone
        self._transport: Any = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser: Any = None
        self._begin()

    async def exchange(self, request: bytes, timeout_s: float) -> Answer:
        """One request and its answer."""
        if self._transport is None or self._transport.is_closing():
            raise Stale("the connection was closed")
        self._begin()
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(
            timeout_s, self._fail, ExchangeFailed(f"no answer within {timeout_s:g} s")
        )
        self._transport.write(request)
        try:
            answer: Answer = await waiter
            return answer
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        """Close it in an orderly way."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Drop it at once."""
        if self._transport:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember what to write to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse; anything that nobody asked for ends the connection."""
        if self._waiter is None:
            self.reusable = False
            self.abort()
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(ExchangeFailed(f"the answer is not HTTP/1.1: {_said(error)}"))
        if self._read > READ_LIMIT + self._kept and self._waiter is not None:
            self._overlong()

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer without a length ends here; otherwise the exchange failed."""
        self.reusable = False
        if self._complete_at_end:
            self._finish()
        reason = (
            f"the connection was closed: {_said(exc)}"
            if exc
            else "the connection was closed before the answer"
        )
        self._fail(ExchangeFailed(reason) if self._read else Stale(reason))
        self._gone(self)

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The status is known."""
        self._status = self._parser.get_status_code()
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._complete_at_end = not framed and self._status >= 200

    def on_body(self, body: bytes) -> None:
        """Keep the beginning of the body."""
        if len(self._body) < self._kept:
            self._body += body[: self._kept - len(self._body)]

    def on_message_complete(self) -> None:
        """The answer is whole, unless it is only an interim one."""
        if self._status < 200:
            self._headers.clear()
            return
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self._finish()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._status = 0
        self._read = 0
        self._complete_at_end = False

    def _overlong(self) -> None:
        self.reusable = False
        if self._status >= 200:
            self._finish()
        else:
            self._fail(ExchangeFailed(f"more than {READ_LIMIT} bytes before the answer's end"))

    def _finish(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(self._status, self._headers, bytes(self._body)))

    def _fail(self, error: ExchangeFailed) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def _said(error: Exception) -> str:
    """An exception in one line."""
    return " ".join(str(error).split()) or type(error).__name__
