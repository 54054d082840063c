"""A run: `lineage_run` as block and decorator, and the handle through which the block says what it did."""

import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from otel_lineage import attributes as at
from otel_lineage.carriers import carry
from otel_lineage.contexts import EXACT, REF, RUN
from otel_lineage.datasets import Dataset, DatasetLike, dataset_of, datasets_json
from otel_lineage.identity import RunRef, SpanIds, parent_attributes
from otel_lineage.loops import is_cancellation
from otel_lineage.trouble import guarded, warn_once
from otel_lineage.values import is_cut, to_attribute, to_json, to_text

State = Literal["COMPLETE", "FAIL", "ABORT", "SKIP"]
STATES = ("COMPLETE", "FAIL", "ABORT", "SKIP")
NOBODY = RunRef("", "", "")


class LineageRun:
    """One run. Every method may be called from any thread, and none ever raises.

    Without a span (lineage is off, or could not start) the handle accepts everything and does nothing.
    """

    def __init__(
        self,
        span: trace.Span,
        ref: RunRef,
        base: Context,
        *,
        attributes: Mapping[str, Any],
        spec: "RunSpec",
    ) -> None:
        self._span = span
        self._ref = ref
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inputs: dict[tuple[str, str], Dataset] = {}
        self._outputs: dict[tuple[str, str], Dataset] = {}
        self._facets: dict[str, dict[str, Any]] = {at.RUN_FACETS: {}, at.JOB_FACETS: {}}
        self._changed: set[str] = set()
        self._ended = ref is NOBODY
        self._context = base
        self.exact: dict[str, Any] = dict(attributes)
        if not self._ended:
            context = otel_context.set_value(RUN, self, trace.set_span_in_context(span, base))
            self._context = otel_context.set_value(REF, ref, context)
            for side, datasets in ((self._inputs, spec.inputs), (self._outputs, spec.outputs)):
                side.update({dataset.key: dataset for dataset in datasets})

    def __repr__(self) -> str:
        return f"<LineageRun {self.namespace}/{self.name} {self.run_id or 'off'}>"

    @property
    def run_id(self) -> str:
        """The run's UUID; empty if lineage is off."""
        return self._ref.run_id

    @property
    def namespace(self) -> str:
        """Namespace of its job."""
        return self._ref.namespace

    @property
    def name(self) -> str:
        """Name of its job."""
        return self._ref.name

    @property
    def ref(self) -> RunRef | None:
        """The run as a parent of others; None if lineage is off."""
        return None if self._ref is NOBODY else self._ref

    @property
    def span(self) -> trace.Span:
        """Its span, for attributes and events of your own."""
        return self._span

    @property
    def trace_id(self) -> str:
        """Hex id of the trace; empty without one."""
        context = self._span.get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else ""

    @property
    def span_id(self) -> str:
        """Hex id of the span; empty without one."""
        context = self._span.get_span_context()
        return f"{context.span_id:016x}" if context.is_valid else ""

    def context(self) -> Context:
        """The context in which this run is the current one: hand it to threads, see `attach` and `wrap`."""
        return self._context

    def child_env(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """A copy of the environment (default `os.environ`) with this run as the parent."""
        return _child_env(env, self._context, self.ref)

    @guarded("add_input", fallback=None)
    def add_input(self, dataset: DatasetLike, name: str | None = None, **values: Any) -> None:
        """The run reads this dataset; said again, what is known is united."""
        self._add(at.INPUTS, self._inputs, dataset_of(dataset, name, **values))

    @guarded("add_output", fallback=None)
    def add_output(self, dataset: DatasetLike, name: str | None = None, **values: Any) -> None:
        """The run writes this dataset; said again, what is known is united."""
        self._add(at.OUTPUTS, self._outputs, dataset_of(dataset, name, **values))

    @guarded("set_row_count", fallback=None)
    def set_row_count(self, rows: int, dataset: DatasetLike | None = None) -> None:
        """Rows written to the output; name it unless there is only one."""
        self._describe(dataset, row_count=rows)

    @guarded("set_schema", fallback=None)
    def set_schema(
        self, schema: Iterable[Mapping[str, Any]] | Mapping[str, str], dataset: DatasetLike | None = None
    ) -> None:
        """Columns of the output; name it unless there is only one."""
        self._describe(dataset, schema=schema)

    @guarded("columns", fallback=None)
    def columns(
        self, lineage: Mapping[str, Iterable[Mapping[str, Any]]], dataset: DatasetLike | None = None
    ) -> None:
        """Column lineage of the output; name it unless there is only one."""
        self._describe(dataset, columns=lineage)

    @guarded("add_facet", fallback=None)
    def add_facet(self, name: str, facet: Mapping[str, Any], on: Literal["run", "job"] = "run") -> None:
        """A facet of the run or the job, in OpenLineage's own shape."""
        key = at.JOB_FACETS if on == "job" else at.RUN_FACETS
        with self._lock:
            self._facets[key][name] = facet
            self._changed.add(key)

    @guarded("set_sql", fallback=None)
    def set_sql(self, sql: str, dialect: str | None = None) -> None:
        """The SQL that the run executes."""
        self.set_attribute(at.SQL, sql)
        if dialect:
            self.set_attribute(at.SQL_DIALECT, dialect)

    @guarded("set_state", fallback=None)
    def set_state(self, state: State, reason: str | None = None) -> None:
        """How the run ended, where an exception or its absence does not say it."""
        if state not in STATES:
            warn_once(
                "state", "otel-lineage: state %r is none of %s and was ignored", state, ", ".join(STATES)
            )
            return
        if not self._writable():
            return
        self._set(at.RUN_STATE, state)
        if state == "FAIL" or reason:
            code = trace.StatusCode.ERROR if state in {"FAIL", "ABORT"} else trace.StatusCode.UNSET
            self._span.set_status(trace.Status(code, reason if code is trace.StatusCode.ERROR else None))

    @guarded("set_attribute", fallback=None)
    def set_attribute(self, name: str, value: object) -> None:
        """Any attribute of the span; lists and maps become JSON."""
        if self._writable():
            self._set(name, to_attribute(value))

    def abort(self, reason: str) -> None:
        """End the run, if it is open, as ABORT."""
        if not self._ended:
            self.set_state("ABORT", reason)
            self.end()

    @guarded("ending a run", fallback=None)
    def end(self, error: BaseException | None = None, *, end_ns: int | None = None) -> None:
        """End the run, if it is open; as failed if there is an error. `lineage_run` does it for its block."""
        with self._lock:
            if self._ended or self._pid != os.getpid():
                return
            self._ended = True
            self._context = otel_context.set_value(
                RUN, None, self._context
            )  # the context holds the run, the run the context
        try:
            self._write()
            self._judge(error)
            self._mark_cut()
        finally:
            self._span.end(end_ns)

    @guarded("writing a run", fallback=None)
    def _write(self) -> None:
        with self._lock:
            for name, side in ((at.INPUTS, self._inputs), (at.OUTPUTS, self._outputs)):
                if name in self._changed:
                    self._set(name, datasets_json(side.values()))
            for name, facets in self._facets.items():
                if name in self._changed:
                    self._set(name, to_json(facets))

    @guarded("marking a run", fallback=None)
    def _mark_cut(self) -> None:
        """Where span limits cut or dropped what was said, the span must not stand for the run: its copy does."""
        kept = getattr(self._span, "attributes", None)
        if kept is None or self.exact.items() <= dict(kept).items():
            return
        if any(is_cut(kept.get(name), value) for name, value in self.exact.items()):
            self._span.set_attribute(at.EXPORT, at.EXPORT_PARTIAL)

    @guarded("recording an exception", fallback=None)
    def _judge(self, error: BaseException | None) -> None:
        if (
            error is None
            or isinstance(error, GeneratorExit)
            or (isinstance(error, SystemExit) and not error.code)
        ):
            return
        if at.RUN_STATE not in self.exact and is_cancellation(error):
            self._set(at.RUN_STATE, "ABORT")
        description = to_text(f"{type(error).__name__}: {error}")
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, description))
        self._span.record_exception(error, escaped=True)

    def _add(self, key: str, side: dict[tuple[str, str], Dataset], dataset: Dataset) -> None:
        if not self._writable():
            return
        with self._lock:
            known = side.get(dataset.key)
            side[dataset.key] = dataset if known is None else known.merged(dataset)
            self._changed.add(key)

    def _describe(self, dataset: DatasetLike | None, **values: Any) -> None:
        if dataset is not None:
            self.add_output(dataset, **values)
        elif len(self._outputs) == 1:
            self.add_output(next(iter(self._outputs.values())), **values)
        elif not self._ended:
            warn_once(
                "which output",
                "otel-lineage: %s has %d outputs: say which dataset %s belongs to",
                self.name,
                len(self._outputs),
                "".join(values),
            )

    def _writable(self) -> bool:
        if self._ref is NOBODY:
            return False
        if self._ended or self._pid != os.getpid():
            warn_once(
                "ended run",
                "otel-lineage: %s has ended or belongs to another process; what was said of it now is lost",
                self.name,
            )
            return False
        return True

    def _set(self, name: str, value: str | bool | float) -> None:
        self.exact[name] = value
        self._span.set_attribute(name, value)


