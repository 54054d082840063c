"""What a commit did: its snapshots with their figures, and what it changed beside data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg import expressions
from otel_bridge_pyiceberg.changes import changes

MAIN = "main"

FIGURES: dict[str, tuple[str, bool]] = {
    "added-data-files": (at.COMMIT_DATA_FILES_ADDED, True),
    "deleted-data-files": (at.COMMIT_DATA_FILES_REMOVED, True),
    "total-data-files": (at.COMMIT_DATA_FILES_TOTAL, False),
    "added-delete-files": (at.COMMIT_DELETE_FILES_ADDED, True),
    "added-equality-delete-files": (at.COMMIT_EQUALITY_DELETE_FILES_ADDED, True),
    "added-position-delete-files": (at.COMMIT_POSITIONAL_DELETE_FILES_ADDED, True),
    "added-dvs": (at.COMMIT_DVS_ADDED, True),
    "removed-delete-files": (at.COMMIT_DELETE_FILES_REMOVED, True),
    "removed-equality-delete-files": (at.COMMIT_EQUALITY_DELETE_FILES_REMOVED, True),
    "removed-position-delete-files": (at.COMMIT_POSITIONAL_DELETE_FILES_REMOVED, True),
    "removed-dvs": (at.COMMIT_DVS_REMOVED, True),
    "total-delete-files": (at.COMMIT_DELETE_FILES_TOTAL, False),
    "added-records": (at.COMMIT_RECORDS_ADDED, True),
    "deleted-records": (at.COMMIT_RECORDS_REMOVED, True),
    "total-records": (at.COMMIT_RECORDS_TOTAL, False),
    "added-files-size": (at.COMMIT_FILE_SIZE_ADDED, True),
    "removed-files-size": (at.COMMIT_FILE_SIZE_REMOVED, True),
    "total-files-size": (at.COMMIT_FILE_SIZE_TOTAL, False),
    "added-position-deletes": (at.COMMIT_POSITIONAL_DELETES_ADDED, True),
    "removed-position-deletes": (at.COMMIT_POSITIONAL_DELETES_REMOVED, True),
    "total-position-deletes": (at.COMMIT_POSITIONAL_DELETES_TOTAL, False),
    "added-equality-deletes": (at.COMMIT_EQUALITY_DELETES_ADDED, True),
    "removed-equality-deletes": (at.COMMIT_EQUALITY_DELETES_REMOVED, True),
    "total-equality-deletes": (at.COMMIT_EQUALITY_DELETES_TOTAL, False),
    "manifests-created": (at.COMMIT_MANIFESTS_CREATED, True),
    "manifests-replaced": (at.COMMIT_MANIFESTS_REPLACED, True),
    "manifests-kept": (at.COMMIT_MANIFESTS_KEPT, False),
    "entries-processed": (at.COMMIT_MANIFEST_ENTRIES_PROCESSED, True),
    "changed-partition-count": ("", True),
}
"""Iceberg's own keys of a summary, the attribute of each, and whether it adds up over several snapshots."""


@dataclass
class Write:
    """One write of the program: what it handed over, and what came of it."""

    kind: str
    rows: int | None = None
    filter: Any = None
    files: Sequence[str] = ()
    inserted: int | None = None
    updated: int | None = None


@dataclass
class Commit:
    """The table's metadata before, the updates, and the metadata afterwards once it succeeded."""

    before: Any
    updates: tuple[Any, ...]
    after: Any = None

    @property
    def snapshots(self) -> list[Any]:
        """The snapshots that it makes, in their order."""
        return [update.snapshot for update in self.updates if update.action == "add-snapshot"]

    @property
    def ref(self) -> str | None:
        """The branch that it writes to, where that is not the main one."""
        names = [update.ref_name for update in self.updates if update.action == "set-snapshot-ref"]
        return next((name for name in names if name != MAIN), None)


def landed(tried: Commit, table: Any) -> list[Commit]:
    """The commit that was reported as failed and succeeded all the same, as pyiceberg found out."""
    ids = [snapshot.snapshot_id for snapshot in tried.snapshots]
    known = table.metadata.snapshot_by_id
    if not ids or any(known(number) is None for number in ids):
        return []
    return [Commit(tried.before, tried.updates, table.metadata)]


