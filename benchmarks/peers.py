"""The processes that are measured: the bridge, the OpenTelemetry Collector, the naive bridge."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.load import ROOT
from tests.parts import collector as real_collector

BRIDGE, COLLECTOR, NAIVE = "bridge", "Collector", "naive"


class Peer(msgspec.Struct, frozen=True):
    """A running process: its doors as `host:port`, and what it says of its health."""

    name: str
    pid: int
    http: str
    grpc: str
    health: Callable[[], dict[str, Any]] = dict

    def received(self, spans: int, within_s: float = 5.0) -> dict[str, Any]:
        """What /health says was received, once that is so many spans, or when the time is over."""
        end = time.monotonic() + within_s
        received: dict[str, Any] = self.health()["received"]
        while received["total"] < spans and time.monotonic() < end:
            time.sleep(0.1)
            received = self.health()["received"]
        return received

    def door(self, protocol: str) -> str:
        """Where it takes OTLP over this protocol."""
        return self.grpc if protocol == "grpc" else self.http


@contextmanager
def bridge(
    directory: Path, destination: dict[str, Any], settings: dict[str, Any] | None = None
) -> Iterator[Peer]:
    """`otel-bridge serve` with one destination, and its defaults but for `settings`; its journal is in `directory`."""
    from otel_bridge.testing.process import BridgeProcess  # only here: the other peers run without the bridge

    named = [{"name": "benchmark", **destination}]
    with BridgeProcess(directory, named, {"log": {"level": "warning"}, **(settings or {})}) as process:
        yield Peer(BRIDGE, process.pid, process.endpoints.http, process.endpoints.grpc, process.health)


@contextmanager
def collector(directory: Path) -> Iterator[Peer]:
    """The Collector, otlp -> nop. PartMissing if it is not built."""
    config = Path(__file__).with_name("collector.yaml")
    with real_collector.run(configs=[config], directory=directory) as process:
        yield Peer(
            COLLECTOR, process.pid, process.http_endpoint.removeprefix("http://"), process.grpc_endpoint
        )


@contextmanager
def naive(url: str) -> Iterator[Peer]:
    """The naive bridge, sending to the sink at `url`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.naive", url],
        stdout=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("OPENLINEAGE")}
        | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout
        grpc, http = process.stdout.readline().split()
        yield Peer(NAIVE, process.pid, f"127.0.0.1:{int(http)}", f"127.0.0.1:{int(grpc)}")
    finally:
        process.terminate()
        process.communicate()
