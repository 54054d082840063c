"""Tables that are created, registered, renamed and dropped: each catalog class does it in its own way.

A class is hooked when its first catalog is made, so that catalogs of other packages are told, too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import wrapt
from otel_lineage.trouble import guarded

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg import settings, tables
from otel_bridge_pyiceberg.telling import Telling

METHODS = {
    "create_table": at.OPERATION_CREATE,
    "create_table_if_not_exists": at.OPERATION_CREATE,
    "register_table": at.OPERATION_REGISTER,
    "drop_table": at.OPERATION_DROP,
    "purge_table": at.OPERATION_DROP,
    "rename_table": at.OPERATION_RENAME,
}
IF_NOT_EXISTS = "create_table_if_not_exists"

_inside: ContextVar[bool] = ContextVar("otel-bridge-iceberg-ddl", default=False)
_may_exist: ContextVar[bool] = ContextVar("otel-bridge-iceberg-may-exist", default=False)
_hooked: set[tuple[type, str]] = set()
active = True


@guarded("hooking an Iceberg catalog", fallback=None)
def hook(kind: type) -> None:
    """Hook the methods of a catalog class and of those that it inherits from."""
    for owner in kind.__mro__:
        for name in METHODS:
            method = owner.__dict__.get(name)
            if method is None or getattr(method, "__isabstractmethod__", False) or (owner, name) in _hooked:
                continue
            _hooked.add((owner, name))
            setattr(owner, name, wrapt.FunctionWrapper(method, _around(name)))


def hook_known(base: Any) -> None:
    """Hook the classes of catalogs that may have been made before."""
    for kind in base.__subclasses__():
        hook(kind)
        hook_known(kind)


def _around(name: str) -> Callable[..., Any]:
    def around(wrapped: Any, catalog: Any, args: Any, kwargs: Any) -> Any:
        if not active or _inside.get() or not settings.enabled():
            return wrapped(*args, **kwargs)
        if name == IF_NOT_EXISTS:
            with _being(_may_exist):
                return wrapped(*args, **kwargs)
        return _told(name, catalog, lambda: wrapped(*args, **kwargs), _identifiers(args, kwargs))

    return around


def _told(name: str, catalog: Any, call: Callable[[], Any], identifiers: tuple[Any, ...]) -> Any:
    """Call, and tell it; a table that is to be created unless it exists is told once it was created."""
    may_exist = _may_exist.get() and name == "create_table"
    telling = None if may_exist else _begin(METHODS[name], catalog, identifiers)
    try:
        with _being(_inside):
            result = call()
    except BaseException as error:
        if telling is not None:
            telling.end(error)
        raise
    if may_exist:
        telling = _begin(METHODS[name], catalog, identifiers)
    if telling is not None:
        telling.say(_result(METHODS[name], catalog, identifiers, result))
        telling.end(None)
    return result


@contextmanager
def _being(state: "ContextVar[bool]") -> Iterator[None]:
    token = state.set(True)
    try:
        yield
    finally:
        state.reset(token)


def _identifiers(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The table's identifier; of a renaming the old and the new one."""
    names = ("identifier", "from_identifier", "to_identifier")
    return (*args[:2], *(kwargs[name] for name in names if name in kwargs))


@guarded("starting an Iceberg operation", fallback=None)
def _begin(operation: str, catalog: Any, identifiers: tuple[Any, ...]) -> Telling:
    known = tables.named(catalog, identifiers[0])
    if operation == at.OPERATION_RENAME:
        known = {
            **known,
            at.TABLE_NAME: tables.written(identifiers[1]),
            at.TABLE_PREVIOUS_NAME: tables.written(identifiers[0]),
        }
    elif operation != at.OPERATION_DROP:
        known.pop(at.TABLE_LOCATION, None)
        known.pop(at.TABLE_UUID, None)
    return Telling(operation, known)


@guarded("describing an Iceberg operation", fallback={})
def _result(operation: str, catalog: Any, identifiers: tuple[Any, ...], result: Any) -> Mapping[str, Any]:
    if operation in {at.OPERATION_DROP, at.OPERATION_RENAME}:
        tables.forget(catalog, identifiers[0])
    if not hasattr(result, "metadata"):
        return {}
    snapshot = result.metadata.current_snapshot()
    return {**tables.of_table(result), at.SNAPSHOT_ID: snapshot.snapshot_id if snapshot else None}
