"""A steady stream: memory of all processes, CPU at that rate, and that everything comes out."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import payloads, peers, proc
from benchmarks.bench import Bench, Spent, spending
from benchmarks.figures import Check, Findings, Table, Target, number
from benchmarks.load import Result
from benchmarks.payloads import SMALL
from benchmarks.peers import BRIDGE, Peer
from benchmarks.proc import Memory
from benchmarks.sink import Seen, Sink

SPANS_PER_SECOND = 10_000
RUNS, PLAINS = 50, 450
RATE = SPANS_PER_SECOND / (RUNS + PLAINS)
SECONDS = 20
IDLE_S = 5.0
SAMPLE_S = 0.5
MOST_MIB = 150.0

TEXT = """\
{offered:,} spans a second for {seconds:.0f} s, one in ten of them lineage (requests of {runs} + {plains}
spans over OTLP/HTTP, events to an HTTP destination). Memory is sampled every {sample} s; PSS divides what
processes share, so that its sum is what the machine gives. CPU in percent of one core, at that rate and
then idle."""

Samples = list[dict[str, Memory]]


def measure(bench: Bench) -> Findings:
    """One stream, then silence."""
    if BRIDGE not in bench.wanted:
        return Findings(
            title="Steady stream", text="The bridge was not wanted.", tables=[], targets=[_target(None)]
        )
    files = bench.bodies("memory", payloads.mixed(SMALL, RUNS, PLAINS))
    requests, idle_s = bench.count(round(SECONDS * RATE)), IDLE_S * min(1.0, bench.scale * 4)
    with (
        Sink() as sink,
        peers.bridge(bench.directory / "memory", {"type": "http", "url": sink.url}) as bridge,
    ):
        with _sampled(bridge) as samples, spending(bridge) as busy:
            started = time.perf_counter()
            result = bench.send(bridge, "http", files, requests, rate=RATE)
            offered_s = time.perf_counter() - started
            seen = sink.wait_for(2 * result.lineage, within_s=60)
            seconds = time.perf_counter() - started
        with spending(bridge) as idle:
            time.sleep(idle_s)
        checks = _checks(result, seen, bridge)
    peak = max(sum(m.pss for m in sample.values()) for sample in samples)
    text = TEXT.format(
        offered=SPANS_PER_SECOND, seconds=requests / RATE, runs=RUNS, plains=PLAINS, sample=SAMPLE_S
    )
    return Findings(
        title="Steady stream",
        text=f"{text} Taken in {number(offered_s)} s, everything delivered after {number(seconds)} s.",
        tables=[_table(samples, _percent(busy[0], seconds), _percent(idle[0], idle_s), peak)],
        targets=[_target(peak)],
        checks=checks,
    )


@contextmanager
def _sampled(peer: Peer) -> Iterator[Samples]:
    samples: Samples = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_S):
            samples.append({proc.role(pid): proc.memory(pid) for pid in proc.tree(peer.pid)})

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def _percent(spent: Spent, seconds: float) -> dict[str, float]:
    return {role: us / 1e4 / seconds for role, us in spent.roles.items()}


def _table(samples: Samples, busy: dict[str, float], idle: dict[str, float], peak: float) -> Table:
    rows: list[list[object]] = []
    for role in samples[-1]:
        pss = max(s[role].pss for s in samples if role in s)
        rss = max(s[role].rss for s in samples if role in s)
        rows.append([role, number(pss), number(rss), number(busy.get(role, 0)), number(idle.get(role, 0))])
    together = [number(sum(share.values())) for share in (busy, idle)]
    rows.append(["all", number(peak), "", *together])
    return Table(["process", "PSS, MiB, peak", "RSS, MiB, peak", "CPU %", "CPU %, idle"], rows)


def _target(peak: float | None) -> Target:
    return Target("Memory of all processes at 10,000 spans/s", f"≤ {MOST_MIB:.0f} MiB", MOST_MIB, peak)


def _checks(result: Result, seen: Seen, bridge: Peer) -> list[Check]:
    exact = seen.events == seen.distinct == 2 * result.lineage
    arrived = (
        f"{result.lineage:,} lineage spans in, {seen.events:,} events out, {seen.distinct:,} of them distinct"
    )
    received = bridge.received(result.spans)
    counted = f"{result.spans:,} spans sent, {received['total']:,} counted, {received['accepted']:,} accepted"
    agree = received["total"] == result.spans and received["accepted"] == result.lineage
    return [Check(arrived, exact), Check(counted, agree)]
