"""Airflow's own spans (3.2 and later, `[traces] otel_on`): runs of DAGs and attempts of tasks, no datasets.

`dag_run.<dag>` comes when the DAG run is over, below it `task_run.<task>` after each attempt, with the state and one
span id for all attempts, and below that `worker.<task>` (and `trigger.<task>`), in which the task's code ran: it has
no state, and connects what ran inside with the attempt.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from otel_bridge import convention
from otel_bridge.extract.dialects import airflow_ids
from otel_bridge.extract.failures import UNEXPLAINED, ended, language
from otel_bridge.extract.reading import trace_of
from otel_bridge.extract.values import Attributes, integer, text
from otel_bridge.extract.values import run_id as uuid_text
from otel_bridge.extract.wanted import Wanted, picked
from otel_bridge.model import (
    ErrorDetail,
    Evidence,
    JobRef,
    LogEvent,
    Observation,
    Phase,
    RunObserved,
    RunRef,
    Span,
    SpanRef,
    SpanSeen,
    State,
    Value,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces

DAG_RUN: Final = "dag_run."
"""How the names of spans of DAG runs begin."""
DAG_ID: Final = "airflow.dag_id"
TASK_ID: Final = "airflow.task_id"
RUN_ID: Final = "airflow.dag_run.run_id"
RUN_TYPE: Final = "airflow.dag_run.run_type"
LOGICAL_DATE: Final = "airflow.dag_run.logical_date"
PARTITION_KEY: Final = "airflow.dag_run.partition_key"
QUEUED_AT: Final = "airflow.dag_run.queued_at"
CREATED_AT: Final = "airflow.dag_run.created_at"
TRY_NUMBER: Final = "airflow.task_instance.try_number"
MAP_INDEX: Final = "airflow.task_instance.map_index"
STATE: Final = "airflow.task_instance.state"

STATES: Final = {
    "success": State.COMPLETE,
    "failed": State.FAIL,
    "up_for_retry": State.FAIL,
    "upstream_failed": State.ABORT,
    "skipped": State.SKIP,
    "removed": State.ABORT,
}
TAGS: Final = {
    "dag_run_id": RUN_ID,
    "run_type": RUN_TYPE,
    "partition_key": PARTITION_KEY,
    "try_number": TRY_NUMBER,
    "map_index": MAP_INDEX,
    "state": STATE,
}
"""Tags of runs, so that one finds in Airflow what is seen in lineage."""


class _Attempt(Struct, frozen=True):
    """The names on a span: of a task's attempt, or without a task of a DAG run."""

    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    number: int
    map_index: int

    @property
    def dag(self) -> JobRef:
        return JobRef(self.namespace, self.dag_id)

    @property
    def job(self) -> JobRef:
        return JobRef(self.namespace, f"{self.dag_id}.{self.task_id}") if self.task_id else self.dag


