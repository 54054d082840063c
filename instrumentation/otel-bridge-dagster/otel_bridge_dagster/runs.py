"""One Dagster run, in the process that works on it: from its first event to its last."""

import time
from collections.abc import Generator
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.identity import SpanIds
from otel_lineage.trouble import guarded

from otel_bridge_dagster import attributes as names
from otel_bridge_dagster import errors, facts, ids, jobs, parents, settings, tags
from otel_bridge_dagster.facts.told import RunTold
from otel_bridge_dagster.listening import listened

Attributes = dict[str, Any]

CANCELED = "PIPELINE_CANCELED"
FAILURE = "PIPELINE_FAILURE"
SUCCESS = "PIPELINE_SUCCESS"
BEGINNINGS = frozenset({"STEP_START", "STEP_RESTARTED"})

_open: dict[str, "RunSpan"] = {}


def open_run(run_id: str) -> "RunSpan | None":
    """The run, if this process works on it."""
    return _open.get(run_id)


def around_run(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around Dagster's generator of a run's events."""
    return _events(wrapped, args, kwargs)


def _events(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    job_context = kwargs.get("job_context", args[0] if args else None)
    told = RunSpan.begin(job_context)
    events = wrapped(*args, **kwargs)
    return (yield from (events if told is None else listened(events, told)))


class RunSpan:
    """See the module. Nothing in here raises."""

    def __init__(self, job_context: Any, run: LineageRun, told: Attributes) -> None:
        self.job_context = job_context
        self.run = run
        self.run_id = job_context.run_id
        self.seen = RunTold()
        self.started_ns: dict[str, int] = {}
        self.explained: dict[str, str] = {}
        self._told = told

    @classmethod
    @guarded("telling a Dagster run", fallback=None)
    def begin(cls, job_context: Any) -> "RunSpan | None":
        """Start telling; None if nobody would hear it."""
        dagster_run = job_context.dagster_run
        if not settings.enabled() or parents.is_open(dagster_run.run_id):
            return None
        told = facts.run_start(job_context)
        run = start(dagster_run, told)
        parents.opened(dagster_run.run_id, run)
        tags.write(job_context.instance, dagster_run, run)
        made = _open[dagster_run.run_id] = cls(job_context, run, told)
        return made

    def context(self) -> Context:
        """In which the run is the current one."""
        return self.run.context()

    @guarded("noting an event of a run", fallback=None)
    def event(self, event: Any) -> None:
        """An event of the run, of whatever step and process."""
        self.seen.event(event)
        if event.event_type_value in BEGINNINGS and event.step_key:
            self.started_ns[event.step_key] = time.time_ns()
        elif event.event_type_value == "ENGINE_EVENT" and event.step_key and errors.of_event(event):
            self.explained[event.step_key] = str(event.message or "")

    @guarded("ending a Dagster run", fallback=None)
    def end(self, error: BaseException | None) -> None:
        """Tell how it ended."""
        try:
            self._tell_unreached()
            self._judge(error)
        finally:
            _open.pop(self.run_id, None)
            parents.closed(self.run_id)
            self.run.end()

    @guarded("telling what was never reached", fallback=None)
    def _tell_unreached(self) -> None:
        from otel_bridge_dagster.crashes import unreached  # it imports this module

        if self.seen.ending is None or getattr(self.job_context, "resume_from_failure", False):
            return  # another worker goes on with it, or has done a part
        for step, why in unreached(self.job_context, self.seen, self.started_ns):
            step.skip(why)

    def _judge(self, error: BaseException | None) -> None:
        for name, value in facts.run_end(self.job_context, self.seen, error).items():
            if self._told.get(name) != value:
                self.run.set_attribute(name, value)
        judge(self.run, self.seen.ending, error)


def start(dagster_run: Any, told: Attributes, start_ns: int | None = None) -> LineageRun:
    """The run's span with its start."""
    run_id = dagster_run.run_id
    above = parents.of_run(dagster_run)
    return LineageEmitter().start(
        jobs.run_name(told.get(names.CODE_LOCATION), dagster_run.job_name),
        run_id=str(ids.run_uuid(run_id)),
        context=above.context,
        parent=above.parent,
        start_ns=start_ns,
        ids=SpanIds(ids.trace_id(run_id), ids.run_span_id(run_id)),
        links=_links(told.get(names.RETRY_OF) or {}),
        attributes=told,
    )


def judge(run: LineageRun, ending: Any, error: BaseException | None = None) -> None:
    """The state that the last event of a run, or the exception that ended it, stands for."""
    kind = getattr(ending, "event_type_value", None)
    if kind == SUCCESS:
        return
    failure = errors.of_event(ending) or errors.of_exception(error)
    if kind == CANCELED:
        run.set_state("ABORT", str(getattr(ending, "message", "") or "canceled"))
    elif failure is not None:
        failure.tell(run)
    elif kind == FAILURE:
        run.set_state("FAIL", str(getattr(ending, "message", "") or "Dagster says that it failed"))
    else:
        run.set_state("ABORT", "the run stopped without a last event")


def _links(retry_of: Attributes) -> list[Link]:
    before = str(retry_of.get("run_id") or "")
    if not before:
        return []
    context = SpanContext(ids.trace_id(before), ids.run_span_id(before), is_remote=True)
    return [Link(context, {"dagster.link": "retry_of"})]
