"""Limits, rows and events as the tests of the journal write them."""

from otel_bridge.model import Accepted, Event, Kind, Omission
from otel_bridge.settings import Duration, Journal, Size


def limits(**changes: float) -> Journal:
    kinds = {"max_spans": Size, "max_events": Size}
    return Journal(**{name: kinds.get(name, Duration)(value) for name, value in changes.items()})


def row(name: str, size: int = 100, kind: Kind = Kind.SPAN) -> Accepted:
    return Accepted(kind, name.encode(), name.encode().ljust(size, b"."))


def event(
    key: str = "run-1", kind: str = "START", omissions: tuple[Omission, ...] = (), size: int = 100
) -> Event:
    return Event(
        type=kind,
        key=key,
        parent_key="",
        event_time_ns=7,
        job_namespace="jobs",
        job_name=f"job-of-{key}",
        trace_id=f"trace-of-{key}",
        span_id="span",
        body=b"{}".ljust(size),
        omissions=omissions,
    )
