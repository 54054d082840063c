"""Names of dbt's jobs. otel-bridge-dbt has the same rule in its own `jobs.py`; a test holds both together.

A name does not depend on the command for nodes, and on nothing but command and project for invocations.
"""

from typing import Final

from otel_bridge.extract.dialects.dbt.facts import Kind, Node, Told

INTEGRATION: Final = "DBT"

TYPES: Final = {
    "model": "MODEL",
    "seed": "SEED",
    "snapshot": "SNAPSHOT",
    "test": "TEST",
    "unit_test": "UNIT_TEST",
    "source": "SOURCE_FRESHNESS",
    "function": "FUNCTION",
    "analysis": "ANALYSIS",
}
"""Job type by the type of a node."""

KIND_TYPES: Final = {
    Kind.INVOCATION: "JOB",
    Kind.BATCH: "BATCH",
    Kind.HOOK: "HOOK",
    Kind.OPERATION: "OPERATION",
}
"""Job type by the kind of a run that is no node's."""


def type_of(told: Told) -> str:
    """The type in the jobType facet."""
    return KIND_TYPES.get(told.kind) or TYPES.get(told.node.node_type, "NODE")


def name_of(told: Told) -> str:
    """The job's name; "" if too little is known of the run."""
    project, command = told.invocation.project, told.invocation.command
    if told.kind is Kind.INVOCATION:
        return invocation_name(command, project)
    if told.kind is Kind.OPERATION:
        macro = told.operation.macro if told.operation else ""
        return f"operation.{project}.{macro}" if macro else ""
    node = node_name(told.node, project)
    if told.kind is Kind.BATCH:
        return f"{node}.batch" if node else ""
    if told.kind is Kind.HOOK:
        return _hook_name(told, node)
    return node


def invocation_name(command: str, project: str) -> str:
    """Of the whole command.

    >>> invocation_name("source freshness", "shop"), invocation_name("build", "")
    ('dbt-source-freshness-shop', 'dbt-build')
    """
    return "-".join(part for part in ("dbt", command.replace(" ", "-"), project) if part)


def node_name(node: Node, project: str) -> str:
    """Of a node: its unique id, after the root project where it belongs to an installed package.

    >>> node_name(Node(unique_id="model.audit.log", package="audit"), "shop")
    'shop.model.audit.log'
    """
    package = node.package or package_of(node.unique_id)
    foreign = project and package and package != project
    return f"{project}.{node.unique_id}" if foreign else node.unique_id


def package_of(unique_id: str) -> str:
    """The package in a unique id.

    >>> package_of("model.shop.orders.v2"), package_of("orders")
    ('shop', '')
    """
    return unique_id.split(".")[1] if unique_id.count(".") > 1 else ""


def _hook_name(told: Told, node: str) -> str:
    hook = told.hook
    if hook is None or not hook.type or hook.index is None:
        return ""
    of_node = hook.type.startswith(("pre", "post"))
    owner = node if of_node else invocation_name(told.invocation.command, told.invocation.project)
    return f"{owner}.{hook.type}.{hook.index}" if owner else ""
