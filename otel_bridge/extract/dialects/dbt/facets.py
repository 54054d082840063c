"""dbt's own facets of runs and jobs, and OpenLineage's that have no short form."""

from typing import Any

import msgspec
from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt import assertions
from otel_bridge.extract.dialects.dbt.facts import Invocation, Kind, Node, Result, Told
from otel_bridge.extract.dialects.dbt.states import plain
from otel_bridge.extract.values import compact
from otel_bridge.model import Value

OPERATION = "operation"
"""Type of the nodes that dbt makes of hooks of the command."""
FUSION = 2
"""Major version from which dbt is another program."""


def run_facets(told: Told) -> dict[str, Value]:
    """dbt_run, dbt_version, dbt_result and, of tests, test."""
    invocation = told.invocation
    found = {
        "dbt_run": dbt_run(invocation) if invocation.invocation_id else {},
        "dbt_version": {"version": invocation.version} if invocation.version else {},
        "dbt_result": dbt_result(told.result) if told.result else {},
    }
    if told.kind is Kind.NODE and told.node.node_type in ("test", "unit_test"):
        found["test"] = assertions.on_run(told) or {}
    return compact(found)


def dbt_run(invocation: Invocation) -> dict[str, Value]:
    """The command."""
    flags = invocation.flags
    return compact(
        {
            "invocation_id": invocation.invocation_id,
            "project_name": invocation.project,
            "dbt_runtime": _runtime(invocation.version),
            "profile_name": invocation.profile,
            "full_refresh": _flag(flags.get("full_refresh")),
            "command": invocation.command,
            "target": invocation.target,
            "adapter": invocation.connection.type,
            "dbt_version": invocation.version,
            "retry_of": invocation.retry_of,
            "empty": _flag(flags.get("empty")),
            "sample": str(flags["sample"]) if flags.get("sample") else "",
            "defer": _flag(flags.get("defer")),
            "flags": flags,
        }
    )


def dbt_result(result: Result) -> dict[str, Value]:
    """How it ended; nothing without a status."""
    if not result.status:
        return {}
    batches = result.batches
    return compact(
        {
            "status": result.status,
            "message": plain(result.message or result.exception),
            "failures": result.failures,
            "thread": result.thread,
            "execution_time": result.execution_time if result.execution_time is not None else result.elapsed,
            "rows_affected": result.rows_affected,
            "adapter_response": result.adapter_response,
            "timing": [timing for timing in msgspec.to_builtins(result.timing) if timing.get("name")],
            "batches": {"successful": batches.successful, "failed": batches.failed} if batches else {},
            "skip_cause": msgspec.to_builtins(result.skip_cause),
            "counts": result.counts,
            "reused": True if result.status == "reused" else None,
        }
    )


def job_facets(told: Told) -> dict[str, Value]:
    """dbt_node, and the source of what is not SQL."""
    facets = {"dbt_node": dbt_node(told)}
    code, language = told.node.code, told.node.language
    if code and told.kind in (Kind.NODE, Kind.BATCH):
        facets["sourceCode"] = {"language": language or "python", "sourceCode": code}
    return compact(facets)


def dbt_node(told: Told) -> dict[str, Value]:
    """The node, hook or operation."""
    if told.kind is Kind.INVOCATION:
        return {}
    node, operation = told.node, told.operation
    if told.kind is Kind.HOOK and node.node_type == OPERATION:
        node = _hook(node)
    named: dict[str, Any] = {
        "unique_id": node.unique_id,
        "original_file_path": node.original_file_path or node.relative_path,
        "database": node.database,
        "schema": node.schema,
        "alias": node.alias or node.identifier,
        "test_type": _test_type(told),
        "name": node.name,
        "resource_type": node.node_type,
        "package": node.package,
        "materialization": node.materialization,
        "language": node.language,
        "access": node.access,
        "group": node.group,
        "version": node.version,
        "latest_version": node.latest_version,
        "checksum": node.checksum,
        "contract": node.contract or None,
        "config": node.config,
        "hook_type": told.hook.type if told.hook else "",
        "macro": operation.macro if operation else "",
        "arguments": list(operation.arguments) if operation else [],
    }
    return compact(named)


def _hook(node: Node) -> Node:
    """A hook of the command: dbt keeps it as a node, with defaults of models, though it is neither a view nor a table."""
    return replace(
        node, database="", schema="", identifier="", alias="", materialization="", checksum="", config={}
    )


def _test_type(told: Told) -> str:
    test, kind = told.node.test, told.node.node_type
    if kind == "unit_test":
        return "unit"
    if kind != "test":
        return ""
    return (test.kind if test else "") or ("generic" if test and test.kwargs else "singular")


def _runtime(version: str) -> str:
    major = version.partition(".")[0]
    if not major.isdigit():
        return ""
    return "fusion" if int(major) >= FUSION else "core"


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
