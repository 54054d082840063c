"""Answers to the statements of the corpus: ours, and those of openlineage-sql."""

import time
from collections.abc import Iterable
from typing import Any

from tests.sql.cases import Case, Name, name
from tests.sql.judge import Found, FoundTable, Used

PEER_DIALECTS = {"spark": "databricks", "tsql": "mssql", "trino": "generic", "duckdb": "generic"}
"""Where its name for a dialect is not ours, or it has none: then the one of its own that fits best."""


def ours(case: Case) -> Found:
    from otel_bridge.sql import Column, Statement, Table
    from otel_bridge.sql.lineage import analyse

    def table(called: Name, columns: Iterable[tuple[str, str]] | None) -> Table:
        return Table(called, None if columns is None else tuple(Column(*column) for column in columns))

    analysis = analyse(
        Statement(
            sql=case.sql,
            dialect=case.dialect,
            tables=tuple(table(*known) for known in case.tables.items()),
            target=table(case.target, case.target_columns) if case.target else None,
            database=case.database,
            schema=case.schema,
        )
    )
    found = Found(failure=analysis.failure, reads=set(analysis.reads))
    found.writes = {written.table: FoundTable() for written in analysis.writes}
    for told in analysis.columns:
        table_ = found.writes.setdefault(told.table, FoundTable())
        table_.columns |= {
            column: {Used(use.table, use.column, use.subtype, use.masking) for use in uses}
            for column, uses in told.columns.items()
        }
        table_.dataset |= {Used(use.table, use.column, use.subtype, use.masking) for use in told.dataset}
        table_.unresolved |= set(told.unresolved)
    return found


class Peer:
    """openlineage-sql, as it is called by dbt-ol (without a dialect), or told the dialect."""

    def __init__(self, *, with_dialect: bool) -> None:
        self.with_dialect = with_dialect
        self.cpu_ms: list[float] = []

    def __call__(self, case: Case) -> "PeerFound":
        import openlineage_sql

        dialect = PEER_DIALECTS.get(case.dialect, case.dialect) if self.with_dialect else None
        started = time.process_time()
        try:
            said = openlineage_sql.parse([case.sql], dialect=dialect, default_schema=case.schema or None)
        except BaseException as error:  # its panics are no Exceptions
            if isinstance(error, KeyboardInterrupt):
                raise
            return PeerFound(failure=f"{type(error).__name__}: {error}")
        finally:
            self.cpu_ms.append((time.process_time() - started) * 1000)
        if said is None or (said.errors and not (said.in_tables or said.out_tables)):
            return PeerFound(
                failure="; ".join(error.message for error in said.errors) if said else "no answer"
            )
        known = [*case.tables, *case.reads, *case.may_read, *case.writes]
        return PeerFound(
            reads={_known(table, known) for table in said.in_tables},
            writes={_known(table, known) for table in said.out_tables},
            columns={
                told.descendant.name.strip('`"[]').casefold(): {
                    (_known(column.origin, known), column.name.casefold())
                    for column in told.lineage
                    if column.origin  # of others it says itself that it does not know them
                }
                for told in said.column_lineage
            },
        )


class PeerFound:
    """An answer without subtypes: tables, and sources by column, whatever table they are written to."""

    def __init__(
        self,
        *,
        reads: set[Name] | None = None,
        writes: set[Name] | None = None,
        columns: dict[str, set[tuple[Name, str]]] | None = None,
        failure: str = "",
    ) -> None:
        self.reads, self.writes, self.columns, self.failure = (
            reads or set(),
            writes or set(),
            columns or {},
            failure,
        )


def _known(table: Any, known: Iterable[Name]) -> Name:
    """The table of the corpus that is meant, if the shorter name is the end of the longer, in any case."""
    parts = [part for part in (table.database, table.schema, table.name) if part]
    written = tuple(part.strip('`"[]') for text in parts for part in name(text.replace("`", '"')))
    for one in known:
        shorter = min(len(one), len(written))
        if [p.casefold() for p in one[-shorter:]] == [p.casefold() for p in written[-shorter:]]:
            return one
    return written
