"""Explicit start and end, and metadata outside runs, for code that has no block to put around its work."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context, get_current, set_value
from opentelemetry.trace import Link, Span, SpanKind, set_span_in_context, use_span

from otel_lineage import attributes as at
from otel_lineage.contexts import DETAIL, attach
from otel_lineage.datasets import DatasetLike, dataset_of
from otel_lineage.identity import RunRef, SpanIds
from otel_lineage.runs import LineageRun, spec_of, start_run
from otel_lineage.trouble import guarded
from otel_lineage.values import to_attribute, to_json


class LineageEmitter:
    """Starts and ends runs by call. `namespace` and `integration` are the defaults of every job."""

    def __init__(self, namespace: str | None = None, integration: str | None = None) -> None:
        self._namespace = namespace
        self._integration = integration

    def start(
        self,
        job: str,
        *,
        inputs: Iterable[DatasetLike] = (),
        outputs: Iterable[DatasetLike] = (),
        parent: LineageRun | RunRef | None = None,
        context: Context | None = None,
        start_ns: int | None = None,
        ids: SpanIds | None = None,
        links: Sequence[Link] = (),
        **known: Any,
    ) -> LineageRun:
        """Start a run; keep the handle, and end it with `complete`, `fail`, `abort` or `skip`.

        Args:
            job: the job's name.
            inputs: datasets that the run reads, as far as known.
            outputs: datasets that it writes.
            parent: a run of this process, or a reference to any run; default: the one around.
            context: the context to start in; default: the parent's, or the current one.
            start_ns: when it began, Unix nanoseconds; default: now.
            ids: ids of its span, where they are derived from something that other processes know, too.
            links: links of its span.
            **known: the other arguments of `lineage_run`.
        """
        if isinstance(parent, LineageRun) and context is None:
            context = parent.context()
        spec = spec_of(job, inputs, outputs, self._known(known, parent=parent))
        return start_run(spec, context, start_ns, ids=ids, links=links)

    def complete(self, run: LineageRun, *, end_ns: int | None = None) -> None:
        """The run has done its work."""
        run.end(end_ns=end_ns)

    def fail(
        self, run: LineageRun, error: BaseException | str | None = None, *, end_ns: int | None = None
    ) -> None:
        """The run has failed, with an exception or a message."""
        if isinstance(error, BaseException):
            run.set_state("FAIL")
            run.end(error, end_ns=end_ns)
            return
        run.set_state("FAIL", error)
        run.end(end_ns=end_ns)

    def abort(self, run: LineageRun, reason: str | None = None, *, end_ns: int | None = None) -> None:
        """The run was stopped from outside."""
        run.set_state("ABORT", reason)
        run.end(end_ns=end_ns)

    def skip(self, run: LineageRun, *, end_ns: int | None = None) -> None:
        """The run was scheduled and did not take place."""
        run.set_state("SKIP")
        run.end(end_ns=end_ns)

    @contextmanager
    def io_span(self, name: str, attributes: Mapping[str, Any] | None = None) -> Iterator[Span | None]:
        """A span inside the current run that says what the run reads or writes; None if there is no run around.

        One of `IO_ATTRIBUTES` of the attribute convention, at the latest at its end, makes it count. Other spans in the
        block are how it was done (queries to a catalog, objects of a table), and are not the run's; a further `io_span`
        is. An exception that leaves the block is recorded, and passes.
        """
        span = _io_span(name, attributes or {})
        if span is None:
            yield None
            return
        with (
            attach(set_value(DETAIL, True)),
            use_span(span, end_on_exit=True, record_exception=True, set_status_on_exception=True),
        ):
            yield span

    @guarded("dataset_event", fallback=None)
    def dataset_event(self, dataset: DatasetLike, name: str | None = None, **values: Any) -> None:
        """Static metadata of a dataset, outside any run."""
        described = to_json(dataset_of(dataset, name, **values).as_map())
        self._event(at.EVENT_DATASET, {at.DATASET: described})

    @guarded("job_event", fallback=None)
    def job_event(
        self,
        job: str,
        *,
        inputs: Iterable[DatasetLike] = (),
        outputs: Iterable[DatasetLike] = (),
        facets: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> None:
        """Static metadata of a job, outside any run; `**known` as for `lineage_run`."""
        spec = spec_of(job, inputs, outputs, self._known(known))
        if spec is None:
            return
        attributes = dict(spec.attributes)
        if facets:
            attributes[at.JOB_FACETS] = to_json(facets)
        self._event(at.EVENT_JOB, attributes)

    def _known(self, known: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {"namespace": self._namespace, "integration": self._integration, **known, **more}

    def _event(self, name: str, attributes: dict[str, Any]) -> None:
        from otel_lineage.runtime import runtime  # loads the SDK at first use only

        run_time = runtime()
        if run_time.settings.disabled:
            return
        if name == at.EVENT_JOB and at.JOB_NAMESPACE not in attributes:
            encoder = run_time.encoder(run_time.provider().resource)
            attributes[at.JOB_NAMESPACE] = run_time.settings.job_namespace or encoder.job_namespace
        run_time.export_event(name, attributes, time.time_ns())


@guarded("starting a span of I/O", fallback=None)
def _io_span(name: str, attributes: Mapping[str, Any]) -> Span | None:
    from otel_lineage.runtime import current  # loads the SDK, which a run has done

    run_time = current()
    if run_time is None or run_time.settings.disabled:
        return None
    base = set_value(DETAIL, False, get_current())
    if run_time.runs.around_span(base) is None:
        base = _innermost(run_time.runs.innermost(), base)
    if run_time.runs.around_span(base) is None:
        return None
    given = {key: to_attribute(value) for key, value in attributes.items() if value is not None}
    return run_time.tracer().start_span(name, context=base, kind=SpanKind.CLIENT, attributes=given)


def _innermost(run: Any, base: Context) -> Context:
    """A thread that no context reached works for the one run that can be meant."""
    span = run.span() if run is not None else None
    return base if span is None else set_span_in_context(span, base)
