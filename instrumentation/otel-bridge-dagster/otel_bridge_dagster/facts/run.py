"""What is known of a run: where it comes from, what started it, how it ended."""

import os
from collections.abc import Mapping
from typing import Any

from otel_bridge_dagster import __version__
from otel_bridge_dagster import attributes as names

from . import tags
from .reading import Reading, compact, part, text
from .told import RunTold

Attributes = dict[str, Any]


def start(context: Any) -> Attributes:
    """Attributes of a run that starts."""
    reading = Reading()
    _started(reading, context)
    return _done(reading)


def end(context: Any, told: RunTold | Mapping[str, Any], error: BaseException | None) -> Attributes:
    """Attributes of a run that has ended."""
    reading = Reading()
    _started(reading, context)
    return _done(reading)


def shared(reading: Reading, dagster_run: Any) -> None:
    """What every span of a run repeats."""
    said = reading.attributes
    said[names.CONVENTION] = names.TABLE_VERSION
    said[names.PLUGIN_VERSION] = __version__
    reading.add(names.RUN_ID, lambda: text(dagster_run.run_id))
    reading.add(names.JOB_NAME, lambda: text(dagster_run.job_name))
    reading.add(names.CODE_LOCATION, code_location, dagster_run)
    reading.add(names.REPOSITORY, repository, dagster_run)
    reading.add(names.DEPLOYMENT, deployment)
    reading.add(names.VERSION, _version)
    reading.add(names.RUN_URL, run_url, dagster_run)
    reading.add(names.BACKFILL, backfill, dagster_run)


def code_location(dagster_run: Any) -> str | None:
    """Name of the code location; None for a run that no deployment launched, such as that of `materialize`."""
    given = os.environ.get("OTEL_BRIDGE_DAGSTER_CODE_LOCATION", "").strip()
    return given or text(part(_origin(dagster_run), "code_location_origin.location_name")) or _labelled(dagster_run, 1)


def repository(dagster_run: Any) -> str | None:
    """Name of the repository in it."""
    return text(part(_origin(dagster_run), "repository_name")) or _labelled(dagster_run, 0)


def deployment() -> str:
    """Name of the deployment."""
    given = (os.environ.get(name, "").strip() for name in ("OTEL_BRIDGE_DAGSTER_DEPLOYMENT", "DAGSTER_CLOUD_DEPLOYMENT_NAME"))
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


def _done(reading: Reading) -> Attributes:
    reading.add(names.UNREAD, lambda: reading.unread)
    return reading.attributes


def _retry_of(run: Any) -> dict[str, Any]:
    if not run.parent_run_id:
        return {}
    strategy = run.tags.get("dagster/retry_strategy")
    if not strategy and run.tags.get("dagster/is_resume_retry") == "true":
        strategy = "FROM_FAILURE"
    return compact(
        {"run_id": run.parent_run_id, "root_run_id": run.root_run_id, "strategy": strategy}
    )


def _origin(dagster_run: Any) -> Any:
    origin = part(dagster_run, "remote_job_origin") or part(dagster_run, "external_job_origin")
    return part(origin, "repository_origin")


def _labelled(dagster_run: Any, place: int) -> str | None:
    repository_name, mark, location = part(dagster_run, "tags", {}).get(".dagster/repository", "").partition("@")
    return (repository_name, location)[place] or None if mark else None


def _version() -> str | None:
    import sys

    return text(part(sys.modules.get("dagster"), "__version__"))
