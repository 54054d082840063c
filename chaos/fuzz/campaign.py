"""A campaign: batches of hostile requests through every door of one bridge, with stages at which all is checked.

After each stage everything is settled and looked at: what neighbours were acknowledged is at the sink in order, the
sums of /health add up, nothing failed, the same processes are there, with no more open files and bounded memory, and
the log has no error.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec

from chaos.fuzz import watch
from chaos.fuzz.api_traffic import ApiTraffic
from chaos.fuzz.bodies import Bodies
from chaos.fuzz.grpc_traffic import GrpcTraffic
from chaos.fuzz.http_traffic import HttpTraffic
from chaos.fuzz.neighbours import Ledger
from chaos.fuzz.outcome import Finding, Outcome
from otel_bridge.testing import BridgeProcess, Sink
from otel_bridge.testing.sink import Request

BATCH = 1000
SHARES = {"http": 780, "http broken": 60, "grpc": 50, "grpc broken": 10, "api": 40}
GRPC_CONNECTIONS = 2
"""Requests of a batch, by how they are sent; those to the gRPC door by each of its connections."""
SETTLE_S = 900.0
MORE_FILES = 8
MORE_MIB = 96.0
"""How much a process may have grown since the first stage, in open files and in resident memory."""
ON_DEMAND = "analyse"
"""The process that comes with the first statement, and another one after a statement that took too long."""
SETTINGS: dict[str, Any] = {
    "receive": {"max_request": "1MiB", "idle_timeout": "60s"},
    "runs": {"parent_wait": "1s"},
    "log": {"format": "json"},
}


class Stage(msgspec.Struct, frozen=True):
    """What was seen at the end of a stage."""

    requests: int
    reading: watch.Reading
    seconds: float


class Campaign:
    """A bridge, a sink and what is sent. Use as a context manager."""

    def __init__(
        self,
        directory: Path,
        seed: int,
        outcome: Outcome | None = None,
        more: Sequence[bytes] = (),
        lineage: float = 0.1,
    ) -> None:
        self.outcome = outcome or Outcome()
        self.ledger = Ledger()
        self.stages: list[Stage] = []
        self.peak: dict[str, float] = {}
        self._seed = seed
        self._source = Bodies(more, lineage)
        self._sink = Sink()
        self._directory = directory
        self._began = time.monotonic()
        self._first: watch.Reading

    def __enter__(self) -> Self:
        self._sink.start()
        self._sink.behave(self._seen)
        destinations = [{"name": "sink", "type": "http", "url": self._sink.url, "endpoint": "api/v1/lineage"}]
        self.bridge = BridgeProcess(self._directory, destinations, SETTINGS).start()
        self._log = watch.Log(self.bridge.log_file)
        self._first = watch.read(self.bridge.pid)
        ends = self.bridge.endpoints
        to = (self._source, self.ledger, self.outcome)
        self._doors: list[HttpTraffic | GrpcTraffic] = [
            HttpTraffic(ends.http, *to, whole=SHARES["http"], broken=SHARES["http broken"]),
            ApiTraffic(ends.api, self.ledger, self.outcome, whole=SHARES["api"]),
        ]
        for _ in range(GRPC_CONNECTIONS):
            self._doors.append(
                GrpcTraffic(ends.grpc, *to, whole=SHARES["grpc"], broken=SHARES["grpc broken"])
            )
        self._threads = ThreadPoolExecutor(len(self._doors))
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown()
        self._hang_up()
        self.bridge.stop()
        self._sink.stop()

    def run(self, first: int, batches: int) -> None:
        """These batches; each depends on the seed and its number only."""
        for number in range(first, first + batches):
            chance = random.Random(f"{self._seed} {number}")
            self._send(number, chance)
            self.peak = watch.highest(self.peak, watch.read(self.bridge.pid).rss)

    def settle(self, quick: bool = False) -> None:
        """Wait until everything is converted and delivered, and check it all."""
        self._hang_up()
        health = self._settled(0.3 if quick else 0.6)
        reading = watch.read(self.bridge.pid)
        self.stages.append(Stage(self.outcome.total, reading, time.monotonic() - self._began))
        self.outcome.neighbours += len(self.ledger)
        self.outcome.events = self.ledger.events
        for what in (
            *self.ledger.complaints(),
            *sums(health),
            *self._processes(reading),
            *self._log.complaints(),
        ):
            self.outcome.found(Finding(-1, "bridge", f"after {self.outcome.total} requests", what))
        self.ledger.forget()

    def _send(self, number: int, chance: random.Random) -> None:
        senders = [
            self._threads.submit(door.send, number, random.Random(chance.random())) for door in self._doors
        ]
        for sender in senders:
            sender.result()

    def _hang_up(self) -> None:
        for door in self._doors:
            door.close()

    def _seen(self, request: Request) -> None:
        """Called under the sink's lock, before it remembers this request: it is to remember one at most."""
        self.ledger.seen(request)
        self._sink.exchanges.clear()

    def _open(self, health: dict[str, Any]) -> bool:
        waiting = health["conversion"]["waiting"] or any(d["waiting"] for d in health["destinations"])
        return bool(waiting) or not health["accepting"]

    def _settled(self, pause_s: float) -> dict[str, Any]:
        """/health once nothing is open, five times in a row: longer than a run waits for its parent."""
        end, times, health = time.monotonic() + SETTLE_S, 0, self.bridge.health()
        while times < 5 and time.monotonic() < end:
            time.sleep(pause_s)
            health = self.bridge.health()
            times = 0 if self._open(health) else times + 1
        return health

    def _processes(self, now: watch.Reading) -> list[str]:
        """Of this reading against the first one, and against that after the first stage."""
        warm = self.stages[0].reading
        lasting = {name: pid for name, pid in now.pids.items() if name != ON_DEMAND}
        found = (
            [] if lasting == self._first.pids else [f"processes were {self._first.pids} and are {now.pids}"]
        )
        for name in now.pids.keys() & warm.pids.keys():
            if now.files[name] > warm.files.get(name, 0) + MORE_FILES:
                found.append(f"{name} has {now.files[name]} open files, at first {warm.files.get(name)}")
            if now.rss[name] > warm.rss.get(name, 0) + MORE_MIB:
                found.append(f"{name} has {now.rss[name]:.0f} MiB, at first {warm.rss.get(name, 0):.0f}")
        return found


def sums(health: dict[str, Any]) -> list[str]:
    """What in /health does not add up, or should not be there."""
    received, conversion = health["received"], health["conversion"]
    parts = (
        received["not_lineage"]
        + received["duplicate"]
        + sum(received["rejected"].values())
        + received["accepted"]
    )
    found = []
    if received["total"] != parts:
        found.append(f"received {received['total']} is not the sum of its parts, {parts}: {received}")
    if conversion["accepted"] != conversion["converted"] + conversion["failed"] + conversion["waiting"]:
        found.append(f"accepted is not the sum of its parts: {conversion}")
    if conversion["failed"] or conversion["waiting"]:
        found.append(
            f"{conversion['failed']} conversions failed and {conversion['waiting']} wait: {conversion}"
        )
    if health["assembly"].get("overdue_failed"):
        found.append(f"overdue runs failed: {health['assembly']}")
    for one in health["destinations"]:
        settled = one["delivered"] + one["waiting"] + one["dead"] + one["missed"] + one.get("skipped", 0)
        if one["events"] != settled or one["dead"] or one["waiting"]:
            found.append(f"destination: {one}")
    return found
