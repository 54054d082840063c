"""Words to tell what happened to runs and spans, and records that forget everything but their bytes."""

from collections.abc import Iterable

import msgspec

from otel_bridge.assemble import Assembler, MemoryRecords, Record
from otel_bridge.model import (
    Dataset,
    ErrorDetail,
    ErrorObserved,
    EventType,
    Evidence,
    Heartbeat,
    IoObserved,
    JobRef,
    Phase,
    RunChanged,
    RunObserved,
    RunRef,
    SpanRef,
    SpanSeen,
    State,
    run_id_of,
)
from otel_bridge.settings import Duration, Runs

SECOND = 1_000_000_000
TRACE = "a" * 32
WAIT = 10


def span_id(name: str) -> str:
    return name.encode().hex().rjust(16, "0")


def ref(name: str, trace: str = TRACE) -> RunRef:
    return RunRef(run_id_of(trace, span_id(name)), JobRef("jobs", name))


def _where(name: str, under: str, trace: str) -> tuple[Evidence, SpanRef]:
    span = SpanRef(trace, span_id(name), span_id(under) if under else "")
    return Evidence(trace, span.span_id, "test"), span


def run(name: str, under: str = "", *, phase: Phase = Phase.END, trace: str = TRACE, **said) -> RunObserved:
    evidence, span = _where(name, under, trace)
    ends = {"ended_ns": 200, "state": State.COMPLETE} if phase is Phase.END else {}
    values = {"run_id": run_id_of(trace, span.span_id), "job": JobRef("jobs", name), "started_ns": 100}
    return RunObserved(evidence=evidence, phase=phase, span=span, **(values | ends | said))


def start(name: str, under: str = "", **said) -> RunObserved:
    return run(name, under, phase=Phase.START, **said)


def plain(name: str, under: str = "", *, trace: str = TRACE, enclosing: str | None = None) -> SpanSeen:
    return SpanSeen(_where(name, under, trace)[1], enclosing)


def io(name: str, under: str = "", *, trace: str = TRACE, enclosing: str | None = None, **said) -> IoObserved:
    evidence, span = _where(name, under, trace)
    return IoObserved(evidence, span, 150, enclosing, **said)


def beat(name: str, at_s: float, every_s: float = 5) -> Heartbeat:
    evidence, span = _where(name, "", TRACE)
    return Heartbeat(evidence, span, run_id_of(TRACE, span.span_id), int(at_s * SECOND), every_s)


def error(name: str, message: str, stack: str | None = "stack") -> ErrorObserved:
    evidence, span = _where(name, "", TRACE)
    return ErrorObserved(evidence, span, ErrorDetail(message, "python", stack))


def dataset(name: str, **values) -> Dataset:
    return Dataset("postgres://db:5432", name, values)


class FromBytes(MemoryRecords):
    """Keeps nothing but bytes, as after a restart before every single look-up."""

    def put(self, record: Record) -> None:
        super().put(_copy(record))

    def get(self, trace_id: str, span_id: str) -> Record | None:
        return _copy(super().get(trace_id, span_id))

    def by_run(self, run_id: str) -> Record | None:
        return _copy(super().by_run(run_id))

    def _of(self, keys) -> list[Record]:
        return [_copy(record) for record in super()._of(keys)]


def _copy(record):
    return record and msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=Record)


class Story:
    """An assembler and a clock in seconds; `told` is everything that it said."""

    def __init__(self, records: MemoryRecords | None = None, expected=lambda _: True, **runs) -> None:
        self.records = FromBytes() if records is None else records
        self.runs = Runs(parent_wait=Duration(WAIT), **runs)
        self.assembler = Assembler(self.records, self.runs, expected=expected)
        self.now_s = 1000.0
        self.told: list[RunChanged] = []

    def hear(self, *observations, after_s: float = 0) -> list[str]:
        self.now_s += after_s
        return self._tell(t for o in observations for t in self.assembler.observe(o, self._now))

    def wait(self, seconds: float) -> list[str]:
        self.now_s += seconds
        return self._tell(self.assembler.tick(self._now))

    def drain(self) -> list[str]:
        return self._tell(self.assembler.drain())

    @property
    def _now(self) -> int:
        return int(self.now_s * SECOND)

    def _tell(self, transitions: Iterable[RunChanged]) -> list[str]:
        new = list(transitions)
        self.told += new
        return [short(t) for t in new]

    def last(self, name: str, type_: EventType | None = None) -> RunChanged:
        return [t for t in self.told if t.run.job.name == name and type_ in (None, t.type)][-1]


def short(transition: RunChanged) -> str:
    """`START task < dag`: the event, and the parent (and the root, if it is another)."""
    told = transition.run
    up = f" < {told.parent.job.name}" if told.parent else ""
    root = f" << {told.root.job.name}" if told.root and told.root != told.parent else ""
    return f"{transition.type} {told.job.name}{up}{root}"
