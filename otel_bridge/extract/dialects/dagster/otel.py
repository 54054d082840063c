"""The dialect `dagster_otel`: spans of dagster-otel 0.5, also as opentelemetry-instrumentation-dagster applies it.

Each is an attempt of a step. They have no span of the run, no upstream asset and no table: a step becomes a run below
Dagster's, with its assets by key. What is above such a span is the step before it, not what it is a part of.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from otel_bridge.extract.dialect import connecting
from otel_bridge.extract.dialects.dagster import attributes as names_of
from otel_bridge.extract.dialects.dagster import mapping
from otel_bridge.extract.dialects.dagster.facts import Kind, RetryOf, Thing, Told
from otel_bridge.extract.dialects.dagster.ids import step_run
from otel_bridge.extract.failures import ended
from otel_bridge.extract.values import Attributes, integer, text
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Evidence, LogEvent, Observation, Phase, Span, SpanRef
from otel_bridge.namespaces import Namespaces

SCOPE: Final = "dagster_otel"
RETRY_NUMBER: Final = "dagster.retry_number"
ASSET_KEYS: Final = "dagster.asset_keys"
"""Keys joined by commas, their parts by slashes."""


class DagsterOtel:
    """The dialect of dagster-otel."""

    name = "dagster_otel"
    markers = (SCOPE.encode(),)

    def claims(self, span: Span) -> bool:
        """Spans of steps; those of single dbt nodes, of sensors and of schedules are inside or outside of runs."""
        said = span.attributes
        needed = (names_of.RUN_ID, names_of.JOB_NAME, names_of.STEP_KEY)
        return span.scope.name == SCOPE and all(isinstance(said.get(name), str) for name in needed)

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The step."""
        notes = Attributes(span.attributes)
        told = _told(notes)
        if not (told.run_id and told.job_name and told.step_key):
            yield connecting(span)
            return
        ref = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
        run = mapping.observed(span, told, names, wanted, notes, Phase.END, ref)
        state, error = ended(span, None)
        yield replace(
            run,
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.step"),
            ended_ns=max(span.start_ns, span.end_ns),
            state=state,
            error=error,
            patience_s=0.0,
        )

    def claims_event(self, event: LogEvent) -> bool:
        """None: it sends no log events."""
        return False

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """Nothing."""
        return ()


def _told(notes: Attributes) -> Told:
    run_id, step_key = notes.read(names_of.RUN_ID, text) or "", notes.read(names_of.STEP_KEY, text) or ""
    retries = notes.read(RETRY_NUMBER, integer) or 0
    before = RetryOf(run_id=step_run(run_id, step_key, retries), attempt=retries) if retries > 0 else None
    keys = (notes.read(ASSET_KEYS, text) or "").split(",")
    return Told(
        kind=Kind.STEP,
        run_id=run_id,
        job_name=notes.read(names_of.JOB_NAME, text) or "",
        step_key=step_key,
        step_attempt=retries + 1,
        retry_of=before,
        outputs=tuple(Thing(asset_key=tuple(key.split("/"))) for key in keys if key),
    )
