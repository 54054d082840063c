"""`otel-bridge serve`: the receiving process, which also starts, watches and stops the other two."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from otel_bridge.extract import markers
from otel_bridge.journal import AcceptedLog, AcceptedReader, GroupCommit, converted_up_to, hold, prepare
from otel_bridge.model import BridgeError
from otel_bridge.receive import Receiver, Selection
from otel_bridge.receive.doors import Doors, Intake, open_doors, open_intake
from otel_bridge.receive.kafka_source import Sources, make_sources
from otel_bridge.receive.topology import MAX_WAITING
from otel_bridge.receive.watch import Watch
from otel_bridge.service.advice import warn_if_schemas_stay_here
from otel_bridge.service.children import Child
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.service.poison import Retries
from otel_bridge.settings import Endpoint, Settings

STATUS_EVERY_S = 1.0
PRUNE_EVERY_S = 5.0
DOORS_STOP_S = 5.0
CONVERT_STOP_S = 8.0
DELIVER_STOP_S = 10.0

log = structlog.get_logger()


async def serve(settings: Settings, ready: Callable[[Endpoints], None]) -> None:
    """Run until SIGTERM or SIGINT, then stop in bounded time; what is not finished stays in the journal.

    Raises:
        JournalError: the data directory is in use, or was written by a newer release.
        OSError: a port can't be bound.
    """
    stop = _on_signal()
    directory = Path(settings.data_dir)
    with hold(directory):
        prepare(directory)
        settings = _with_api_port(settings)
        async with AsyncExitStack() as stack:
            deliver, convert = await _children(stack, settings)
            journal = GroupCommit(AcceptedLog.open(directory, settings.journal))
            stack.push_async_callback(journal.close)
            selection = Selection(
                markers(settings.dialects, settings.mappings), settings.receive, settings.runs.parent_wait
            )
            selection.expect(_recent_traces(directory, settings.runs.parent_wait), time.monotonic_ns())
            receiver = Receiver(selection=selection, journal=journal, settings=settings.receive)
            sources = make_sources(receiver, journal, settings.receive)
            doors = await open_doors(receiver, settings.receive)
            stack.push_async_callback(_close, doors, sources)
            sources.start()
            retries = asyncio.create_task(Retries(directory, journal, receiver).run())
            stack.callback(retries.cancel)
            watch = Watch(settings.dbt.watch, receiver.keep, float(settings.dbt.keep_artifacts))
            watching = asyncio.create_task(watch.run())
            stack.callback(watching.cancel)
            intake = await open_intake(receiver, settings.receive)
            stack.push_async_callback(intake.stop, DOORS_STOP_S)
            endpoints = Endpoints(doors.grpc, doors.http, deliver.facts["api"], os.getpid())
            _publish(endpoints, settings.data_dir, stack)
            warn_if_schemas_stay_here(settings)
            ready(endpoints)
            await _watch(stop, journal, directory, intake, [deliver, convert], sources)
            log.info("stopping: no new requests; what is not finished stays in the journal")


def _recent_traces(directory: Path, wait_s: float) -> list[bytes]:
    """Traces in which runs may still wait, of a process that ended."""
    reader = AcceptedReader(directory)
    try:
        return reader.recent_traces(int(2 * wait_s * 1e9), MAX_WAITING)
    finally:
        reader.close()


def _with_api_port(settings: Settings) -> Settings:
    """Port 0 becomes a free port before anything starts: events name the URLs of their facets' schemas."""
    host, port = settings.api.endpoint.host, settings.api.endpoint.port
    if port:
        return settings
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as probe:
        free = Endpoint(host, probe.getsockname()[1])
    return replace(settings, api=replace(settings.api, endpoint=free))


async def _children(stack: AsyncExitStack, settings: Settings) -> tuple[Child, Child]:
    """Both workers, started side by side. At the end `convert` stops first, so that what it made is delivered."""
    deliver, convert = Child("deliver", settings), Child("convert", settings)
    stack.push_async_callback(deliver.stop, DELIVER_STOP_S)
    stack.push_async_callback(convert.stop, CONVERT_STOP_S)
    started = await asyncio.gather(deliver.start(), convert.start(), return_exceptions=True)
    for error in started:
        if error is not None:
            raise error
    return deliver, convert


async def _close(doors: Doors, sources: Sources) -> None:
    await asyncio.gather(doors.stop(DOORS_STOP_S), sources.stop(DOORS_STOP_S))


async def _watch(
    stop: asyncio.Event,
    journal: GroupCommit,
    directory: Path,
    intake: Intake,
    children: list[Child],
    sources: Sources,
) -> None:
    """Until `stop`: tell the API whether we accept and where it passes events on, and prune what is converted."""
    pruned = time.monotonic()
    while not stop.is_set():
        refusing = journal.trouble
        reason = "; ".join(
            filter(None, (refusing, *(child.trouble for child in children), sources.trouble(refusing)))
        )
        said = {"accepting": not refusing, "reason": reason, "intake": intake.address}
        for child in children:
            child.tell(said | {"sources": msgspec.to_builtins(sources.states)})
        if refusing or time.monotonic() - pruned >= PRUNE_EVERY_S:
            pruned = time.monotonic()
            await _prune(journal, directory)
        try:
            await asyncio.wait_for(stop.wait(), STATUS_EVERY_S)
        except TimeoutError:
            continue


async def _prune(journal: GroupCommit, directory: Path) -> None:
    try:
        journal.prune(await asyncio.to_thread(converted_up_to, directory))
    except BridgeError as error:
        log.warning("spans can't be pruned, trying again", error=str(error))


def _on_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _publish(endpoints: Endpoints, data_dir: str, stack: AsyncExitStack) -> None:
    """Leave word for the command line and for tests; taken back at the end."""
    file = Endpoints.file(data_dir)
    part = file.with_suffix(".part")
    part.touch(0o600)
    part.write_bytes(msgspec.json.encode(endpoints))
    part.replace(file)
    stack.callback(file.unlink, missing_ok=True)
