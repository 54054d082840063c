"""What goes wrong: retries, failures and what they leave undone, checks that fail, steps that die."""

import os
import signal
import time
from pathlib import Path

import pandas as pd
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    Output,
    RetryPolicy,
    asset,
    asset_check,
)


@asset(retry_policy=RetryPolicy(max_retries=2))
def flaky(context: AssetExecutionContext) -> pd.DataFrame:
    """Succeeds at the second attempt."""
    if context.retry_number == 0:
        raise ConnectionError("the warehouse is asleep")
    return pd.DataFrame({"id": [1]})


@asset
def broken(flaky: pd.DataFrame) -> pd.DataFrame:
    """Never succeeds."""
    try:
        return flaky[["nothing"]]
    except KeyError as error:
        raise ValueError("there is no column nothing") from error


@asset
def after_broken(broken: pd.DataFrame) -> pd.DataFrame:
    """Is never reached."""
    return broken


@asset(check_specs=[AssetCheckSpec("whole", asset="halves", blocking=True)])
def halves():
    """Fails a check that blocks."""
    yield Output(pd.DataFrame({"part": [1, 2]}))
    yield AssetCheckResult(
        check_name="whole", passed=False, metadata={"missing": 1}, description="two halves"
    )


@asset
def after_halves(halves: pd.DataFrame) -> pd.DataFrame:
    """Is blocked."""
    return halves


@asset_check(asset="flaky")
def raises() -> AssetCheckResult:
    """Raises instead of a result."""
    raise RuntimeError("can't look")


@asset
def killed(flaky: pd.DataFrame) -> pd.DataFrame:
    """Its process dies; only with an executor that gives it one of its own."""
    os.kill(os.getpid(), signal.SIGKILL)
    return flaky


@asset
def slow() -> pd.DataFrame:
    """Waits for a file, for tests that meanwhile do something to it."""
    Path(os.environ["SLOW_STARTED"]).touch()
    while not Path(os.environ["SLOW_ENDS"]).exists():
        time.sleep(0.05)
    return pd.DataFrame({"id": [1]})


ASSETS = [flaky, broken, after_broken, halves, after_halves, killed, slow]
CHECKS = [raises]
JOBS = {
    "trouble": ["flaky", "broken", "after_broken"],
    "blocked": ["halves", "after_halves"],
    "deadly": ["flaky", "killed"],
    "slow_job": ["slow"],
}
