"""What Dagster's own objects say about runs, steps and assets, as attributes of convention/dagster.yaml.

Pure readers: nothing here changes Dagster's objects, asks its storage for anything or imports it; no dataset is named.
Values are plain (maps, lists, scalars). No function raises: what could not be read is told in `dagster.unread`.
"""

from collections.abc import Callable
from typing import Any

from otel_bridge_dagster import attributes as names

from . import run as runs
from . import step as steps
from .access import output_context
from .reading import Reading
from .told import RunTold, StepTold

__all__ = [
    "RunTold", "StepTold", "asset_end", "asset_start", "assets_of", "output_context", "run_end", "run_start", "step_end", "step_start",
]  # fmt: skip

Attributes = dict[str, Any]


def run_start(job_context: Any) -> Attributes:
    """What is known of a run when it starts; takes any context of Dagster that has a `dagster_run`, or a DagsterRun."""
    return _told("run", runs.start, job_context)


def run_end(job_context: Any, told: RunTold, error: BaseException | None = None) -> Attributes:
    """The whole of what is known when it is over: what it started with, and the result."""
    return _told("run", runs.end, job_context, told, error)


def step_start(step_context: Any) -> Attributes:
    """What is known of an attempt of a step before it works."""
    return _told("step", steps.step_start, step_context)


def step_end(step_context: Any, told: StepTold, error: BaseException | None = None) -> Attributes:
    """The whole of what is known once it has ended, without what belongs to its assets."""
    return _told("step", steps.step_end, step_context, told, error)


def assets_of(step_context: Any) -> list[Any]:
    """Keys of the assets that the step is to make; none of those that it only observes or checks."""
    return steps.assets_of(step_context)


def asset_start(step_context: Any, asset_key: Any) -> Attributes:
    """What is known of an asset before it is made."""
    return _told("asset", steps.asset_start, step_context, asset_key)


def asset_end(
    step_context: Any, asset_key: Any, told: StepTold, error: BaseException | None = None
) -> Attributes:
    """The whole of what is known of it once the step has ended."""
    return _told("asset", steps.asset_end, step_context, asset_key, told, error)


def _told(what: str, reader: Callable[..., Attributes], *arguments: Any) -> Attributes:
    reading = Reading()
    told = reading.read(what, reader, *arguments)
    return {names.UNREAD: reading.unread} if told is None else told
