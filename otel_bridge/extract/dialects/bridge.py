"""The bridge's own dialect: the attribute convention of convention/attributes.yaml.

A span is a run if it has `openlineage.job.name`. Log events carry what can't wait for the end of the span
(start, heartbeat), exceptions, and static metadata. What can't be used at all is reported as `Unusable`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.datasets import read_dataset, read_datasets, read_facets
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.failures import ended, exception, state
from otel_bridge.extract.source_code import source_code
from otel_bridge.extract.values import Attributes, interval, listing, mapping, run_id, span_id, tags, text
from otel_bridge.extract.wanted import Wanted, picked
from otel_bridge.model import (
    Dataset,
    DatasetObserved,
    ErrorObserved,
    Evidence,
    Heartbeat,
    JobObserved,
    JobRef,
    LogEvent,
    Observation,
    Omission,
    Phase,
    RunObserved,
    RunRef,
    Span,
    SpanRef,
    Unusable,
    Value,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces

EXCEPTION = "exception"
TRACE_FLAGS = 0xFF

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


class Bridge:
    """The dialect of `openlineage.*` attributes and log events."""

    name = "bridge"
    markers = (b"openlineage.",)

    def claims(self, span: Span) -> bool:
        """A run has a job name, and is not the cut copy of a whole one."""
        said = span.attributes
        partial = said.get(convention.EXPORT) == convention.EXPORT_PARTIAL
        return said.get(convention.JOB_NAME) not in (None, "") and not partial

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The finished run of this span; if its job's name can't be read, the span only connects others."""
        attributes = Attributes(span.attributes)
        if attributes.read(convention.JOB_NAME, text) is None:
            yield connecting(span)
            yield self._unusable(span, attributes)
            return
        result, error = ended(span, attributes.read(convention.RUN_STATE, state))
        ref = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
        reading = _Reading(span, attributes, names, wanted)
        run = reading.run(self._evidence(span, "span"), Phase.END, ref, span.start_ns)
        yield replace(run, ended_ns=max(span.start_ns, span.end_ns), state=result, error=error)

    def claims_event(self, event: LogEvent) -> bool:
        """Log events of the convention, and exceptions inside spans."""
        return event.name in self._events

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """One observation, but none of an exception without words: it need not be about lineage."""
        observed = self._events[event.name](self, event, names, wanted)
        return () if observed is None else (observed,)

    def _start(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Observation:
        attributes = Attributes(event.attributes)
        if attributes.read(convention.JOB_NAME, text) is None or not event.span_id:
            missing = "a run needs a job and the ids of its span"
            return self._unusable(event, attributes, convention.JOB_NAME, missing)
        above = attributes.read(convention.PARENT_SPAN_ID, span_id) or ""
        seconds = attributes.read(convention.HEARTBEAT_INTERVAL, interval)
        ref = SpanRef(event.trace_id, event.span_id, above)
        reading = _Reading(event, attributes, names, wanted)
        run = reading.run(self._evidence(event, "start"), Phase.START, ref, event.time_ns)
        return replace(run, heartbeat_s=seconds)

    def _heartbeat(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Observation:
        attributes = Attributes(event.attributes)
        seconds = attributes.read(convention.HEARTBEAT_INTERVAL, interval)
        if seconds is None or not event.span_id:
            missing = "a heartbeat needs the ids of its run's span and the seconds until the next one"
            return self._unusable(event, attributes, convention.HEARTBEAT_INTERVAL, missing)
        ref = SpanRef(event.trace_id, event.span_id)
        run = attributes.read(convention.RUN_ID, run_id) or run_id_of(event.trace_id, event.span_id)
        return Heartbeat(self._evidence(event, "heartbeat"), ref, run, event.time_ns, seconds)

    def _exception(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> ErrorObserved | None:
        error = exception(event.attributes, event.resource)
        if error is None or not event.span_id:
            return None
        return ErrorObserved(self._evidence(event, EXCEPTION), SpanRef(event.trace_id, event.span_id), error)

    def _dataset(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Observation:
        attributes = Attributes({convention.DATASET: event.body} | event.attributes)
        dataset = read_dataset(attributes, convention.DATASET, wanted.dataset)
        if dataset is None:
            return self._unusable(event, attributes, convention.DATASET, "the event describes no dataset")
        evidence = self._evidence(event, "dataset")
        return DatasetObserved(evidence, event.time_ns, dataset, tuple(attributes.omissions))

    def _job(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Observation:
        attributes = Attributes(event.attributes)
        if attributes.read(convention.JOB_NAME, text) is None:
            return self._unusable(event, attributes, convention.JOB_NAME, "a job needs a name")
        reading = _Reading(event, attributes, names, wanted)
        return reading.static_job(self._evidence(event, "job"), event.time_ns)

    def _unusable(
        self, item: Span | LogEvent, attributes: Attributes, path: str = "", missing: str = ""
    ) -> Unusable:
        """Why nothing comes of it: what could not be read, or else what is `missing` at `path`.

        No event leads back to the producer, so the path does.
        """
        found = attributes.omissions or [Omission(path, missing)]
        service = item.resource.attributes.get("service.name", "without a name")
        where = f"{'span' if isinstance(item, Span) else 'log event'} `{item.name}` of service {service}"
        omissions = tuple(Omission(f"{o.path} ({where})", o.reason) for o in found)
        return Unusable(self._evidence(item, "unusable"), omissions)

    def _evidence(self, item: Span | LogEvent, rule: str) -> Evidence:
        return Evidence(item.trace_id, item.span_id, f"{self.name}.{rule}")

    _events: ClassVar[dict[str, "ReadEvent"]] = {
        convention.EVENT_RUN_START: _start,
        convention.EVENT_RUN_HEARTBEAT: _heartbeat,
        convention.EVENT_DATASET: _dataset,
        convention.EVENT_JOB: _job,
        EXCEPTION: _exception,
    }


ReadEvent = Callable[[Bridge, LogEvent, Namespaces, Wanted], Observation | None]


class _Reading:
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
        return values | picked(self._wanted.job, self._item.attributes, self._item.resource)

    def _run_values(self) -> dict[str, Value]:
        values = self._values(RUN_VALUES) | {"trace": self._trace()}
        return values | picked(self._wanted.run, self._item.attributes, self._item.resource)

    def _values(self, table: Mapping[str, tuple[str, Callable[[Value], Value]]]) -> dict[str, Value]:
        found = {key: self._attributes.read(name, how) for key, (name, how) in table.items()}
        return {key: value for key, value in found.items() if value is not None}

    def _trace(self) -> dict[str, Value]:
        item = self._item
        trace: dict[str, Value] = {"flags": item.flags & TRACE_FLAGS}
        service = item.resource.attributes.get("service.name")
        if isinstance(service, str) and service:
            trace["service_name"] = service
        if isinstance(item, Span) and item.links:
            trace["links"] = [{"traceId": link.trace_id, "spanId": link.span_id} for link in item.links]
        return trace
