"""One attempt of a step and the assets that it makes, in the process that executes it."""

import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.identity import SpanIds
from otel_lineage.trouble import guarded

from otel_bridge_dagster import attributes as names
from otel_bridge_dagster import errors, facts, ids, jobs, parents, settings
from otel_bridge_dagster.assets import AssetSpan
from otel_bridge_dagster.errors import Failure
from otel_bridge_dagster.facts.told import StepTold
from otel_bridge_dagster.listening import listened

Attributes = dict[str, Any]

_open: dict[tuple[str, str], "StepSpan"] = {}


def step_of(step_context: Any) -> "StepSpan | None":
    """The open step that this context of Dagster's belongs to."""
    return open_step(step_context.run_id, step_context.step.key)


def open_step(run_id: str, step_key: str) -> "StepSpan | None":
    """The step that this process executes."""
    return _open.get((run_id, step_key))


def step_of_run(run: LineageRun) -> "StepSpan | None":
    """The open step that this run is, or is an asset of."""
    return next((step for step in list(_open.values()) if step.is_told_by(run)), None)


def around_step(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around Dagster's generator of a step's events."""
    return _events(wrapped, args, kwargs)


def _events(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    told = StepSpan.begin(kwargs.get("step_context", args[0] if args else None))
    events = wrapped(*args, **kwargs)
    return (yield from (events if told is None else listened(events, told)))


def around_load(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the loading of an input by its manager: what it yields beside events is the value."""
    return _loading(wrapped, args, kwargs)


def _loading(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    for item in wrapped(*args, **kwargs):
        if type(item).__name__ != "DagsterEvent":
            _loaded(item, *args, **kwargs)
        yield item


@guarded("noting an input", fallback=None)
def _loaded(value: Any, input_manager: Any, context: Any) -> None:
    step = step_of(context.step_context)
    if step is not None:
        step.seen.loaded(input_manager, context, value)


def around_store(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the storing of an output by its IO manager."""
    return _storing(wrapped, args, kwargs)


def _storing(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    for event in wrapped(*args, **kwargs):
        if getattr(event, "event_type_value", None) == "HANDLED_OUTPUT":
            _stored(*args, **kwargs)
        yield event


@guarded("noting an output", fallback=None)
def _stored(step_context: Any, step_output_handle: Any, output: Any) -> None:
    step = step_of(step_context)
    if step is not None:
        context = facts.output_context(step_context, step_output_handle, output.metadata)
        step.seen.stored(step_context.get_io_manager(step_output_handle), context, output.value)


def around_upstream(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around Dagster's look for the last event of an upstream asset."""
    record = wrapped(*args, **kwargs)
    _found(instance, record, *args, **kwargs)
    return record


@guarded("noting an upstream asset", fallback=None)
def _found(cache: Any, record: Any, key: Any, *rest: Any, **more: Any) -> None:
    step = step_of(getattr(cache, "_context", cache))
    if step is not None:
        step.seen.upstream_event(key, record)


class StepSpan:
    """See the module. Nothing in here raises."""

    def __init__(self, step_context: Any, run: LineageRun, told: Attributes) -> None:
        self.step_context = step_context
        self.run = run
        self.attempt = attempt_of(step_context)
        self.key = (step_context.run_id, step_context.step.key)
        self.seen = StepTold()
        self.assets: list[AssetSpan] = []
        self.files: list[str] = []
        self._told = told

    @classmethod
    @guarded("telling a step", fallback=None)
    def begin(cls, step_context: Any) -> "StepSpan | None":
        """Start telling; None if nobody would hear it."""
        if not settings.enabled():
            return None
        told = facts.step_start(step_context)
        run = start(step_context.dagster_run, step_context.step.key, attempt_of(step_context), told)
        made = cls(step_context, run, told)
        _open[made.key] = made
        made._begin_assets()
        return made

    @guarded("starting the assets of a step", fallback=None)
    def _begin_assets(self) -> None:
        for key in facts.assets_of(self.step_context):
            self.assets.append(asset := AssetSpan(self, key))
            asset.begin()

    def context(self) -> Context:
        """In which the step is the current run; or its asset, where it makes no other."""
        alone = self.assets[0].run if len(self.assets) == 1 else None
        return self.run.context() if alone is None else alone.context()

    def is_told_by(self, run: LineageRun) -> bool:
        """Whether the run is the step's, or that of one of its assets."""
        return run is self.run or any(run is asset.run for asset in self.assets)

    @guarded("noting an event of a step", fallback=None)
    def event(self, event: Any) -> None:
        """An event that the step yields."""
        self.seen.event(event)
        if event.event_type_value == "ASSET_MATERIALIZATION":
            made = event.event_specific_data.materialization.asset_key
            for asset in self.assets:
                if asset.key == made:
                    asset.made_ns = time.time_ns()

    @guarded("ending a step", fallback=None)
    def end(self, error: BaseException | None) -> None:
        """Tell how it and its assets ended."""
        _open.pop(self.key, None)
        self._remove_files()
        failure = self._failure(error)
        for asset in self.assets:
            asset.end(failure, error)
        try:
            self._tell_rest(error)
            if failure is not None:
                failure.tell(self.run)
        finally:
            self.run.end()

    def _remove_files(self) -> None:
        for path in self.files:
            with suppress(OSError):
                Path(path).unlink()

    @guarded("reading what is known at a step's end", fallback=None)
    def _tell_rest(self, error: BaseException | None) -> None:
        for name, value in facts.step_end(self.step_context, self.seen, error).items():
            if self._told.get(name) != value:
                self.run.set_attribute(name, value)

    @guarded("reading why a step failed", fallback=None)
    def _failure(self, error: BaseException | None) -> Failure | None:
        ending = self.seen.ending
        if getattr(ending, "event_type_value", None) == "STEP_SUCCESS":
            return None
        failure = errors.of_event(ending) or errors.of_exception(error)
        if failure is not None and error is not None and type(error).__name__ in errors.STOPS:
            return Failure(type(error).__name__, failure.message, failure.stack)
        return failure or Failure("Error", "the step stopped without a last event")


def attempt_of(step_context: Any) -> int:
    """1 for the first attempt."""
    return int(step_context.previous_attempt_count) + 1


def start(
    dagster_run: Any, step_key: str, attempt: int, told: Attributes, start_ns: int | None = None
) -> LineageRun:
    """A step's span with its start."""
    run_id, location, job = dagster_run.run_id, told.get(names.CODE_LOCATION), dagster_run.job_name
    above = parents.of_step(dagster_run, jobs.run_name(location, job))
    return LineageEmitter().start(
        jobs.step_name(location, job, step_key),
        run_id=ids.step_run_id(run_id, step_key, attempt),
        context=above.context,
        parent=above.parent,
        start_ns=start_ns,
        ids=SpanIds(0, ids.step_span_id(run_id, step_key, attempt)),
        links=_links(above.context, run_id, step_key, attempt),
        attributes=told,
    )


def _links(context: Context, run_id: str, step_key: str, attempt: int) -> list[Link]:
    """To the attempt before."""
    if attempt == 1:
        return []
    from opentelemetry.trace import get_current_span

    trace_id = get_current_span(context).get_span_context().trace_id
    before = SpanContext(trace_id, ids.step_span_id(run_id, step_key, attempt - 1), is_remote=True)
    return [Link(before, {"dagster.link": "retry_of"})]
