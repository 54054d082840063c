"""Names of dbt's jobs. The bridge has the same rule for dbt's own spans; a test holds both together."""

import os
from typing import Any

MOVING = frozenset(
    {"build", "run", "test", "seed", "snapshot", "clone", "run-operation", "source freshness", "retry"}
)
"""Commands that move data or test it: their runs are told."""

DESIGNING = frozenset({"compile", "docs generate"})
"""Commands that only say what would be done: their nodes are told as jobs without a run."""

NO_RUNS = frozenset(
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


def invocation_name(command: str, project: str) -> str:
    """Of the whole command; `OPENLINEAGE_DBT_JOB_NAME` goes first, as in openlineage-dbt.

    >>> invocation_name("source freshness", "shop")
    'dbt-source-freshness-shop'
    """
    given = os.environ.get("OPENLINEAGE_DBT_JOB_NAME", "").strip()
    return given or "-".join(part for part in ("dbt", command.replace(" ", "-"), project) if part)


def node_name(unique_id: str, package: str, project: str) -> str:
    """Of a node: its unique id, after the root project where it belongs to an installed package.

    >>> node_name("model.audit.log", "audit", "shop"), node_name("model.shop.orders", "shop", "shop")
    ('shop.model.audit.log', 'model.shop.orders')
    """
    return f"{project}.{unique_id}" if project and package and package != project else unique_id


def batch_name(node: str) -> str:
    """Of the batches of a microbatch model."""
    return f"{node}.batch"


def hook_name(owner: str, kind: str, index: int) -> str:
    """Of a hook, below the node or the invocation that it belongs to."""
    return f"{owner}.{kind}.{index}"


def operation_name(project: str, macro: str) -> str:
    """Of the macro that `dbt run-operation` calls."""
    return f"operation.{project}.{macro}"


def has_run(node: Any) -> bool:
    """Whether anything happens when dbt executes the node."""
    kind = str(getattr(node, "resource_type", "") or "")
    return kind not in NO_RUNS and not getattr(node, "is_ephemeral_model", False)
