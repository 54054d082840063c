"""`otel-bridge serve`: the receiving process, which also starts, watches and stops the other two."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from otel_bridge.extract import MARKERS
from otel_bridge.journal import AcceptedLog, GroupCommit, convert_progress, lock, prepare
from otel_bridge.model import BridgeError
from otel_bridge.receive import Doors, Receiver, Selection
from otel_bridge.service.children import Child
from otel_bridge.settings import Settings

STATUS_EVERY_S = 1.0
PRUNE_EVERY_S = 5.0
DOORS_STOP_S = 5.0
CHILD_STOP_S = 10.0

log = structlog.get_logger()


class Endpoints(msgspec.Struct, frozen=True):
    """Where the running bridge listens, as `host:port`; "" for a door that is off."""

    grpc: str
    http: str
    api: str
    pid: int

    @staticmethod
    def file(data_dir: str) -> Path:
        """Where a running bridge writes them."""
        return Path(data_dir) / "endpoints.json"


async def serve(settings: Settings, ready: Callable[[Endpoints], None]) -> None:
    """Run until SIGTERM or SIGINT, then stop in bounded time; what is not finished stays in the journal.

    Raises:
        BridgeError: the data directory is in use, was written by a newer release, or a port can't be bound.
    """
