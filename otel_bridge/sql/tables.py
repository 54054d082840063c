"""Which table a name in a statement means: one of those that are known, or one by its own name.

A name matches a known table if the shorter of the two is a dotted suffix of the longer, under the dialect's rule of
case. Of several the one that has most in common with the completed name is meant, if there is just one such.
"""

import re
from collections.abc import Iterable
from typing import Protocol

import msgspec
from sqlglot import exp

from otel_bridge.sql.dialects import Rules
from otel_bridge.sql.origins import Origin
from otel_bridge.sql.relations import Output, Relation, Rest, unknown
from otel_bridge.sql.values import Column, Statement, Table, TableName

Part = tuple[str, bool]
"""An identifier and whether it is quoted."""

_PATH = re.compile(r"[/\\:]|\.(csv|tsv|json|jsonl|ndjson|parquet|orc|avro|xlsx|db|gz|zst)\b", re.IGNORECASE)
_PATH_SCHEMAS = frozenset({"delta", "parquet", "csv", "json", "orc", "avro", "text", "binaryfile", "iceberg"})


class Match(msgspec.Struct, frozen=True):
    """The table that is meant. With a `reason` it is not known which, and `name` is empty."""

    name: TableName = ()
    columns: tuple[str, ...] | None = None
    reason: str = ""
    known: bool = False


def parts_of(table: exp.Expr) -> tuple[Part, ...] | str:
    """The parts of a table's name, outermost first; a reason if it isn't a name."""
    if not isinstance(table, exp.Table):
        return "not a table"
    inner = table.this
    found = [table.args.get("catalog"), table.args.get("db")]
    while isinstance(inner, exp.Dot):
        found.append(inner.this)
        inner = inner.expression
    if isinstance(inner, exp.Parameter) and inner.name:
        return (("@" + inner.name, False),)
    if not isinstance(inner, exp.Identifier):
        return "a file, stage or variable"
    found.append(inner)
    parts = tuple(_part(part) for part in found if isinstance(part, exp.Identifier))
    if _is_path(parts):
        return "a file"
    return (parts[0], ("", False), parts[1]) if table.args.get("db") == "" and len(parts) == 2 else parts


def _part(identifier: exp.Identifier) -> Part:
    hash_sign = "#" if identifier.args.get("temporary") else ""
    return hash_sign + identifier.name, bool(identifier.args.get("quoted"))


def _is_path(parts: tuple[Part, ...]) -> bool:
    last, quoted = parts[-1]
    if len(parts) == 1:
        return quoted and bool(_PATH.search(last))
    return len(parts) == 2 and quoted and parts[0][0].lower() in _PATH_SCHEMAS and "/" in last


