"""What is sent, and what must come out: made from a seed, without any code of the bridge.

A *pipeline* is a tree of runs in one trace, with plain spans between some of them. Its spans travel in several
requests, children mostly before their parents, mixed with those of other pipelines and with traces that are no
lineage at all. Some requests are sent twice, some spans travel in two requests, and some requests are cut: the
sender hangs up before the answer, so that their runs may appear or not. Some runs name a span above that is never
sent, some promise signs of life and end in time, and some fall silent.
"""

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Literal, cast

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import T0, logs, record, span, traces

RUNS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:otel-bridge:run:v1")
NAMESPACE = "floe.test.sales"
STORE = "postgres://db.example:5432"
OPEN_PIPELINES = 8
STEADY_S = 600.0
SILENT_S = 1.0
SILENCES = 3
"""So many silent intervals make a run lost."""

Protocol = Literal["http", "grpc"]
Signal = Literal["traces", "logs"]
Ref = tuple[str, str]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `parent` is the run id above, "" at the top; `direct` says that no plain span lies between.

    `began_ns` and `ended_ns` are Unix times, datasets (namespace, name). `sendings` are the requests that carry its
    span; `above` those that carry what connects it with its parent.
    """

    run_id: str
    job: str
    end: str
    began_ns: int = T0
    ended_ns: int = T0
    error: str = ""
    parent: str = ""
    direct: bool = True
    carried: bool = False
    inputs: frozenset[Ref] = frozenset()
    outputs: frozenset[Ref] = frozenset()
    sendings: tuple[int, ...] = ()
    starts: tuple[int, ...] = ()
    above: tuple[int, ...] = ()


class Sending(msgspec.Struct, frozen=True):
    """One request; `cut` ones are not waited for, `again` is the number of the request that this one repeats."""

    number: int
    protocol: Protocol
    signal: Signal
    body: bytes
    items: int
    cut: bool = False
    again: int = -1


class Plan(msgspec.Struct, frozen=True):
    """Everything: requests in the order of sending, runs by id, and how many items are no lineage."""

    sendings: list[Sending]
    runs: dict[str, Expected]
    plain: int
    seed: int


def run_id(trace: bytes, own: bytes) -> str:
    """The id that the run of this span must have, by design invariant 2."""
    return str(uuid.uuid5(RUNS, f"{trace.hex()}:{own.hex()}"))


class _Piece(msgspec.Struct):
    """A span or a start event on its way into a request; `run` is its run id, "" for plain spans."""

    item: Span | LogRecord
    run: str = ""
    number: list[int] = msgspec.field(default_factory=list)


class _Node(msgspec.Struct):
    own: bytes
    run: str
    job: str
    parent: "_Node | None"
    silent: bool = False
    between: list[_Piece] = msgspec.field(default_factory=list)
    piece: _Piece | None = None
    start: _Piece | None = None
    error: str = ""
    began_s: float = 0
    lasted_s: float = 0
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()


class Planner:
    """Makes a plan of so many runs that will be acknowledged, and of some whose requests are cut.

    `carried`: runs name their parent and root themselves, as otel-lineage does.
    """

    def __init__(self, seed: int, runs: int, *, carried: bool = False, grpc: bool = True) -> None:
        self._rng = random.Random(f"plan {seed}")
        self._seed = seed
        self._wanted = runs
        self._carried = carried
        self._protocols: tuple[Protocol, ...] = ("http", "grpc") if grpc else ("http",)
        self._sendings: list[Sending] = []
        self._nodes: list[_Node] = []
        self._plain = 0
        self._cut: set[str] = set()

    def plan(self) -> Plan:
        """The plan of this seed."""
        while len(self._nodes) - len(self._cut) < self._wanted:
            self._wave()
        return Plan(self._sendings, {n.run: self._expected(n) for n in self._nodes}, self._plain, self._seed)

    # Requests

    def _wave(self) -> None:
        """Some pipelines side by side, until all their spans are sent."""
        lines = [self._pipeline() for _ in range(OPEN_PIPELINES)]
        if self._rng.random() < 0.4:
            self._send_cut(self._tree(self._rng.randbytes(16)))
        while lines:
            self._send_some(lines)
            lines = [line for line in lines if line]
            if self._rng.random() < 0.15:
                self._send_plain()
            if self._rng.random() < 0.1:
                self._send_again()

    def _send_some(self, lines: list[list[_Piece]]) -> None:
        """One request with the next spans of up to three pipelines; now and then one of them twice."""
        taken: list[_Piece] = []
        for line in self._rng.sample(lines, min(len(lines), self._rng.randint(1, 3))):
            count = self._rng.randint(1, 3)
            taken += line[:count]
            del line[:count]
        self._send([p for p in taken if isinstance(p.item, LogRecord)])
        self._send([p for p in taken if isinstance(p.item, Span)])
        if self._rng.random() < 0.08:
            self._send(self._rng.sample(taken, 1))

    def _send(self, pieces: list[_Piece], *, cut: bool = False) -> None:
        if not pieces:
            return
        for piece in pieces:
            piece.number.append(len(self._sendings))
        spans = [piece.item for piece in pieces if isinstance(piece.item, Span)]
        records = [piece.item for piece in pieces if isinstance(piece.item, LogRecord)]
        body, signal = (traces(*spans), "traces") if spans else (logs(*records), "logs")
        self._add(body, cast("Signal", signal), len(pieces), cut=cut)

    def _add(self, body: bytes, signal: Signal, items: int, *, cut: bool = False, again: int = -1) -> None:
        protocol = "http" if cut else self._rng.choice(self._protocols)
        self._sendings.append(Sending(len(self._sendings), protocol, signal, body, items, cut, again))

    def _send_cut(self, line: list[_Piece]) -> None:
        """A whole pipeline in one request that nobody waits for."""
        spans = [piece for piece in line if isinstance(piece.item, Span)]
        self._cut.update(piece.run for piece in spans if piece.run)
        self._send(spans, cut=True)

    def _send_plain(self) -> None:
        trace, top = self._rng.randbytes(16), self._rng.randbytes(8)
        spans = [span(trace, top), *(span(trace, self._rng.randbytes(8), top) for _ in range(3))]
        self._plain += len(spans)
        self._add(traces(*spans), "traces", len(spans))

    def _send_again(self) -> None:
        """A request of before once more, as after an answer that was lost."""
        old = self._rng.choice(self._sendings[-40:])
        if not old.cut:
            self._add(old.body, old.signal, old.items, again=old.number if old.again < 0 else old.again)

    # Pipelines

    def _pipeline(self) -> list[_Piece]:
        trace = self._rng.randbytes(16)
        return self._silent(trace) if self._rng.random() < 0.04 else self._tree(trace)

    def _tree(self, trace: bytes) -> list[_Piece]:
        """Its pieces in the order of sending: a start event first, then spans, children before parents mostly."""
        nodes: list[_Node] = []
        for _ in range(self._rng.choice((1, 2, 3, 4, 6))):
            nodes.append(self._node(trace, self._rng.choice(nodes) if nodes else None))
        self._nodes += nodes
        pieces = [p for n in reversed(nodes) for p in (n.piece, *n.between) if p]
        if self._rng.random() < 0.25:
            pieces.reverse()
        return [*(n.start for n in nodes if n.start), *pieces]

    def _node(self, trace: bytes, parent: _Node | None) -> _Node:
        own = self._rng.randbytes(8)
        job = f"job-{len(self._nodes)}-{own.hex()}"
        node = _Node(own, run_id(trace, own), job, parent)
        above = self._plain_spans(trace, node) if parent else self._nothing()
        node.error = f"no such column: c{self._rng.randrange(99)}" if self._rng.random() < 0.15 else ""
        node.inputs, node.outputs = self._datasets("in"), self._datasets("out")
        node.began_s, node.lasted_s = self._rng.randrange(10**6) / 1000, self._rng.randrange(10**5) / 1000
        times = {"start_s": node.began_s, "end_s": node.began_s + node.lasted_s}
        attributes = self._attributes(node) | times
        node.piece = _Piece(span(trace, own, above, job=job, error=node.error, **attributes), node.run)
        if not parent and self._rng.random() < 0.3:
            node.start = _Piece(self._start(trace, node, STEADY_S, above), node.run)
        return node

    def _silent(self, trace: bytes) -> list[_Piece]:
        """A run that starts and is never heard of again."""
        own = self._rng.randbytes(8)
        node = _Node(own, run_id(trace, own), f"job-{len(self._nodes)}-{own.hex()}", None, silent=True)
        node.lasted_s = SILENCES * SILENT_S
        node.piece = _Piece(self._start(trace, node, SILENT_S, b""), node.run)
        self._nodes.append(node)
        return [node.piece]

    def _start(self, trace: bytes, node: _Node, interval_s: float, above: bytes) -> LogRecord:
        attributes = self._attributes(node) | {"openlineage__heartbeat__interval": interval_s}
        if above:
            attributes["openlineage__parent__span__id"] = above.hex()
        attributes |= {"at_s": node.began_s, "openlineage__job__name": node.job}
        return record("openlineage.run.start", trace, node.own, **attributes)

    def _nothing(self) -> bytes:
        """No span above, or now and then one that nobody sends."""
        return self._rng.randbytes(8) if self._rng.random() < 0.05 else b""

    def _plain_spans(self, trace: bytes, node: _Node) -> bytes:
        """The span above: the parent's, or the lowest of some plain spans below it."""
        assert node.parent
        above = node.parent.own
        for _ in range(self._rng.choice((0, 0, 0, 1, 2))):
            own = self._rng.randbytes(8)
            node.between.append(_Piece(span(trace, own, above)))
            above = own
        node.between.reverse()
        self._plain += len(node.between)
        return above

    def _datasets(self, kind: str) -> frozenset[str]:
        return frozenset(
            f"shop.public.{kind}_{self._rng.randrange(200)}" for _ in range(self._rng.randint(0, 2))
        )

    def _attributes(self, node: _Node) -> dict[str, Any]:
        found: dict[str, Any] = {
            f"openlineage__{side}": [f"{STORE}|{name}" for name in sorted(getattr(node, side))]
            for side in ("inputs", "outputs")
            if getattr(node, side)
        }
        if self._carried and node.parent:
            top = node.parent
            while top.parent:
                top = top.parent
            for name, run in (("parent", node.parent), ("root", top)):
                found[f"openlineage__{name}__run__id"] = run.run
                found[f"openlineage__{name}__job__namespace"] = NAMESPACE
                found[f"openlineage__{name}__job__name"] = run.job
        return found

    # Expectations

    def _expected(self, node: _Node) -> Expected:
        assert node.piece
        return Expected(
            run_id=node.run,
            job=node.job,
            end="ABORT" if node.silent else "FAIL" if node.error else "COMPLETE",
            began_ns=T0 + round(node.began_s * 1e9),
            ended_ns=T0 + round((node.began_s + node.lasted_s) * 1e9),
            error=node.error,
            parent=node.parent.run if node.parent else "",
            direct=not node.between,
            carried=self._carried,
            inputs=frozenset((STORE, name) for name in node.inputs),
            outputs=frozenset((STORE, name) for name in node.outputs),
            sendings=tuple(node.piece.number),
            starts=tuple(node.start.number) if node.start else (),
            above=tuple(_above(node)),
        )


def _above(node: _Node) -> Iterator[int]:
    """First requests that bring the plain spans above, and the parent's span."""
    for piece in (*node.between, node.parent.piece if node.parent else None):
        if piece:
            yield min(piece.number)


def digest(plan: Plan) -> str:
    """The same for the same requests in the same order."""
    found = sha256()
    for sending in plan.sendings:
        found.update(msgspec.msgpack.encode(sending))
    return found.hexdigest()[:16]


def described(plan: Plan) -> dict[str, int]:
    """How much of what a plan holds."""
    kinds: Counter[str] = Counter(s.protocol for s in plan.sendings)
    return {
        "runs": len(plan.runs),
        "requests": len(plan.sendings),
        "items": sum(s.items for s in plan.sendings),
        "plain": plan.plain,
        "repeated": sum(s.again >= 0 for s in plan.sendings),
        "cut": sum(s.cut for s in plan.sendings),
        "grpc": kinds["grpc"],
    }
