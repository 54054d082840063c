"""Prefect's own spans (3.x, `prefect.telemetry`): runs of flows and tasks, no datasets.

A run's id is Prefect's. Spans carry names of runs, which are new for each run, and no name of the flow: a flow's job
is called by what names it for good (`prefect.flow.name` if it is told, else its id), a task's by its run's name
without what Prefect appends to it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.failures import ended
from otel_bridge.extract.reading import trace_of
from otel_bridge.extract.values import Attributes, listing, run_id, text
from otel_bridge.extract.wanted import Wanted, picked
from otel_bridge.model import (
    Evidence,
    JobRef,
    LogEvent,
    Observation,
    Phase,
    Resource,
    RunObserved,
    Span,
    SpanRef,
    State,
    Value,
)
from otel_bridge.namespaces import Namespaces

SCOPE: Final = "prefect"
RUN_ID: Final = "prefect.run.id"
RUN_NAME: Final = "prefect.run.name"
RUN_TYPE: Final = "prefect.run.type"
FLOW_NAME: Final = "prefect.flow.name"
FLOW_ID: Final = "prefect.flow.id"
DEPLOYMENT_ID: Final = "prefect.deployment.id"
TAGS: Final = "prefect.tags"
STATE_TYPE: Final = "prefect.state.type"

TYPES: Final = {"flow": "FLOW", "task": "TASK"}
STATES: Final = {
    "COMPLETED": State.COMPLETE,
    "FAILED": State.FAIL,
    "CRASHED": State.FAIL,
    "CANCELLED": State.ABORT,
    "CANCELLING": State.ABORT,
}
UNFINISHED: Final = frozenset({"PAUSED", "SCHEDULED", "PENDING", "RUNNING"})
"""The span is over and the run is not: it goes on in another span or, of a flow that is tried again, in none."""
_SUFFIX: Final = re.compile(r"(.+)-[0-9a-f]{3}")


class Prefect:
    """The dialect of `prefect.*` spans."""

    name = "prefect"
    markers = (RUN_ID.encode(),)

    def claims(self, span: Span) -> bool:
        """A span of a run, but those that the convention describes."""
        said = span.attributes
        kind = said.get(RUN_TYPE)
        known = isinstance(kind, str) and kind in TYPES and bool(said.get(RUN_ID))
        return known and not said.get(convention.JOB_NAME)

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The run; a span whose run's id or name can't be read only connects others."""
        notes = Attributes(span.attributes)
        kind = TYPES[str(span.attributes[RUN_TYPE])]
        own = notes.read(RUN_ID, run_id)
        name = _task_name(notes) if kind == "TASK" else _flow_name(notes, span.resource)
        if own is None or name is None:
            yield connecting(span)
            return
        namespace = names.of(span.resource)
        if namespace.warning:
            notes.omit(convention.JOB_NAMESPACE, namespace.warning)
        last = _last_state(span)
        over = last not in UNFINISHED
        state, error = ended(span, STATES.get(last)) if over else (None, None)
        if not over:
            notes.omit(STATE_TYPE, f"the span ended while the run was {last}, so its end is not told by it")
        yield RunObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.{kind.lower()}_run"),
            phase=Phase.END if over else Phase.START,
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            run_id=own,
            job=JobRef(namespace.value, name),
            started_ns=span.start_ns,
            ended_ns=max(span.start_ns, span.end_ns) if over else None,
            state=state,
            error=error,
            run_values=_run_values(span, notes, wanted),
            job_values=_job_values(span, wanted, kind),
            omissions=tuple(notes.omissions),
        )

    def claims_event(self, event: LogEvent) -> bool:
        """None: Prefect's states are events of its spans."""
        return False

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """Nothing."""
        return ()


def _flow_name(notes: Attributes, resource: Resource) -> str | None:
    """What names the flow for good: a label, an attribute of the process, or its id."""
    of_process = Attributes(resource.attributes)
    return notes.read(FLOW_NAME, text) or of_process.read(FLOW_NAME, text) or notes.read(FLOW_ID, text)


def _task_name(notes: Attributes) -> str | None:
    """The name of the task's run without the three digits that Prefect appends."""
    name = notes.read(RUN_NAME, text)
    appended = _SUFFIX.fullmatch(name) if name else None
    return appended[1] if appended else name


def _last_state(span: Span) -> str:
    """The type of the last state that the span has seen, "" for none."""
    told = (event.attributes.get(STATE_TYPE) for event in reversed(span.events))
    return next((kind for kind in told if isinstance(kind, str) and kind), "")


def _run_values(span: Span, notes: Attributes, wanted: Wanted) -> dict[str, Value]:
    labels = notes.read(TAGS, listing) or []
    tags: list[Value] = [_tag(str(label), "true") for label in labels]
    tags += _named(span.attributes, {"run_name": RUN_NAME, "deployment_id": DEPLOYMENT_ID})
    values: dict[str, Value] = {"tags": tags, "trace": trace_of(span)}
    if span.scope.name == SCOPE and span.scope.version:
        values["processing_engine"] = {"name": "Prefect", "version": span.scope.version}
    return values | picked(wanted.run, span.attributes, span.resource)


def _job_values(span: Span, wanted: Wanted, kind: str) -> dict[str, Value]:
    values: dict[str, Value] = {"type": kind, "integration": "PREFECT"}
    if kind == "FLOW":
        values["tags"] = _named(span.attributes, {"flow_id": FLOW_ID})
    return values | picked(wanted.job, span.attributes, span.resource)


def _named(said: Mapping[str, Value], names: Mapping[str, str]) -> list[Value]:
    return [_tag(key, str(said[name])) for key, name in names.items() if said.get(name) not in (None, "")]


def _tag(key: str, value: str) -> dict[str, Value]:
    return {"key": key, "value": value, "source": "PREFECT"}
