"""Lineage spans: what it costs to acknowledge them durably, and to turn them into delivered events."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks import payloads, peers
from benchmarks.bench import Bench, Spent, spending
from benchmarks.figures import Check, Findings, Spread, Table, Target
from benchmarks.payloads import Size
from benchmarks.peers import BRIDGE, NAIVE, Peer
from benchmarks.sink import Sink

REQUESTS = {BRIDGE: 60, NAIVE: 4}
"""Of each peer in a round: one to two seconds of work for each."""
ACKNOWLEDGED_US = 150
DELIVERED_US = 400
WITHIN_S = 60
TO_HTTP, TO_FILE, TO_NAIVE = "to HTTP", "to a file", "naive"

TEXT = """\
Requests of 64 lineage spans (one root run, 63 children that wait for it), {size:,} bytes a span on average,
{variants} different requests, each sent with new trace ids, OTLP/HTTP over 4 connections; every span
becomes START and COMPLETE. *Acknowledged* is the CPU of the receiving process until everything is
delivered, *delivered* that of all processes. CPU per span in microseconds. The naive bridge has no journal:
it answers when it has delivered, and a crash loses what it holds."""


class _Way(msgspec.Struct, frozen=True):
    """A peer and the place where its events are counted."""

    name: str
    peer: Peer
    end: "_End"


class _End(msgspec.Struct):
    """Counts what arrives at a sink or in a file, beginning with `expected` = 0."""

    sink: Sink | None = None
    file: Path | None = None
    lines: int = 0
    read: int = 0
    expected: int = 0

    def wait(self, more: int) -> None:
        """Until that many more events are there."""
        self.expected += more
        end = time.monotonic() + WITHIN_S
        while self.arrived() < self.expected:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.arrived()} of {self.expected} events arrived within {WITHIN_S} s")
            time.sleep(0.02)

    def arrived(self) -> int:
        """Events so far."""
        if self.sink:
            return self.sink.seen().events
        assert self.file
        if self.file.exists():
            with self.file.open("rb") as file:
                file.seek(self.read)
                new = file.read()
            self.read += len(new)
            self.lines += new.count(b"\n")
        return self.lines


class _Round(msgspec.Struct, frozen=True):
    """Microseconds per span, and spans per second from the first byte sent to the last event delivered."""

    spent: Spent
    spans: int
    per_second: float


def measure(bench: Bench, name: str, size: Size) -> Findings:
    """Interleaved rounds of: bridge to HTTP, bridge to a file, naive bridge to HTTP."""
    bodies = payloads.lineage(size)
    files = bench.bodies(name, bodies)
    with _ways(bench, name) as ways:
        found: dict[str, list[_Round]] = {way.name: [] for way in ways}
        for number in range(-1, bench.rounds):
            for way in ways:
                measured = _round(bench, way, files)
                if number >= 0:
                    found[way.name].append(measured)
        checks = [_check(way) for way in ways]
    per_span = sum(len(b.content) for b in bodies) / sum(b.spans for b in bodies)
    return Findings(
        title=f"Lineage span, {name}",
        text=TEXT.format(size=round(per_span), variants=len(bodies)),
        tables=[_costs(found), _parts(found)],
        targets=_targets(name, found),
        checks=checks,
    )


@contextmanager
def _ways(bench: Bench, name: str) -> Iterator[list[_Way]]:
    with ExitStack() as stack:
        ways: list[_Way] = []
        if BRIDGE in bench.wanted:
            sink = stack.enter_context(Sink())
            to_http = stack.enter_context(
                peers.bridge(bench.directory / f"{name}-http", {"type": "http", "url": sink.url})
            )
            file = bench.directory / f"{name}.ndjson"
            to_file = stack.enter_context(
                peers.bridge(bench.directory / f"{name}-file", {"type": "file", "path": str(file)})
            )
            ways += [_Way(TO_HTTP, to_http, _End(sink=sink)), _Way(TO_FILE, to_file, _End(file=file))]
        if NAIVE in bench.wanted:
            sink = stack.enter_context(Sink())
            ways.append(_Way(TO_NAIVE, stack.enter_context(peers.naive(sink.url)), _End(sink=sink)))
        yield ways


def _round(bench: Bench, way: _Way, files: str) -> _Round:
    started = time.perf_counter()
    with spending(way.peer) as spent:
        result = bench.send(way.peer, "http", files, bench.count(REQUESTS[way.peer.name]))
        way.end.wait(2 * result.lineage)
    seconds = time.perf_counter() - started
    roles = {role: us / result.lineage for role, us in spent[0].roles.items()}
    per_span = Spent(spent[0].own / result.lineage, roles, spent[0].all / result.lineage)
    return _Round(per_span, result.lineage, result.lineage / seconds)


def _costs(found: Mapping[str, Sequence[_Round]]) -> Table:
    rows: list[list[object]] = []
    for name, rounds in found.items():
        acknowledged: object = "not durable" if name == TO_NAIVE else Spread.of(r.spent.own for r in rounds)
        delivered = Spread.of(r.spent.all for r in rounds)
        rows.append(
            [
                _title(name),
                acknowledged,
                delivered,
                _times_naive(found, name),
                Spread.of(r.per_second for r in rounds),
            ]
        )
    return Table(
        ["", "acknowledged", "delivered", "CPU of naive / its CPU", "spans per second, end to end"], rows
    )


def _parts(found: Mapping[str, Sequence[_Round]]) -> Table:
    roles = ("receive", "convert", "deliver")
    named = [name for name in found if name != TO_NAIVE]
    rows = [
        [_title(name), *(Spread.of(r.spent.roles.get(role, 0) for r in found[name]) for role in roles)]
        for name in named
    ]
    return Table(["process", *roles], rows)


def _title(name: str) -> str:
    return "naive, to HTTP" if name == TO_NAIVE else f"bridge, {name}"


def _times_naive(found: Mapping[str, Sequence[_Round]], name: str) -> object:
    if name == TO_NAIVE or TO_NAIVE not in found:
        return ""
    pairs = zip(found[TO_NAIVE], found[name], strict=True)
    return Spread.of(theirs.spent.all / ours.spent.all for theirs, ours in pairs)


def _targets(name: str, found: Mapping[str, Sequence[_Round]]) -> list[Target]:
    acknowledged = [r.spent.own for way in (TO_HTTP, TO_FILE) for r in found.get(way, ())]
    targets = [_target(f"Lineage span, {name}: acknowledged durably", ACKNOWLEDGED_US, acknowledged)]
    for way in (TO_HTTP, TO_FILE):
        delivered = [r.spent.all for r in found.get(way, ())]
        targets.append(
            _target(f"Lineage span, {name}: converted and delivered {way}", DELIVERED_US, delivered)
        )
    return targets


def _target(what: str, most: float, values: Sequence[float]) -> Target:
    return Target(what, f"≤ {most} us", most, Spread.of(values).median if values else None)


def _check(way: _Way) -> Check:
    spans, arrived = way.end.expected // 2, way.end.arrived()
    said, exact = f"{_title(way.name)}: {spans:,} spans, {arrived:,} events", arrived == 2 * spans
    if way.end.sink:
        distinct = way.end.sink.seen().distinct
        said, exact = f"{said}, {distinct:,} distinct", exact and distinct == arrived
    return Check(said, exact)
