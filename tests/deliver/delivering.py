"""An event log that tests write, and a delivering service in a thread that reads it."""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from otel_bridge.deliver import KINDS, Deliveries
from otel_bridge.journal import Batch, DeliveryReader, DestinationSums, EventLog, ask, outcome, prepare, sums
from otel_bridge.model import Event
from otel_bridge.settings import Destination, Journal

QUICK = {"first": "10ms", "longest": "50ms"}
PADDING = "x" * 200


def event(run: str, kind: str = "START", parent: str = "", job: str = "job", pad: str = PADDING) -> Event:
    body = {
        "eventType": kind,
        "eventTime": "2026-11-24T10:00:00.000000Z",
        "producer": "https://example.test/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": _parent(parent)},
        "job": {"namespace": "ns", "name": job, "facets": {}},
        "inputs": [{"namespace": "db", "name": pad}],
        "outputs": [],
    }
    return Event(kind, run, parent, 1, "ns", job, "0" * 32, "0" * 16, json.dumps(body).encode())


def _parent(run: str) -> dict[str, Any]:
    if not run:
        return {}
    schema = "https://openlineage.io/spec/facets/1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet"
    ids = {"run": {"runId": run}, "job": {"namespace": "ns", "name": "parent"}}
    return {"parent": {"_producer": "https://example.test/producer", "_schemaURL": schema, **ids}}


def run_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def destination(kind: str, name: str = "", **options: Any) -> Destination:
    checked = TypeAdapter(KINDS[kind].options).validate_python({"retry": QUICK} | options)
    return Destination(name or kind, kind, checked)


class Log:
    """A data directory whose event log is written by the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        prepare(directory)
        self._log = EventLog.open(directory, Journal())

    def add(self, events: Iterable[Event]) -> None:
        self._log.commit(Batch(events=list(events)), None, time.time_ns())

    def runs(self, numbers: Iterable[int], parent: str = "") -> None:
        self.add([event(run_id(n), kind, parent) for n in numbers for kind in ("START", "COMPLETE")])

    def prune(self, upto: int) -> None:
        self._log.prune(upto, time.time_ns() + int(30 * 86400e9))

    def close(self) -> None:
        self._log.close()

    def standing(self, name: str) -> Any:
        return sums(self.directory).destinations.get(name) or DestinationSums(0, 0, 0, 0, 0, 0, None)

    def letters(self, name: str) -> list[Any]:
        reader = DeliveryReader(self.directory)
        try:
            return reader.letters(name)
        finally:
            reader.close()

    def ask(self, command: str, target: str, **argument: Any) -> str:
        wish = ask(self.directory, "delivery", command, target, argument)
        wait(lambda: outcome(self.directory, "delivery", wish) is not None)
        return str(outcome(self.directory, "delivery", wish))


class Delivering:
    """`Deliveries` on an event loop of its own thread."""

    def __init__(self, log: Log, *destinations: Destination, drain_s: float = 5.0) -> None:
        self.deliveries = Deliveries(destinations, log.directory, random.Random(1))
        self.loop = asyncio.new_event_loop()
        self._drain_s = drain_s
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive(), "it does not stop"
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self.deliveries.run(self._stop, self._drain_s))
        except BaseException as error:
            self._failure = error

    def state(self, name: str) -> Any:
        return next(s for s in self.deliveries.states() if s.name == name)


class DeliveringProcess:
    """The same in a process of its own, to be killed."""

    def __init__(self, log: Log, url: str) -> None:
        code = f"import delivering; delivering.serve({str(log.directory)!r}, {url!r})"
        here = str(Path(__file__).parent)
        path = os.pathsep.join([here, *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        self.process.communicate(b"", 30)
        assert self.process.returncode == 0


def serve(directory: str, url: str) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        threading.Thread(
            target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
        ).start()
        loop = asyncio.get_running_loop()
        await Deliveries([destination("http", "sink", url=url)], Path(directory)).run(stop)

    asyncio.run(run())


def wait(condition: Any, within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def check_order(events: Iterable[dict[str, Any]], repeats: bool = False) -> None:
    """START before terminal, parents' START before children's, and nothing twice unless `repeats`."""
    started: set[str] = set()
    ended: set[str] = set()
    for found in events:
        run = found["run"]["runId"]
        parent = found["run"]["facets"].get("parent", {}).get("run", {}).get("runId")
        if found["eventType"] == "START":
            assert repeats or run not in started | ended, f"START of {run} came again or late"
            assert parent is None or parent in started, f"{run} before its parent"
            started.add(run)
        else:
            assert run in started, f"{run} ended before it started"
            assert repeats or run not in ended
            ended.add(run)