class Airflow:
    """The dialect of `airflow.*` spans."""

    name = "airflow"
    markers = (DAG_ID.encode(),)

    def claims(self, span: Span) -> bool:
        """Every span with a DAG and its run, but those that the convention describes."""
        said = span.attributes
        return bool(said.get(DAG_ID) and said.get(RUN_ID)) and not said.get(convention.JOB_NAME)

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The run of a DAG, of an attempt, or what is inside one."""
        notes = Attributes(span.attributes)
        namespace = names.of(span.resource)
        if namespace.warning:
            notes.omit(convention.JOB_NAMESPACE, namespace.warning)
        attempt = _Attempt(
            namespace=namespace.value,
            dag_id=notes.read(DAG_ID, text) or "",
            run_id=notes.read(RUN_ID, text) or "",
            task_id=notes.read(TASK_ID, text) or "",
            number=notes.read(TRY_NUMBER, integer) or 0,
            map_index=-1 if (index := notes.read(MAP_INDEX, integer)) is None else index,
        )
        as_provider = wanted.dialects.airflow == "openlineage"
        if not attempt.dag_id or not (attempt.task_id or span.name.startswith(DAG_RUN)):
            yield _inside(span, notes, None)
        elif not attempt.task_id:
            yield self._dag_run(span, notes, attempt, wanted, as_provider)
        elif STATE in span.attributes:
            yield self._task_run(span, notes, attempt, wanted, as_provider)
        else:
            above = span.parent_span_id
            run = _task_run_id(attempt, span.trace_id, above, as_provider) if above else None
            yield _inside(span, notes, run)

    def claims_event(self, event: LogEvent) -> bool:
        """None: Airflow's log records say nothing of lineage."""
        return False

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """Nothing."""
        return ()

    def _dag_run(
        self, span: Span, notes: Attributes, dag_run: _Attempt, wanted: Wanted, as_provider: bool
    ) -> RunObserved:
        state, error = ended(span, None)
        logical_date = notes.read(LOGICAL_DATE, text)
        if error and error.message == UNEXPLAINED:
            error = ErrorDetail(f"Airflow ended the run of DAG {dag_run.dag_id} as failed.", error.language)
        cleared = str(span.attributes.get(QUEUED_AT, "")) > str(span.attributes.get(CREATED_AT, "~"))
        own = run_id_of(span.trace_id, span.span_id)
        place = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
        values = _run_values(span, place, wanted)
        return RunObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.dag_run"),
            phase=Phase.END,
            span=place,
            run_id=own if cleared else _dag_run_id(dag_run, own, as_provider),
            job=dag_run.job,
            started_ns=span.start_ns,
            ended_ns=max(span.start_ns, span.end_ns),
            state=state,
            error=error,
            run_values=values | ({"nominal_start": logical_date} if logical_date else {}),
            job_values=_job_values(span, wanted, "DAG"),
            omissions=tuple(notes.omissions),
        )

    def _task_run(
        self, span: Span, notes: Attributes, attempt: _Attempt, wanted: Wanted, as_provider: bool
    ) -> RunObserved:
        told = notes.read(STATE, text)
        states = STATES | {"skipped": State.COMPLETE} if as_provider else STATES
        state, error = ended(span, states.get(told or ""))
        if error and error.message == UNEXPLAINED:
            ending = (
                f"Airflow ended attempt {attempt.number} of the task as {told}; the reason is in its log."
            )
            error = ErrorDetail(ending, language(span.resource))
        place = _span_of_attempt(span, attempt.number)
        dag_run = run_id_of(span.trace_id, span.parent_span_id)
        parent = RunRef(_dag_run_id(attempt, dag_run, as_provider), attempt.dag)
        return RunObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.task_run"),
            phase=Phase.END,
            span=place,
            run_id=_task_run_id(attempt, span.trace_id, span.span_id, as_provider),
            job=attempt.job,
            started_ns=span.start_ns,
            ended_ns=max(span.start_ns, span.end_ns),
            state=state,
            error=error,
            parent=parent if span.parent_span_id else None,
            run_values=_run_values(span, place, wanted),
            job_values=_job_values(span, wanted, "TASK"),
            omissions=tuple(notes.omissions),
        )


def _inside(span: Span, notes: Attributes, attempt: str | None) -> SpanSeen:
    """A span inside an attempt; which run that is says the span itself, if it carries an id."""
    stated = notes.read(convention.RUN_ID, uuid_text)
    return SpanSeen(SpanRef(span.trace_id, span.span_id, span.parent_span_id), stated or attempt)


def _task_run_id(attempt: _Attempt, trace_id: str, task_run: str, as_provider: bool) -> str:
    """Of the attempt whose `task_run` span has this id."""
    due = airflow_ids.due_of(attempt.run_id) if as_provider else None
    if due is not None:
        return airflow_ids.provider_attempt(
            attempt.namespace, attempt.dag_id, attempt.task_id, attempt.number, attempt.map_index, due
        )
    return airflow_ids.of_attempt(trace_id, task_run, attempt.number)


def _dag_run_id(attempt: _Attempt, own: str, as_provider: bool) -> str:
    due = airflow_ids.due_of(attempt.run_id) if as_provider else None
    return airflow_ids.provider_dag_run(attempt.namespace, attempt.dag_id, due) if due else own


def _span_of_attempt(span: Span, number: int) -> SpanRef:
    """Further attempts get a place of their own, because Airflow gives all of them one span id."""
    own = span.span_id
    if number > 1:
        own = sha256(f"airflow:{span.span_id}:{number}".encode()).hexdigest()[:16]
    return SpanRef(span.trace_id, own, span.parent_span_id)


def _run_values(span: Span, place: SpanRef, wanted: Wanted) -> dict[str, Value]:
    said = span.attributes
    tags: list[Value] = [
        {"key": key, "value": str(said[name]), "source": "AIRFLOW"}
        for key, name in TAGS.items()
        if said.get(name) not in (None, "", -1)
    ]
    trace = trace_of(span)
    if span.span_id != place.span_id:
        trace["span_id"] = span.span_id
    return {"tags": tags, "trace": trace, **picked(wanted.run, said, span.resource)}


def _job_values(span: Span, wanted: Wanted, kind: str) -> dict[str, Value]:
    own: dict[str, Value] = {"type": kind, "integration": "AIRFLOW"}
    return own | picked(wanted.job, span.attributes, span.resource)