@dataclass(frozen=True)
class RunSpec:
    """What is known of a run when it starts: span attributes, and the datasets behind two of them."""

    job: str
    attributes: Mapping[str, Any]
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()


ATTRIBUTE_OF = {
    "namespace": at.JOB_NAMESPACE,
    "job_type": at.JOB_TYPE,
    "integration": at.JOB_INTEGRATION,
    "processing_type": at.JOB_PROCESSING_TYPE,
    "nominal_start": at.NOMINAL_START,
    "nominal_end": at.NOMINAL_END,
    "documentation": at.JOB_DOCUMENTATION,
    "owners": at.JOB_OWNERS,
    "job_tags": at.JOB_TAGS,
    "run_tags": at.RUN_TAGS,
    "sql": at.SQL,
    "sql_dialect": at.SQL_DIALECT,
    "run_id": at.RUN_ID,
}


def spec_of(
    job: str, inputs: Iterable[DatasetLike], outputs: Iterable[DatasetLike], known: Mapping[str, Any]
) -> RunSpec | None:
    """Read what the caller gave under the names of `lineage_run`'s arguments; what is bad is left out."""
    attributes: dict[str, Any] = _job_name(job) or {}
    attributes.update(_parent_attributes(known.get("parent")))
    attributes.update(_known_attributes(known.get("attributes") or {}, {}))
    attributes.update(_known_attributes(known, ATTRIBUTE_OF))
    reads, writes = _datasets(inputs), _datasets(outputs)
    for name, datasets in ((at.INPUTS, reads), (at.OUTPUTS, writes)):
        if datasets and (text := _json_of(datasets)) is not None:
            attributes[name] = text
    return RunSpec(attributes[at.JOB_NAME], attributes, reads, writes) if at.JOB_NAME in attributes else None


