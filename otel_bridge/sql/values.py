"""Values of statement analysis: a `Statement` with the tables that are known goes in, an `Analysis` comes out.

Transformations are those of OpenLineage's columnLineage facet 1-2-0.
"""

from typing import Literal

import msgspec

Subtype = Literal[
    "IDENTITY",
    "TRANSFORMATION",
    "AGGREGATION",
    "JOIN",
    "GROUP_BY",
    "FILTER",
    "SORT",
    "WINDOW",
    "CONDITIONAL",
]
DIRECT: frozenset[Subtype] = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
"""Subtypes of type DIRECT; all others are INDIRECT."""

ADDED = "added by what writes the table"
"""Reason of a column of the target that a bare query does not give."""

TableName = tuple[str, ...]
"""A table's name in parts, outermost first: `("shop", "public", "orders")`, or fewer where fewer are known."""


class Column(msgspec.Struct, frozen=True):
    """A column of a known table; `type` as the warehouse writes it, "" if unknown."""

    name: str
    type: str = ""


class Table(msgspec.Struct, frozen=True):
    """A table that the run is known to use. `columns` is None unless they are all known, in order."""

    name: TableName
    columns: tuple[Column, ...] | None = None


class Statement(msgspec.Struct, frozen=True):
    """What to analyse.

    `dialect` is a name of sqlglot's, an adapter's or a `db.system`; "" is none known. `target` is the table that the
    rows of a bare query go to, as in dbt; None if they go nowhere. `database` and `schema` are the connection's, for
    names that lack them.
    """

    sql: str
    dialect: str = ""
    tables: tuple[Table, ...] = ()
    target: Table | None = None
    database: str = ""
    schema: str = ""


class Use(msgspec.Struct, frozen=True, order=True):
    """A column of `table`, and how it is used. `masking`: its value can't be told from the result."""

    table: TableName
    column: str
    subtype: Subtype
    masking: bool = False


class TableColumns(msgspec.Struct, frozen=True):
    """What the columns of a written table come from.

    `columns` maps each column, in order, to its uses (none for a constant or a generated value); `dataset` are the
    uses that affect every row (FILTER, JOIN, GROUP_BY, SORT); `unresolved` maps a column to the reason why nothing is
    said about it, `*` standing for columns whose names are not known either.
    """

    table: TableName
    columns: dict[str, tuple[Use, ...]] = {}
    dataset: tuple[Use, ...] = ()
    unresolved: dict[str, str] = {}


class Written(msgspec.Struct, frozen=True):
    """A table that the statement changes, and by which kind of statement (`insert`, `create`, `merge`, ...)."""

    table: TableName
    by: str


class Analysis(msgspec.Struct, frozen=True):
    """What a statement, or a script of several, reads and writes.

    Names in `reads`, `writes` and uses are those of `Statement.tables` where they match one, else as written, completed
    by the connection's database and schema, and folded by the dialect. `failure` says why nothing is known, "" if
    something is.

    The rest is for what comes after it over the same connection: `temporary` tables that there are now, tables `made`
    with columns that are known, those of them that were certainly not there before (`fresh`), those `renamed` and
    `dropped`, `stars`, which say what table columns of a made table that are not known by name are columns of the same
    name of, and the database and schema (`place`) for names that lack them, None if they are as before.
    """

    reads: tuple[TableName, ...] = ()
    writes: tuple[Written, ...] = ()
    columns: tuple[TableColumns, ...] = ()
    failure: str = ""
    temporary: tuple[TableColumns, ...] = ()
    made: tuple[Table, ...] = ()
    fresh: tuple[TableName, ...] = ()
    renamed: tuple[tuple[TableName, TableName], ...] = ()
    dropped: tuple[TableName, ...] = ()
    stars: tuple[tuple[TableName, Use], ...] = ()
    place: tuple[str, str] | None = None
