"""Columns of relations as the warehouse has them, asked in the connection that a node has open anyway.

Each relation is asked once an invocation: outputs after their materialization, inputs that nothing of this invocation
made before. A question never opens a connection, never fires one of dbt's events, and leaves the node's transaction
as it was: DuckDB is asked on a duplicate of the connection, PostgreSQL within a savepoint or a transaction of its
own, any other adapter by its own `get_columns_in_relation`, and only while dbt has no transaction open. Questions
end for the invocation after a failure (the third on DuckDB and PostgreSQL, where one can do no harm), after one that
took longer than a second, and once they took more than two seconds and a twentieth of the time that has passed.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Column = dict[str, str]

MODES = ("off", "outputs", "all")
SLOWEST_S = 1.0
FREE_S = 2.0
SHARE = 0.05
_HARMLESS_FAILURES = 3
_POSTGRES_COLUMNS = (
    "select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a"
    " where a.attrelid = pg_catalog.to_regclass(%s) and a.attnum > 0 and not a.attisdropped order by a.attnum"
)
_IDLE, _IN_TRANSACTION = 0, 2  # transaction states of libpq


class Columns:
    """What was asked in one invocation, and whether asking goes on. Any thread may use it."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode if mode is not None else mode_from_environment()
        self.asked = 0
        self.spent_s = 0.0
        self.given_up: str | None = None
        self._failures = 0
        self._started = time.monotonic()
        self._known: dict[str, list[Column]] = {}
        self._lock = threading.Lock()

    def known(self, rendered: str) -> list[Column] | None:
        """The columns of the relation that SQL names so, None if they were not found out."""
        return self._known.get(rendered) or None

    def wants(self, rendered: str, *, output: bool) -> bool:
        """Whether the relation is to be asked now: an output always, since it was just made."""
        if self.given_up or self.mode == "off" or (not output and self.mode == "outputs"):
            return False
        return output or rendered not in self._known

    def observe(self, adapter: Any, relation: Any) -> None:
        """Ask the warehouse in the connection of this thread, and remember the answer."""
        rendered, began = str(relation.render()), time.monotonic()
        found, failed = None, False
        try:
            found = lookup(adapter, relation)
        except Exception:  # noqa: BLE001  adapters raise anything, and none of it is the node's
            failed = True
        self._remember(adapter, rendered, found, time.monotonic() - began, failed=failed)

    def _remember(
        self, adapter: Any, rendered: str, found: list[Column] | None, took_s: float, *, failed: bool
    ) -> None:
        with self._lock:
            if found is not None:
                self._known[rendered] = found
            self.asked += 1
            self.spent_s += took_s
            if failed:
                self._failures += 1
                self.given_up = "failed" if self._failures >= self._bearable(adapter) else None
            elif took_s > SLOWEST_S or self.spent_s > FREE_S + SHARE * (time.monotonic() - self._started):
                self.given_up = "too slow"

    @staticmethod
    def _bearable(adapter: Any) -> int:
        return _HARMLESS_FAILURES if _kind(adapter) in _ASKING else 1


def mode_from_environment() -> str:
    """`off`, `outputs` or `all`, by OTEL_BRIDGE_DBT_COLUMNS; what is none of them counts as `all`."""
    wanted = os.environ.get("OTEL_BRIDGE_DBT_COLUMNS", "").strip().lower()
    return {"none": "off", "false": "off", "0": "off"}.get(wanted, wanted if wanted in MODES else "all")


def lookup(adapter: Any, relation: Any) -> list[Column] | None:
    """`[{name, type}]` of the relation in its order, nothing if it is not there, None where it can't be asked."""
    connection = adapter.connections.get_if_exists()
    # asking a connection that is not open for its handle would open it
    if connection is None or str(getattr(connection.state, "value", connection.state)) != "open":
        return None
    ask = _ASKING.get(_kind(adapter))
    if ask is not None:
        found = ask(connection.handle, str(relation.render()))
    elif connection.transaction_open:
        return None
    else:
        found = _ask_adapter(adapter, relation)
    return [{"name": str(name), "type": str(kind)} for name, kind in found]


@contextmanager
def muted() -> Iterator[None]:
    """While it lasts, dbt's events of this thread reach no logger and no callback."""
    from dbt_common.events.event_manager_client import get_event_manager

    manager = get_event_manager()
    if not isinstance(manager.fire_event, _Filter):
        manager.fire_event = _Filter(manager.fire_event)
    before, _quiet.on = _quiet.on, True
    try:
        yield
    finally:
        _quiet.on = before


class _Quiet(threading.local):
    on = False


_quiet = _Quiet()


class _Filter:
    """Stands before the event manager's method for as long as the manager lives."""

    def __init__(self, fire_event: Callable[..., None]) -> None:
        self._fire_event = fire_event

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if not _quiet.on:
            self._fire_event(*args, **kwargs)


def _kind(adapter: Any) -> str:
    return str(adapter.type())


def _ask_adapter(adapter: Any, relation: Any) -> list[tuple[str, str]]:
    with muted():
        try:
            return [(column.name, column.data_type) for column in adapter.get_columns_in_relation(relation)]
        finally:
            # the question may have begun one; dbt itself would tell of its end
            adapter.connections.rollback_if_open()


def _ask_duckdb(handle: Any, rendered: str) -> list[tuple[str, str]]:
    own = handle.cursor().cursor()
    try:
        # the relation is quoted by dbt, and may be a call that reads a file: nothing that a parameter could stand for
        rows = own.execute(f"describe select * from {rendered}").fetchall()  # noqa: S608
        return [(row[0], row[1]) for row in rows]
    finally:
        own.close()


def _ask_postgres(handle: Any, rendered: str) -> list[tuple[str, str]]:
    state = handle.info.transaction_status
    if state not in {_IDLE, _IN_TRANSACTION}:
        return []
    with handle.cursor() as cursor:
        if state == _IDLE:
            try:
                cursor.execute(_POSTGRES_COLUMNS, (rendered,))
                return list(cursor.fetchall())
            finally:
                handle.rollback()
        cursor.execute("savepoint otel_bridge_columns")
        try:
            cursor.execute(_POSTGRES_COLUMNS, (rendered,))
            return list(cursor.fetchall())
        finally:
            cursor.execute("rollback to savepoint otel_bridge_columns")
            cursor.execute("release savepoint otel_bridge_columns")


_ASKING: dict[str, Callable[[Any, str], list[tuple[str, str]]]] = {
    "duckdb": _ask_duckdb,
    "postgres": _ask_postgres,
}
