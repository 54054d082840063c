"""The dialect `dagster`: spans and start events of otel-bridge-dagster, and what comes of them."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.datasets import read_dataset
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.dialects.dagster import attributes as names_of
from otel_bridge.extract.dialects.dagster import datasets, jobs, mapping, ours, states
from otel_bridge.extract.dialects.dagster.facts import Kind, Told
from otel_bridge.extract.failures import ended, state
from otel_bridge.extract.values import Attributes, interval, span_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    DatasetObserved,
    Evidence,
    LogEvent,
    Observation,
    Omission,
    Phase,
    Span,
    SpanRef,
    Unusable,
)
from otel_bridge.namespaces import Namespaces


class Dagster:
    """The dialect of otel-bridge-dagster."""

    name = "dagster"
    markers = (b"openlineage.",)

    def claims(self, span: Span) -> bool:
        """Spans with the version of the table."""
        return names_of.CONVENTION in span.attributes

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The run of this span; of an asset that dbt tells, what the definitions say of its table."""
        told, notes = ours.told(span.attributes)
        if span.attributes.get(convention.EXPORT) == convention.EXPORT_PARTIAL:
            yield connecting(span)
        elif told.kind is Kind.ASSET and told.asset.told_by_dbt:
            yield connecting(span)
            yield from self._described(span, told, notes, wanted)
        elif not _job_name(span, told):
            yield self._unusable(span, notes)
        else:
            yield self._run(span, told, notes, names, wanted)

    def claims_event(self, event: LogEvent) -> bool:
        """Start events of its runs."""
        return names_of.CONVENTION in event.attributes and event.name == convention.EVENT_RUN_START

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """The start of a run."""
        told, notes = ours.told(event.attributes)
        if told.kind is Kind.ASSET and told.asset.told_by_dbt:
            return ()
        if not _job_name(event, told) or not event.span_id or not event.trace_id:
            return (self._unusable(event, notes),)
        above = notes.read(convention.PARENT_SPAN_ID, span_id) or ""
        seconds = notes.read(convention.HEARTBEAT_INTERVAL, interval)
        ref = SpanRef(event.trace_id, event.span_id, above)
        run = mapping.observed(event, told, names, wanted, notes, Phase.START, ref)
        return (replace(run, heartbeat_s=seconds),)

    def _run(
        self, span: Span, told: Told, notes: Attributes, names: Namespaces, wanted: Wanted
    ) -> Observation:
        stated = notes.read(convention.RUN_STATE, state) or states.state_of(told)
        result, error = ended(span, stated)
        ref = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
        run = mapping.observed(span, told, names, wanted, notes, Phase.END, ref)
        return replace(
            run,
            ended_ns=max(span.start_ns, span.end_ns),
            state=result,
            error=states.error_of(told.result, result, error),
        )

    def _described(
        self, span: Span, told: Told, notes: Attributes, wanted: Wanted
    ) -> Iterator[DatasetObserved]:
        """The tables that the asset is, where they are known."""
        for thing in told.outputs:
            found = datasets.described(thing, told)
            if found is None:
                continue
            read = Attributes({convention.DATASET: found})
            dataset = read_dataset(read, convention.DATASET, wanted.dataset)
            if dataset is not None:
                omissions = (*notes.omissions, *read.omissions)
                yield DatasetObserved(self._evidence(span, "dbt_asset"), span.end_ns, dataset, omissions)

    def _unusable(self, item: Span | LogEvent, notes: Attributes) -> Unusable:
        missing = Omission(
            convention.JOB_NAME, "nothing tells which job of Dagster this is; update otel-bridge-dagster"
        )
        return Unusable(self._evidence(item, "unusable"), (*notes.omissions, missing))

    def _evidence(self, item: Span | LogEvent, rule: str) -> Evidence:
        return Evidence(item.trace_id, item.span_id, f"{self.name}.{rule}")


def _job_name(item: Span | LogEvent, told: Told) -> str:
    given = item.attributes.get(convention.JOB_NAME)
    return given if isinstance(given, str) and given else jobs.name_of(told)
