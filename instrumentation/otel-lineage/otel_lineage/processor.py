"""The span processor: knows every run span from its start, and takes it when it ends."""

from collections.abc import Mapping
from typing import Any, cast

from opentelemetry.context import Context, get_value
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext

from otel_lineage import attributes as at
from otel_lineage.contexts import DETAIL, EXACT
from otel_lineage.identity import RunRef, canonical_run_id, parent_attributes, run_id_of_span
from otel_lineage.loops import in_event_loop
from otel_lineage.runtime import Runtime, current
from otel_lineage.trouble import guarded, warn_once
from otel_lineage.values import to_text


class LineageSpanProcessor(SpanProcessor):
    """Serves our own runs and foreign run spans alike; other spans in a run are stamped with its id.

    `alone`: there is no other processor on its provider, so that what is sampled reaches tracing only through us.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone

    @guarded("starting a run", fallback=None)
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A run: complete it, note it, send START. Another span: stamp it."""
        runtime = current()
        if runtime is None or runtime.settings.disabled:
            return
        around = runtime.runs.around(parent_context)
        exact = get_value(EXACT, parent_context) if parent_context is not None else None
        given = {**(span.attributes or {}), **(exact if isinstance(exact, Mapping) else {})}
        if at.JOB_NAME in given:
            _begin(runtime, span, given, around or runtime.incoming.parent)
        elif around is not None and not get_value(DETAIL, parent_context):
            span.set_attribute(at.RUN_ID, around.run_id)

    @guarded("ending a run", fallback=None)
    def on_end(self, span: ReadableSpan) -> None:
        """A run that this process opened: keep its copy and send it soon."""
        runtime = current()
        if runtime is None or runtime.settings.disabled or span.context is None:
            return
        run = runtime.runs.take(span)
        if run is None and at.JOB_NAME not in (span.attributes or {}):
            self._inside(runtime, span, span.attributes or {})
            return
        exact: dict[str, Any] = {}
        if run is not None and run.io_spans:
            _amend(span, {at.IO_SPANS: run.io_spans})
        if run is None:
            exact = _become_run(runtime, span)
        elif not run.ours:
            return
        elif run.handle is not None and (handle := run.handle()) is not None:
            exact = handle.exact
        runtime.export_span(span, exact, alone=self._alone and span.context.trace_flags.sampled)
        if run is not None and run.outermost:
            runtime.outermost_ended()

    def _inside(self, runtime: Runtime, span: ReadableSpan, given: Mapping[str, Any]) -> None:
        """A span that is no run: if it says what the run around read or wrote, send it before that ends."""
        around = runtime.runs.of_run_id(str(given[at.RUN_ID])) if at.RUN_ID in given else None
        if around is None or not around.ours or not any(name in given for name in at.IO_ATTRIBUTES):
            return
        around.io_spans += 1
        sampled = span.context is not None and span.context.trace_flags.sampled
        runtime.export_span(span, {}, alone=self._alone and sampled)

    @guarded("shutting down", fallback=None)
    def shutdown(self) -> None:
        """The provider ends: send what there is."""
        self.force_flush()

    @guarded("flushing", fallback=False)
    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Try to send all now, within the time but at most our own limit."""
        runtime = current()
        if runtime is None or in_event_loop():
            return True
        return runtime.exporter.flush(min(timeout_millis / 1000, runtime.settings.flush_s))


def _begin(runtime: Runtime, span: Span, given: Mapping[str, Any], parent: RunRef | None) -> None:
    identity = _identity(runtime, span, given, parent)
    span.set_attributes(identity)
    known = {**given, **identity}
    ref = RunRef(str(known[at.RUN_ID]), str(known[at.JOB_NAMESPACE]), str(known[at.JOB_NAME]), _root(known))
    enclosing = runtime.runs.of_run_id(str(known.get(at.PARENT_RUN_ID)))
    runtime.runs.add(span, ref, known, outermost=enclosing is None or not enclosing.ours)
    runtime.export_start(span, known)


def _identity(
    runtime: Runtime, span: ReadableSpan, given: Mapping[str, Any], parent: RunRef | None
) -> dict[str, str]:
    """What the run's attributes do not say yet: its id, its job's namespace, its parent and root."""
    identity: dict[str, str] = {}
    run_id = canonical_run_id(given.get(at.RUN_ID))
    if run_id is None and at.RUN_ID in given:
        warn_once(
            "run id", "otel-lineage: run id %.100r is no UUID; the id of the span is used", given[at.RUN_ID]
        )
    identity[at.RUN_ID] = run_id or run_id_of_span(cast(SpanContext, span.get_span_context()))
    if not given.get(at.JOB_NAMESPACE):
        identity[at.JOB_NAMESPACE] = _namespace_of(runtime, span)
    if parent is not None and at.PARENT_RUN_ID not in given:
        identity.update(parent_attributes(parent))
    return identity


def _namespace_of(runtime: Runtime, span: ReadableSpan) -> str:
    """The job namespace of runs on this span's resource, unless configuration gives one."""
    return to_text(runtime.settings.job_namespace or runtime.encoder(span.resource).job_namespace)


def _root(known: dict[str, Any]) -> RunRef | None:
    """The root run; a parent without a known root counts as the root."""
    for prefix in ("openlineage.root", "openlineage.parent"):
        parts = [known.get(f"{prefix}.{name}") for name in ("run.id", "job.namespace", "job.name")]
        if all(parts):
            run_id, namespace, name = map(str, parts)
            return RunRef(run_id, namespace, name)
    return None


def _become_run(runtime: Runtime, span: ReadableSpan) -> dict[str, str]:
    """A span that got its job's name after its start, as yet stamped with the run around it."""
    given = dict(span.attributes or {})
    around = runtime.runs.of_run_id(str(given.get(at.RUN_ID)))
    if around is not None or canonical_run_id(given.get(at.RUN_ID)) is None:
        given.pop(at.RUN_ID, None)
    identity = _identity(runtime, span, given, around.ref if around is not None else None)
    _amend(span, identity)
    return identity


@guarded("amending an ended span", fallback=None)
def _amend(span: Any, values: Mapping[str, Any]) -> None:
    """Write to the attributes of an ended span before other processors export them: no public way exists."""
    bounded = span._attributes
    bounded._immutable = False
    for key, value in values.items():
        bounded[key] = value
    bounded._immutable = True
