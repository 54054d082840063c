"""The figures behind `/health` and `/metrics`: one reading of the journal serves both, so that they agree."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from otel_bridge.deliver import DestinationState
from otel_bridge.identity.telling import Counts
from otel_bridge.journal import ColumnSums, DestinationSums, KnownNames, Sums, sums
from otel_bridge.kafka import SourceState
from otel_bridge.telemetry.metrics import Points

STALE_S = 5.0


class Status:
    """Whether the receiving process accepts, as it last said; what it said 5 s ago counts no more."""

    def __init__(self) -> None:
        self._accepting = False
        self._reason = "the receiving process did not report yet"
        self.sources: tuple[SourceState, ...] = ()
        self._intake: tuple[str, str] | None = None
        self._at_s = time.monotonic()

    def update(self, said: Mapping[str, Any]) -> None:
        """Take what it says: `{"accepting": true, "reason": "", "intake": {"endpoint": ..., "token": ...}}`."""
        self._accepting = bool(said.get("accepting"))
        self._reason = str(said.get("reason", ""))
        self.sources = msgspec.convert(said.get("sources", []), tuple[SourceState, ...])
        intake = said.get("intake")
        self._intake = (intake["endpoint"], intake["token"]) if intake else None
        self._at_s = time.monotonic()

    @property
    def accepting(self) -> bool:
        """Whether a request would be accepted now."""
        return self._accepting and not self._stale

    @property
    def reason(self) -> str:
        """Why not, or what else is wrong; "" if all is well."""
        return "the receiving process says nothing; look at its log" if self._stale else self._reason

    @property
    def intake(self) -> tuple[str, str] | None:
        """Where it takes events of other producers: `host:port`, and the bearer token for it; None if unknown."""
        return self._intake

    @property
    def _stale(self) -> bool:
        return time.monotonic() - self._at_s > STALE_S


class Destination(msgspec.Struct, frozen=True):
    """A destination's sums, and what it is doing: events = delivered + skipped + waiting + dead + missed."""

    name: str
    type: str
    events: int
    delivered: int
    waiting: int
    dead: int
    missed: int
    skipped: int
    dead_reasons: dict[str, int]
    skipped_reasons: dict[str, int]
    shed: dict[str, int]
    oldest_waiting_s: float
    in_flight: int
    trouble: str
    attempts: dict[str, int]


class Figures(msgspec.Struct, frozen=True):
    """One reading: what came in, what became of it, and where it went."""

    sums: Sums
    destinations: list[Destination]
    max_events: int
    identity: Counts = Counts()

    @property
    def trouble(self) -> str:
        """Why conversion stands still; "" if it does not."""
        if self.sums.events_bytes < self.max_events or not self.sums.waiting:
            return ""
        lagging = ", ".join(d.name for d in self.destinations if d.waiting)
        return (
            f"conversion stands still: events are at journal.max_events ({self.max_events} bytes) and wait for "
            f"{lagging or 'pruning'}"
        )

    def body(self) -> dict[str, Any]:
        """As `/health` shows it."""
        sums = self.sums
        return {
            "received": {
                "total": sums.received,
                "not_lineage": sums.not_lineage,
                "duplicate": sums.duplicate,
                "rejected": sums.rejected,
                "accepted": sums.accepted,
            },
            "conversion": {
                "accepted": sums.accepted,
                "converted": sums.converted,
                "failed": sums.failed,
                "waiting": sums.waiting,
                "oldest_waiting_s": sums.waiting_age_s or 0.0,
            },
            "events": sums.events,
            "omissions": sums.omissions,
            "assembly": sums.assembly,
            "column_lineage": msgspec.to_builtins(sums.column_lineage),
            "identity": {**msgspec.to_builtins(self.identity), "refused": sums.refused_names},
            "journal_bytes": {"spans": sums.accepted_bytes, "events": sums.events_bytes},
            "destinations": msgspec.to_builtins(self.destinations),
        }

    def points(self, accepting: bool, sources: Sequence[SourceState] = ()) -> Points:
        """As metrics."""
        return {
            **_of_service(self.sums, accepting),
            **_of_columns(self.sums.column_lineage),
            **_of_identity(self.identity, self.sums.refused_names),
            **_of_sources(sources),
            **_of_destinations(self.destinations),
        }


async def read(
    directory: Path, states: Sequence[DestinationState], max_events: int, known: KnownNames
) -> Figures:
    """Read the journal now, in a thread.

    Raises:
        Unavailable: it can't be read at the moment.
    """
    found = await asyncio.to_thread(sums, directory)
    destinations = [_destination(state, found.destinations.get(state.name)) for state in states]
    counts = await asyncio.to_thread(lambda: Counts.of(known.current()))
    return Figures(found, destinations, max_events, counts)


