"""Both doors, opened and closed together; and the intake, through which the API passes events on."""

import asyncio
import secrets

import structlog

from otel_bridge.receive.ack import Receiver
from otel_bridge.receive.grpc_door import GrpcDoor
from otel_bridge.receive.http_door import HttpDoor
from otel_bridge.receive.http_message import LINEAGE
from otel_bridge.settings import Door, Endpoint, Receive, Secret

log = structlog.get_logger()


class Doors:
    """The open doors. `grpc` and `http` are where they listen, as `host:port`; "" for one that is off."""

    def __init__(self, grpc: GrpcDoor | None, http: HttpDoor | None) -> None:
        self._doors = [door for door in (grpc, http) if door]
        self._http = http
        self.grpc = str(grpc.endpoint) if grpc else ""
        self.http = str(http.endpoint) if http else ""

    @property
    def http_connections(self) -> int:
        """Open HTTP connections."""
        return self._http.connections if self._http else 0

    async def stop(self, deadline_s: float) -> None:
        """Accept nothing more, finish the requests under way for so long, then cut the rest off."""
        await asyncio.gather(*(door.stop(deadline_s) for door in self._doors))


async def open_doors(receiver: Receiver, settings: Receive) -> Doors:
    """Listen on the configured endpoints.

    Raises:
        BridgeError: an address can't be bound, or TLS files can't be used; then no door is open.
    """
    for name, door in (("grpc", settings.grpc), ("http", settings.http)):
        _warn_if_exposed(name, door)
    grpc = await GrpcDoor.open(settings, receiver) if settings.grpc.enabled else None
    try:
        http = await HttpDoor.open(settings, receiver) if settings.http.enabled else None
    except BaseException:
        if grpc:
            await grpc.stop(0)
        raise
    return Doors(grpc, http)


class Intake:
    """A door for the delivering process alone: on a loopback port of its own, with a token of this start."""

    def __init__(self, door: HttpDoor, token: str) -> None:
        self._door = door
        self._token = token

    @property
    def address(self) -> dict[str, str]:
        """How to get in, as the status lines to the delivering process carry it."""
        return {"endpoint": str(self._door.endpoint), "token": self._token}

    async def stop(self, deadline_s: float) -> None:
        """As `Doors.stop`."""
        await self._door.stop(deadline_s)


async def open_intake(receiver: Receiver, settings: Receive) -> Intake:
    """Listen for events of other producers.

    Raises:
        BridgeError: there is no free port on 127.0.0.1.
    """
    token = secrets.token_urlsafe(32)
    door = Door(endpoint=Endpoint("127.0.0.1", 0), bearer_tokens=(Secret(token),))
    return Intake(await HttpDoor.open(settings, receiver, door, LINEAGE), token)


def _warn_if_exposed(name: str, door: Door) -> None:
    if not door.enabled or door.endpoint.loopback:
        return
    where = {"door": name, "endpoint": str(door.endpoint)}
    client_certificates = door.tls is not None and door.tls.client_ca is not None
    if not (door.bearer_tokens or client_certificates):
        advice = f"set receive.{name}.bearer_tokens or receive.{name}.tls.client_ca"
        log.warning("anybody_on_the_network_can_send", advice=advice, **where)
    if door.tls is None:
        log.warning("not_encrypted", advice=f"set receive.{name}.tls", **where)
