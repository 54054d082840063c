"""How dbt's results become states, and which commands move data at all."""

from typing import Final

from otel_bridge.extract.dialects.dbt.facts import Kind, Told
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

NO_RUNS: Final = frozenset(
    {"exposure", "metric", "saved_query", "semantic_model", "macro", "docs_macro", "group", "analysis"}
)
"""Types of nodes that dbt counts as executed, though nothing happens."""


def state_of(told: Told) -> State | None:
    """The state that dbt's result says; None if there is no result, or none that is known."""
    return STATES.get(told.result.status.lower()) if told.result else None


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
        return told.invocation.command in ("source freshness", "freshness", "build", "") and _is_checked(told)
    return node.node_type not in NO_RUNS and node.materialization != "ephemeral"


def _is_checked(told: Told) -> bool:
    return told.tier == "A" or (told.result is not None and told.result.freshness is not None)