def _destination(state: DestinationState, found: DestinationSums | None) -> Destination:
    return Destination(
        name=state.name,
        type=state.type,
        events=found.events if found else 0,
        delivered=found.delivered if found else 0,
        waiting=found.waiting if found else 0,
        dead=found.dead if found else 0,
        missed=found.missed if found else 0,
        skipped=found.skipped if found else 0,
        dead_reasons=found.dead_reasons if found else {},
        skipped_reasons=found.skipped_reasons if found else {},
        shed=found.shed if found else {},
        oldest_waiting_s=(found and found.waiting_age_s) or 0.0,
        in_flight=state.in_flight,
        trouble=state.trouble,
        attempts=state.attempts,
    )


def _of_service(sums: Sums, accepting: bool) -> Points:
    return {
        "otel_bridge.received": [(sums.received, {})],
        "otel_bridge.not_lineage": [(sums.not_lineage, {})],
        "otel_bridge.duplicate": [(sums.duplicate, {})],
        "otel_bridge.rejected": _by(sums.rejected, "reason"),
        "otel_bridge.accepted": [(sums.accepted, {})],
        "otel_bridge.converted": [(sums.converted, {})],
        "otel_bridge.conversion.failed": [(sums.failed, {})],
        "otel_bridge.conversion.waiting": [(sums.waiting, {})],
        "otel_bridge.conversion.oldest": [(sums.waiting_age_s or 0.0, {})],
        "otel_bridge.events": _by(sums.events, "type"),
        "otel_bridge.omissions": _by(sums.omissions, "reason"),
        "otel_bridge.assembly": _by(sums.assembly, "finding"),
        "otel_bridge.journal.size": [
            (sums.accepted_bytes, {"part": "spans"}),
            (sums.events_bytes, {"part": "events"}),
        ],
        "otel_bridge.accepting": [(int(accepting), {})],
    }


def _of_columns(sums: ColumnSums) -> Points:
    """Nothing as long as no statement was analysed."""
    if not (sums.columns or sums.statements):
        return {}
    return {
        "otel_bridge.column_lineage.runs": [(sums.runs, {})],
        "otel_bridge.column_lineage.columns": [(sums.columns, {})],
        "otel_bridge.column_lineage.resolved": [(sums.resolved, {})],
        "otel_bridge.column_lineage.unresolved": _by(sums.gaps, "reason"),
        "otel_bridge.column_lineage.statements": _by(sums.statements, "outcome"),
        "otel_bridge.column_lineage.cpu": [(sums.cpu_s, {})],
    }


def _of_identity(counts: Counts, refused: Mapping[str, int]) -> Points:
    return {
        "otel_bridge.identity.datasets": [(counts.datasets, {})],
        "otel_bridge.identity.aliases": [(counts.aliases, {})],
        "otel_bridge.identity.conflicts": _by(counts.conflicts, "reason"),
        "otel_bridge.identity.refused": _by(refused, "reason"),
    }


def _of_destinations(destinations: Sequence[Destination]) -> Points:
    return {
        "otel_bridge.delivered": [(d.delivered, _of(d)) for d in destinations],
        "otel_bridge.waiting": [(d.waiting, _of(d)) for d in destinations],
        "otel_bridge.dead": [(d.dead, _of(d)) for d in destinations],
        "otel_bridge.missed": [(d.missed, _of(d)) for d in destinations],
        "otel_bridge.skipped": [
            (count, _of(d) | {"reason": reason})
            for d in destinations
            for reason, count in d.skipped_reasons.items()
        ],
        "otel_bridge.shed": [
            (count, _of(d) | {"facet": facet}) for d in destinations for facet, count in d.shed.items()
        ],
        "otel_bridge.waiting.oldest": [(d.oldest_waiting_s, _of(d)) for d in destinations],
        "otel_bridge.in_flight": [(d.in_flight, _of(d)) for d in destinations],
        "otel_bridge.attempts": [
            (count, _of(d) | {"outcome": outcome})
            for d in destinations
            for outcome, count in d.attempts.items()
        ],
    }


def _of_sources(sources: Sequence[SourceState]) -> Points:
    return {
        "otel_bridge.source.messages": [(s.messages, {"source": s.name}) for s in sources],
        "otel_bridge.source.poison": [(s.poison, {"source": s.name}) for s in sources],
        "otel_bridge.source.in_flight": [(s.in_flight, {"source": s.name}) for s in sources],
        "otel_bridge.source.lag": [(s.lag, {"source": s.name}) for s in sources if s.lag is not None],
    }


def _by(counts: Mapping[str, int], attribute: str) -> list[tuple[float, dict[str, str]]]:
    return [(value, {attribute: label}) for label, value in counts.items()]


def _of(destination: Destination) -> dict[str, str]:
    return {"destination": destination.name}
