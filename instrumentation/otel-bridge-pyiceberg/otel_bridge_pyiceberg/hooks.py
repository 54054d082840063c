"""Where pyiceberg is listened to. The hooks are put on when the program imports pyiceberg, never before.

Some methods are private and differ between releases (0.9 to 0.12): one that is not there is left out, and what it would
tell is not told. Whatever our own code does, the wrapped method runs once, and its result or exception is passed on.
"""

import threading
from collections.abc import Callable
from typing import Any

import wrapt
from otel_lineage.trouble import guarded, log

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg import catalogs, commits, expressions, operations, scans, settings, tables
from otel_bridge_pyiceberg.commits import Write
from otel_bridge_pyiceberg.redaction import location

WRITES = {
    "append": at.OPERATION_APPEND,
    "overwrite": at.OPERATION_OVERWRITE,
    "dynamic_partition_overwrite": at.OPERATION_OVERWRITE_PARTITIONS,
    "delete": at.OPERATION_DELETE,
    "upsert": at.OPERATION_UPSERT,
    "add_files": at.OPERATION_ADD_FILES,
}
FILTERS = {at.OPERATION_OVERWRITE: "overwrite_filter", at.OPERATION_DELETE: "delete_filter"}
MAX_FILES = 50

_installing = threading.Lock()
_installed = False
_active = False


def install() -> None:
    """Listen from now on; the hooks are put on once a process."""
    global _installed, _active  # noqa: PLW0603  once a process
    with _installing:
        _active = catalogs.active = True
        if _installed:
            return
        _installed = True
    wrapt.register_post_import_hook(_hook_tables, "pyiceberg.table")
    wrapt.register_post_import_hook(_hook_catalogs, "pyiceberg.catalog")


def pause() -> None:
    """Tell nothing more; the hooks stay and do nothing."""
    global _active  # noqa: PLW0603
    _active = catalogs.active = False


@guarded("hooking pyiceberg.table", fallback=None)
def _hook_tables(module: Any) -> None:
    for name, kind in WRITES.items():
        _wrap(module, f"Table.{name}", _table_write(kind))
        _wrap(module, f"Transaction.{name}", _transaction_write(kind))
    _wrap(module, "Transaction.commit_transaction", _commit_transaction)
    _wrap(module, "CreateTableTransaction.commit_transaction", _commit_transaction)
    _wrap(module, "Table._do_commit", _do_commit)
    _wrap(module, "Table.__init__", _new_table)
    _wrap(module, "_parse_row_filter", _parse_filter)
    _wrap(module, "DataScan.plan_files", _plan_files)
    _wrap(module, "IncrementalAppendScan.plan_files", _plan_files)


@guarded("hooking pyiceberg.catalog", fallback=None)
def _hook_catalogs(module: Any) -> None:
    catalogs.hook_known(module.Catalog)
    _wrap(module, "Catalog.__init__", _new_catalog)


def _wrap(module: Any, place: str, wrapper: Callable[..., Any]) -> None:
    owner_name, _, name = place.rpartition(".")
    owner = getattr(module, owner_name, None) if owner_name else module
    if owner is None or name not in owner.__dict__:
        log.debug("otel-bridge-pyiceberg: this pyiceberg has no %s", place)
        return
    wrapt.wrap_function_wrapper(module, place, wrapper)


def _new_table(wrapped: Any, table: Any, args: Any, kwargs: Any) -> Any:
    wrapped(*args, **kwargs)
    if _active and settings.enabled():
        tables.remember(table)


def _new_catalog(wrapped: Any, catalog: Any, args: Any, kwargs: Any) -> Any:
    catalogs.hook(type(catalog))
    return wrapped(*args, **kwargs)


