"""The bridge's own dialect: the attribute convention of convention/attributes.yaml.

A span is a run if it has `openlineage.job.name`. Log events carry what can't wait for the end of the span
(start, heartbeat), exceptions, and static metadata. What can't be used at all is reported as `Unusable`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.datasets import read_dataset
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.failures import ended, exception, state
from otel_bridge.extract.reading import Reading
from otel_bridge.extract.values import Attributes, interval, run_id, span_id, text
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    DatasetObserved,
    ErrorObserved,
    Evidence,
    Heartbeat,
    LogEvent,
    Observation,
    Omission,
    Phase,
    Span,
    SpanRef,
    Unusable,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces

EXCEPTION = "exception"
TRACE_FLAGS = 0xFF


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
        reading = Reading(span, attributes, names, wanted)
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
        reading = Reading(event, attributes, names, wanted)
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
        reading = Reading(event, attributes, names, wanted)
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
