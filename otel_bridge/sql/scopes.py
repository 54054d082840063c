"""What names mean inside one SELECT: its sources, the columns that joins merge, its aliases, and what encloses it."""

from collections.abc import Callable, Iterator

import msgspec
from sqlglot import exp

from otel_bridge.sql.dialects import Rules
from otel_bridge.sql.origins import NOTHING, Origin, Uses, merge
from otel_bridge.sql.relations import Relation
from otel_bridge.sql.tables import Part, Tables
from otel_bridge.sql.values import TableName


class Context:
    """What the parts of one analysis share. `query` and `value` are how a scope reads what is nested in it."""

    def __init__(
        self,
        tables: Tables,
        rules: Rules,
        query: Callable[["Context", exp.Expr, "Env | None", "Scope | None"], Relation],
        value: Callable[["Scope", exp.Expr], Origin],
        cte: Callable[["Context", "Cte"], Relation],
    ) -> None:
        self.tables, self.rules = tables, rules
        self.query, self.value, self.cte = query, value, cte
        self.change: Callable[[exp.Expr, Env | None], Relation] | None = None
        self.reads: dict[TableName, None] = {}
        self.temporary: dict[tuple[str, ...], Relation] = {}

    def temporary_of(self, parts: tuple[Part, ...]) -> tuple[str, ...] | None:
        """The key of a temporary table of this script that the name means."""
        key = tuple(self.rules.key(text, quoted) for text, quoted in parts)
        for known in self.temporary:
            shorter = min(len(known), len(key))
            if known[-shorter:] == key[-shorter:]:
                return known
        return None


class Cte:
    """A common table expression, read when first used."""

    def __init__(self, node: exp.CTE, env: "Env | None", outer: "Scope | None", recursive: bool) -> None:
        self.node, self.env, self.outer, self.recursive = node, env, outer, recursive
        self.relation: Relation | None = None
        self.reading = False


class Env(msgspec.Struct, frozen=True):
    """The CTEs that are visible at a place, the nearest first."""

    name: str
    cte: Cte
    before: "Env | None" = None


def visible(env: Env | None, name: str) -> Cte | None:
    """The CTE of that name."""
    while env is not None:
        if env.name == name:
            return env.cte
        env = env.before
    return None


class Source(msgspec.Struct, eq=False):
    """A relation in FROM. `called` is its alias, or its name in parts; `hidden` ones are seen by their join alone."""

    called: tuple[str, ...]
    relation: Relation
    hidden: bool = False

    def answers(self, qualifier: tuple[str, ...]) -> bool:
        """Whether a column's qualifier means this source."""
        return self.called[-len(qualifier) :] == qualifier


class Found(msgspec.Struct, frozen=True):
    """What a dotted name means: a column, and whether the name goes on inside its value."""

    origin: Origin
    inside: bool = False


