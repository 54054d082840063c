"""How dbt's results become states, and which commands move data at all."""

import re
from typing import Final

from otel_bridge.extract.dialects.dbt.facts import Kind, Result, Told
from otel_bridge.model import State

STATES: Final = {
    "success": State.COMPLETE,
    "pass": State.COMPLETE,
    "warn": State.COMPLETE,
    "no-op": State.COMPLETE,
    "reused": State.COMPLETE,
    "error": State.FAIL,
    "fail": State.FAIL,
    "runtime error": State.FAIL,
    "partial success": State.FAIL,
    "skipped": State.SKIP,
    "interrupted": State.ABORT,
}
"""By dbt's status. A test that warns did run to its end."""

MOVING: Final = frozenset(
    {
        "build",
        "run",
        "test",
        "seed",
        "snapshot",
        "clone",
        "run-operation",
        "source freshness",
        "freshness",
        "retry",
    }
)
"""Commands that move data or test it; the runs of all others are none."""

_ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

NO_RUNS: Final = frozenset(
    {
        "exposure",
        "metric",
        "saved_query",
        "semantic_model",
        "macro",
        "docs_macro",
        "group",
        "analysis",
        "sql_operation",
    }
)
"""Types of nodes that dbt counts as executed, though nothing happens."""


def state_of(told: Told) -> State | None:
    """The state that dbt's result says; None if there is no result, or none that is known."""
    return STATES.get(told.result.status.lower()) if told.result else None


def reason_of(result: Result) -> str:
    """Why it failed: dbt's message, or what the result itself tells.

    >>> reason_of(Result(status="error", counts={"success": 3, "error": 1, "fail": 2}))
    '1 error, 2 fail, 3 success'
    """
    message = plain(result.message or result.exception)
    if result.batches is not None and result.batches.failed:
        total = result.batches.successful + result.batches.failed
        return f"{result.batches.failed} of {total} batches failed" + (f": {message}" if message else "")
    return message or _told_otherwise(result)


def _told_otherwise(result: Result) -> str:
    """What stands for a message that is not there: the age of a source, rows that fail, results of the command."""
    checked = result.freshness
    if checked is not None and (checked.max_loaded_at or checked.age is not None):
        return (
            f"The newest row is of {checked.max_loaded_at}."
            if checked.max_loaded_at
            else f"The newest row is {checked.age:g} s old."
        )
    if result.failures:
        return f"{result.failures} failing results"
    return ", ".join(f"{number} {status}" for status, number in sorted(result.counts.items()))


def plain(message: str) -> str:
    """The message without colours, as a terminal would show it."""
    return _ANSI.sub("", message).strip()


def moves_data(command: str) -> bool:
    """Whether runs of the command are runs. An unknown command's are.

    >>> moves_data("build"), moves_data("compile"), moves_data("")
    (True, False, True)
    """
    return not command or command in MOVING


def is_run(told: Told) -> bool:
    """Whether the span or event can be a run: ephemeral models, exposures and the like are none."""
    node = told.node
    if told.kind is not Kind.NODE:
        return True
    if node.node_type == "source":
        return _is_checked(told)
    return node.node_type not in NO_RUNS and node.materialization != "ephemeral"


def _is_checked(told: Told) -> bool:
    """Dbt v2 has spans of sources that it only looked at; else a source is run to check its freshness alone."""
    return told.tier != "C" or (told.result is not None and told.result.freshness is not None)