def _parse_filter(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    if _active and args:
        _remember_filter(args[0], result)
    return result


@guarded("reading a filter", fallback=None)
def _remember_filter(given: Any, parsed: Any) -> None:
    expressions.remember(given, parsed)


def _plan_files(wrapped: Any, scan: Any, args: Any, kwargs: Any) -> Any:
    if not _active:
        return wrapped(*args, **kwargs)
    return scans.planned(scan, lambda: wrapped(*args, **kwargs))


def _table_write(kind: str) -> Callable[..., Any]:
    """`Table.append` and the like: a transaction of its own."""

    def write(wrapped: Any, table: Any, args: Any, kwargs: Any) -> Any:
        if not _active or operations.around(table) is not None:
            return wrapped(*args, **kwargs)
        with operations.operation(lambda: kind, table) as operation:
            result = wrapped(*args, **kwargs)
            if operation is not None and not any(write.kind == kind for write in operation.writes):
                operation.writes.clear()  # pyiceberg 0.9 makes an upsert of other writes
                _note(operation.writes, kind, args, kwargs, result)
            return result

    return write


def _transaction_write(kind: str) -> Callable[..., Any]:
    """`Transaction.append` and the like: noted, and told when the transaction is committed."""

    def write(wrapped: Any, transaction: Any, args: Any, kwargs: Any) -> Any:
        table = _table_of(transaction) if _active else None
        if table is None:
            return wrapped(*args, **kwargs)
        with operations.staging(table) as own:
            result = wrapped(*args, **kwargs)
        if own:
            _note_staged(transaction, kind, args, kwargs, result)
        return result

    return write


def _commit_transaction(wrapped: Any, transaction: Any, args: Any, kwargs: Any) -> Any:
    table = _table_of(transaction) if _active else None
    if table is None:
        return wrapped(*args, **kwargs)
    operation = operations.around(table)
    if operation is not None:
        _adopt(operation, transaction)
        return wrapped(*args, **kwargs)
    if _has_nothing(transaction):
        return wrapped(*args, **kwargs)
    with operations.operation(lambda: _kind(transaction), table) as begun:
        if begun is not None:
            _adopt(begun, transaction)
        return wrapped(*args, **kwargs)


def _do_commit(wrapped: Any, table: Any, args: Any, kwargs: Any) -> Any:
    if not _active:
        return wrapped(*args, **kwargs)
    updates = kwargs.get("updates", args[0] if args else ())
    operation = operations.around(table)
    if operation is not None:
        return operations.commit(operation, updates, lambda: wrapped(*args, **kwargs))
    with operations.operation(lambda: commits.kind_of((), updates, creates=False), table) as begun:
        return operations.commit(begun, updates, lambda: wrapped(*args, **kwargs))


@guarded("reading an Iceberg transaction", fallback=None)
def _table_of(transaction: Any) -> Any:
    return transaction._table if settings.enabled() else None


@guarded("reading an Iceberg transaction", fallback=False)
def _has_nothing(transaction: Any) -> bool:
    return not transaction._updates and not operations.staged(transaction)


@guarded("reading an Iceberg transaction", fallback=None)
def _adopt(operation: operations.Operation, transaction: Any) -> None:
    """What the transaction has collected is the operation's."""
    operation.writes += operations.staged(transaction)
    operations.staged(transaction).clear()


def _kind(transaction: Any) -> str:
    creates = type(transaction).__name__ == "CreateTableTransaction"
    return commits.kind_of(operations.staged(transaction), transaction._updates, creates=creates)


@guarded("reading what is written to Iceberg", fallback=None)
def _note(writes: list[Write], kind: str, args: Any, kwargs: Any, result: Any) -> None:
    writes.append(_write(kind, args, kwargs, result))


@guarded("reading what is written to Iceberg", fallback=None)
def _note_staged(transaction: Any, kind: str, args: Any, kwargs: Any, result: Any) -> None:
    operations.staged(transaction).append(_write(kind, args, kwargs, result))


def _write(kind: str, args: Any, kwargs: Any, result: Any) -> Write:
    """The arguments are the same for tables and transactions."""
    first = args[0] if args else None
    if kind == at.OPERATION_ADD_FILES:
        return Write(kind, files=_files(kwargs.get("file_paths", first) or ()))
    if kind == at.OPERATION_DELETE:
        return Write(kind, filter=kwargs.get(FILTERS[kind], first if args else _ALL))
    rows = getattr(kwargs.get("df", first), "num_rows", None)
    write = Write(kind, rows=rows)
    if kind == at.OPERATION_OVERWRITE:
        write.filter = kwargs.get(FILTERS[kind], args[1] if len(args) > 1 else _ALL)
    if kind == at.OPERATION_UPSERT:
        write.inserted, write.updated = result.rows_inserted, result.rows_updated
    return write


class AlwaysTrue:
    """The default of pyiceberg's filters, told by its name as theirs is."""


_ALL = AlwaysTrue()


def _files(paths: Any) -> list[str]:
    """The paths, or their folders where they are many."""
    found = [location(path) or "" for path in paths]
    if len(found) > MAX_FILES:
        found = [path.rpartition("/")[0] for path in found]
    return list(dict.fromkeys(found))[:MAX_FILES]
