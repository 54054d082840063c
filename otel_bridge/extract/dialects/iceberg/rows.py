"""How many rows a write put into a table, and how many went for good.

Copy-on-write writes every row of a file again that it changes one row of, and Iceberg counts them all as added: only
the figures of appends, totals, and what the program knows say what was written.
"""

from typing import Final

from otel_bridge.extract.dialects.iceberg import attributes as at
from otel_bridge.extract.dialects.iceberg.facts import Told
from otel_bridge.model import Value

APPEND: Final = "append"
HANDED_OVER: Final = frozenset(
    {at.OPERATION_APPEND, at.OPERATION_OVERWRITE, at.OPERATION_OVERWRITE_PARTITIONS}
)


def written(told: Told) -> int | None:
    """Rows that the table has from this write; None where nothing tells it."""
    if told.rows_inserted is not None or told.rows_updated is not None:
        if set(told.operations) - {at.OPERATION_UPSERT}:
            return None
        return (told.rows_inserted or 0) + (told.rows_updated or 0)
    if told.operation == at.OPERATION_DELETE and (told.snapshots or told.figures):
        return 0
    if told.rows_given is not None and {told.operation, *told.operations} <= HANDED_OVER:
        return told.rows_given
    appended = [
        _figure(each, "added-records") or 0 for each in told.snapshots if each.get("operation") == APPEND
    ]
    if appended:
        return sum(appended)
    added = told.figures.get(at.COMMIT_RECORDS_ADDED)
    return int(added) if added is not None and told.operation == APPEND else None


def deleted(told: Told) -> int | None:
    """Rows that are gone, by the totals before and after; None with delete files, which totals do not count."""
    new, totals = written(told), told.figures
    after = totals.get(at.COMMIT_RECORDS_TOTAL)
    if not told.snapshots or new is None or after is None or totals.get(at.COMMIT_DELETE_FILES_TOTAL):
        return None
    first = told.snapshots[0]
    figures = [_figure(first, key) for key in ("total-records", "added-records", "deleted-records")]
    if figures[0] is None:
        return None
    before = figures[0] - (figures[1] or 0) + (figures[2] or 0)
    return int(before + new - (told.rows_updated or 0) - after)


def _figure(snapshot: dict[str, Value], key: str) -> int | None:
    summary = snapshot.get("summary")
    value = str(summary.get(key, "")) if isinstance(summary, dict) else ""
    return int(value) if value.isdigit() else None
