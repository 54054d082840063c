"""The attribute convention read off one span or log event, attribute by attribute."""

from collections.abc import Callable, Mapping

from otel_bridge import convention
from otel_bridge.extract.datasets import read_datasets, read_facets
from otel_bridge.extract.source_code import source_code
from otel_bridge.extract.sql_context import sql_context
from otel_bridge.extract.values import Attributes, integer, listing, mapping, run_id, tags, text
from otel_bridge.extract.wanted import Wanted, picked
from otel_bridge.model import (
    Dataset,
    Evidence,
    JobObserved,
    JobRef,
    LeftOut,
    LogEvent,
    Phase,
    RunObserved,
    RunRef,
    Span,
    SpanRef,
    Value,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces

TRACE_FLAGS = 0xFF
MOST_IO_SPANS = 10_000_000
"""Spans inside one run; a greater number is none."""

JOB_VALUES: dict[str, tuple[str, Callable[[Value], Value]]] = {
    "type": (convention.JOB_TYPE, text),
    "integration": (convention.JOB_INTEGRATION, text),
    "processing_type": (convention.JOB_PROCESSING_TYPE, text),
    "documentation": (convention.JOB_DOCUMENTATION, text),
    "owners": (convention.JOB_OWNERS, listing),
    "tags": (convention.JOB_TAGS, tags),
    "source_code": (convention.JOB_SOURCE_CODE, mapping),
    "sql": (convention.SQL, text),
    "sql_dialect": (convention.SQL_DIALECT, text),
}
RUN_VALUES: dict[str, tuple[str, Callable[[Value], Value]]] = {
    "tags": (convention.RUN_TAGS, tags),
    "nominal_start": (convention.NOMINAL_START, text),
    "nominal_end": (convention.NOMINAL_END, text),
    "processing_engine": (convention.PROCESSING_ENGINE, mapping),
    "external_query": (convention.EXTERNAL_QUERY, mapping),
}
PARENT = (convention.PARENT_RUN_ID, convention.PARENT_JOB_NAMESPACE, convention.PARENT_JOB_NAME)
ROOT = (convention.ROOT_RUN_ID, convention.ROOT_JOB_NAMESPACE, convention.ROOT_JOB_NAME)


class Reading:
    """One span or log event, read attribute by attribute."""

    def __init__(
        self, item: Span | LogEvent, attributes: Attributes, names: Namespaces, wanted: Wanted
    ) -> None:
        self._item = item
        self._attributes = attributes
        self._names = names
        self._wanted = wanted

    def run(self, evidence: Evidence, phase: Phase, span: SpanRef, started_ns: int) -> RunObserved:
        """The run that a span or start event speaks of."""
        own = self._attributes.read(convention.RUN_ID, run_id) or run_id_of(span.trace_id, span.span_id)
        parent = self._relative("parent", *PARENT)
        if parent and parent.run_id == own:
            self._attributes.omit(convention.PARENT_RUN_ID, "a run can't be its own parent")
            parent = None
        return RunObserved(
            evidence=evidence,
            phase=phase,
            span=span,
            run_id=own,
            job=self._job(),
            started_ns=started_ns,
            parent=parent,
            root=self._relative("root", *ROOT),
            inputs=self._datasets(convention.INPUTS),
            outputs=self._datasets(convention.OUTPUTS),
            run_values=self._run_values(),
            run_facets=read_facets(self._attributes, convention.RUN_FACETS),
            job_values=self._job_values(),
            job_facets=read_facets(self._attributes, convention.JOB_FACETS),
            io_spans=self._attributes.read(convention.IO_SPANS, io_spans) or 0,
            omissions=tuple(self._attributes.omissions),
        )

    def static_job(self, evidence: Evidence, at_ns: int) -> JobObserved:
        """The job that an `openlineage.job` event describes."""
        return JobObserved(
            evidence=evidence,
            at_ns=at_ns,
            job=self._job(),
            inputs=self._datasets(convention.INPUTS),
            outputs=self._datasets(convention.OUTPUTS),
            job_values=self._job_values(),
            job_facets=read_facets(self._attributes, convention.JOB_FACETS),
            omissions=tuple(self._attributes.omissions),
        )

    def _job(self) -> JobRef:
        given = self._attributes.read(convention.JOB_NAMESPACE, text)
        namespace = self._names.given(given) if given else self._names.of(self._item.resource)
        if namespace.warning:
            self._attributes.omit(convention.JOB_NAMESPACE, namespace.warning)
        return JobRef(namespace.value, self._attributes.read(convention.JOB_NAME, text) or "")

    def _relative(self, role: str, run: str, namespace: str, name: str) -> RunRef | None:
        """The carried parent or root: all three attributes or nothing."""
        missing = [key for key in (run, namespace, name) if self._item.attributes.get(key) in (None, "")]
        if len(missing) == 3:
            return None
        if missing:
            self._attributes.omit(run, f"the {role} needs {' and '.join(missing)} too, so it is left out")
            return None
        read = self._attributes.read
        found, job = read(run, run_id), JobRef(read(namespace, text) or "", read(name, text) or "")
        return RunRef(found, job) if found and job.namespace and job.name else None

    def _datasets(self, name: str) -> tuple[Dataset, ...]:
        return read_datasets(self._attributes, name, self._wanted.dataset)

    def _job_values(self) -> dict[str, Value]:
        values = self._values(JOB_VALUES)
        if "source_code" not in values:
            located = source_code(self._item.attributes, self._item.resource)
            values |= {"source_code": located} if located else {}
        if "sql" in values and (connection := sql_context(self._item.attributes)):
            values["sql_context"] = connection
        return values | picked(self._wanted.job, self._item.attributes, self._item.resource)

    def _run_values(self) -> dict[str, Value]:
        values = self._values(RUN_VALUES) | {"trace": trace_of(self._item)}
        return values | picked(self._wanted.run, self._item.attributes, self._item.resource)

    def _values(self, table: Mapping[str, tuple[str, Callable[[Value], Value]]]) -> dict[str, Value]:
        found = {key: self._attributes.read(name, how) for key, (name, how) in table.items()}
        return {key: value for key, value in found.items() if value is not None}


def io_spans(value: Value) -> int:
    """How many spans inside a run say what it read and wrote."""
    number = integer(value)
    if not 0 <= number <= MOST_IO_SPANS:
        raise LeftOut(
            f"expected a number from 0 to {MOST_IO_SPANS}, got {number}; the run's end does not wait"
        )
    return number


def trace_of(item: Span | LogEvent) -> dict[str, Value]:
    """What the otel_trace facet says beside the ids."""
    trace: dict[str, Value] = {"flags": item.flags & TRACE_FLAGS}
    service = item.resource.attributes.get("service.name")
    if isinstance(service, str) and service:
        trace["service_name"] = service
    if isinstance(item, Span) and item.links:
        trace["links"] = [{"traceId": link.trace_id, "spanId": link.span_id} for link in item.links]
    return trace