class Scope:
    """One SELECT while it is read. `dataset` gathers what decides which rows it yields."""

    def __init__(self, context: Context, env: Env | None, parent: "Scope | None") -> None:
        self.context, self.env, self.parent = context, env, parent
        self.last_resort = False
        self.sources: list[Source] = []
        self.merged: dict[str, tuple[str, Origin]] = {}
        self.natural_open = False
        self.aliases: dict[str, exp.Expr] = {}
        self.windows: dict[str, exp.Expr] = {}
        self.dataset: Uses = {}
        self.clause = "from"
        self.outward = 0
        self._values: dict[str, Origin] = {}
        self._reading: set[str] = set()
        self._proven: dict[str, list[tuple[Source, Origin]]] = {}

    def add(self, source: Source) -> None:
        """One more source, and what decides its rows."""
        self.sources.append(source)
        merge(self.dataset, source.relation.dataset)

    def seen(self) -> Iterator[Source]:
        """Sources whose columns may be named without qualifier."""
        return (source for source in self.sources if not source.hidden)

    def resolve(self, parts: tuple[Part, ...]) -> Found:
        """What a dotted name means here."""
        if len(parts) > 1:
            found = self._qualified(parts)
            if found is not None:
                return found
            if not self.context.rules.structs:
                return Found(
                    Origin(reason=f"no table here is called `{'.'.join(text for text, _ in parts[:-1])}`")
                )
        text, quoted = parts[0]
        return _inside(self.column(self.context.rules.folded(text, quoted)), parts[1:])

    def source(self, qualifier: tuple[str, ...]) -> Source | None:
        """The source of that name, of this scope or one around it."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.answers(qualifier):
                    return source
            scope = scope.parent
        return None

    def _qualified(self, parts: tuple[Part, ...]) -> Found | None:
        rules = self.context.rules
        keys = tuple(rules.key(text, quoted) for text, quoted in parts)
        passed: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            for length in range(len(parts) - 1, 0, -1):
                for source in scope.sources:
                    if source.answers(keys[:length]):
                        for inner in passed:
                            inner.outward += 1
                        name = rules.folded(*parts[length])
                        return _inside(scope.of(source, name), parts[length + 1 :])
            passed.append(scope)
            scope = scope.parent
        return None

    def of(self, source: Source, name: str) -> Origin:
        """The origin of a column of one source."""
        relation = source.relation
        origin = relation.find(name)
        if origin is not None:
            return origin
        if relation.may_have(name):
            origin = relation.guess(name)
            if not origin.reason:
                self._proven.setdefault(name.casefold(), []).append((source, origin))
            return origin
        return _pseudo(self, name) or Origin(reason=f"`{'.'.join(source.called)}` has no column `{name}`")

    def column(self, name: str) -> Origin:
        """The origin of a column named without qualifier."""
        low = name.casefold()
        if self.clause == "order" and (alias := self.alias(low)) is not None:
            return alias
        if low in self.merged:
            return self.merged[low][1]
        known = [
            (source, origin) for source in self.seen() if (origin := source.relation.find(name)) is not None
        ]
        if len(known) == 1:
            if self.natural_open and known[0][0] is not self.sources[0]:
                return Origin(
                    reason=f"`{name}` may be merged by a natural join of tables whose columns are not known"
                )
            return known[0][1]
        if known:
            return Origin(reason=f"`{name}` is a column of several tables")
        return self._not_known(name, low)

    def _not_known(self, name: str, low: str) -> Origin:
        """A name that is no column of a source whose columns are known."""
        open_ = [source for source in self.seen() if source.relation.may_have(name)]
        alias = self.alias(low) if self._takes_alias(low, bool(open_)) else None
        if alias is not None and (not open_ or self._must_be_alias(low)):
            return alias
        pseudo = _pseudo(self, name)
        if pseudo is not None:
            return pseudo
        if not open_:
            return self._outside(name)
        return self._open(name, low, open_, alias is not None)

    def _open(self, name: str, low: str, open_: list[Source], aliased: bool) -> Origin:
        """A name that sources may have whose columns are not known."""
        proven = [origin for source, origin in self._proven.get(low, ()) if source in open_]
        if proven and all(origin == proven[0] for origin in proven):
            return proven[0]
        if aliased:
            return Origin(reason=f"`{name}` may be a column of {_called(open_[0])} or an alias")
        if len(open_) > 1:
            several = " or ".join(_called(source) for source in open_)
            return Origin(reason=f"`{name}` may come from {several}, whose columns are not known")
        return self._only_open(name, low, open_[0])

    def _only_open(self, name: str, low: str, source: Source) -> Origin:
        if any(low == other.called[-1].casefold() for other in self.sources if other.called):
            return Origin(reason=f"`{name}` may be a row of `{name}` or a column of it")
        if self.parent is not None and not self.parent.last_resort and self.parent.might_know(name):
            return Origin(reason=f"`{name}` may be a column of {_called(source)} or of the enclosing query")
        origin = source.relation.guess(name)
        if not origin.reason:
            self._proven.setdefault(low, []).append((source, origin))
        return origin

    def might_know(self, name: str) -> bool:
        """Whether a name may be a column of this scope or one around it."""
        for source in self.seen():
            if source.relation.find(name) is not None or source.relation.may_have(name):
                return True
        return self.parent is not None and self.parent.might_know(name)

    def _outside(self, name: str) -> Origin:
        """A name that no source here can have: of the enclosing query, or a whole row."""
        low = name.casefold()
        rows = [source for source in self.sources if source.called and source.called[-1].casefold() == low]
        if rows:
            return row(rows)
        if self.parent is not None:
            self.outward += 1
            return self.parent.column(name)
        return Origin(reason=f"no table here has a column `{name}`")

    def _takes_alias(self, low: str, open_: bool) -> bool:
        if low not in self.aliases or low in self._reading:
            return False
        rules = self.context.rules
        return {
            "select": rules.lateral_alias,
            "where": rules.where_alias,
            "group": rules.group_alias,
            "on": False,
            "from": False,
        }.get(self.clause, True)

    def _must_be_alias(self, low: str) -> bool:
        """Whether a name can only be an alias although a source may have such a column."""
        node = self.aliases[low]
        if self.clause == "group":
            return not any(isinstance(part, (exp.AggFunc, exp.Window)) for part in node.walk())
        if self.clause == "qualify":
            return any(isinstance(part, exp.Window) for part in node.walk())
        return self.clause in {"having", "order"}

    def alias(self, low: str) -> Origin | None:
        """The origin of what SELECT calls by that name."""
        found = self._values.get(low)
        if found is None and low in self.aliases and low not in self._reading:
            self._reading.add(low)
            clause, self.clause = self.clause, "select"
            try:
                found = self._values[low] = self.context.value(self, self.aliases[low])
            finally:
                self.clause = clause
                self._reading.discard(low)
        return found


def _inside(origin: Origin, path: tuple[Part, ...]) -> Found:
    """A field inside a column's value: its own origin if that is known, else that of the whole value."""
    for index, (text, _) in enumerate(path):
        field = origin.fields.get(text.casefold()) if origin.fields else None
        if field is None:
            return Found(origin, index < len(path))
        origin = field
    return Found(origin)


def row(sources: list[Source]) -> Origin:
    """The origin of whole rows."""
    uses: Uses = {}
    fields: dict[str, Origin] = {}
    for source in sources:
        if not source.relation.closed:
            return Origin(reason=f"a row of {_called(source)}, whose columns are not known")
        for output in source.relation.outputs:
            if output.origin.reason:
                return output.origin
            for (table, column, subtype), mask in output.origin.uses.items():
                key = (table, column, subtype if subtype != "IDENTITY" else "TRANSFORMATION")
                uses[key] = mask and uses.get(key, True)
            fields[output.name.casefold()] = output.origin
    return Origin(uses, fields=fields)


def _called(source: Source) -> str:
    return f"`{'.'.join(source.called)}`" if source.called else "a subquery"


_BIGQUERY = frozenset({"_partitiontime", "_partitiondate", "_table_suffix", "_file_name"})


def _pseudo(scope: Scope, name: str) -> Origin | None:
    rules = scope.context.rules
    low = name.casefold()
    return NOTHING if low in rules.pseudo or (rules.name == "bigquery" and low in _BIGQUERY) else None
