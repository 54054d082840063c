"""Names of Dagster's jobs. otel-bridge-dagster has the same rule in its own `jobs.py`; a test holds both together.

An asset's job is that of the asset, whichever job of Dagster made it.
"""

import re
from typing import Final

from otel_bridge.extract.dialects.dagster.facts import Kind, Told, written

INTEGRATION: Final = "DAGSTER"
TYPES: Final = {Kind.RUN: "JOB", Kind.STEP: "STEP", Kind.ASSET: "ASSET"}
_MAPPING: Final = re.compile(r"\[[^\]]*\]")


def name_of(told: Told) -> str:
    """The job's name; "" if too little is known of the run."""
    if told.kind is Kind.ASSET:
        return asset_name(told.code_location, written(told.asset.key))
    if told.kind is Kind.STEP:
        return step_name(told.code_location, told.job_name, told.step_key)
    return run_name(told.code_location, told.job_name)


def run_name(code_location: str, job_name: str) -> str:
    """Of a run.

    >>> run_name("shop", "nightly"), run_name("", "nightly")
    ('shop.nightly', 'nightly')
    """
    return _dotted(code_location, job_name) if job_name else ""


def step_name(code_location: str, job_name: str, step_key: str) -> str:
    """Of a step, the same for all mapping keys of a dynamic one.

    >>> step_name("shop", "nightly", "load[eu].write")
    'shop.nightly.load.write'
    """
    step = _MAPPING.sub("", step_key)
    return _dotted(code_location, job_name, step) if step else ""


def asset_name(code_location: str, asset: str) -> str:
    """Of an asset.

    >>> asset_name("shop", "raw/orders")
    'shop.raw/orders'
    """
    return _dotted(code_location, asset) if asset else ""


def backfill_name(code_location: str) -> str:
    """Of a backfill."""
    return _dotted(code_location, "backfill")


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)
