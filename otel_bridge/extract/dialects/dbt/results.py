"""run_results.json and sources.json as pieces: how the invocation and each of its nodes ended."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt.facts import BatchCounts, Freshness, Invocation, Node, Result, Timing
from otel_bridge.extract.dialects.dbt.manifest import invocation
from otel_bridge.extract.dialects.dbt.pieces import SOURCES, SQL, Piece
from otel_bridge.extract.dialects.dbt.shapes import Outcome, Results
from otel_bridge.extract.dialects.dbt.shapes import Timing as GivenTiming

FLAGS: Final = (
    "full_refresh", "empty", "sample", "defer", "favor_state", "fail_fast", "event_time_start", "event_time_end",
    "store_failures", "indirect_selection", "threads", "state", "defer_state",
)  # fmt: skip
"""Flags that change what lineage means."""
COMMANDS: Final = {"freshness": "source freshness", "generate": "docs generate", "serve": "docs serve"}
FAILED: Final = frozenset({"error", "fail", "runtime error", "partial success"})
KEPT_ARGS: Final = (*FLAGS, "which", "target", "profile")
"""All arguments that are read here."""
_QUERY_IDS: Final = ("query_id", "job_id")


def pieces(given: Results, outcomes: Iterable[Outcome], source: str) -> Iterator[tuple[str, str, Piece]]:
    """All pieces: of each result, then of the invocation. `source`: RUN_RESULTS or SOURCES."""
    counts: Counter[str] = Counter()
    last = ""
    for outcome in outcomes:
        result = _result(outcome, source)
        counts[result.status or "unknown"] += 1
        last = max([last, *(t.completed_at for t in result.timing)])
        if outcome.unique_id:
            yield outcome.unique_id, source, Piece(result=result)
            if outcome.compiled_code:
                yield outcome.unique_id, SQL, Piece(node=Node(sql=outcome.compiled_code))
    yield "", source, Piece(invocation=_invocation(given, source), result=_summary(given, counts, last))


def _invocation(given: Results, source: str) -> Invocation:
    args = given.args or {}
    command = _text(args.get("which")) or ("source freshness" if source == SOURCES else "")
    return replace(
        invocation(given.metadata),
        command=COMMANDS.get(command, command),
        target=_text(args.get("target")),
        profile=_text(args.get("profile")),
        flags={n: _shown(n, args[n]) for n in FLAGS if args.get(n) not in (None, False, "", [], {})},
    )


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return "/".join(str(end) for end in value.values())
    if name.startswith("event_time") and isinstance(value, str):
        return utc(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _summary(given: Results, counts: Counter[str], last: str) -> Result:
    """Of the invocation; its only timing, without a name, ends when the artifact was written, or the last node ended."""
    failed = bool(counts.keys() & FAILED)
    begin = utc(_text(given.metadata.invocation_started_at))
    end = max(last, utc(_text(given.metadata.generated_at)))
    timing = (Timing("", begin, end),) if begin or end else ()
    return Result(
        status="error" if failed else "success",
        counts=dict(sorted(counts.items())),
        elapsed=given.elapsed_time,
        timing=timing,
    )


def _result(outcome: Outcome, source: str) -> Result:
    response = outcome.adapter_response or {}
    ids = (_text(response.get(name)) for name in _QUERY_IDS)
    batches = outcome.batch_results
    return Result(
        status=_text(outcome.status),
        message=outcome.message or outcome.error or "",
        failures=outcome.failures if _counts_failures(outcome) else None,
        thread=outcome.thread_id or "",
        execution_time=outcome.execution_time,
        adapter_response=response,
        timing=tuple(_timing(t) for t in outcome.timing or () if t.name),
        batches=_batches(batches.successful, batches.failed) if batches else None,
        freshness=_freshness(outcome) if source == SOURCES else None,
        query_id=next((found for found in ids if found), ""),
    )


def _counts_failures(outcome: Outcome) -> bool:
    """Other nodes than tests have 0, or nothing, there."""
    return (outcome.unique_id or "").startswith(("test.", "unit_test."))


def _timing(given: GivenTiming) -> Timing:
    return Timing(given.name or "", utc(given.started_at or ""), utc(given.completed_at or ""))


def utc(time: str) -> str:
    """The time with its zone: dbt writes those of UTC with or without one.

    >>> utc("2026-11-25T07:28:31.236702"), utc("2026-11-25T07:28:31Z"), utc("2026-11-25T07:28:31+00:00")
    ('2026-11-25T07:28:31.236702Z', '2026-11-25T07:28:31Z', '2026-11-25T07:28:31Z')
    """
    if not time:
        return ""
    time = time.removesuffix("+00:00")
    return time if time.endswith("Z") or re.search(r"[+-]\d\d:\d\d$", time) else f"{time}Z"


def _batches(successful: list[Any] | None, failed: list[Any] | None) -> BatchCounts:
    return BatchCounts(len(successful or ()), len(failed or ()), tuple(failed or ()))


def _freshness(outcome: Outcome) -> Freshness | None:
    if not outcome.max_loaded_at:
        return None
    criteria = {
        name: value
        for name, value in (outcome.criteria or {}).items()
        if value is not None and not (isinstance(value, dict) and value.get("count") is None)
    }
    return Freshness(
        status=_text(outcome.status),
        max_loaded_at=utc(outcome.max_loaded_at),
        snapshotted_at=utc(outcome.snapshotted_at or ""),
        age=outcome.max_loaded_at_time_ago_in_s,
        criteria=criteria,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
