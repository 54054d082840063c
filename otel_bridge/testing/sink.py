"""An OpenLineage endpoint for tests: a real HTTP server that records events and misbehaves on request."""

import asyncio
import json
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self
from urllib.parse import urlsplit

import httptools

from otel_bridge.testing.events import Events


@dataclass(frozen=True, slots=True)
class Request:
    """One request, decompressed; header names are lower-case."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The OpenLineage event in the body; {} if it holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, after `delay_s` seconds."""

    status: int = 201
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class Trouble(Enum):
    """No answer at all."""

    HANG = "the request is read and never answered"
    RESET = "the connection is reset after the request was read"
    HALF = "the answer is cut off in its middle"


Behaviour = Callable[[Request], Answer | Trouble | None]
"""What to do with a request; None accepts it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what became of it; `at` is from `time.monotonic`."""

    request: Request
    result: Answer | Trouble
    at: float

    @property
    def accepted(self) -> bool:
        """Whether the sender was told that we have it."""
        return isinstance(self.result, Answer) and 200 <= self.result.status < 300


class Sink:
    """An HTTP server in its own thread, on a free port of loopback.

    `events` are those that were accepted, in the order of arrival. `answer`, `hang`, `reset` and `half` script
    the next requests; `behave` decides for each request; `down` and `up` close and open the port.

    Args:
        tls: a server context (with CAs and `verify_mode` set for mutual TLS).
        port: 0 takes any free one; `down` and `up` keep it.

    >>> with Sink() as sink:
    ...     sink.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.port = port
        self.exchanges: list[Exchange] = []
        self._tls = tls
        self._behaviour: Behaviour = lambda _: None
        self._script: list[Answer | Trouble] = []
        self._changed = threading.Condition()
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Base URL to configure a destination with."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def events(self) -> Events:
        """Accepted events, in the order of arrival."""
        with self._changed:
            return Events([e.request.event for e in self.exchanges if e.accepted])

    @property
    def requests(self) -> list[Request]:
        """Everything that arrived, whatever became of it."""
        with self._changed:
            return [e.request for e in self.exchanges]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def start(self) -> Self:
        """Listen."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)
        self._thread.start()
        self.up()
        return self

    def stop(self) -> None:
        """Close everything and end the thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join()
        self._loop.close()

    def up(self) -> None:
        """Open the port."""
        self._run(self._listen())

    def down(self) -> None:
        """Close the port and every connection: senders are refused."""
        self._run(self._close())

    def answer(
        self, status: int, times: int = 1, *, body: bytes | str = b"", retry_after: str | int | None = None,
        headers: Mapping[str, str] | None = None, delay_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Answer the next `times` requests with this status; calls queue up."""
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        content = body.encode() if isinstance(body, str) else body
        self._push([Answer(status, content, extra, delay_s)] * times)

    def hang(self, times: int = 1) -> None:
        """Read the next `times` requests and never answer."""
        self._push([Trouble.HANG] * times)

    def reset(self, times: int = 1) -> None:
        """Read the next `times` requests and reset their connections."""
        self._push([Trouble.RESET] * times)

    def half(self, times: int = 1) -> None:
        """Cut the answers to the next `times` requests off in their middle."""
        self._push([Trouble.HALF] * times)

    def behave(self, behaviour: Behaviour | None) -> None:
        """Decide for each request that no script covers; None accepts all again."""
        self._behaviour = behaviour or (lambda _: None)

    def recover(self) -> None:
        """Forget scripts and behaviour: accept everything."""
        with self._changed:
            self._script.clear()
        self.behave(None)

    def wait_for(self, condition: int | Callable[["Sink"], bool], within_s: float = 20.0) -> Events:
        """Wait for a number of accepted events, or a condition; else AssertionError with what there is."""
        end = time.monotonic() + within_s
        with self._changed:
            while not self._met(condition):
                left = end - time.monotonic()
                seen = f"{len(self.exchanges)} requests, {self.events!r}" if left <= 0 else ""
                assert left > 0, f"waited {within_s:g} s for {condition}; {seen}"
                self._changed.wait(min(left, 0.1))
        return self.events

    def _met(self, condition: int | Callable[["Sink"], bool]) -> bool:
        if isinstance(condition, int):
            return sum(exchange.accepted for exchange in self.exchanges) >= condition
        return condition(self)

    def _push(self, results: list[Any]) -> None:
        with self._changed:
            self._script += results

    def _decide(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | Trouble:
        with self._changed:
            self._count += 1
            request = Request(self._count, method, path, headers, body)
            result = self._script.pop(0) if self._script else self._behaviour(request) or Answer()
            self.exchanges.append(Exchange(request, result, time.monotonic()))
            self._changed.notify_all()
        return result

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await self._loop.create_server(
                lambda: _Connection(self._decide, self._connections), "127.0.0.1", self.port, ssl=self._tls
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, decide: Callable[..., Answer | Trouble], connections: set["_Connection"]) -> None:
        self._decide = decide
        self._connections = connections
        self._transport: Any = None
        self._parser: Any = None
        self._path = ""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.add(self)
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = "", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body = bytes(self._body)
        if self._headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, 31)
        method = self._parser.get_method().decode()
        result = self._decide(
            method, urlsplit(self._path)._replace(scheme="", netloc="").geturl(), self._headers, body
        )
        if isinstance(result, Answer):
            asyncio.get_running_loop().call_later(result.delay_s, self._write, result)
        elif result is Trouble.RESET:
            self.abort()
        elif result is Trouble.HALF:
            self._transport.write(b"HTTP/1.1 201 Scripted\r\nContent-Le")
            self._transport.close()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def _write(self, answer: Answer) -> None:
        if self._transport.is_closing():
            return
        lines = {"Content-Length": str(len(answer.body))} | dict(answer.headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._transport.write(
            f"HTTP/1.1 {answer.status} Scripted\r\n{head}\r\n".encode("latin-1") + answer.body
        )
