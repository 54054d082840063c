"""What is going on in this thread or task: a write is one operation, whatever pyiceberg does inside.

An append, an upsert, a transaction may scan, make several snapshots and try their commit again: only the operation is
told, once, as it ended. `staging` is the time in which a transaction collects writes that are committed later.
"""

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from otel_lineage.trouble import guarded

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg import commits, settings, tables
from otel_bridge_pyiceberg.commits import Commit, Write
from otel_bridge_pyiceberg.telling import Telling

TRACE_KEY = "otel-trace-id"
RUN_KEY = "openlineage-run-id"


@dataclass
class Operation:
    """One write, from its start on. `uuid` is the table's: scans of it inside are the operation's own."""

    kind: str
    table: Any
    uuid: str
    telling: Telling | None = None
    writes: list[Write] = field(default_factory=list)
    tries: list[Commit] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    committing_s: float = 0.0


_current: ContextVar[Operation | None] = ContextVar("otel-bridge-iceberg-operation", default=None)
_written: "weakref.WeakKeyDictionary[Any, list[Write]]" = weakref.WeakKeyDictionary()


def around(table: Any) -> Operation | None:
    """The operation on this table that the caller is inside of."""
    operation = _current.get()
    return operation if operation is not None and operation.uuid == _uuid(table) else None


def is_inner_scan(metadata: Any) -> bool:
    """Whether a scan of this table belongs to the operation around."""
    operation = _current.get()
    return operation is not None and operation.uuid == _uuid(metadata)


@contextmanager
def operation(kind: Callable[[], str], table: Any) -> Iterator[Operation | None]:
    """Around a write of the program; None if nobody listens. What happens to the block happens to the operation."""
    begun = _begin(kind, table) if settings.enabled() else None
    if begun is None:
        yield None
        return
    token = _current.set(begun)
    try:
        yield begun
    except BaseException as error:
        _end(begun, error)
        raise
    else:
        _end(begun, None)
    finally:
        _current.reset(token)


@contextmanager
def staging(table: Any) -> Iterator[bool]:
    """Around a write of a transaction: whether it is the program's own, not a part of another one."""
    current = _current.get()
    inside = current is not None and current.uuid == _uuid(table)
    if inside and current is not None and current.telling is None:
        yield False
        return
    token = _current.set(Operation("staging", table, _uuid(table)))
    try:
        yield True
    finally:
        _current.reset(token)


def staged(transaction: Any) -> list[Write]:
    """What the transaction has collected."""
    return _written.setdefault(transaction, [])


@guarded("starting an Iceberg operation", fallback=None)
def _begin(kind: Callable[[], str], table: Any) -> Operation:
    begun = Operation(kind(), table, _uuid(table))
    begun.telling = Telling(begun.kind, tables.of_table(table))
    return begun


@guarded("ending an Iceberg operation", fallback=None)
def _end(operation: Operation, error: BaseException | None) -> None:
    telling = operation.telling
    assert telling is not None
    try:
        if error is None and not operation.commits and operation.tries:
            operation.commits += commits.landed(operation.tries[-1], operation.table)
        telling.say(_told(operation))
    finally:
        telling.end(error)


@guarded("describing an Iceberg operation", fallback={})
def _told(operation: Operation) -> Mapping[str, Any]:
    told = commits.told(operation.kind, operation.writes, operation.commits)
    if operation.tries:
        told[at.COMMIT_ATTEMPTS] = len(operation.tries)
        told[at.COMMIT_DURATION] = round(operation.committing_s * 1000, 3)
    return {**tables.of_table(operation.table), **told}


def commit(operation: Operation | None, updates: Any, call: Callable[[], Any]) -> Any:
    """Try a commit, which the operation notes."""
    if operation is None or operation.telling is None:
        return call()
    tried, begun = _trying(operation, updates), time.monotonic()
    try:
        result = call()
    finally:
        operation.committing_s += time.monotonic() - begun
    if tried is not None:
        tried.after = operation.table.metadata
        operation.commits.append(tried)
    return result


@guarded("noting an Iceberg commit", fallback=None)
def _trying(operation: Operation, updates: Any) -> Commit:
    tried = Commit(operation.table.metadata, tuple(updates))
    operation.tries.append(tried)
    ids = operation.telling.ids if operation.telling is not None and settings.snapshot_ids() else None
    if ids is not None:
        for snapshot in tried.snapshots:
            snapshot.summary[TRACE_KEY], snapshot.summary[RUN_KEY] = ids
    return tried


def _uuid(table: Any) -> str:
    """The table's; that of a scan's own metadata, too."""
    return _uuid_of(getattr(table, "metadata", table))


@guarded("reading an Iceberg table", fallback="")
def _uuid_of(metadata: Any) -> str:
    return str(metadata.table_uuid)