def start_run(
    spec: RunSpec | None,
    context: Context | None = None,
    start_ns: int | None = None,
    *,
    ids: SpanIds | None = None,
    links: Sequence[trace.Link] = (),
) -> LineageRun:
    """Start a run in a context (default: the current one), without making it current."""
    base = otel_context.get_current() if context is None else context
    run = None if spec is None else _started(spec, base, start_ns, ids, links)
    return (
        LineageRun(trace.INVALID_SPAN, NOBODY, base, attributes={}, spec=RunSpec("", {}))
        if run is None
        else run
    )


@guarded("starting a run", fallback=None)
def _started(
    spec: RunSpec, base: Context, start_ns: int | None, ids: SpanIds | None, links: Sequence[trace.Link]
) -> LineageRun | None:
    from otel_lineage.ids import giving
    from otel_lineage.runtime import (
        runtime,
    )  # SDK and protobuf are loaded by the first run, not by the import

    run_time = runtime()
    if run_time.settings.disabled:
        return None
    incoming = run_time.incoming.span
    if incoming is not None and not trace.get_current_span(base).get_span_context().is_valid:
        base = trace.set_span_in_context(incoming, base)
    tracer = run_time.tracer()
    with giving(ids):
        span = tracer.start_span(
            spec.job,
            context=otel_context.set_value(EXACT, spec.attributes, base),
            attributes=dict(spec.attributes),
            links=links or None,
            start_time=start_ns,
        )
    opened = run_time.runs.of_span(span)
    if opened is None:
        return None
    run = LineageRun(span, opened.ref, base, attributes=opened.attributes, spec=spec)
    opened.handle = weakref.ref(run)
    return run


def child_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A copy of the environment (default `os.environ`) with the current run as the parent."""
    return _child_env(env, otel_context.get_current(), None)


def _child_env(env: Mapping[str, str] | None, context: Context, ref: RunRef | None) -> dict[str, str]:
    copy = dict(os.environ if env is None else env)
    _carry(copy, context, ref)
    return copy


@guarded("carrying a run to a child process", fallback=None)
def _carry(env: dict[str, str], context: Context, ref: RunRef | None) -> None:
    from otel_lineage.runtime import current  # see _started

    run_time = current()
    around = run_time.runs.around(context) if run_time is not None else None
    carry(env, context, ref or around)


@guarded("reading a job's name", fallback=None)
def _job_name(job: str) -> dict[str, Any] | None:
    return {at.JOB_NAME: to_text(job)}


@guarded("reading a parent", fallback={})
def _parent_attributes(parent: "LineageRun | RunRef | None") -> dict[str, str]:
    ref = parent.ref if isinstance(parent, LineageRun) else parent
    return {} if ref is None else parent_attributes(ref)


def _known_attributes(known: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for key, value in known.items():
        name = names.get(key) if names else key
        if name is None and key not in {"parent", "attributes"}:
            warn_once(f"argument {key}", "otel-lineage: a run has no argument %r; it was left out", key)
        if name is not None and value is not None and not (isinstance(value, Sized) and not value):
            found[name] = _attribute(value)
    return {name: value for name, value in found.items() if value is not None}


@guarded("reading a value", fallback=None)
def _attribute(value: object) -> str | bool | float | None:
    return to_attribute(value)


@guarded("writing datasets", fallback=None)
def _json_of(datasets: Iterable[Dataset]) -> str | None:
    return datasets_json(datasets)


@guarded("reading datasets", fallback=())
def _datasets(values: Iterable[DatasetLike]) -> tuple[Dataset, ...]:
    found: dict[tuple[str, str], Dataset] = {}
    for dataset in filter(None, map(_dataset, values)):
        known = found.get(dataset.key)
        found[dataset.key] = dataset if known is None else known.merged(dataset)
    return tuple(found.values())


@guarded("reading a dataset", fallback=None)
def _dataset(value: DatasetLike) -> Dataset | None:
    return dataset_of(value)
