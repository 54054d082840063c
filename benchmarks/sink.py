"""The far end: a trivial HTTP server in its own process that counts OpenLineage events.

    with Sink() as sink:
        sink.seen()     # -> Seen(events=..., distinct=...)

`python -m benchmarks.sink` prints its port; `GET /` answers what it has seen.
"""

import asyncio
import http.client
import os
import subprocess
import sys
import time
from collections import Counter
from typing import Self, cast

import httptools
import msgspec
import uvloop

from benchmarks.load import ROOT

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Seen(msgspec.Struct, frozen=True):
    """Counts since the start; distinct by run id and event type."""

    events: int
    distinct: int
    types: dict[str, int]
    bytes: int


class Run(msgspec.Struct):
    """The only part of an event's run that is read."""

    run_id: str = msgspec.field(name="runId")


class Head(msgspec.Struct):
    """The only parts of an event that are read."""

    event_type: str = msgspec.field(name="eventType")
    run: Run


class Sink:
    """A running sink."""

    def __enter__(self) -> Self:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.communicate()

    @property
    def url(self) -> str:
        """Base URL for an OpenLineage HTTP destination."""
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> Seen:
        """What has arrived by now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/")
        body = connection.getresponse().read()
        connection.close()
        return msgspec.json.decode(body, type=Seen)

    def wait_for(self, events: int, within_s: float) -> Seen:
        """Wait until that many events arrived; RuntimeError if they don't."""
        end = time.monotonic() + within_s
        while (seen := self.seen()).events < events:
            if time.monotonic() > end:
                raise RuntimeError(f"{seen.events} of {events} events arrived within {within_s:.0f} s")
            time.sleep(0.02)
        return seen


class _Tally:
    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.distinct: set[tuple[str, str]] = set()
        self.bytes = 0
        self._decoder = msgspec.json.Decoder(Head)

    def add(self, body: bytes) -> None:
        head = self._decoder.decode(body)
        self.types[head.event_type] += 1
        self.distinct.add((head.run.run_id, head.event_type))
        self.bytes += len(body)

    def answer(self) -> bytes:
        seen = Seen(self.types.total(), len(self.distinct), dict(self.types), self.bytes)
        body = msgspec.json.encode(seen)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class _Connection(asyncio.Protocol):
    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._transport.write(self._tally.answer())
        else:
            self._tally.add(b"".join(self._parts))
            self._transport.write(OK)
        self._parts = []


async def serve() -> None:
    """Run until killed."""
    tally = _Tally()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(tally), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
