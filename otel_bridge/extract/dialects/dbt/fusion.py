"""Tier C: spans of dbt v2 (Fusion) as facts, after the public definitions of its telemetry.

There, an enumeration's first value and an empty field are not written, whole numbers of 64 bits are texts, and nested
messages are JSON. The trace id is the invocation id. A test's own outcome says how it ended, never its span's status.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from otel_bridge.extract.data_sources import Connection
from otel_bridge.extract.dialects.dbt.facts import (
    Freshness,
    Hook,
    Invocation,
    Kind,
    Node,
    Relation,
    Result,
    SkipCause,
    Told,
)
from otel_bridge.extract.dialects.dbt.jobs import package_of
from otel_bridge.extract.dialects.dbt.native import output_of, texts
from otel_bridge.extract.values import Attributes, integer, mapping, text
from otel_bridge.model import Span, Value

EVENT_CODE: Final = "dbt_core_event_code"
"""On every span about a node, query or hook."""
EVAL_ARGS: Final = "eval_args"
COMMAND: Final = "raw_command"
"""Both on the span of the invocation."""

_OUTCOMES: Final = {"SUCCESS": "success", "ERROR": "error", "CANCELED": "interrupted"}
_SKIPPED: Final = {"CACHED": "reused", "NO_OP": "no-op"}
_TESTS: Final = {"PASSED": "pass", "WARNED": "warn", "FAILED": "fail"}
_CHECKS: Final = {"PASSED": "pass", "WARNED": "warn", "FAILED": "error"}
_FLAGS: Final = {
    "--full-refresh": "full_refresh",
    "-f": "full_refresh",
    "--empty": "empty",
    "--defer": "defer",
}
_SOURCE: Final = "source"


def told(span: Span) -> tuple[Told, Attributes] | None:
    """The run of this span; None if it is none by itself: a phase, a query, a node that was only looked at."""
    said, notes = span.attributes, Attributes(span.attributes)
    if EVAL_ARGS in said:
        return _invocation(notes), notes
    if "hook_type" in said:
        return _hook(span, notes), notes
    if "last_phase" not in said or notes.read("in_selection", _true) is None:
        return None
    return _node(span, notes), notes


def query(span: Span) -> Told | None:
    """What a query says of its node: statement, id, adapter, and why it failed. None for queries of dbt itself."""
    said, notes = span.attributes, Attributes(span.attributes)
    unique_id = notes.read("unique_id", text)
    if "sql_hash" not in said or unique_id is None or not _enum(said.get("phase")).endswith("RUN"):
        return None
    adapter = notes.read("adapter_type", text) or ""
    return Told(
        tier="C",
        invocation=Invocation(connection=Connection(type=adapter)),
        node=Node(sql=notes.read("sql", text) or ""),
        result=Result(
            query_id=notes.read("query_id", text) or "",
            message=notes.read("query_error_adapter_message", text) or "",
        ),
    )


def invocation_id(span: Span) -> str:
    """The invocation that a span belongs to."""
    return str(uuid.UUID(span.trace_id))


def _invocation(notes: Attributes) -> Told:
    arguments = notes.read(EVAL_ARGS, mapping) or {}
    process = notes.read("process_info", mapping) or {}
    words = (notes.read(COMMAND, text) or "").split()
    invocation = Invocation(
        invocation_id=notes.read("invocation_id", text) or "",
        command=_text(arguments, "command"),
        version=_text(process, "version").removeprefix("v"),
        profile=_text(arguments, "profile"),
        target=_text(arguments, "target"),
        flags={_FLAGS[word]: True for word in words if word in _FLAGS},
    )
    metrics = notes.read("metrics", mapping) or {}
    return Told(tier="C", kind=Kind.INVOCATION, invocation=invocation, result=_summary(metrics))


def _summary(metrics: Mapping[str, Value]) -> Result | None:
    if not metrics:
        return None
    counts = {
        name: found for name, value in _map(metrics.get("status_counts")).items() if (found := _whole(value))
    }
    failed = counts.get("error") or _whole(metrics.get("total_errors"))
    return Result(status="error" if failed else "success", counts=counts)


def _node(span: Span, notes: Attributes) -> Told:
    unique_id = notes.read("unique_id", text) or ""
    materialization = (
        _enum(span.attributes.get("materialization")).removeprefix("NODE_MATERIALIZATION_").lower()
    )
    named = ("name", "database", "schema", "identifier", "relative_path", "group")
    node = Node(
        unique_id=unique_id,
        node_type=_enum(span.attributes.get("node_type")).removeprefix("NODE_TYPE_").lower(),
        package=package_of(unique_id),
        materialization=notes.read("custom_materialization", text) or materialization,
        checksum=notes.read("node_checksum", text) or "",
        **texts(notes, named),
    )
    found = Relation(
        unique_id=unique_id,
        resource_type=_SOURCE,
        database=node.database,
        schema=node.schema,
        identifier=node.identifier,
    )
    checked = (found,) if node.node_type == _SOURCE and node.identifier else ()
    node = replace(node, output=output_of(node), inputs=checked)
    invocation = Invocation(invocation_id=invocation_id(span))
    return Told(tier="C", invocation=invocation, node=node, result=_result(span, notes))


def _result(span: Span, notes: Attributes) -> Result | None:
    outcome = _enum(span.attributes.get("node_outcome")).removeprefix("NODE_OUTCOME_")
    result = Result(
        status=_OUTCOMES.get(outcome, ""),
        rows_affected=notes.read("rows_affected", integer),
        message="" if outcome != "ERROR" else span.status_message if span.status_message != "error" else "",
    )
    if outcome == "SKIPPED":
        return _skipped(result, span, notes)
    if (test := notes.read("node_test_detail", mapping)) is not None:
        return _tested(result, test)
    if (check := notes.read("node_freshness_outcome", mapping)) is not None:
        return _checked(result, check)
    is_test = _enum(span.attributes.get("node_type")).endswith("TEST")
    return None if not result.status or (is_test and outcome == "SUCCESS") else result


def _skipped(result: Result, span: Span, notes: Attributes) -> Result:
    reason = _enum(span.attributes.get("node_skip_reason")).removeprefix("NODE_SKIP_REASON_")
    cause = notes.read("node_skip_upstream_detail", mapping) or {}
    cached = _enum((notes.read("node_cache_detail", mapping) or {}).get("node_cache_reason"))
    return replace(
        result,
        status=_SKIPPED.get(reason, "skipped"),
        message=cached.removeprefix("NODE_CACHE_REASON_").lower().replace("_", " "),
        skip_cause=SkipCause(unique_id=_text(cause, "upstream_unique_id")),
    )


def _tested(result: Result, detail: Mapping[str, Value]) -> Result:
    outcome = _enum(detail.get("test_outcome")).removeprefix("TEST_OUTCOME_") or "PASSED"
    return replace(
        result,
        status=_TESTS.get(outcome, result.status),
        failures=_whole(detail.get("failing_rows")) or (0 if outcome == "PASSED" else None),
        message=_text(detail, "diff_table") or result.message,
    )


def _checked(result: Result, detail: Mapping[str, Value]) -> Result:
    outcome = _enum(detail.get("node_freshness_outcome")).rpartition("_")[2] or "PASSED"
    status = _CHECKS.get(outcome, result.status)
    return replace(
        result, status=status, freshness=Freshness(status=status, age=_whole(detail.get("age_seconds")))
    )


def _hook(span: Span, notes: Attributes) -> Told:
    unique_id = notes.read("unique_id", text) or ""
    outcome = _enum(span.attributes.get("hook_outcome")).removeprefix("HOOK_OUTCOME_")
    kind = _enum(span.attributes.get("hook_type")).removeprefix("HOOK_TYPE_").lower().replace("_", "-")
    hook = Hook(type=kind, index=notes.read("hook_index", integer) or 0)
    node = Node(unique_id=unique_id, package=package_of(unique_id), name=notes.read("name", text) or "")
    status = _OUTCOMES.get(outcome, "")
    return Told(
        tier="C",
        kind=Kind.HOOK,
        invocation=Invocation(invocation_id=invocation_id(span)),
        node=node,
        hook=hook,
        result=Result(status=status) if status else None,
    )


def _enum(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(values: Mapping[str, Value], name: str) -> str:
    found = values.get(name)
    return found.strip() if isinstance(found, str) else ""


def _map(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: Value) -> int | None:
    """A whole number, which 64-bit ones are texts of."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.strip().isdigit() else None


def _true(value: Value) -> bool | None:
    return True if value is True or value == "true" else None