def kind_of(writes: Sequence[Write], updates: Iterable[Any], *, creates: bool) -> str:
    """What to call a transaction's commit."""
    kinds = list(dict.fromkeys(write.kind for write in writes))
    if creates:
        return at.OPERATION_CREATE
    if kinds:
        return kinds[0] if len(kinds) == 1 else at.OPERATION_TRANSACTION
    snapshots = Commit(None, tuple(updates)).snapshots
    return _operation(snapshots[-1]) or at.OPERATION_ALTER if snapshots else at.OPERATION_ALTER


def told(kind: str, writes: Sequence[Write], commits: Sequence[Commit]) -> dict[str, Any]:
    """An operation as attributes."""
    attributes = _of_writes(kind, writes)
    if commits:
        attributes.update(_of_commits(commits))
        attributes[at.LIFECYCLE] = _lifecycle(kind, writes, attributes.get(at.CHANGES) or {})
    return attributes


def _of_writes(kind: str, writes: Sequence[Write]) -> dict[str, Any]:
    kinds = [write.kind for write in writes]
    told: dict[str, Any] = {
        at.OPERATIONS: kinds if kinds and kinds != [kind] else None,
        at.ROWS_GIVEN: _sum(write.rows for write in writes if write.rows is not None),
        at.ROWS_INSERTED: _sum(write.inserted for write in writes if write.inserted is not None),
        at.ROWS_UPDATED: _sum(write.updated for write in writes if write.updated is not None),
        at.FILES: [path for write in writes for path in write.files] or None,
    }
    if len(writes) == 1:
        told |= expressions.told(writes[0].filter)
    return told


def _of_commits(commits: Sequence[Commit]) -> dict[str, Any]:
    snapshots = [snapshot for commit in commits for snapshot in commit.snapshots]
    last = commits[-1]
    told: dict[str, Any] = {
        at.CHANGES: changes(commits[0].before, last.after, last.updates),
        at.REF: last.ref,
    }
    if not snapshots:
        current = last.after.current_snapshot()
        return told | {at.SNAPSHOT_ID: current.snapshot_id if current else None}
    return told | {
        at.SNAPSHOT_ID: snapshots[-1].snapshot_id,
        at.SNAPSHOT_PARENT_ID: snapshots[0].parent_snapshot_id,
        at.SNAPSHOT_SEQUENCE_NUMBER: snapshots[-1].sequence_number,
        at.SNAPSHOT_OPERATION: _operation(snapshots[-1]),
        at.SNAPSHOTS: [_snapshot(snapshot) for snapshot in snapshots],
        **_figures(snapshots),
    }


def _snapshot(snapshot: Any) -> dict[str, Any]:
    told = {
        "snapshot_id": snapshot.snapshot_id,
        "parent_snapshot_id": snapshot.parent_snapshot_id,
        "sequence_number": snapshot.sequence_number,
        "timestamp_ms": snapshot.timestamp_ms,
        "operation": _operation(snapshot),
        "schema_id": snapshot.schema_id,
        "summary": {key: value for key, value in _summary(snapshot).items() if key in FIGURES},
    }
    return {key: value for key, value in told.items() if value is not None}


def _summary(snapshot: Any) -> Mapping[str, str]:
    summary = snapshot.summary
    return summary.additional_properties if summary is not None else {}


def _operation(snapshot: Any) -> str | None:
    return str(snapshot.summary.operation.value) if snapshot.summary is not None else None


def _figures(snapshots: Sequence[Any]) -> dict[str, int]:
    """The figures of all snapshots together: additions add up, totals are the last one's."""
    found: dict[str, int] = {}
    for snapshot in snapshots:
        for key, text in _summary(snapshot).items():
            name, adds = FIGURES.get(key, ("", False))
            if name and str(text).isdigit():
                found[name] = int(text) + (found.get(name, 0) if adds else 0)
    return found


def _lifecycle(kind: str, writes: Sequence[Write], changed: Mapping[str, Any]) -> str | None:
    """What became of the table as a whole, where the operation's name does not say it."""
    if kind == at.OPERATION_OVERWRITE and all(expressions.everything(write.filter) for write in writes):
        return at.LIFECYCLE_OVERWRITE
    if kind == at.OPERATION_DELETE and writes and all(expressions.everything(w.filter) for w in writes):
        return at.LIFECYCLE_TRUNCATE
    altered = "schema" in changed or "partition_spec" in changed
    return at.LIFECYCLE_ALTER if altered and kind not in {at.OPERATION_ALTER, at.OPERATION_CREATE} else None


def _sum(values: Iterable[int]) -> int | None:
    found = list(values)
    return sum(found) if found else None