class Tables:
    """Tables that a statement may mean, and the relations that they are."""

    def __init__(self, statement: Statement, rules: Rules) -> None:
        self.rules = rules
        self.database, self.schema = statement.database, statement.schema
        self.target = statement.target
        known = [*statement.tables, *([statement.target] if statement.target else [])]
        self._by_last: dict[str, list[Table]] = {}
        for table in known:
            if table.name:
                self._by_last.setdefault(table.name[-1].casefold(), []).append(table)
        self._matches: dict[tuple[Part, ...], Match] = {}
        self._relations: dict[TableName, Relation] = {}
        self._names: dict[TableName, TableName] = {}
        self._made: dict[TableName, tuple[str, ...] | None] = {}

    def match(self, parts: tuple[Part, ...]) -> Match:
        """The table meant by a name."""
        match = self._matches.get(parts)
        if match is None:
            match = self._matches[parts] = self._match(parts)
        columns = self._made.get(match.name, match.columns)
        return match if columns == match.columns else Match(match.name, columns, match.reason, match.known)

    def use(self, database: str, schema: str) -> None:
        """Names are completed by another database or schema from now on."""
        self.database, self.schema = database or self.database, schema or self.schema
        self._matches.clear()

    def stay(self, schema: str) -> None:
        """Names without a schema are in this one from now on; "" if it is not known which."""
        self.schema = schema
        self._matches.clear()

    def made(self, name: TableName, columns: tuple[str, ...] | None) -> None:
        """A script made a table of these columns; None if they are not known."""
        self._made[name] = columns
        self._relations.pop(name, None)

    @property
    def all_made(self) -> tuple[Table, ...]:
        """What a script made, as far as its columns are known."""
        return tuple(
            Table(name, tuple(map(Column, columns)))
            for name, columns in self._made.items()
            if columns is not None
        )

    def relation(self, match: Match) -> Relation:
        """The table's columns, each coming from itself."""
        if match.reason:
            return unknown((), match.reason)
        found = self._relations.get(match.name)
        if found is None:
            found = self._relations[match.name] = self._relation(match)
        return found

    def _relation(self, match: Match) -> Relation:
        name = match.name
        if match.columns is not None:
            outputs = [
                Output(column, Origin({(name, column, "IDENTITY"): False})) for column in match.columns
            ]
            return Relation(outputs, table=name)
        spelled: dict[str, Origin] = {}

        def lookup(column: str) -> Origin:
            return spelled.setdefault(column.casefold(), Origin({(name, column, "IDENTITY"): False}))

        reason = f"the columns of `{'.'.join(name)}` are not known"
        return Relation([Output("*", rest=Rest(lookup, reason))], table=name)

    def completed(self, parts: tuple[Part, ...]) -> TableName:
        """The name with what it lacks of database and schema, folded. A schema left out between dots stays empty."""
        folded = [self.rules.folded(text, quoted) for text, quoted in parts]
        if len(folded) == 1 and self.schema:
            folded = [self.schema, *folded]
        if len(folded) == 2 and self.database:
            folded = [self.database, *folded]
        return tuple(folded)

    def _match(self, parts: tuple[Part, ...]) -> Match:
        full = self.completed(parts)
        candidates = self._by_last.get(parts[-1][0].casefold(), ())
        for same in (self._strict, self._lenient):
            best = self._best(parts, full, candidates, same)
            if len(best) == 1:
                columns = best[0].columns
                return Match(
                    best[0].name, tuple(c.name for c in columns) if columns is not None else None, known=True
                )
            if best:
                several = " or ".join(sorted(f"`{'.'.join(table.name)}`" for table in best))
                return Match(reason=f"`{'.'.join(text for text, _ in parts)}` may be {several}")
        full = tuple(part or "dbo" for part in full)
        spelled = self._names.setdefault(tuple(part.casefold() for part in full), full)
        return Match(full if self.rules.exact else spelled)

    def _best(
        self, parts: tuple[Part, ...], full: TableName, tables: Iterable[Table], same: "_Same"
    ) -> list[Table]:
        """The tables that the name fits, of those that have most in common with the completed name."""
        scored: dict[int, dict[TableName, Table]] = {}
        quoted = (*([False] * (len(full) - len(parts))), *(mark for _, mark in parts))
        for table in tables:
            shorter = min(len(parts), len(table.name))
            common = 0
            for index in range(1, min(len(full), len(table.name)) + 1):
                if full[-index] and not same(full[-index], quoted[-index], table.name[-index]):
                    break
                common = index
            if common >= shorter:
                known = scored.setdefault(common, {})
                if table.name not in known or known[table.name].columns is None:
                    known[table.name] = table
        return list(scored[max(scored)].values()) if scored else []

    def _strict(self, written: str, quoted: bool, known: str) -> bool:
        return written == known if self.rules.exact else written.casefold() == known.casefold()

    def _lenient(self, written: str, quoted: bool, known: str) -> bool:
        """A producer may give a name as it was configured, not yet folded by the warehouse."""
        if quoted or self.rules.exact_unquoted:
            return self._strict(written, quoted, known)
        return written.casefold() == known.casefold() and known in {known.lower(), known.upper()}


class _Same(Protocol):
    def __call__(self, written: str, quoted: bool, known: str) -> bool: ...
