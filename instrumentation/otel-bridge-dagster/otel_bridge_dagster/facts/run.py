"""What is known of a run: where it comes from, what started it, how it ended."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from otel_bridge_dagster import __version__
from otel_bridge_dagster import attributes as names
from otel_bridge_dagster.errors import of_event, of_exception

from . import layers, partitions, tags
from .reading import Reading, compact, key_of, part, public, text
from .told import STEP_ENDINGS, RunTold

Attributes = dict[str, Any]

STEP_STATES = STEP_ENDINGS
RUN_STATES = {"PIPELINE_SUCCESS": "success", "PIPELINE_FAILURE": "failure", "PIPELINE_CANCELED": "canceled"}
_RUNS_AT_MOST = 16
_shared: dict[str, Reading] = {}
INTERRUPTIONS = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt", "GeneratorExit"})


def start(context: Any) -> Attributes:
    """Attributes of a run that starts."""
    reading = Reading()
    _started(reading, context)
    return done(reading)


def end(context: Any, told: RunTold, error: BaseException | None) -> Attributes:
    """Attributes of a run that has ended."""
    reading = Reading()
    _started(reading, context)
    reading.add(names.RESULT, _result, reading, context, told, error)
    return done(reading)


def done(reading: Reading) -> Attributes:
    """The attributes, with what could not be read."""
    reading.add(names.UNREAD, lambda: reading.unread)
    return reading.attributes


def planned(context: Any) -> list[Any]:
    """Keys of the assets that the run's plan makes, in its order."""
    plan = context.execution_plan
    selected = run_of(context).asset_selection
    keys = [
        output.properties.asset_key
        for key in plan.step_keys_to_execute
        for output in plan.get_step_by_key(key).step_outputs
        if output.properties.asset_key is not None and _makes(output.properties)
    ]
    return [key for key in dict.fromkeys(keys) if not selected or key in selected]


def shared(reading: Reading, dagster_run: Any) -> None:
    """What every span of a run repeats; read once a run."""
    run_id = str(part(dagster_run, "run_id"))
    known = _shared.get(run_id)
    if known is None:
        known = _read(dagster_run)
        while len(_shared) >= _RUNS_AT_MOST:
            _shared.pop(next(iter(_shared)), None)
        _shared[run_id] = known
    reading.attributes.update(known.attributes)
    reading.unread.update(known.unread)


def _read(dagster_run: Any) -> Reading:
    reading = Reading({names.CONVENTION: names.TABLE_VERSION, names.PLUGIN_VERSION: __version__})
    reading.add(names.RUN_ID, lambda: text(dagster_run.run_id))
    reading.add(names.JOB_NAME, lambda: text(dagster_run.job_name))
    reading.add(names.CODE_LOCATION, code_location, dagster_run)
    reading.add(names.REPOSITORY, repository, dagster_run)
    reading.add(names.DEPLOYMENT, deployment)
    reading.add(names.VERSION, _version)
    reading.add(names.RUN_URL, run_url, dagster_run)
    reading.add(names.BACKFILL, backfill, dagster_run)
    return reading


def code_location(dagster_run: Any) -> str | None:
    """Name of the code location; None for a run that no deployment launched, such as that of `materialize`."""
    given = os.environ.get("OTEL_BRIDGE_DAGSTER_CODE_LOCATION", "").strip()
    return (
        given
        or text(part(_origin(dagster_run), "code_location_origin.location_name"))
        or _labelled(dagster_run, 1)
    )


def repository(dagster_run: Any) -> str | None:
    """Name of the repository in it."""
    return text(part(_origin(dagster_run), "repository_name")) or _labelled(dagster_run, 0)


def deployment() -> str:
    """Name of the deployment."""
    given = (
        os.environ.get(name, "").strip()
        for name in ("OTEL_BRIDGE_DAGSTER_DEPLOYMENT", "DAGSTER_CLOUD_DEPLOYMENT_NAME")
    )
    return next(filter(None, given), "default")


def run_url(dagster_run: Any) -> str | None:
    """The run's page, if it is known where the web server is."""
    base = os.environ.get("OTEL_BRIDGE_DAGSTER_URL", "").strip().rstrip("/")
    return f"{base}/runs/{dagster_run.run_id}" if base else None


