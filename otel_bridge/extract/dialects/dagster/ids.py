"""Ids of Dagster's runs, steps and assets, from Dagster's run id. otel-bridge-dagster has the same rules; a test holds both together."""

import hashlib
import uuid
from typing import Final

from otel_bridge.model.ids import RUN_NAMESPACE

FOREIGN: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:otel-bridge:dagster:run")
"""Namespace of ids for runs whose own is no UUID."""
_ATTEMPTS: Final = 20
"""Attempts among which a span's is looked for."""


def run_of(run_id: str) -> str:
    """The lineage run of a Dagster run: the same id, or one that follows from it where it is no UUID.

    >>> run_of("0F5C2B9E-7A63-4C0C-9E0B-0C4C2E9E6A11")
    '0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11'
    """
    return str(_uuid(run_id))


def step_run(run_id: str, step_key: str, attempt: int) -> str:
    """The lineage run of an attempt of a step."""
    return str(uuid.uuid5(_uuid(run_id), f"step:{step_key}:{attempt}"))


def asset_run(run_id: str, step_key: str, asset: str, attempt: int) -> str:
    """The lineage run of an asset that an attempt of a step makes."""
    return str(uuid.uuid5(_uuid(run_id), f"asset:{step_key}:{asset}:{attempt}"))


def backfill_run(backfill_id: str) -> str:
    """The run above all runs of a backfill."""
    return str(uuid.uuid5(RUN_NAMESPACE, f"dagster:backfill:{backfill_id}"))


def trace_id(run_id: str) -> str:
    """The trace of a run that has no parent outside Dagster."""
    hashed = hashlib.sha256(f"otel-bridge:trace:{run_id}".encode()).digest()
    return (_uuid(run_id).bytes[:8] + hashed[:8]).hex()


def run_span(run_id: str) -> str:
    """The span of a run."""
    return _span(f"run:{run_id}")


def step_span(run_id: str, step_key: str, attempt: int) -> str:
    """The span of an attempt of a step."""
    return _span(f"step:{run_id}:{step_key}:{attempt}")


def asset_span(run_id: str, step_key: str, asset: str, attempt: int) -> str:
    """The span of an asset."""
    return _span(f"asset:{run_id}:{step_key}:{asset}:{attempt}")


def attempt_of(span_id: str, run_id: str, step_key: str, asset: str) -> int | None:
    """The attempt whose asset or step span this is; None if it is neither's."""
    for attempt in range(1, _ATTEMPTS + 1):
        if span_id in (
            asset_span(run_id, step_key, asset, attempt),
            step_span(run_id, step_key, attempt),
        ):
            return attempt
    return None


def _span(text: str) -> str:
    return hashlib.sha256(text.encode()).digest()[:8].hex()


def _uuid(run_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(run_id)
    except ValueError:
        return uuid.uuid5(FOREIGN, run_id)
