"""The dialect `dbt`: which reader a span or log event is for, and what comes of it.

Runs of otel-bridge-dbt are told whole. Those of dbt's own spans keep their facts with them, and wait: nodes for their
invocation, which tells the command, the invocation for the artifacts, which tell what was read.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.dialects.dbt import attributes as names_of
from otel_bridge.extract.dialects.dbt import fusion, jobs, mapping, native, ours, states
from otel_bridge.extract.dialects.dbt.facts import Kind, Node, Told
from otel_bridge.extract.failures import ended, state
from otel_bridge.extract.reading import trace_of
from otel_bridge.extract.source_code import repository
from otel_bridge.extract.values import Attributes, interval, span_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    Evidence,
    JobRef,
    LogEvent,
    Noted,
    Observation,
    Omission,
    Phase,
    RunObserved,
    Span,
    SpanRef,
    Unusable,
    Value,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces

AWAITED: Final = "dbt:"
"""Before an invocation id: the key under which its artifacts become known."""


class Dbt:
    """The dialect of dbt, in its three dresses."""

    name = "dbt"
    markers = (
        b"openlineage.",
        native.SCOPE.encode(),
        fusion.EVENT_CODE.encode(),
        fusion.EVAL_ARGS.encode(),
    )

    def claims(self, span: Span) -> bool:
        """Spans of otel-bridge-dbt, of dbt-core and of dbt v2."""
        said = span.attributes
        return (
            names_of.CONVENTION in said
            or span.scope.name == native.SCOPE
            or fusion.EVENT_CODE in said
            or (fusion.EVAL_ARGS in said and fusion.COMMAND in said)
        )

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The run of this span, or that it connects others."""
        if names_of.CONVENTION in span.attributes:
            yield self._ours(span, names, wanted)
            return
        if (query := fusion.query(span)) is not None:
            yield self._note(span, query)
            return
        found = native.told(span) if span.scope.name == native.SCOPE else fusion.told(span)
        run = self._theirs(span, *found, names, wanted) if found and states.is_run(found[0]) else None
        yield run or connecting(span)

    def claims_event(self, event: LogEvent) -> bool:
        """Start events and static jobs of otel-bridge-dbt."""
        return names_of.CONVENTION in event.attributes and event.name in (
            convention.EVENT_RUN_START,
            convention.EVENT_JOB,
        )

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """The start of a run, or the job."""
        told, notes = ours.told(event.attributes)
        if not states.is_run(told):
            return ()
        if not _job_name(event, told):
            return (self._unusable(event, notes),)
        if event.name == convention.EVENT_JOB:
            return (self._job(event, told, names, wanted, notes),)
        if not event.span_id or not event.trace_id:
            return (self._unusable(event, notes),)
        above = notes.read(convention.PARENT_SPAN_ID, span_id) or ""
        seconds = notes.read(convention.HEARTBEAT_INTERVAL, interval)
        ref = SpanRef(event.trace_id, event.span_id, above)
        run = mapping.observed(event, told, names, wanted, notes, Phase.START, ref)
        return (replace(run, heartbeat_s=seconds),)

    def _ours(self, span: Span, names: Namespaces, wanted: Wanted) -> Observation:
        told, notes = ours.told(span.attributes)
        partial = span.attributes.get(convention.EXPORT) == convention.EXPORT_PARTIAL
        if partial or not states.is_run(told):
            return connecting(span)
        if not _job_name(span, told):
            return self._unusable(span, notes)
        stated = notes.read(convention.RUN_STATE, state) or states.state_of(told)
        result, error = ended(span, stated)
        ref = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
        run = mapping.observed(span, told, names, wanted, notes, Phase.END, ref)
        return replace(
            run,
            ended_ns=max(span.start_ns, span.end_ns),
            state=result,
            error=mapping.error_of(told, result) or error,
            run_facets=_dependencies(span, run.job.namespace, told) | run.run_facets,
        )

    def _theirs(
        self, span: Span, told: Told, notes: Attributes, names: Namespaces, wanted: Wanted
    ) -> RunObserved | None:
        """The run of one of dbt's own spans, with its facts, to be completed."""
        name = jobs.name_of(told)
        if not name and told.kind is not Kind.HOOK:
            return None
        namespace = names.of(span.resource)
        result, error = ended(span, states.state_of(told))
        located = repository(span.attributes, span.resource)
        key = f"{AWAITED}{told.invocation.invocation_id}" if told.kind is Kind.INVOCATION else ""
        warnings = (Omission(convention.JOB_NAMESPACE, namespace.warning),) if namespace.warning else ()
        return RunObserved(
            evidence=self._evidence(span, "native" if told.tier == "B" else "fusion"),
            phase=Phase.END,
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            run_id=run_id_of(span.trace_id, span.span_id),
            job=JobRef(namespace.value, name or told.node.unique_id or span.name),
            started_ns=span.start_ns,
            ended_ns=max(span.start_ns, span.end_ns),
            state=result,
            error=mapping.error_of(told, result) or error,
            run_values={"trace": trace_of(span), **mapping.noted(told)},
            run_facets=_dependencies(span, namespace.value, told),
            job_values={"source_code": located} if located else {},
            omissions=(*notes.omissions, *warnings),
            patience_s=None if told.kind is Kind.INVOCATION else float(wanted.dbt.invocation_wait),
            awaits=key if told.invocation.invocation_id else "",
            awaits_s=float(wanted.dbt.artifacts_wait) if key else 0.0,
        )

    def _note(self, span: Span, query: Told) -> Noted:
        unique_id = str(span.attributes["unique_id"])
        said = msgspec.to_builtins(query)
        key = f"{AWAITED}{fusion.invocation_id(span)}"
        return Noted(self._evidence(span, "query"), key, unique_id, span.start_ns, said)

    def _job(
        self, event: LogEvent, told: Told, names: Namespaces, wanted: Wanted, notes: Attributes
    ) -> Observation:
        reading, read, _ = mapping.described(event, told, names, wanted, notes)
        job = reading.static_job(self._evidence(event, "job"), event.time_ns)
        return replace(job, job_values=job.job_values | {"sql_context": read.sql_context})

    def _unusable(self, item: Span | LogEvent, notes: Attributes) -> Unusable:
        missing = Omission(
            convention.JOB_NAME, "nothing tells which job of dbt this is; update otel-bridge-dbt"
        )
        return Unusable(self._evidence(item, "unusable"), (*notes.omissions, missing))

    def _evidence(self, item: Span | LogEvent, rule: str) -> Evidence:
        return Evidence(item.trace_id, item.span_id, f"{self.name}.{rule}")


def _job_name(item: Span | LogEvent, told: Told) -> str:
    given = item.attributes.get(convention.JOB_NAME)
    return given if isinstance(given, str) and given else jobs.name_of(told)


def _dependencies(span: Span, namespace: str, told: Told) -> dict[str, Value]:
    """The runs that this one had to wait for, by the links of its span."""
    above = [
        {
            "job": {"namespace": namespace, "name": _named(unique_id, told)},
            "run": {"runId": run_id_of(trace_id, span_id)},
            "dependency_type": "DIRECT_INVOCATION",
            "sequence_trigger_rule": "FINISH_TO_START",
        }
        for unique_id, trace_id, span_id in native.upstream(span)
    ]
    return {"jobDependencies": {"upstream": above}} if above else {}


def _named(unique_id: str, told: Told) -> str:
    return jobs.node_name(Node(unique_id=unique_id), told.invocation.project)
