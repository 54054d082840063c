"""An HTTP door: listening, counting connections, stopping in bounded time."""

import asyncio
import time
from typing import Self

from otel_bridge.model import BridgeError
from otel_bridge.receive.ack import Receiver
from otel_bridge.receive.credentials import Tokens, ssl_context
from otel_bridge.receive.http_connection import Connection
from otel_bridge.receive.http_message import OTLP, Service
from otel_bridge.settings import Door, Endpoint, Receive
from otel_bridge.sockets import throw_away_unread

BACKLOG = 512
HANDSHAKE_S = 10.0
REFUSED_AT_ONCE = 64
"""So many connections over the limit are answered 503; any more are closed without a word."""
UNUSED_S = 0.5
"""For so long a new connection keeps its place without having been of use."""


class HttpDoor:
    """A listening HTTP server of one service. `endpoint` has the bound port."""

    def __init__(self, settings: Receive, door: Door, receiver: Receiver, service: Service) -> None:
        self.receiver = receiver
        self.service = service
        self.tokens = Tokens(door.bearer_tokens)
        self.idle_timeout = float(settings.idle_timeout)
        self.endpoint = door.endpoint
        self._max_connections = settings.max_connections
        self._connections: set[Connection] = set()
        self._since_s: dict[Connection, float] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server

    @classmethod
    async def open(
        cls, settings: Receive, receiver: Receiver, door: Door | None = None, service: Service = OTLP
    ) -> Self:
        """Listen on the endpoint of a door, `settings.http` by default.

        Raises:
            BridgeError: the address can't be bound, or the TLS files can't be used.
        """
        door = door or settings.http
        self = cls(settings, door, receiver, service)
        context = ssl_context(door.tls) if door.tls else None
        handshake = HANDSHAKE_S if context else None
        host, port = door.endpoint.host, door.endpoint.port
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Connection(self),
                host,
                port,
                ssl=context,
                ssl_handshake_timeout=handshake,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise BridgeError(
                f"can't listen on {door.endpoint}: {error}; set receive.http.endpoint"
            ) from None
        for listening in self._server.sockets:
            throw_away_unread(listening, self.idle_timeout)
        self.endpoint = Endpoint(host, self._server.sockets[0].getsockname()[1])
        return self

    @property
    def connections(self) -> int:
        """Open connections, those that are being refused included."""
        return len(self._connections)

    @property
    def crowded(self) -> bool:
        """Whether there are so many connections that not even a refusal is said."""
        return len(self._connections) > self._max_connections + REFUSED_AT_ONCE

    def entered(self, connection: Connection) -> bool:
        """A new connection; False if there are too many.

        It takes the place of one that nothing came of in half a second: opening connections keeps nobody out.
        """
        self._connections.add(connection)
        self._empty.clear()
        if len(self._connections) > self._max_connections and not self._made_room():
            return False
        self._since_s[connection] = time.monotonic()
        return True

    def _made_room(self) -> bool:
        oldest, since_s = next(iter(self._since_s.items()), (None, 0.0))
        if oldest is None or time.monotonic() - since_s < UNUSED_S:
            return False
        self.left(oldest)
        oldest.abort()
        return True

    def served(self, connection: Connection) -> None:
        """A request was taken over this connection."""
        self._since_s.pop(connection, None)

    def left(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.discard(connection)
        self._since_s.pop(connection, None)
        if not self._connections:
            self._empty.set()

    async def stop(self, deadline_s: float) -> None:
        """Accept nothing more, finish the requests under way for so long, then cut the rest off."""
        self._server.close()
        for connection in list(self._connections):
            connection.drain()
        try:
            await asyncio.wait_for(self._empty.wait(), deadline_s)
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._empty.wait()
        await self._server.wait_closed()
