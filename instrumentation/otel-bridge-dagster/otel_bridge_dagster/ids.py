"""Ids that follow from Dagster's: every process that knows a run tells it under the same ids, without being told them.

The bridge has the same rules in its dialect; a test holds both together. A trace id is not the run's id itself: the
version and variant bits of a UUID would sit where ratio samplers look for randomness.
"""

import uuid
from hashlib import sha256

FOREIGN = uuid.uuid5(uuid.NAMESPACE_URL, "urn:otel-bridge:dagster:run")


def run_uuid(run_id: str) -> uuid.UUID:
    """Dagster's id of a run, or one that follows from it where it is no UUID."""
    try:
        return uuid.UUID(run_id)
    except ValueError:
        return uuid.uuid5(FOREIGN, run_id)


def trace_id(run_id: str) -> int:
    """Of the trace of a run: begins like the run's id.

    >>> f"{trace_id('a1b2c3d4-0000-4000-8000-000000000001'):032x}"[:16]
    'a1b2c3d400004000'
    """
    hashed = sha256(f"otel-bridge:trace:{run_id}".encode()).digest()[:8]
    return int.from_bytes(run_uuid(run_id).bytes[:8] + hashed, "big") or 1


def run_span_id(run_id: str) -> int:
    """Of the run."""
    return _span_id(f"run:{run_id}")


def step_span_id(run_id: str, step_key: str, attempt: int) -> int:
    """Of an attempt of a step; the first attempt is 1."""
    return _span_id(f"step:{run_id}:{step_key}:{attempt}")


def asset_span_id(run_id: str, step_key: str, asset: str, attempt: int) -> int:
    """Of an asset that the attempt makes, by its key joined with slashes."""
    return _span_id(f"asset:{run_id}:{step_key}:{asset}:{attempt}")


def step_run_id(run_id: str, step_key: str, attempt: int) -> str:
    """The lineage run of an attempt of a step."""
    return str(uuid.uuid5(run_uuid(run_id), f"step:{step_key}:{attempt}"))


def asset_run_id(run_id: str, step_key: str, asset: str, attempt: int) -> str:
    """The lineage run of an asset that the attempt makes."""
    return str(uuid.uuid5(run_uuid(run_id), f"asset:{step_key}:{asset}:{attempt}"))


def _span_id(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") or 1
