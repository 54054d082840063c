"""An asset of a step as a run: begun with the step, ended with what is known when the step is over."""

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.identity import SpanIds
from otel_lineage.trouble import guarded
from otel_lineage.values import to_attribute

from otel_bridge_dagster import attributes as names
from otel_bridge_dagster import facts, ids, jobs
from otel_bridge_dagster.errors import Failure

if TYPE_CHECKING:
    from otel_bridge_dagster.steps import StepSpan

Attributes = dict[str, Any]


class AssetSpan:
    """See the module. `run` is None as long as it is not known who tells the asset."""

    def __init__(self, step: "StepSpan", key: Any) -> None:
        self.step = step
        self.key = key
        self.run: LineageRun | None = None
        self.made_ns: int | None = None
        self.told_by_dbt = False
        self._told: Attributes = {}
        self._begun_ns = 0

    @guarded("starting an asset", fallback=None)
    def begin(self) -> None:
        """With the step; an asset of dbt's waits until it is known whether dbt tells it."""
        self._told = facts.asset_start(self.step.step_context, self.key)
        self._begun_ns = time.time_ns()
        if not self.dbt_unique_id:
            self.start()

    @property
    def dbt_unique_id(self) -> str:
        """The node of dbt that makes it, "" for none."""
        return str((self._told.get(names.ASSET) or {}).get("dbt_unique_id") or "")

    def for_dbt(self) -> Attributes:
        """What otel-bridge-dbt is to know of it."""
        said = self._told.get(names.ASSET) or {}
        kept = ("description", "group", "owners", "kinds", "tags", "code_version")
        return {
            "asset_key": said.get("key"),
            "deployment": self._told.get(names.DEPLOYMENT),
            "partitions": self._told.get(names.PARTITIONS),
            **{name: said[name] for name in kept if said.get(name)},
        }

    def tell_by_dbt(self) -> None:
        """Dbt does, unless it is told from here already."""
        self.told_by_dbt = self.run is None

    @guarded("starting an asset", fallback=None)
    def start(self) -> None:
        """Now it is known that it is told from here."""
        if self.run is None and not self.told_by_dbt:
            step = self.step
            self.run = start(
                step.step_context.dagster_run, step.run, step.key[1], step.attempt, self.key, self._told
            )

    @guarded("ending an asset", fallback=None)
    def end(self, failure: Failure | None, error: BaseException | None) -> None:
        """Tell what came of it."""
        if self.told_by_dbt:
            self._end_plain(error)
            return
        self.start()
        run = self.run
        if run is None:
            return
        try:
            self._tell_rest(run, error)
            if self.made_ns is None and failure is not None:
                failure.tell(run)
            elif self.made_ns is None:
                run.set_state("SKIP")
        finally:
            run.end(end_ns=self.made_ns or time.time_ns())

    def _end_plain(self, error: BaseException | None) -> None:
        """A span for tracing alone, with what Dagster knows beyond dbt."""
        if self.made_ns is None:
            return
        step, told = self.step, facts.asset_end(self.step.step_context, self.key, self.step.seen, error)
        told[names.ASSET] = {**told.get(names.ASSET, {}), "told_by_dbt": True}
        span = trace.get_tracer("otel_bridge_dagster").start_span(
            text_of(self.key), context=step.run.context(), start_time=self._begun_ns
        )
        span.set_attributes({name: to_attribute(value) for name, value in told.items()})
        span.end(self.made_ns)

    @guarded("reading what is known at an asset's end", fallback=None)
    def _tell_rest(self, run: LineageRun, error: BaseException | None) -> None:
        told = facts.asset_end(self.step.step_context, self.key, self.step.seen, error)
        for name, value in told.items():
            if self._told.get(name) != value:
                run.set_attribute(name, value)
        for dataset in told.get(names.INPUTS) or ():
            _link(run, dataset.get("produced_by") or {})


def text_of(key: Any) -> str:
    """The asset key as ids and jobs have it."""
    return "/".join(map(str, key.path))


def start(
    dagster_run: Any,
    step: LineageRun,
    step_key: str,
    attempt: int,
    key: Any,
    told: Attributes,
    start_ns: int | None = None,
) -> LineageRun:
    """An asset's span with its start."""
    run_id, asset = dagster_run.run_id, text_of(key)
    return LineageEmitter().start(
        jobs.asset_name(told.get(names.CODE_LOCATION), asset),
        run_id=ids.asset_run_id(run_id, step_key, asset, attempt),
        parent=step,
        start_ns=start_ns,
        ids=SpanIds(0, ids.asset_span_id(run_id, step_key, asset, attempt)),
        attributes=told,
    )


@guarded("linking an asset", fallback=None)
def _link(run: LineageRun, produced_by: Attributes) -> None:
    """To the step that made an input, also in another run."""
    trace_id, span_id = produced_by.get("trace_id"), produced_by.get("span_id")
    if trace_id and span_id:
        context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True)
        run.span.add_link(context, {"dagster.link": "upstream_materialization"})
