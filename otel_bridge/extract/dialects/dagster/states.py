"""How Dagster's results become states."""

from typing import Final

from otel_bridge.extract.dialects.dagster.facts import Result, Told
from otel_bridge.model import ErrorDetail, State

STATES: Final = {
    "success": State.COMPLETE,
    "failure": State.FAIL,
    "up_for_retry": State.FAIL,
    "skipped": State.SKIP,
    "canceled": State.ABORT,
}
"""By the result's status. Of an attempt that is tried again the run has failed; the next attempt is another one."""


def state_of(told: Told) -> State | None:
    """The state that the result says; None if there is no result, or none that is known."""
    return STATES.get(told.result.status.lower()) if told.result else None


def error_of(result: Result | None, state: State, found: ErrorDetail | None) -> ErrorDetail | None:
    """The exception that the span recorded; without its stack, Dagster's message is the better one."""
    if state is not State.FAIL or result is None or not result.message or (found and found.stack_trace):
        return found
    return ErrorDetail(result.message, "python")
