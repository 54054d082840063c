"""Run ids of Airflow's DAG runs and task attempts: of the span, or as Airflow's OpenLineage provider derives them.

The provider (2.20) makes a UUIDv7 of the logical date, or of the time that the run was due after where there is none,
and a SHA-1 of namespace, names, attempt and map index. Spans of tasks do not carry that time; the DAG run's id has
the time that it was due after (`scheduled__2026-11-23T00:00:00+00:00`).
"""

import re
import uuid
from datetime import UTC, datetime
from hashlib import sha1
from typing import Final

from otel_bridge.model import run_id_of
from otel_bridge.model.ids import RUN_NAMESPACE

_IN_RUN_ID: Final = re.compile(r"[a-z_]+__(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d)(?:_.+)?")
_TIMESTAMP_BITS, _VERSION, _VARIANT = 0xFFFFFFFFFFFF << 80, 7 << 76, 2 << 62
_VERSION_BITS, _VARIANT_BITS = 0xF << 76, 3 << 62


def of_attempt(trace_id: str, span_id: str, attempt: int) -> str:
    """The run id of one attempt of a task, whose attempts all have one span id.

    >>> of_attempt("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1)
    '08fdccf0-76de-5964-9a30-e617f99be514'
    """
    if attempt <= 1:
        return run_id_of(trace_id, span_id)
    return str(uuid.uuid5(RUN_NAMESPACE, f"{trace_id}:{span_id}:{attempt}"))


def provider_dag_run(namespace: str, dag_id: str, due: datetime) -> str:
    """The provider's run id of a DAG run that was never cleared."""
    return _static(due, f"{namespace}.{dag_id}.0")


def provider_attempt(
    namespace: str, dag_id: str, task_id: str, attempt: int, map_index: int, due: datetime
) -> str:
    """The provider's run id of one attempt of a task."""
    return _static(due, f"{namespace}.{dag_id}.{task_id}.{attempt}.{map_index}")


def due_of(run_id: str) -> datetime | None:
    """The time in Airflow's own id of a DAG run; None in one that a user chose.

    >>> due_of("asset_triggered__2026-11-23T04:30:00+00:00_x7Ab9Kq2").hour
    4
    >>> due_of("backfill of March") is None
    True
    """
    found = _IN_RUN_ID.fullmatch(run_id)
    try:
        return datetime.fromisoformat(found[1]).astimezone(UTC) if found else None
    except (ValueError, OverflowError):
        return None


def _static(at: datetime, data: str) -> str:
    """UUIDv7 with the hash in place of what is random."""
    moment = at.astimezone(UTC)
    digest = sha1(moment.isoformat().encode() + data.encode(), usedforsecurity=False).digest()
    value = (int(moment.timestamp() * 1000) << 80) & _TIMESTAMP_BITS | int.from_bytes(digest) >> 84
    return str(uuid.UUID(int=value & ~_VERSION_BITS & ~_VARIANT_BITS | _VERSION | _VARIANT))