def backfill(dagster_run: Any) -> dict[str, Any]:
    """The backfill that it belongs to."""
    return compact({"id": dagster_run.tags.get("dagster/backfill")})


def run_of(context: Any) -> Any:
    """The DagsterRun of a context, or itself."""
    return part(context, "dagster_run") or context


def _started(reading: Reading, context: Any) -> None:
    run = run_of(context)
    shared(reading, run)
    reading.attributes[names.KIND] = names.KIND_RUN
    reading.add(names.RUN_TAGS, lambda: tags.of_user(run.tags))
    reading.add(names.LAUNCHED_BY, lambda: tags.launched_by(run.tags))
    reading.add(names.RETRY_OF, _retry_of, run)
    if run is not context:
        reading.add(names.PARTITIONS, _partitions, context, run)
    else:
        reading.add(names.PARTITIONS, partitions.of_tags, None, run.tags)


def _makes(properties: Any) -> bool:
    """Whether the output is an asset that is made, as far as the release of Dagster says so."""
    kind = text(part(properties, "asset_execution_type"))
    return kind in (None, "MATERIALIZATION")


def _partitions(context: Any, run: Any) -> dict[str, Any]:
    return partitions.of_tags(_definition(context), run.tags)


def _definition(context: Any) -> Any:
    """The partitions definition of the job, or of the first partitioned asset of the plan."""
    find = part(context, "job.get_definition")
    job = find() if find is not None else None
    layer = part(job, "asset_layer")
    nodes = (layers.node_in(layer, key) for key in planned(context)) if layer is not None else ()
    return part(job, "partitions_def") or next((d for n in nodes if (d := part(n, "partitions_def"))), None)


def _result(reading: Reading, context: Any, told: RunTold, error: BaseException | None) -> dict[str, Any]:
    kind = text(part(told.ending, "event_type_value")) or ""
    interrupted = type(error).__name__ in INTERRUPTIONS
    status = RUN_STATES.get(kind) or ("canceled" if interrupted else "failure" if error else "success")
    plan = reading.read("planned assets", planned, context) or []
    missing = [key_of(key) for key in plan if key not in told.materialized]
    counts = _counts(told, len(plan))
    return compact(
        {
            "status": status,
            "message": _message(told, status, error),
            "counts": counts,
            "never_reached": missing,
        }
    )


def _counts(told: RunTold, planned_assets: int) -> dict[str, int]:
    states = list(told.steps.values())
    counts = {f"steps_{state}": states.count(state) for state in dict.fromkeys(states)}
    counts |= {"assets_planned": planned_assets, "assets_materialized": len(told.materialized), **told.checks}
    return {name: count for name, count in counts.items() if count}


def _message(told: RunTold, status: str, error: BaseException | None) -> str | None:
    return None if status == "success" else message([*told.failures[:1], told.ending], error)


def message(events: Iterable[Any], error: BaseException | None) -> str | None:
    """What went wrong, from the first event that tells it, else from the exception."""
    told = next((failure for event in events if (failure := of_event(event)) is not None), None)
    failure = told or of_exception(error)
    return public(failure.text) if failure is not None else None


def _retry_of(run: Any) -> dict[str, Any]:
    if not run.parent_run_id:
        return {}
    strategy = run.tags.get("dagster/retry_strategy")
    if not strategy and run.tags.get("dagster/is_resume_retry") == "true":
        strategy = "FROM_FAILURE"
    return compact({"run_id": run.parent_run_id, "root_run_id": run.root_run_id, "strategy": strategy})


def _origin(dagster_run: Any) -> Any:
    origin = part(dagster_run, "remote_job_origin") or part(dagster_run, "external_job_origin")
    return part(origin, "repository_origin")


def _labelled(dagster_run: Any, place: int) -> str | None:
    repository_name, mark, location = (
        part(dagster_run, "tags", {}).get(".dagster/repository", "").partition("@")
    )
    return (repository_name, location)[place] or None if mark else None


def _version() -> str | None:
    return text(part(sys.modules.get("dagster"), "__version__"))
