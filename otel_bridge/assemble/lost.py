"""Runs that promised signs of life and fell silent. A run that promised nothing is never lost."""

from msgspec.structs import replace

from otel_bridge.assemble.io import Io, with_io
from otel_bridge.assemble.records import Record
from otel_bridge.extract.failures import UNKNOWN_LANGUAGE
from otel_bridge.model import ErrorDetail, EventType, RunChanged, State
from otel_bridge.settings import Runs

SECOND = 1_000_000_000
LONGEST_NS = 10 * 366 * 86400 * SECOND


def heard(record: Record, at_ns: int, interval_s: float | None, now_ns: int, runs: Runs) -> None:
    """Note a sign of life, and until when the next one is waited for."""
    record.alive_ns = max(record.alive_ns, at_ns)
    record.heartbeat_s = interval_s or record.heartbeat_s
    if record.job and record.heartbeat_s and not record.has_end and not record.ended_as:
        record.lost_at_ns = now_ns + _patience_ns(record.heartbeat_s, runs)


def give_up(record: Record, runs: Runs) -> RunChanged | None:
    """The terminal event of a run that fell silent; None if it is to be left open."""
    record.lost_at_ns = None
    if record.run is None or runs.lost_state == "NONE":
        return None
    silence_ns = _patience_ns(record.heartbeat_s or 0, runs)
    type_, state = EventType(runs.lost_state), State(runs.lost_state)
    message = f"No sign of life for {silence_ns / SECOND:g} s ({runs.lost_after} heartbeat intervals)."
    error = record.error or ErrorDetail(message, UNKNOWN_LANGUAGE)
    at_ns = record.alive_ns + silence_ns
    record.lost, record.ended_as = True, type_
    return RunChanged(
        type_,
        at_ns,
        replace(with_io(record.run, record.io or Io()), ended_ns=at_ns, state=state, error=error),
    )


def _patience_ns(interval_s: float, runs: Runs) -> int:
    return min(int(runs.lost_after * interval_s * SECOND), LONGEST_NS)
