"""Runs as assembled from observations, and the transitions that become events."""

from enum import StrEnum

import msgspec

from otel_bridge.model.lineage import Dataset, ErrorDetail, Evidence, JobRef, Omission, RunRef, SpanRef, State
from otel_bridge.model.spans import Value


class EventType(StrEnum):
    """OpenLineage's event types that the bridge emits for runs."""

    START = "START"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


class Run(msgspec.Struct, frozen=True):
    """Everything known about a run when an event is made. Times are Unix nanoseconds."""

    run_id: str
    job: JobRef
    span: SpanRef
    started_ns: int
    ended_ns: int | None = None
    state: State | None = None
    error: ErrorDetail | None = None
    parent: RunRef | None = None
    root: RunRef | None = None
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    run_values: dict[str, Value] = {}
    run_facets: dict[str, Value] = {}
    job_values: dict[str, Value] = {}
    job_facets: dict[str, Value] = {}
    omissions: tuple[Omission, ...] = ()


class RunChanged(msgspec.Struct, frozen=True):
    """A run starts or ends: becomes a RunEvent. `at_ns` is the event's time."""

    type: EventType
    at_ns: int
    run: Run


class DatasetDescribed(msgspec.Struct, frozen=True):
    """Becomes a DatasetEvent."""

    evidence: Evidence
    at_ns: int
    dataset: Dataset
    omissions: tuple[Omission, ...] = ()


class JobDescribed(msgspec.Struct, frozen=True):
    """Becomes a JobEvent."""

    evidence: Evidence
    at_ns: int
    job: JobRef
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    job_values: dict[str, Value] = {}
    job_facets: dict[str, Value] = {}
    omissions: tuple[Omission, ...] = ()


Transition = RunChanged | DatasetDescribed | JobDescribed
