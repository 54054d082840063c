"""The statements of one run, one after the other: what they come to of tables read and written, column by column.

A table is an input if it was read before it was first written, unless it was made here. One that was made and dropped
here is neither input nor output, like a temporary one: what is made of it comes from what it was made of.
"""

from collections.abc import Callable, Iterable

import msgspec

from otel_bridge.sql.dialects import Rules, rules
from otel_bridge.sql.origins import NOTHING, Origin, Uses, add, joined, merge, told
from otel_bridge.sql.questions import DIALECTS, Key
from otel_bridge.sql.values import Analysis, Column, Statement, Table, TableColumns, TableName, Use, Written

CHANGING = frozenset({"create", "insert", "merge", "update", "delete", "load", "copy"})
"""Kinds of statements that change what is in a table."""
CASELESS = "duckdb://"
"""Namespaces whose names are written in lower case, as DuckDB does not tell them apart by it."""
DEEPEST = 50
"""Tables made of all columns of the one before, one of the other, that a column is followed through."""
NOWHERE = "?"
"""First part of the name, in a result, of a table that is no dataset that we know."""

_SYSTEM_SCHEMAS = frozenset(
    {"information_schema", "pg_catalog", "performance_schema", "crdb_internal", "sys"}
)
_SYSTEM_TABLES = {"postgres": "pg_", "redshift": "pg_", "sqlite": "sqlite_"}


class Place(msgspec.Struct, frozen=True):
    """The connection of a statement; whole names of its tables have `parts` parts, and are in `namespace`, if known."""

    namespace: str = ""
    database: str = ""
    schema: str = ""
    dialect: str = ""
    parts: int = 3


class _Thing:
    """A table, by whatever names. `key` is the dataset that it was before the run, `mine` says that the run made it."""

    def __init__(
        self, name: TableName, key: Key | None = None, *, mine: bool = False, temporary: bool = False
    ) -> None:
        self.name, self.key, self.mine, self.temporary = name, key, mine, temporary
        self.schema: tuple[Column, ...] | None = None
        self.read = self.dropped = self.listed = False
        self.written = ""
        self.columns: dict[str, Origin] = {}
        self.dataset: Uses = {}
        self.rest = ""
        self.star: Callable[[str], Origin] | None = None
        self.depth = 0

    def origin(self, column: str) -> Origin:
        """What a column of a table that the run made comes from."""
        found = self.columns.get(column) or self._like(column)
        if found is not None:
            return found
        if self.rest:
            return self.star(column) if self.star else Origin(reason=self.rest)
        if any(known.name.casefold() == column.casefold() for known in self.schema or ()):
            return NOTHING
        return Origin(reason=f"`{column}` is no column of `{'.'.join(self.name)}` as the run made it")

    def add(self, column: str, origin: Origin) -> None:
        """One more origin of a column."""
        known = self.columns.get(column)
        self.columns[column] = origin if known is None else joined([known, origin])

    def started_again(self) -> None:
        """The table was made anew: what was said before of its columns is gone."""
        self.columns, self.dataset, self.rest, self.star = {}, {}, "", None

    def as_columns(self, key: Key) -> TableColumns:
        """What is known of its columns."""
        known = {name: told(o.uses) for name, o in self.columns.items() if not o.reason}
        unresolved = {name: o.reason for name, o in self.columns.items() if o.reason}
        return TableColumns(
            key, known, told(self.dataset), unresolved | ({"*": self.rest} if self.rest else {})
        )

    def _like(self, column: str) -> Origin | None:
        folded = column.casefold()
        return next((origin for name, origin in self.columns.items() if name.casefold() == folded), None)


