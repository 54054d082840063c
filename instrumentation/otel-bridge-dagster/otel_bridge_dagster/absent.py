"""Steps that are told by a process that does not execute them: killed ones, skipped ones, those that were never reached."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from otel_bridge_dagster import assets, facts, steps
from otel_bridge_dagster import attributes as names
from otel_bridge_dagster.errors import Failure
from otel_bridge_dagster.facts.told import StepTold

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Absent:
    """An attempt of a step, with the assets that it was to make; `started_ns` is None if it never began."""

    dagster_run: Any
    step_key: str
    attempt: int = 1
    assets: tuple[Any, ...] = ()
    started_ns: int | None = None
    job_def: Any = None
    """The job's definition, where it is at hand: with it, an asset that failed has its upstream assets."""

    @guarded("telling a step that was killed", fallback=None)
    def fail(self, failure: Failure, status: str, made: Iterable[Any] = ()) -> None:
        """It ended without a word; what it had made by then is made."""
        result = {"status": status, "message": failure.text}
        step = self._start(result)
        made = set(made)
        for key in self.assets:
            asset = self._asset(step, key, {"status": "success"} if key in made else result)
            if key not in made:
                failure.tell(asset)
            asset.end()
        failure.tell(step)
        step.end()

    @guarded("telling a step that was skipped", fallback=None)
    def skip(self, why: str) -> None:
        """Nothing was done."""
        result = {"status": "skipped", "message": why}
        step = self._start(result)
        for key in self.assets:
            asset = self._asset(step, key, result)
            asset.set_state("SKIP")
            asset.end()
        step.set_state("SKIP")
        step.end()

    def _start(self, result: Attributes) -> LineageRun:
        told = {**_known(facts.step_start(self._view())), names.RESULT: result}
        return steps.start(self.dagster_run, self.step_key, self.attempt, told, self.started_ns)

    def _asset(self, step: LineageRun, key: Any, result: Attributes) -> LineageRun:
        view = self._view()
        read = (
            facts.asset_start(view, key) if self.job_def is None else facts.asset_end(view, key, StepTold())
        )
        told = {**_known(read), names.RESULT: result}
        return assets.start(
            self.dagster_run, step, self.step_key, self.attempt, key, told, start_ns=self.started_ns
        )

    def _view(self) -> Any:
        """What the facts ask of a step's context, as far as it is known without one."""
        run = self.dagster_run
        return SimpleNamespace(
            dagster_run=run,
            run_id=run.run_id,
            job_name=run.job_name,
            step=SimpleNamespace(key=self.step_key, step_outputs=()),
            previous_attempt_count=self.attempt - 1,
            **({} if self.job_def is None else {"job_def": self.job_def}),
        )


def assets_of(step: Any, dagster_run: Any) -> tuple[Any, ...]:
    """What a step of a plan is to make."""
    made = (output.properties for output in step.step_outputs)
    keys = (it.asset_key for it in made if it.asset_key is not None and _is_made(it))
    selected = dagster_run.asset_selection
    return tuple(dict.fromkeys(key for key in keys if not selected or key in selected))


def _is_made(properties: Any) -> bool:
    kind = getattr(getattr(properties, "asset_execution_type", None), "name", "MATERIALIZATION")
    return bool(properties.is_asset) and kind == "MATERIALIZATION"


def _known(told: Attributes) -> Attributes:
    """Without what could not be read: that there is no context is no trouble."""
    told.pop(names.UNREAD, None)
    return told
