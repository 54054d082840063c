"""The delivering process: one task per destination, and the API, in one event loop."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import uvloop

from otel_bridge.api import Status, serve_api
from otel_bridge.deliver import Deliveries
from otel_bridge.openlineage import facet_schemas
from otel_bridge.openlineage.documents import VERSION
from otel_bridge.settings import Settings


def run(settings: Settings, stdin: BinaryIO, ready: Callable[..., None]) -> None:
    """Deliver and answer until stdin ends; what is not delivered then stays in the journal."""
    uvloop.run(_run(settings, stdin, ready))


async def _run(settings: Settings, stdin: BinaryIO, ready: Callable[..., None]) -> None:
    stop, status = asyncio.Event(), Status()
    deliveries = Deliveries(settings.destinations, Path(settings.data_dir), identity=settings.identity)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_listen(stdin, status, stop))
        tasks.create_task(deliveries.run(stop))
        tasks.create_task(serve_api(settings, _schemas(settings), status, deliveries, stop, ready))


async def _listen(stdin: BinaryIO, status: Status, stop: asyncio.Event) -> None:
    """Status lines of the parent, until it closes the pipe.

    From then on nothing is passed on to where it took events: somebody else may listen there.
    """
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    while line := await reader.readline():
        status.update(json.loads(line))
    status.update({"accepting": False, "reason": "the bridge stops"})
    stop.set()


def _schemas(settings: Settings) -> dict[str, dict[str, Any]]:
    """By the path below `/facets/`."""
    return {f"{VERSION}/{name}": schema for name, schema in facet_schemas(settings).items()}
