"""Tags of runs and definitions, without Dagster's own and without what looks like a secret."""

import re
from collections.abc import Mapping
from typing import Any

from .reading import compact, public, text

_NOT_THEIRS = (
    "dagster/",
    ".dagster/",
    "otel/",
    "dagster-k8s/",
    "dagster-celery-k8s/",
    "dagster-docker/",
    "ecs/",
)
"""Beginnings of tags that Dagster, its launchers (whole configurations) or otel-bridge-dagster keep in a run."""
_SECRET = re.compile(
    r"pass(word|wd|phrase)?\b|pwd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|\bauth(?!or)"
    r"|signature|connection[_-]?string|\bdsn\b",
    re.IGNORECASE,
)
KINDS = "dagster/kind/"


def looks_secret(name: object) -> bool:
    """Whether a name says that its value is nobody's business.

    >>> looks_secret("db_password"), looks_secret("API-KEY"), looks_secret("author"), looks_secret("passenger")
    (True, True, False, False)
    """
    return bool(_SECRET.search(str(name).replace("_", "-")) or _SECRET.search(str(name)))


def of_user(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """The tags that people gave."""
    return {
        str(name): public(text(value) or "")
        for name, value in (tags or {}).items()
        if not str(name).startswith(_NOT_THEIRS) and not looks_secret(name)
    }


def launched_by(tags: Mapping[str, str]) -> dict[str, Any]:
    """What started a run, from its tags."""
    automation = any(
        tags.get(name) == "true"
        for name in ("dagster/auto_materialize", "dagster/from_automation_condition", "dagster/auto_observe")
    )
    return compact(
        {
            "schedule": tags.get("dagster/schedule_name"),
            "sensor": tags.get("dagster/sensor_name"),
            "automation": True if automation else None,
            "user": tags.get("user") or tags.get("dagster/reporting_user"),
            "backfill_id": tags.get("dagster/backfill"),
        }
    )


def kinds(tags: Mapping[str, Any] | None) -> list[str]:
    """Kinds of an asset, which Dagster keeps as tags."""
    return sorted(name.removeprefix(KINDS) for name in tags or {} if name.startswith(KINDS))
