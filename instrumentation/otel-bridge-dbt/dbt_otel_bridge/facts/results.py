"""How a node and an invocation ended."""

from collections import Counter
from typing import Any

from .scope import Scope
from .values import compact, instant, message, part, parts, plain, text

_FRESHNESS = ("max_loaded_at", "snapshotted_at", "age")
FAILED = frozenset({"error", "fail", "runtime error", "partial success"})
_WRITERS = frozenset({"model", "seed", "snapshot"})
_ROWLESS = frozenset({"view", "ephemeral", "materialized_view", "dynamic_table"})
_QUERY_IDS = ("query_id", "job_id")


def status_of(result: Any) -> str | None:
    """The status that dbt gives it."""
    return text(part(result, "status"))


def told(result: Any) -> dict[str, Any]:
    """The map of `dbt.result` of a node."""
    return compact(
        {
            "status": status_of(result),
            "message": message(part(result, "message")),
            "failures": part(result, "failures"),
            "thread": text(part(result, "thread_id")),
            "execution_time": part(result, "execution_time"),
            "adapter_response": plain(part(result, "adapter_response")),
            "timing": [_timing(item) for item in part(result, "timing") or ()],
            "batches": _batches(part(result, "batch_results")),
            "freshness": freshness(result),
        }
    )


def _timing(item: Any) -> dict[str, Any]:
    times = {name: instant(part(item, name)) for name in ("started_at", "completed_at")}
    return compact({"name": text(part(item, "name")), **times})


def outcome(scope: Scope, node: Any, result: Any) -> dict[str, Any]:
    """The flat attributes that dbt's own spans have too."""
    response = part(result, "adapter_response") or {}
    ids = (text(part(response, name)) for name in _QUERY_IDS)
    return compact(
        {
            "node_outcome": status_of(result),
            "rows_affected": _rows_written(scope, node, response),
            "query_id": next((found for found in ids if found), None),
        }
    )


def _rows_written(scope: Scope, node: Any, response: Any) -> int | None:
    """Rows that the node wrote: not those that a test read, and not what stands for "unknown" (-1)."""
    rows = part(response, "rows_affected")
    if not isinstance(rows, int) or rows < 0 or text(part(node, "resource_type")) not in _WRITERS:
        return None
    if text(part(part(node, "config"), "materialized")) in _ROWLESS:
        return None
    # Snowflake counts the one line in which it says that a table was created
    is_line = scope.adapter_type == "snowflake" and rows == 1 and part(response, "code") == "SUCCESS"
    return None if is_line else rows


def freshness(result: Any) -> dict[str, Any]:
    """What was found out about a source, times in ISO 8601 and the age in seconds."""
    if part(result, "max_loaded_at") is None:
        return {}
    return compact(
        {
            "status": status_of(result),
            **parts(result, _FRESHNESS),
            "criteria": criteria(part(part(result, "node"), "freshness")),
        }
    )


def criteria(freshness: Any) -> dict[str, Any]:
    """When the age of a source counts: `{warn_after: {count, period}, error_after, filter}`."""
    found = parts(freshness, ("warn_after", "error_after", "filter"))
    return {name: value for name, value in found.items() if part(value, "count", 0) is not None}


def lookups(scope: Scope) -> dict[str, Any]:
    """How looking up columns went, nothing where nobody was asked."""
    asked = scope.columns
    if not asked.asked:
        return {}
    return compact({"asked": asked.asked, "seconds": round(asked.spent_s, 6), "given_up": asked.given_up})


def summary(results: Any, error: BaseException | None) -> dict[str, Any]:
    """The map of `dbt.result` of an invocation."""
    told_results = list(_results(results))
    counts = Counter(status_of(result) or "unknown" for result in told_results)
    return compact(
        {
            "status": _status(counts, error),
            "counts": dict(sorted(counts.items())),
            "elapsed": part(results, "elapsed_time"),
            "exception": message(f"{type(error).__name__}: {error}") if error is not None else None,
        }
    )


def _status(counts: Counter[str], error: BaseException | None) -> str:
    return "error" if error is not None or counts.keys() & FAILED else "success"


def _results(results: Any) -> list[Any]:
    found = part(results, "results")
    return list(found if found is not None else results or ()) if not isinstance(results, bool) else []


def _batches(results: Any) -> dict[str, Any]:
    """Counts of batches and the windows of those that failed."""
    if results is None:
        return {}
    successful, failed = part(results, "successful") or (), part(results, "failed") or ()
    return compact({"successful": len(successful), "failed": len(failed), "failed_windows": plain(failed)})
