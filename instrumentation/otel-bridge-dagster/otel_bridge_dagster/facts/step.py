"""What is known of an attempt of a step, and of each asset that it makes."""

from collections.abc import Callable, Iterable
from typing import Any

from otel_bridge_dagster import attributes as names
from otel_bridge_dagster import ids

from . import asset, checks, layers, outputs, partitions, upstream
from . import run as runs
from .reading import Reading, compact, part, text
from .told import StepTold

Attributes = dict[str, Any]


def step_start(context: Any) -> Attributes:
    """Attributes of a step that starts."""
    return runs.done(_step(Reading(), context))


def step_end(context: Any, told: StepTold, error: BaseException | None) -> Attributes:
    """Attributes of a step that has ended."""
    reading = _step(Reading(unread=told.unread), context)
    made = assets_of(context)
    reading.add(names.INPUTS, _inputs_of_step, reading, context, told, made)
    reading.add(names.OUTPUTS, outputs.others, context, told, made)
    reading.add(names.CHECKS, _checks, told, None, made)
    reading.add(names.OBSERVATIONS, outputs.observed, context, told, None, made)
    reading.add(names.RESULT, _step_result, told, made, error)
    return runs.done(reading)


def asset_start(context: Any, asset_key: Any) -> Attributes:
    """Attributes of an asset that is about to be made."""
    return runs.done(_asset(Reading(), context, asset_key))


def asset_end(context: Any, asset_key: Any, told: StepTold, error: BaseException | None) -> Attributes:
    """Attributes of an asset whose step has ended."""
    reading = _asset(Reading(unread=told.unread), context, asset_key)
    reading.add(names.INPUTS, _inputs_of_asset, reading, context, asset_key, told)
    reading.add(names.OUTPUTS, lambda: [outputs.output(reading, context, asset_key, told)])
    reading.add(names.CHECKS, _checks, told, (asset_key,), ())
    reading.add(names.OBSERVATIONS, outputs.observed, context, told, (asset_key,))
    reading.add(names.RESULT, _asset_result, asset_key, told, error)
    return runs.done(reading)


def assets_of(context: Any) -> list[Any]:
    """Keys of the assets that the step is to make, in the order of its outputs."""
    return Reading().read("assets", layers.made_by, context) or []


def attempt(context: Any) -> int:
    """1 for the first attempt."""
    return int(context.previous_attempt_count) + 1


def _step(reading: Reading, context: Any) -> Reading:
    _of_step(reading, context)
    reading.attributes[names.KIND] = names.KIND_STEP
    reading.add(
        names.PARTITIONS, _partitions, context, lambda: part(layers.definition_of(context), "partitions_def")
    )
    reading.add(names.RETRY_OF, _retry_of, context)
    return reading


def _asset(reading: Reading, context: Any, asset_key: Any) -> Reading:
    _of_step(reading, context)
    reading.attributes[names.KIND] = names.KIND_ASSET
    reading.add(names.ASSET, asset.asset, context, asset_key)
    reading.add(
        names.PARTITIONS,
        _partitions,
        context,
        lambda: part(layers.node_of(context, asset_key), "partitions_def"),
    )
    return reading


def _of_step(reading: Reading, context: Any) -> None:
    runs.shared(reading, context.dagster_run)
    reading.add(names.STEP_KEY, lambda: text(context.step.key))
    reading.add(names.STEP_ATTEMPT, attempt, context)
    reading.add(names.OP_NAME, lambda: text(context.op_def.name))


def _partitions(context: Any, find: Callable[[], Any]) -> dict[str, Any]:
    """Those that the run is for, as the step's assets are partitioned; assets without partitions have none."""
    definition = find()
    return partitions.of_tags(definition, context.dagster_run.tags) if definition is not None else {}


def _retry_of(context: Any) -> dict[str, Any]:
    """The attempt before this one, with the id of its lineage run."""
    before = attempt(context) - 1
    if not before:
        return {}
    return {"attempt": before, "run_id": ids.step_run_id(context.run_id, context.step.key, before)}


def _inputs_of_asset(reading: Reading, context: Any, asset_key: Any, told: StepTold) -> list[dict[str, Any]]:
    found = upstream.inputs(reading, context, asset_key, told)
    if len(assets_of(context)) == 1:
        # all that a step of one asset loads is for that asset
        found += [load.dataset for load in told.loads if load.asset_key is None and not load.is_passing]
    return found


def _inputs_of_step(reading: Reading, context: Any, told: StepTold, made: list[Any]) -> list[dict[str, Any]]:
    """What was loaded for none of the step's assets; of a step of checks what they are about."""
    theirs = {key for own in made for key in part(layers.node_of(context, own), "parent_keys") or ()}
    keys = dict.fromkeys(load.asset_key for load in told.loads if load.asset_key not in theirs)
    checked = dict.fromkeys(check.asset_key for check in told.checks if check.asset_key not in made)
    found = [upstream.one(context, key, told) for key in keys | checked if key is not None]
    if len(made) != 1:
        found += [load.dataset for load in told.loads if load.asset_key is None and not load.is_passing]
    return found


def _checks(told: StepTold, of: Iterable[Any] | None, without: Iterable[Any]) -> list[dict[str, Any]]:
    left_out = frozenset(without)
    wanted = None if of is None else frozenset(of)
    return [
        checks.check(evaluation)
        for evaluation in told.checks
        if evaluation.asset_key not in left_out and (wanted is None or evaluation.asset_key in wanted)
    ]  # fmt: skip


def _step_result(told: StepTold, made: list[Any], error: BaseException | None) -> dict[str, Any]:
    done = {m.asset_key for m in told.materializations}
    status = _status(told, error)
    missing = [list(key.path) for key in made if key not in done] if status != "success" else []
    counts = {
        "materialized": len(done),
        "observed": len({o.asset_key for o in told.observations}),
        "checks_passed": sum(bool(check.passed) for check in told.checks),
        "checks_failed": sum(not check.passed for check in told.checks),
    }
    counts = {name: count for name, count in counts.items() if count}
    return compact(
        {
            "status": status,
            "message": runs.message([told.ending], error),
            "counts": counts,
            "never_reached": missing,
        }
    )


def _asset_result(asset_key: Any, told: StepTold, error: BaseException | None) -> dict[str, Any]:
    if any(m.asset_key == asset_key for m in told.materializations):
        return {"status": "success"}
    status = _status(told, error)
    # an output that is not required may be left out
    return compact(
        {
            "status": "skipped" if status == "success" else status,
            "message": runs.message([told.ending], error),
        }
    )


def _status(told: StepTold, error: BaseException | None) -> str:
    kind = text(part(told.ending, "event_type_value"))
    if kind in runs.STEP_STATES:
        return runs.STEP_STATES[kind]
    if error is None:
        return "success"
    return "canceled" if type(error).__name__ in runs.INTERRUPTIONS else "failure"