class _Connection:
    """Names as they stand over one connection."""

    def __init__(self, place: Place, listed: Iterable[tuple[Key, Table]]) -> None:
        self.place = place
        self.rules: Rules = rules(place.dialect)
        self.names: dict[TableName, _Thing] = {}
        for key, table in listed:
            thing = _Thing(table.name, key)
            thing.schema, thing.listed = table.columns, True
            self.names[self.folded(table.name)] = thing

    def folded(self, name: TableName) -> TableName:
        """What two spellings of one name have in common."""
        if self.rules.name == "sqlite" and len(name) == 2 and name[0].casefold() == "main":
            name = name[1:]
        return name if self.rules.exact else tuple(part.casefold() for part in name)

    def known(self, sql: str) -> tuple[Table, ...]:
        """Tables that a statement may mean and of which more is known than their names.

        A name alone means the one in the connection's own schema, if that is known, whatever others there are.
        """
        text = sql.casefold()
        named = [t for t in self.names.values() if t.name[-1].casefold() in text]
        tables = {t.name: Table(t.name, t.schema) for t in named if t.schema or t.temporary or t.listed}
        for name in list(tables):
            beside = (*self.prefix, name[-1])
            if len(beside) == self.place.parts and beside not in tables:
                tables[beside] = Table(beside)
        return tuple(tables.values())

    @property
    def prefix(self) -> TableName:
        """What completes a name alone, as far as it is known."""
        whole = (
            (self.place.database, self.place.schema)[3 - self.place.parts :] if self.place.parts > 1 else ()
        )
        return tuple(part for part in whole if part)

    def thing(self, name: TableName) -> _Thing:
        """The table of this name, one that was there before if it is new."""
        folded = self.folded(name)
        if folded not in self.names:
            self.names[folded] = _Thing(name, self.key_of(name))
        return self.names[folded]

    def make(self, name: TableName, *, temporary: bool = False) -> _Thing:
        """A table that a statement made."""
        made = self.names[self.folded(name)] = _Thing(name, mine=True, temporary=temporary)
        return made

    def key_of(self, name: TableName) -> Key | None:
        """The dataset of this name; None if the name or its place is not wholly known, or it is the database's own."""
        place = self.place
        if self.rules.name == "sqlite" and len(name) == 2 and name[0].casefold() == "main":
            name = name[1:]
        whole = len(name) == place.parts and not any("." in part or not part for part in name)
        if not place.namespace or not whole or self._is_system(name):
            return None
        written = ".".join(name)
        return place.namespace, written.lower() if place.namespace.startswith(CASELESS) else written

    def _is_system(self, name: TableName) -> bool:
        prefix = _SYSTEM_TABLES.get(self.rules.name)
        schema = name[-2].casefold() if len(name) > 1 else ""
        return schema in _SYSTEM_SCHEMAS or bool(prefix and name[-1].casefold().startswith(prefix))


