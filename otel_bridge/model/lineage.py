"""Observations: what one span or log event says about runs, jobs and datasets, with its evidence.

*Values* are short forms by their name in the attribute convention (`schema`, `row_count`, ...), still
as the producer gave them; *facets* are in OpenLineage's own shape, not yet checked. `openlineage.facets`
turns the former into the latter.
"""

from enum import StrEnum

import msgspec

from otel_bridge.model.spans import Value


class State(StrEnum):
    """How a run ended. SKIP is ours: it was scheduled and never ran."""

    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"
    SKIP = "SKIP"


class Phase(StrEnum):
    """Whether an observation was made when the run began or after it ended."""

    START = "START"
    END = "END"


class JobRef(msgspec.Struct, frozen=True):
    """A job by its OpenLineage identity."""

    namespace: str
    name: str


class RunRef(msgspec.Struct, frozen=True):
    """A run and the job that it is a run of. `run_id` is a UUID in its canonical lower-case form."""

    run_id: str
    job: JobRef


class SpanRef(msgspec.Struct, frozen=True):
    """Where in which trace. Lower-case hex; `parent_span_id` is "" for the root of a trace."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""


class Evidence(msgspec.Struct, frozen=True):
    """Why we say so: the span, and the rule (`<dialect>.<rule>`) that read it."""

    trace_id: str
    span_id: str
    rule: str


class Omission(msgspec.Struct, frozen=True):
    """A value that was left out: where it stood (`openlineage.inputs[2].schema`) and why."""

    path: str
    reason: str


class Dataset(msgspec.Struct, frozen=True):
    """A dataset as one observation names it, with values and facets by slot."""

    namespace: str
    name: str
    values: dict[str, Value] = {}
    facets: dict[str, Value] = {}
    input_facets: dict[str, Value] = {}
    output_facets: dict[str, Value] = {}


class ErrorDetail(msgspec.Struct, frozen=True):
    """An exception: `language` as in OpenLineage's errorMessage facet (`python`, `java`, ...)."""

    message: str
    language: str
    stack_trace: str | None = None


class RunObserved(msgspec.Struct, frozen=True, tag="run"):
    """What a span (phase END) or its start event (phase START) says about its run. Times are Unix ns."""

    evidence: Evidence
    phase: Phase
    span: SpanRef
    run_id: str
    job: JobRef
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
    heartbeat_s: float | None = None
    omissions: tuple[Omission, ...] = ()
    patience_s: float | None = None
    """How long the run waits for its parent, where it is not the configured time."""
    awaits: str = ""
    """What must be known before START, beside the parent: a key that a `Known` observation will carry."""
    awaits_s: float = 0.0
    """How long it waits for that."""
    io_spans: int = 0
    """How many spans inside say what it read and wrote: its end waits for them."""


class Known(msgspec.Struct, frozen=True, tag="known"):
    """What runs with `awaits == key` wait for is known now."""

    key: str


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """What a span says about the run of another one, for whoever completes that run.

    `scope` is the key that the run awaits, `part` tells it from others there (of dbt: the node's unique id); notes are
    taken in the order of `at_ns`.
    """

    evidence: Evidence
    scope: str
    part: str
    at_ns: int
    said: dict[str, Value]


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The run of this span is alive at `at_ns` and promises another sign within `interval_s` seconds."""

    evidence: Evidence
    span: SpanRef
    run_id: str
    at_ns: int
    interval_s: float


class ErrorObserved(msgspec.Struct, frozen=True, tag="error"):
    """An exception log event inside a span: used if the run of that span fails."""

    evidence: Evidence
    span: SpanRef
    error: ErrorDetail


class SpanSeen(msgspec.Struct, frozen=True, tag="span"):
    """A span that is no run: it connects its children with its parent.

    `enclosing_run_id` is the run it says it belongs to (`openlineage.run.id`), if any.
    """

    span: SpanRef
    enclosing_run_id: str | None = None


class IoObserved(msgspec.Struct, frozen=True, tag="io"):
    """What a span that is no run says its run read and wrote. `at_ns` is its end.

    `statements` are SQL texts that it executed, each `{sql, dialect, context}` with the connection as in
    `job_values["sql_context"]`; their tables and columns are found later. `alone` is the run that the span is by
    itself, where there is none above; without it, a span that belongs to no run is left out and counted.
    """

    evidence: Evidence
    span: SpanRef
    at_ns: int
    enclosing_run_id: str | None = None
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    statements: tuple[dict[str, Value], ...] = ()
    alone: RunObserved | None = None
    omissions: tuple[Omission, ...] = ()


class DatasetObserved(msgspec.Struct, frozen=True, tag="dataset"):
    """Static metadata of a dataset, outside any run."""

    evidence: Evidence
    at_ns: int
    dataset: Dataset
    omissions: tuple[Omission, ...] = ()


class JobObserved(msgspec.Struct, frozen=True, tag="job"):
    """Static metadata of a job, outside any run."""

    evidence: Evidence
    at_ns: int
    job: JobRef
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    job_values: dict[str, Value] = {}
    job_facets: dict[str, Value] = {}
    omissions: tuple[Omission, ...] = ()


class Unusable(msgspec.Struct, frozen=True, tag="unusable"):
    """A span or log event that was meant as lineage and says nothing that can be used: no event tells why."""

    evidence: Evidence
    omissions: tuple[Omission, ...]


Observation = (
    RunObserved
    | Heartbeat
    | ErrorObserved
    | SpanSeen
    | DatasetObserved
    | JobObserved
    | Unusable
    | Known
    | Noted
    | IoObserved
)
