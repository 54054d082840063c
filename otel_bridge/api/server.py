"""The API's HTTP server, on the event loop of the delivering process."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from otel_bridge.api.app import Schemas, make_app
from otel_bridge.api.figures import Figures, Status, read
from otel_bridge.api.push import push
from otel_bridge.deliver import Deliveries
from otel_bridge.settings import Endpoint, Settings

STOP_WITHIN_S = 2


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
    """

    async def figures() -> Figures:
        return await read(Path(settings.data_dir), deliveries.states(), settings.journal.max_events)

    listening = _bind(settings.api.endpoint)
    app = make_app(figures, schemas, status)
    server = _Server(
        uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False, lifespan="off",
            ws="none", timeout_graceful_shutdown=STOP_WITHIN_S, limit_concurrency=256,
        )
    )  # fmt: skip
    ready(api=str(Endpoint(settings.api.endpoint.host, listening.getsockname()[1])))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listening]))
        tasks.create_task(push(figures, status, stop))
        tasks.create_task(_end(server, stop))


async def _end(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


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
