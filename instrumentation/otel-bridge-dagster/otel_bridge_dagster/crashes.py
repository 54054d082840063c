"""Ends that the process which worked cannot tell any more: a killed step is told by the process that waited for it, a
killed run worker by whichever process makes Dagster note that its run is over (daemon, web server, agent).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from otel_bridge_dagster import attributes as names
from otel_bridge_dagster import errors, facts, parents, runs, settings
from otel_bridge_dagster.absent import Absent, assets_of
from otel_bridge_dagster.errors import Failure

ENDINGS = frozenset({runs.FAILURE, runs.CANCELED})
STEP_ENDINGS = frozenset({"STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"})
RESULTS = {runs.FAILURE: "failure", runs.CANCELED: "canceled"}


def around_crash(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around what an executor makes of a step whose process is gone: a failure, or another attempt."""
    event = wrapped(*args, **kwargs)
    _crashed(event, *args, **kwargs)
    return event


@guarded("telling a step that was killed", fallback=None)
def _crashed(event: Any, step_context: Any, err_info: Any, known_state: Any) -> None:
    if not settings.enabled():
        return
    dagster_run, step = step_context.dagster_run, step_context.step
    attempt = known_state.get_retry_state().get_attempt_count(step.key) + 1
    run = runs.open_run(dagster_run.run_id)
    absent = Absent(
        dagster_run, step.key, attempt, assets_of(step, dagster_run),
        None if run is None else run.started_ns.get(step.key), _job_of(step_context),
    )  # fmt: skip
    failure = errors.of_info(err_info) or Failure("Error", "the process of the step is gone")
    if not failure.message and run is not None:
        failure = replace(failure, message=run.explained.get(step.key, ""))
    status = "up_for_retry" if event.event_type_value == "STEP_UP_FOR_RETRY" else "failure"
    absent.fail(failure, status, () if run is None else run.seen.materialized)


@guarded("reading a job's definition", fallback=None)
def _job_of(step_context: Any) -> Any:
    return step_context.job.get_definition()


def around_event(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the place where every event of Dagster is stored, in whatever process it comes up."""
    result = wrapped(*args, **kwargs)
    _noted(instance, *args, **kwargs)
    return result


@guarded("looking at an event", fallback=None)
def _noted(instance: Any, event: Any, **rest: Any) -> None:
    told = event.dagster_event
    if told is None or told.event_type_value not in ENDINGS or parents.is_open(event.run_id):
        return
    if settings.enabled():
        _over(instance, told, event.run_id)


@guarded("telling a run whose worker is gone", fallback=None)
def _over(instance: Any, ending: Any, run_id: str) -> None:
    record = _instance(instance).get_run_record_by_id(run_id)
    if record is None:
        return
    dagster_run, started = record.dagster_run, record.start_time
    told = facts.run_start(dagster_run)
    told[names.RESULT] = {"status": RESULTS[ending.event_type_value], "message": str(ending.message or "")}
    run = runs.start(dagster_run, told, start_ns=None if not started else int(started * 1e9))
    try:
        if started:
            _open_steps(instance, dagster_run, run, ending)
        runs.judge(run, ending)
    finally:
        run.end()


@guarded("telling the steps of a run whose worker is gone", fallback=None)
def _open_steps(instance: Any, dagster_run: Any, run: LineageRun, ending: Any) -> None:
    parents.opened(dagster_run.run_id, run)
    try:
        canceled = ending.event_type_value == runs.CANCELED
        why = str(ending.message or "the run is over")
        failure = Failure("DagsterExecutionInterruptedError" if canceled else "RunWorkerGone", why)
        for step, made in _unended(instance, dagster_run):
            step.fail(failure, RESULTS[ending.event_type_value], made)
    finally:
        parents.closed(dagster_run.run_id)


@dataclass
class _Log:
    """What the event log says of a step."""

    attempt: int = 1
    started_ns: int | None = None
    planned: list[Any] = field(default_factory=list)
    made: set[Any] = field(default_factory=set)

    def note(self, kind: str, data: Any, at: float) -> None:
        if kind == "ASSET_MATERIALIZATION_PLANNED":
            self.planned.append(data.asset_key)
        elif kind == "ASSET_MATERIALIZATION":
            self.made.add(data.materialization.asset_key)
        elif kind in {"STEP_START", "STEP_RESTARTED"}:
            self.started_ns = int(at * 1e9)
        elif kind == "STEP_UP_FOR_RETRY":
            self.attempt, self.started_ns = self.attempt + 1, None
        elif kind in STEP_ENDINGS:
            self.started_ns = None


def _unended(instance: Any, dagster_run: Any) -> Iterable[tuple[Absent, set[Any]]]:
    """The steps that began and did not end, as far as Dagster has heard of it."""
    steps: dict[str, _Log] = {}
    for entry in _instance(instance).all_logs(dagster_run.run_id):
        told = entry.dagster_event
        if told is not None and told.step_key:
            log = steps.setdefault(told.step_key, _Log())
            log.note(told.event_type_value, told.event_specific_data, entry.timestamp)
    for key, log in steps.items():
        if log.started_ns is not None:
            yield Absent(dagster_run, key, log.attempt, tuple(log.planned), log.started_ns), log.made


def _instance(instance: Any) -> Any:
    """The DagsterInstance: newer Dagster stores events in a part of it."""
    return getattr(instance, "_instance", instance)


def unreached(job_context: Any, seen: Any, started: Iterable[str]) -> Iterable[tuple[Absent, str]]:
    """The steps of a plan that Dagster skipped, or never came to, with the reason."""
    began = set(started)
    for step in job_context.execution_plan.get_steps_to_execute_in_topo_order():
        skipped = seen.steps.get(step.key) == "skipped"
        if skipped or not (step.key in began or step.key in seen.steps):
            absent = Absent(
                job_context.dagster_run, step.key, 1, assets_of(step, job_context.dagster_run), time.time_ns()
            )
            yield absent, "skipped by Dagster" if skipped else "never reached"
