"""Jobs without assets: ops, dynamic ones, and a program outside."""

import sys
from pathlib import Path

from dagster import (
    DynamicOut,
    DynamicOutput,
    In,
    Nothing,
    OpExecutionContext,
    Out,
    PipesSubprocessClient,
    RetryPolicy,
    RetryRequested,
    fs_io_manager,
    job,
    op,
)

from everything.places import FOLDER

OUTSIDE = Path(__file__).with_name("outside.py")


@op(out=DynamicOut(int))
def numbers():
    """Three of them."""
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def square(number: int) -> int:
    """Of one number."""
    return number * number


@op
def total(squares: list[int]) -> int:
    """Of all of them."""
    return sum(squares)


@op(retry_policy=RetryPolicy(max_retries=1), tags={"team": "shop"})
def checked(context: OpExecutionContext, number: int) -> int:
    """Asks to be tried again once."""
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1) from ValueError(f"{number} is suspicious")
    return number


@op(ins={"after": In(Nothing)})
def fails() -> None:
    """Always, for a run that fails without assets."""
    raise LookupError("nobody is there")


@op(out=Out(Nothing))
def outside(context: OpExecutionContext, pipes: PipesSubprocessClient):
    """A program of its own, which Pipes starts."""
    command = [sys.executable, str(OUTSIDE)]
    yield from pipes.run(command=command, context=context, cwd=str(FOLDER)).get_results()


FILES = {"io_manager": fs_io_manager}


@job(resource_defs=FILES, tags={"priority": "high"})
def arithmetic():
    """Ops that give each other values."""
    checked(total(numbers().map(square).collect()))


@job(resource_defs=FILES | {"pipes": PipesSubprocessClient()})
def through_pipes():
    """A program outside, and an op that fails after it."""
    fails(outside())


JOBS = [arithmetic, through_pipes]