class Session:
    """All statements of a run. `listed` are the tables that the run lists itself."""

    def __init__(self, listed: Iterable[tuple[Key, Table]] = ()) -> None:
        self._listed = tuple(listed)
        self._connections: dict[tuple[str, str], _Connection] = {}
        self._things: dict[_Thing, _Connection] = {}

    def asked(self, sql: str, place: Place) -> Statement:
        """The next statement, as it is to be analysed."""
        connection = self._over(place)
        return Statement(
            sql=sql,
            dialect=place.dialect,
            tables=connection.known(sql),
            database=connection.place.database,
            schema=connection.place.schema,
        )

    def take(self, place: Place, analysis: Analysis) -> None:
        """What came out of it."""
        connection = self._over(place)
        for name in analysis.fresh:
            self._note(connection.make(name), connection)
        read = [self._note(connection.thing(name), connection) for name in analysis.reads]
        for thing in read:
            thing.read |= not thing.mine and not thing.written
        for part in analysis.temporary:
            self._fill(connection, connection.make(part.table, temporary=True), part, read)
        self._write(connection, analysis, read)
        for name, use in analysis.stars:
            self._pass(connection, connection.thing(name), use)
        for table in analysis.made:
            connection.thing(table.name).schema = table.columns
        for old, new in analysis.renamed:
            self._rename(connection, old, new)
        for name in analysis.dropped:
            connection.thing(name).dropped = True
            del connection.names[connection.folded(name)]
        if analysis.place is not None:
            database, schema = analysis.place
            connection.place = msgspec.structs.replace(connection.place, database=database, schema=schema)

    def result(self) -> Analysis:
        """All of it, where tables are datasets: namespace and name; `made` are those whose columns are all known."""
        reads = {t.key: None for t in self._things if t.read and t.key}
        written = [(key, thing) for thing in self._things if (key := self._output(thing))]
        return Analysis(
            reads=tuple(reads),
            writes=tuple(Written(key, by) for key, by in {k: thing.written for k, thing in written}.items()),
            columns=tuple(thing.as_columns(key) for key, thing in written),
            made=tuple(Table(key, thing.schema) for key, thing in written if thing.mine and thing.schema),
        )

    def _over(self, place: Place) -> _Connection:
        key = (place.namespace, place.dialect)
        if key not in self._connections:
            namespace = place.namespace or self._only(place.dialect)
            near = [(k, table) for k, table in self._listed if k[0] == namespace]
            self._connections[key] = _Connection(place, near)
        return self._connections[key]

    def _only(self, dialect: str) -> str:
        """The one namespace of listed tables of a database that speaks the dialect; "" if there is none, or several."""
        spoken = rules(dialect).name
        found = {key[0] for key, _ in self._listed if DIALECTS.get(key[0].partition(":")[0]) == spoken}
        return found.pop() if len(found) == 1 else ""

    def _note(self, thing: _Thing, connection: _Connection) -> _Thing:
        self._things.setdefault(thing, connection)
        return thing

    def _write(self, connection: _Connection, analysis: Analysis, read: list[_Thing]) -> None:
        made = {w.table for w in analysis.writes if w.by == "create"}
        for table in made:
            connection.thing(table).started_again()
        for part in analysis.columns:
            self._fill(connection, connection.thing(part.table), part, read)
        for written in analysis.writes:
            if written.by in CHANGING and written.table not in analysis.dropped:
                thing = self._note(connection.thing(written.table), connection)
                thing.written = thing.written or written.by

    def _fill(self, connection: _Connection, thing: _Thing, part: TableColumns, read: list[_Thing]) -> None:
        for column, uses in part.columns.items():
            origins = [self._led(connection, use) for use in uses]
            thing.add(column, joined(origins) if origins else NOTHING)
        for column, reason in part.unresolved.items():
            if column == "*":
                thing.rest = thing.rest or reason
            else:
                thing.add(column, Origin(reason=reason))
        for use in part.dataset:
            merge(thing.dataset, self._led(connection, use).uses)
        for source in read:
            if source.mine:
                merge(thing.dataset, source.dataset)
        if thing.temporary:
            thing.schema = None if thing.rest else tuple(map(Column, thing.columns))

    def _led(self, connection: _Connection, use: Use) -> Origin:
        """A use, by datasets, through what the run made itself."""
        return self._of(connection.thing(use.table), use)

    def _pass(self, connection: _Connection, thing: _Thing, star: Use) -> None:
        """Columns that are not known by name come from those of the same name of another table."""
        source = connection.thing(star.table)
        thing.depth = source.depth + 1
        if source is not thing and thing.depth <= DEEPEST:
            thing.star = lambda column: self._of(source, msgspec.structs.replace(star, column=column))

    def _of(self, thing: _Thing, use: Use) -> Origin:
        if not thing.mine:
            return Origin({(thing.key or (NOWHERE, *use.table), use.column, use.subtype): use.masking})
        origin = thing.origin(use.column)
        uses: Uses = {}
        add(uses, origin.uses, use.subtype, use.masking)
        return Origin(reason=origin.reason) if origin.reason else Origin(uses)

    def _rename(self, connection: _Connection, old: TableName, new: TableName) -> None:
        thing = connection.thing(old)
        del connection.names[connection.folded(old)]
        connection.names[connection.folded(new)] = thing
        thing.name = new

    def _output(self, thing: _Thing) -> Key | None:
        if not thing.written or thing.temporary or (thing.mine and thing.dropped):
            return None
        return self._things[thing].key_of(thing.name) if thing.mine else thing.key
