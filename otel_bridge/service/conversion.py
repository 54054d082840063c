"""Accepted rows in, OpenLineage events out: the one pipeline of `serve` and `convert`. No I/O of its own.

Spans and log events are extracted, assembled and built. Events of other producers are events already: they only find
their place after what the log holds of their run.
"""

import traceback
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from otel_bridge.assemble import Assembler, Records
from otel_bridge.extract import Wanted, extract
from otel_bridge.extract.dialects.dbt.pieces import MemoryPieces, Pieces
from otel_bridge.model import (
    BridgeError,
    Event,
    EventType,
    Kind,
    LogEvent,
    Observation,
    Omission,
    Resource,
    Span,
    Transition,
    Unusable,
)
from otel_bridge.namespaces import Namespaces
from otel_bridge.openlineage import EventBuilder, foreign
from otel_bridge.openlineage.foreign_facets import unlike_their_schema
from otel_bridge.openlineage.foreign_runs import ForeignRuns, MemoryForeignRuns, RunOrder
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.receive.decode import log_event, span
from otel_bridge.service.columns import ColumnStage
from otel_bridge.service.completion import CompletionStage
from otel_bridge.settings import Settings


class ConversionFailed(Exception):
    """A bug of ours: the row stays in the journal and can be converted again. The message is a traceback."""


class Conversion:
    """extract, assemble, complete and build, over tables of run records, of runs of other producers and of artifacts.

    `now_ns` is the clock that waiting children and lost runs are measured with; event times are the spans' own.
    Without `columns` no column lineage is read from SQL.
    """

    def __init__(
        self,
        settings: Settings,
        records: Records,
        foreign_runs: ForeignRuns | None = None,
        columns: ColumnStage | None = None,
        pieces: Pieces | None = None,
    ) -> None:
        self._names = Namespaces(settings.namespace)
        self._wanted = Wanted.of(settings.facets, settings.dbt, settings.dialects, settings.mappings)
        self._order = RunOrder(foreign_runs or MemoryForeignRuns(), records)
        self._completion = CompletionStage(pieces or MemoryPieces(), self._names, self._wanted)
        expects = self._completion.completion.expects
        self._assembler = Assembler(records, settings.runs, self._order.started, expects)
        self._columns = columns
        self._builder = EventBuilder(settings)
        self._unusable: list[Omission] = []

    @property
    def counts(self) -> Counter[str]:
        """What was left out, seen twice or late, by reason, since the start."""
        return self._assembler.counts + self._order.counts + self._completion.counts

    @property
    def column_counts(self) -> Counter[str]:
        """What came of column lineage from SQL, since the start."""
        return self._columns.counts if self._columns else Counter()

    def feed(self, kind: Kind, payload: bytes, now_ns: int) -> list[Event]:
        """Events that this row brings about.

        Raises:
            ConversionFailed: for any bug on the way; records may be half changed and should be discarded.
            BridgeError: the records can't be read at the moment.
        """
        try:
            if kind is Kind.EVENT:
                return self._foreign(payload, now_ns)
            observed = self._observed(kind, payload)
            self._completion.hear(observed)
            transitions = [t for o in observed for t in self._assembler.observe(o, now_ns)]
            events = self._build(transitions)
            self._unusable += map(
                _masked, (said for o in observed if isinstance(o, Unusable) for said in o.omissions)
            )
            return events
        except BridgeError:
            raise
        except Exception:  # noqa: BLE001 - whatever the bug is, the span must not be lost
            raise ConversionFailed(mask_text(traceback.format_exc())) from None

    def tick(self, now_ns: int) -> list[Event]:
        """Events that time brings about: children that waited long enough, lost runs.

        Raises:
            ConversionFailed, BridgeError: as `feed`.
        """
        try:
            return self._build(self._assembler.tick(now_ns))
        except BridgeError:
            raise
        except Exception:  # noqa: BLE001 - as above
            raise ConversionFailed(mask_text(traceback.format_exc())) from None

    def drain(self) -> list[Event]:
        """Events of everything that still waits, at the end of an offline input."""
        return self._build(self._assembler.drain())

    def finished(self, invocation_id: str, parts: Sequence[str], namespace: str | None) -> list[Event]:
        """Events of a finished invocation of dbt, by artifacts that were fed before; `parts` have results."""
        jobs = namespace or self._names.of(Resource()).value
        return self._build(self._completion.completion.finished(invocation_id, parts, jobs))

    def take_unusable(self) -> list[Omission]:
        """Why spans and log events that were meant as lineage gave no event, since this was asked last."""
        taken, self._unusable = self._unusable, []
        return taken

    def _observed(self, kind: Kind, payload: bytes) -> Sequence[Observation]:
        if kind is Kind.ARTIFACT:
            return self._completion.take(payload)
        return extract(decode(kind, payload), self._names, self._wanted)

    def _foreign(self, payload: bytes, now_ns: int) -> list[Event]:
        """The event itself, and the START of own runs that waited for its run to start."""
        found = msgspec.json.decode(payload)
        self._order.counts["foreign_facet"] += len(unlike_their_schema(found))
        event = self._order.foreign(foreign.event(found, payload), now_ns)
        if event.type != EventType.START:
            return [event]
        return [event, *self._build(self._assembler.started_elsewhere(event.key, now_ns))]

    def _build(self, transitions: Iterable[Transition]) -> list[Event]:
        """START and terminal event of one span leave out the same values: that is said, and counted, once."""
        said: set[tuple[str, Omission]] = set()
        events = []
        told = (whole for whole in map(self._completion.of, transitions) if whole is not None)
        if self._columns is not None:
            told = (self._columns.of(whole) for whole in told)
        for event in map(self._order.own, map(self._builder.build, told)):
            news = tuple(o for o in map(_masked, event.omissions) if (event.key, o) not in said)
            said.update((event.key, o) for o in news)
            events.append(event if news == event.omissions else replace(event, omissions=news))
        return events


def _masked(omission: Omission) -> Omission:
    """The reason may quote the value that was left out."""
    reason = mask_text(omission.reason)
    return omission if reason == omission.reason else replace(omission, reason=reason)


def decode(kind: Kind, payload: bytes) -> Span | LogEvent:
    """The span or log event in an accepted row."""
    return log_event(payload) if kind is Kind.LOG else span(payload)
