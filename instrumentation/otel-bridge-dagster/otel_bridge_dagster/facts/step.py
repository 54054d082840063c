"""What is known of an attempt of a step, and of each asset that it makes."""

import uuid
from typing import Any

from otel_bridge_dagster import attributes as names

from . import run as runs
from .reading import Reading, compact, key_of, part, text
from .told import StepTold

Attributes = dict[str, Any]


def step_start(context: Any) -> Attributes:
    """Attributes of a step that starts."""
    reading = Reading()
    _of_step(reading, context)
    reading.attributes[names.KIND] = names.KIND_STEP
    reading.add(names.RETRY_OF, retry_of, context)
    return done(reading)


def step_end(context: Any, told: StepTold, error: BaseException | None = None) -> Attributes:
    """Attributes of a step that has ended."""
    return step_start(context)


def asset_start(context: Any, asset_key: Any) -> Attributes:
    """Attributes of an asset that is about to be made."""
    reading = Reading()
    _of_step(reading, context)
    reading.attributes[names.KIND] = names.KIND_ASSET
    reading.add(names.ASSET, lambda: {"key": key_of(asset_key)})
    return done(reading)


def asset_end(context: Any, asset_key: Any, told: StepTold, error: BaseException | None = None) -> Attributes:
    """Attributes of an asset whose step has ended."""
    return asset_start(context, asset_key)


def assets_of(context: Any) -> list[Any]:
    """Keys of the assets that the step is to make, in the order of its outputs."""
    reading = Reading()
    return reading.read("assets", _assets_of, context) or []


def attempt(context: Any) -> int:
    """1 for the first attempt."""
    return int(context.previous_attempt_count) + 1


def retry_of(context: Any) -> dict[str, Any]:
    """The attempt before this one, with the id of its lineage run."""
    before = attempt(context) - 1
    if not before:
        return {}
    name = f"step:{context.step.key}:{before}"
    return {"attempt": before, "run_id": str(uuid.uuid5(uuid.UUID(context.run_id), name))}


def done(reading: Reading) -> Attributes:
    """The attributes, with what could not be read."""
    reading.add(names.UNREAD, lambda: reading.unread)
    return reading.attributes


def _of_step(reading: Reading, context: Any) -> None:
    runs.shared(reading, context.dagster_run)
    reading.add(names.STEP_KEY, lambda: text(context.step.key))
    reading.add(names.STEP_ATTEMPT, attempt, context)
    reading.add(names.OP_NAME, lambda: text(context.op_def.name))


def _assets_of(context: Any) -> list[Any]:
    layer = context.job_def.asset_layer
    selected = context.get_output_asset_keys()
    keys = [layer.get_asset_key_for_node_output(context.node_handle, o.name) for o in context.step.step_outputs]
    return [key for key in keys if key in selected and not part(layer.get(key), "is_observable", False)]
