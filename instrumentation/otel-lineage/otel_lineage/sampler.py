"""A sampler around the user's: spans that lineage needs are recorded even where his drops them."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from otel_lineage import attributes as at
from otel_lineage.contexts import ref_in
from otel_lineage.registry import OpenRuns
from otel_lineage.trouble import guarded

TALKING = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER})
"""Inside a run, spans of these kinds may say what it read or wrote; most tell it after their start."""


class LineageSampler(Sampler):
    """Turns DROP into RECORD_ONLY for runs, and for spans that must pass on a run that no context carries."""

    def __init__(self, inner: Sampler, runs: OpenRuns) -> None:
        self._inner = inner
        self._runs = runs

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The inner sampler's result, unless that would lose lineage."""
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links)
        if result.decision is Decision.DROP and self._needed(parent_context, kind, attributes):
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        """The inner sampler's, and that lineage is recorded."""
        return f"LineageSampler({self._inner.get_description()})"

    @guarded("sampling", fallback=False)
    def _needed(self, context: Context | None, kind: SpanKind | None, attributes: Attributes) -> bool:
        if attributes and at.JOB_NAME in attributes:
            return True
        if kind in TALKING and self._runs.around(context) is not None:
            return True
        if not trace.get_current_span(context).is_recording():
            return False
        around = self._runs.around_span(context)
        return around is not None and around != ref_in(context)
