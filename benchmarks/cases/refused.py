"""Spans without lineage: what it costs to look at a request and to throw it away."""

from collections.abc import Mapping, Sequence

import msgspec

from benchmarks import payloads, proc
from benchmarks.bench import Bench, spending
from benchmarks.figures import Check, Findings, Spread, Table, Target, number
from benchmarks.load import Protocol
from benchmarks.peers import BRIDGE, COLLECTOR, NAIVE, Peer
from benchmarks.sink import Sink

REQUESTS = {BRIDGE: 1500, COLLECTOR: 400, NAIVE: 150}
"""Of each peer in a round: about half a second of work for each."""


class Door(msgspec.Struct, frozen=True):
    """A way in, and how much of the Collector's CPU the bridge may use there."""

    name: str
    title: str
    protocol: Protocol
    gzip: bool
    goal: str
    most: float


DOORS = (
    Door("refused-http", "Refused span, HTTP", "http", False, "1/6", 1 / 6),
    Door("refused-http-gzip", "Refused span, HTTP with gzip", "http", True, "1/4", 1 / 4),
    Door("refused-grpc", "Refused span, gRPC", "grpc", False, "2/3", 2 / 3),
)

TEXT = """\
Requests of 512 spans without lineage, {size} bytes a span{packed}, 12 attributes and 2 events each, over 4
connections ({protocol}). CPU of the process and its children per span, in microseconds; ratios are taken
within a round."""


def measure(bench: Bench, door: Door) -> Findings:
    """Interleaved rounds over one door."""
    bodies = payloads.plain()
    raw, files = bodies[0], bench.bodies(door.name, [b.zipped() for b in bodies] if door.gzip else bodies)
    with Sink() as sink, bench.peers(door.name, sink) as running:
        sent = {peer.name: _round(bench, door, peer, files).spans for peer in running}
        costs: dict[str, list[float]] = {peer.name: [] for peer in running}
        for _ in range(bench.rounds):
            for peer in running:
                cost = _round(bench, door, peer, files)
                costs[peer.name].append(cost.us_per_span)
                sent[peer.name] += cost.spans
        rows = [_row(peer, costs) for peer in running]
        checks = _checks(running, sent, sink)
    packed = f" ({len(raw.zipped().content) // raw.spans} compressed)" if door.gzip else ""
    text = TEXT.format(size=len(raw.content) // raw.spans, packed=packed, protocol=door.title.split(", ")[1])
    header = ["", "us per span", "spans per second and core", "CPU of the bridge / its CPU", "memory, MiB"]
    return Findings(
        title=door.title,
        text=text,
        tables=[Table(header, rows)],
        targets=[_target(door, costs)],
        checks=checks,
    )


class _Cost(msgspec.Struct, frozen=True):
    us_per_span: float
    spans: int


def _round(bench: Bench, door: Door, peer: Peer, files: str) -> _Cost:
    with spending(peer) as spent:
        result = bench.send(peer, door.protocol, files, bench.count(REQUESTS[peer.name]))
    return _Cost(spent[0].all / result.spans, result.spans)


def _row(peer: Peer, costs: Mapping[str, Sequence[float]]) -> list[object]:
    cost = Spread.of(costs[peer.name])
    ratio = "" if peer.name == BRIDGE else _ratio(costs, peer.name) or ""
    memory = sum(proc.memory(pid).pss for pid in proc.tree(peer.pid))
    return [peer.name, cost, f"{1e6 / cost.median:,.0f}", ratio, number(memory)]


def _ratio(costs: Mapping[str, Sequence[float]], peer: str) -> Spread | None:
    if BRIDGE not in costs or peer not in costs:
        return None
    return Spread.of(ours / theirs for ours, theirs in zip(costs[BRIDGE], costs[peer], strict=True))


def _target(door: Door, costs: Mapping[str, Sequence[float]]) -> Target:
    ratio = _ratio(costs, COLLECTOR)
    measured = ratio.median if ratio else None
    return Target(f"{door.title}: CPU / that of the Collector", f"≤ {door.goal}", door.most, measured)


def _checks(running: Sequence[Peer], sent: Mapping[str, int], sink: Sink) -> list[Check]:
    checks = [Check("No events came out", sink.seen().events == 0)]
    for bridge in (peer for peer in running if peer.name == BRIDGE):
        spans = sent[bridge.name]
        received = bridge.received(spans)
        total, plain = received["total"], received["not_lineage"]
        said = f"{spans:,} spans sent, {total:,} counted, {plain:,} without lineage"
        checks.append(Check(said, spans == total == plain))
    return checks
