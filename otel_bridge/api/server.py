"""The API's HTTP server, on the event loop of the delivering process."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from otel_bridge.api.access import warn_if_exposed
from otel_bridge.api.app import Schemas, make_app
from otel_bridge.api.connection import Connection
from otel_bridge.api.figures import Figures, Status, read
from otel_bridge.api.push import push
from otel_bridge.deliver import Deliveries
from otel_bridge.settings import Endpoint, Receive, Settings
from otel_bridge.sockets import throw_away_unread

STOP_WITHIN_S = 2
PREDECESSOR_S = 3.0
"""How long to wait for a process that is about to end to let go of the port."""
POLL_S = 0.05


class _Server(uvicorn.Server):
    """Signals are the service's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield


async def serve_api(
    settings: Settings,
    schemas: Schemas,
    status: Status,
    deliveries: Deliveries,
    stop: asyncio.Event,
    ready: Callable[..., None],
) -> None:
    """Answer until `stop`; `ready(api="host:port")` is called when requests are answered.

    Raises:
        OSError: the address can't be bound.
        ConfigError: the TLS files can't be used.
    """

    async def figures() -> Figures:
        limit = settings.journal.max_events
        return await read(Path(settings.data_dir), deliveries.states(), limit, deliveries.known)

    warn_if_exposed(settings.api)
    app = make_app(figures, schemas, status, settings.api.keys, settings.receive, deliveries.known)
    server = _Server(_config(app, settings))
    listening = await _bound(settings.api.endpoint)
    throw_away_unread(listening, settings.receive.idle_timeout)
    ready(api=str(Endpoint(settings.api.endpoint.host, listening.getsockname()[1])))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listening]))
        tasks.create_task(push(figures, status, stop))
        tasks.create_task(_end(server, stop))
    await app.state.intake.close()


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    within = type("Connection", (Connection,), _bounds(settings.receive))
    config = uvicorn.Config(
        app, http=within, log_config=None, log_level="error", access_log=False, server_header=False, lifespan="off",
        ws="none", timeout_graceful_shutdown=STOP_WITHIN_S,
    )  # fmt: skip
    config.load()
    if settings.api.tls:
        from otel_bridge.receive.credentials import ssl_context  # with it come parts that only the doors need

        config.ssl = ssl_context(settings.api.tls)
    return config


def _bounds(limits: Receive) -> dict[str, Any]:
    return {
        "within_s": float(limits.idle_timeout),
        "most": limits.max_connections,
        "retry_after": max(1, round(limits.retry_after)),
        "unused_since_s": {},
    }


async def _end(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


async def _bound(endpoint: Endpoint) -> socket.socket:
    """Listening; a delivering process outlives a service that was killed for a moment, and with it the port."""
    end = asyncio.get_running_loop().time() + PREDECESSOR_S
    while True:
        try:
            return _bind(endpoint)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(POLL_S)


def _bind(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((endpoint.host, endpoint.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        hint = "Free the port or set api.endpoint"
        raise OSError(error.errno, f"the API can't listen on {endpoint}: {error.strerror}. {hint}") from None
    return listening
