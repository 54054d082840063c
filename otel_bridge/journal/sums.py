"""Nothing is lost silently: the figures of all three databases, which add up.

received = not_lineage + duplicate + rejected + accepted
accepted = converted + failed + waiting
events since a destination began = delivered + skipped + waiting + dead + missed
"""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from otel_bridge.journal.accepted import AcceptedReader
from otel_bridge.journal.database import labelled
from otel_bridge.journal.deliveries import DeliveryReader, Standing
from otel_bridge.journal.events import EventReader


class DestinationSums(msgspec.Struct, frozen=True):
    """One destination, in events. `waiting_age_s` is the age of the oldest that waits, None if none does.

    `shed` counts facets that events were delivered without.
    """

    events: int
    delivered: int
    waiting: int
    dead: int
    missed: int
    cursor: int
    waiting_age_s: float | None
    dead_reasons: dict[str, int] = {}
    skipped: int = 0
    skipped_reasons: dict[str, int] = {}
    shed: dict[str, int] = {}


class ColumnSums(msgspec.Struct, frozen=True):
    """Column lineage from SQL: runs with outputs, their columns, how many are resolved, and why the others are not.

    `statements` is by how they were answered; `cpu_s` is the processor time of the process that analyses them.
    """

    runs: int = 0
    columns: int = 0
    resolved: int = 0
    gaps: dict[str, int] = {}
    statements: dict[str, int] = {}
    cpu_s: float = 0.0


class Sums(msgspec.Struct, frozen=True):
    """Spans and log records up to `waiting_age_s`, then events. Counted since the directory was created.

    `rejected` and `omissions` are by reason, `events` by type, `assembly` by what the assembler found;
    `omissions` counts values, `refused_names` statements on names of datasets that never count, by reason.
    `bytes` are those of the payloads and bodies kept.
    """

    received: int
    not_lineage: int
    duplicate: int
    rejected: dict[str, int]
    accepted: int
    converted: int
    failed: int
    waiting: int
    waiting_age_s: float | None
    accepted_bytes: int
    events: dict[str, int]
    events_bytes: int
    omissions: dict[str, int]
    assembly: dict[str, int]
    column_lineage: ColumnSums
    destinations: dict[str, DestinationSums]
    refused_names: dict[str, int] = {}


def sums(directory: Path) -> Sums:
    """Read the figures, while the service runs or not; all zero where nothing ever ran.

    The files are read from the end of the flow to its beginning, so that no difference is ever negative.

    Raises:
        JournalError: another release wrote the directory.
        Unavailable: it can't be read at the moment.
    """
    deliveries, events, accepted = (
        DeliveryReader(directory),
        EventReader(directory),
        AcceptedReader(directory),
    )
    try:
        return _sums(deliveries, events, accepted, time.time_ns())
    finally:
        for reader in (deliveries, events, accepted):
            reader.close()


def _sums(deliveries: DeliveryReader, events: EventReader, accepted: AcceptedReader, now_ns: int) -> Sums:
    with deliveries.snapshot():
        standings = [(one, ahead, _labels(one.name, deliveries)) for one, ahead in deliveries.standings()]
    made = events.counters()
    last_event = events.last_seq()
    destinations = {
        one.name: _destination(one, ahead, labels, last_event, _age_s(events.made_after(one.cursor), now_ns))
        for one, ahead, labels in standings
    }
    cursor = events.cursor()
    got = accepted.counters()
    converted, failed = made.get("converted", 0), made.get("failed", 0)
    return Sums(
        received=got.get("received", 0),
        not_lineage=got.get("not_lineage", 0),
        duplicate=got.get("duplicate", 0),
        rejected=labelled(got, "rejected"),
        accepted=got.get("accepted", 0),
        converted=converted,
        failed=failed,
        waiting=got.get("accepted", 0) - converted - failed,
        waiting_age_s=_age_s(accepted.received_after(cursor), now_ns),
        accepted_bytes=got.get("bytes", 0),
        events=labelled(made, "event"),
        events_bytes=made.get("bytes", 0),
        omissions=labelled(made, "omission"),
        assembly=labelled(made, "assembly"),
        column_lineage=_columns(labelled(made, "columns")),
        destinations=destinations,
        refused_names=labelled(made, "identity:refused"),
    )


def _columns(counted: Mapping[str, int]) -> ColumnSums:
    return ColumnSums(
        runs=counted.get("runs", 0),
        columns=counted.get("columns", 0),
        resolved=counted.get("resolved", 0),
        gaps=labelled(counted, "gap"),
        statements=labelled(counted, "statement"),
        cpu_s=counted.get("cpu_us", 0) / 1e6,
    )


class _Labels(msgspec.Struct, frozen=True):
    """What became of the events of one destination, by reason or name."""

    dead: dict[str, int]
    skipped: dict[str, int]
    shed: dict[str, int]


def _labels(name: str, deliveries: DeliveryReader) -> _Labels:
    dead: dict[str, int] = {}
    for destination, reason, _, number in deliveries.dead_by_reason():
        if destination == name:
            dead[reason] = dead.get(reason, 0) + number
    return _Labels(dead, deliveries.tallies(name, "skipped"), deliveries.tallies(name, "shed"))


def _destination(
    one: Standing, ahead: int, labels: _Labels, last_event: int, waiting_age_s: float | None
) -> DestinationSums:
    waiting = max(last_event - one.cursor - ahead, 0)
    return DestinationSums(
        events=max(last_event, one.cursor) - one.started_after,
        delivered=one.delivered,
        waiting=waiting,
        dead=one.dead,
        missed=one.missed,
        cursor=one.cursor,
        skipped=one.skipped,
        waiting_age_s=waiting_age_s if waiting else None,
        dead_reasons=labels.dead,
        skipped_reasons=labels.skipped,
        shed=labels.shed,
    )


def _age_s(at_ns: int | None, now_ns: int) -> float | None:
    return None if at_ns is None else max(0.0, (now_ns - at_ns) / 1e9)
