"""Doors in a thread of their own, before a journal that records."""

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop

from otel_bridge.model import Accepted, Poison, Tally
from otel_bridge.receive import Receiver, Selection, open_doors
from otel_bridge.settings import Door, Endpoint, Receive

MARKERS = (b"openlineage.",)
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def local(**more: Any) -> Door:
    return Door(endpoint=Endpoint("127.0.0.1", 0), **more)


def receive(grpc: Door | None = None, http: Door | None = None, **more: Any) -> Receive:
    return Receive(grpc=grpc or local(), http=http or local(), **more)


class Recording:
    """A journal in memory. `trouble` is raised by commits; while `hold` is set they take their time."""

    def __init__(self) -> None:
        self.rows: list[Accepted] = []
        self.tallies: list[Tally] = []
        self.poison: list[Poison] = []
        self.trouble: Exception | None = None
        self.hold = False
        self.committing = threading.Event()

    async def commit(self, rows: Sequence[Accepted], tally: Tally) -> None:
        self.committing.set()
        while self.hold:
            await asyncio.sleep(0.005)
        if self.trouble:
            raise self.trouble
        self.rows.extend(rows)
        self.tallies.append(tally)

    async def bury(self, message: Poison, tally: Tally, rows: Sequence[Accepted] = ()) -> None:
        await self.commit(rows, tally)
        self.poison.append(message)

    def note(self, tally: Tally) -> None:
        if self.trouble:
            raise self.trouble
        self.tallies.append(tally)

    @property
    def received(self) -> int:
        return sum(tally.received for tally in self.tallies)

    def clear(self) -> None:
        self.__init__()


class Served:
    """Running doors."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, doors: Any, receiver: Receiver, journal: Recording
    ) -> None:
        self.loop = loop
        self.doors = doors
        self.receiver = receiver
        self.journal = journal
        self.http_address = ("127.0.0.1", int(doors.http.rpartition(":")[2]))
        self.grpc_address = doors.grpc

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def post(
        self, path: str, body: bytes, content_type: str = PROTOBUF, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request on a connection of its own; header names with _ for -."""
        connection = http.client.HTTPConnection(*self.http_address, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", path, body, {"Content-Type": content_type, **named})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextlib.contextmanager
def serving(settings: Receive | None = None, loop: str = "uvloop") -> Iterator[Served]:
    settings = settings or receive()
    running = LOOPS[loop]()
    thread = threading.Thread(target=running.run_forever, daemon=True)
    thread.start()
    journal = Recording()
    receiver = Receiver(Selection(MARKERS, settings, 10.0), journal, settings)

    async def opened() -> Served:
        return Served(running, await open_doors(receiver, settings), receiver, journal)

    served = asyncio.run_coroutine_threadsafe(opened(), running).result(30)
    try:
        yield served
    finally:
        served.run(served.doors.stop(1.0))
        running.call_soon_threadsafe(running.stop)
        thread.join(30)
        running.close()
