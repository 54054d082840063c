"""How long a sender waits for a durable acknowledgement when there is no queue."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import payloads, peers
from benchmarks.bench import Bench, spending
from benchmarks.figures import Findings, Table, Target, number, percentile
from benchmarks.payloads import SMALL, Body
from benchmarks.peers import BRIDGE
from benchmarks.sink import Sink

RATE = 50.0
REQUESTS = 500
PROBES = 200
MOST_MS = 3.0
SHAPES: dict[str, list[Body]] = {
    "1 lineage span": payloads.lineage(SMALL, count=1),
    "512 spans, 5 of them lineage": payloads.mixed(SMALL, runs=5, plains=507),
}

TEXT = """\
{rate:.0f} OTLP/HTTP requests a second for {seconds:.0f} s, beside conversion and delivery over HTTP. The
yardstick is an append of 4 kB and an fdatasync at the same pace in the same folder ({kind}), before and
after. Milliseconds; CPU in microseconds."""


def measure(bench: Bench) -> Findings:
    """Both shapes, between two probes of the disk."""
    rows: list[list[object]] = []
    over: dict[str, float | None] = dict.fromkeys(SHAPES)
    os.sync()  # what earlier cases wrote is not this one's business
    probes = _fdatasync_ms(bench.directory, bench.count(PROBES))
    if BRIDGE in bench.wanted:
        measured = _shapes(bench)
        probes += _fdatasync_ms(bench.directory, bench.count(PROBES))
        for name, (waits, cpu_us) in measured.items():
            over[name] = percentile(waits, 0.5) - percentile(probes, 0.5)
            rows.append([f"acknowledged: {name}", *_percentiles(waits), number(cpu_us)])
    rows.append(["fdatasync", *_percentiles(probes), ""])
    return Findings(
        title="Acknowledgement",
        text=TEXT.format(rate=RATE, seconds=bench.count(REQUESTS) / RATE, kind=_filesystem(bench.directory)),
        tables=[Table(["", "p50", "p99", "CPU of the receiving process per request"], rows)],
        targets=[
            Target(f"Ack p50 - fdatasync p50, {n}", f"≤ {MOST_MS:.0f} ms", MOST_MS, ms)
            for n, ms in over.items()
        ],
    )


def _shapes(bench: Bench) -> dict[str, tuple[list[float], float]]:
    """For each shape the waits in ms, and the CPU of the receiving process per request."""
    found = {}
    requests = bench.count(REQUESTS)
    with (
        Sink() as sink,
        peers.bridge(bench.directory / "latency", {"type": "http", "url": sink.url}) as bridge,
    ):
        for number_, (name, bodies) in enumerate(SHAPES.items()):
            files = bench.bodies(f"latency-{number_}", bodies)
            bench.send(bridge, "http", files, bench.count(20), rate=RATE)
            with spending(bridge) as spent:
                result = bench.send(bridge, "http", files, requests, rate=RATE)
            found[name] = (result.latencies_ms, spent[0].own / requests)
    return found


def _percentiles(values: Sequence[float]) -> list[str]:
    return [number(percentile(values, share)) for share in (0.5, 0.99)]


def _fdatasync_ms(directory: Path, count: int) -> list[float]:
    found = []
    with (directory / "fdatasync").open("ab", buffering=0) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - started) * 1000)
            time.sleep(max(0.0, 1 / RATE - found[-1] / 1000))
    return found


def _filesystem(directory: Path) -> str:
    """The type of the file system that the folder is on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(point), kind) for point, kind in mounts if directory.resolve().is_relative_to(point)]
    return max(above)[1] if above else "unknown"
