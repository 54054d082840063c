"""Statements that change tables, and what the columns that they write come from."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlglot import exp

from otel_bridge.sql.expressions import affects, value
from otel_bridge.sql.origins import NOTHING, Origin, Uses, joined, merge, told
from otel_bridge.sql.queries import output_name, query, select, with_ctes
from otel_bridge.sql.relations import Output, Relation, unknown
from otel_bridge.sql.scopes import Context, Env, Scope, Source
from otel_bridge.sql.sources import add_joins, add_source
from otel_bridge.sql.tables import Match, Part, parts_of
from otel_bridge.sql.values import ADDED, TableColumns, TableName, Use, Written

NOT_A_COLUMN = "not a column of the table that is written"
NO_NAME = "an expression without a name"


class Draft:
    """What is known so far of the columns of a table that statements write."""

    def __init__(self) -> None:
        self.columns: dict[str, Origin] = {}
        self.dataset: Uses = {}
        self.unresolved: dict[str, str] = {}

    def add(self, name: str, origin: Origin) -> None:
        """One more origin of a column; a column whose origin isn't known once isn't known at all."""
        known = self.columns.get(name)
        self.columns[name] = origin if known is None else joined([known, origin])

    def told(self, table: TableName) -> TableColumns:
        """The draft as a value."""
        unresolved = {name: origin.reason for name, origin in self.columns.items() if origin.reason}
        columns = {name: told(origin.uses) for name, origin in self.columns.items() if not origin.reason}
        for name, reason in self.unresolved.items():
            if name not in columns:
                unresolved.setdefault(name, reason)
        return TableColumns(table, columns, told(self.dataset), unresolved)


class Target(msgspec.Struct, frozen=True):
    """A table that a statement writes: a known one, or a temporary one of the script."""

    match: Match
    temporary: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Its columns, if they are all known."""
        return self.match.columns


class Changes:
    """What the statements of a script change, gathered one by one."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.written: dict[tuple[TableName, str], None] = {}
        self.drafts: dict[TableName, Draft] = {}
        self.fresh: dict[TableName, None] = {}
        self.queried: dict[TableName, Relation] = {}
        self.renamed: list[tuple[TableName, TableName]] = []
        self.dropped: dict[TableName, None] = {}
        context.change = self.change

    def result(self) -> tuple[tuple[Written, ...], tuple[TableColumns, ...]]:
        """What was written."""
        writes = tuple(Written(table, by) for table, by in self.written)
        columns = (draft.told(table) for table, draft in self.drafts.items())
        return writes, tuple(each for each in columns if each.columns or each.dataset or each.unresolved)

    def stars(self) -> tuple[tuple[TableName, Use], ...]:
        """Of tables that were made of all columns of another."""
        made = [(self._whole(key), relation) for key, relation in self.context.temporary.items()]
        return tuple(
            (name, use) for name, relation in (*made, *self.queried.items()) if (use := _star(relation))
        )

    def _whole(self, key: tuple[str, ...]) -> TableName:
        return self.context.tables.completed(tuple((part, True) for part in key))

    def temporary(self) -> tuple[TableColumns, ...]:
        """Temporary tables that there are, by their whole names."""
        found = []
        for key, relation in self.context.temporary.items():
            draft = Draft()
            merge(draft.dataset, relation.dataset)
            for output in relation.outputs:
                if output.rest or not output.name:
                    draft.unresolved["*"] = output.rest.reason if output.rest else NO_NAME
                else:
                    draft.add(output.name, output.origin)
            found.append(draft.told(self._whole(key)))
        return tuple(found)

    def target(self, node: exp.Expr) -> Target | None:
        """The table that a node names; None if it isn't one."""
        if isinstance(node, exp.Schema):
            node = node.this
        parts = parts_of(node)
        return None if isinstance(parts, str) else self.named(parts)

    def named(self, parts: tuple[Part, ...]) -> Target | None:
        """The table of that name."""
        context = self.context
        key = context.temporary_of(parts)
        if key is not None:
            relation = context.temporary[key]
            names = tuple(output.name for output in relation.outputs) if relation.closed else None
            return Target(Match(key, names), key)
        match = context.tables.match(parts)
        if parts[-1][0].startswith(("#", "@")) and not match.known:
            return None
        return Target(match) if match.name else None

    def write(self, target: Target | None, by: str) -> Draft:
        """The draft of a table that is written."""
        if target is None or target.temporary is not None:
            return Draft()
        self.written.setdefault((target.match.name, by))
        if by == "drop":
            self.dropped[target.match.name] = None
            self.fresh.pop(target.match.name, None)
        elif by == "create":
            self.dropped.pop(target.match.name, None)
        return self.drafts.setdefault(target.match.name, Draft())

    def change(self, node: exp.Expr, env: Env | None) -> Relation:
        """Runs a statement that changes tables; what it returns."""
        env = with_ctes(self.context, node, env, None)
        if isinstance(node, exp.Insert):
            return self._insert(node, env)
        if isinstance(node, exp.Update):
            return self._update(node, env)
        if isinstance(node, exp.Delete):
            return self._delete(node, env)
        if isinstance(node, exp.Merge):
            from otel_bridge.sql.merges import merge_into

            return merge_into(self, node, env)
        return unknown((), "a statement of this form is not understood")

    def bare(self, relation: Relation, target: Target) -> None:
        """A query whose rows go to the target, column by column of the same name."""
        draft = self.write(target, "query")
        merge(draft.dataset, relation.dataset)
        for name, origin in by_name(relation, target.columns).items():
            draft.add(name, origin)
        _rest(draft, relation, target)

    def create(self, target: Target, relation: Relation, names: list[str], by: str = "create") -> None:
        """A table or view that is made of a query."""
        draft = self.write(target, by)
        merge(draft.dataset, relation.dataset)
        relation = relation.renamed(names, "the table")
        self.queried[target.match.name] = relation
        for name, origin in by_name(relation, None).items():
            draft.add(spelled(name, target.columns), origin)
        if not relation.closed:
            draft.unresolved.setdefault("*", relation.rests[0].reason)
        elif any(not output.name for output in relation.outputs):
            draft.unresolved.setdefault("*", NO_NAME)
        closed = relation.closed and all(output.name for output in relation.outputs)
        self.context.tables.made(
            target.match.name, tuple(output.name for output in relation.outputs) if closed else target.columns
        )

    def _insert(self, node: exp.Expr, env: Env | None) -> Relation:
        target = self.target(node.this)
        listed = column_list(self.context, node.this)
        body = node.args.get("expression")
        is_query = isinstance(body, (exp.Query, exp.Values, exp.Table))
        relation = query(self.context, body, env, None) if body is not None and is_query else Relation([])
        if body is not None:
            self.insert(target, listed, relation, node)
        self._conflict(target, node, env)
        return self._returned(target, node, env)

    def insert(
        self,
        target: Target | None,
        listed: list[str],
        relation: Relation,
        node: exp.Expr,
        by: str = "insert",
    ) -> None:
        """Rows of a relation that go into a table: by name, by its list of columns, or by position."""
        if target is None:
            return
        if target.temporary is not None:
            self._insert_temporary(target.temporary, listed, relation)
            return
        draft = self.write(target, by)
        merge(draft.dataset, relation.dataset)
        known = target.columns
        if node.args.get("by_name"):
            for name, origin in by_name(relation, known).items():
                draft.add(name, origin)
            if not relation.closed:
                draft.unresolved.setdefault("*", relation.rests[0].reason)
            return
        names = [spelled(name, known) for name in listed] or _positions(known, node)
        if names is None:
            draft.unresolved.setdefault("*", "the columns of the table that is written are not known")
            return
        for name, origin in _by_position(names, relation, bool(listed)):
            draft.add(name, origin)
        for name, constant in _static(node).items():
            draft.add(spelled(name, known), value(Scope(self.context, None, None), constant))

    def _insert_temporary(self, key: tuple[str, ...], listed: list[str], relation: Relation) -> None:
        known = self.context.temporary[key]
        names = listed or [output.name for output in known.outputs]
        dataset: Uses = dict(known.dataset)
        merge(dataset, relation.dataset)
        if not known.closed:
            return
        added = {name.casefold(): origin for name, origin in _by_position(names, relation, bool(listed))}
        self.context.temporary[key] = Relation(
            [
                Output(output.name, joined([output.origin, added.get(output.name.casefold(), NOTHING)]))
                for output in known.outputs
            ],
            dataset,
        )

    def _conflict(self, target: Target | None, node: exp.Expr, env: Env | None) -> None:
        conflict = node.args.get("conflict")
        if conflict is None or target is None or target.temporary is not None:
            return
        draft = self.write(target, "insert")
        inserted = Relation([Output(name, origin) for name, origin in draft.columns.items()])
        scope = Scope(self.context, env, None)
        scope.sources.append(
            Source(_name_of(self.context, node.this), self.context.tables.relation(target.match))
        )
        scope.sources.append(Source((self.context.rules.key("excluded", False),), inserted, hidden=True))
        for assignment in conflict.expressions or ():
            self.assign(draft, target, scope, assignment)
        where = conflict.args.get("where")
        if where is not None:
            affects(scope, where.this, "FILTER")
            merge(draft.dataset, scope.dataset)

    def assign(self, draft: Draft, target: Target, scope: Scope, node: exp.Expr) -> None:
        """`SET column = expression`, or a tuple of columns and a query."""
        if not isinstance(node, exp.EQ):
            return
        left, right = node.this, node.expression
        lefts = left.expressions if isinstance(left, exp.Tuple) else [left]
        if len(lefts) == 1:
            origins = [_assigned(scope, right)]
        elif isinstance(right, exp.Tuple):
            origins = [_assigned(scope, each) for each in right.expressions]
        else:
            relation = self.context.query(self.context, right, scope.env, scope)
            merge(scope.dataset, relation.dataset)
            origins = [output.origin for output in relation.outputs]
        for column, origin in zip(lefts, origins, strict=False):
            name = _set_name(scope, column)
            draft.add(spelled(name, target.columns), origin)

    def _update(self, node: exp.Expr, env: Env | None) -> Relation:
        scope = Scope(self.context, env, None)
        target = self._changed_in(scope, node.this, node)
        draft = self.write(target, "update")
        scope.clause = "select"
        if target is not None:
            for assignment in node.expressions:
                self.assign(draft, target, scope, assignment)
        _where(scope, node)
        merge(draft.dataset, scope.dataset)
        if target is not None and target.temporary is not None:
            self._update_temporary(target.temporary, draft)
        return self._returned(target, node, env, scope)

    def _update_temporary(self, key: tuple[str, ...], draft: Draft) -> None:
        known = self.context.temporary[key]
        given = {name.casefold(): origin for name, origin in draft.columns.items()}
        dataset = dict(known.dataset)
        merge(dataset, draft.dataset)
        outputs = [
            Output(
                output.name,
                joined([output.origin, given.get(output.name.casefold(), output.origin)]),
                output.rest,
            )
            for output in known.outputs
        ]
        self.context.temporary[key] = Relation(outputs, dataset)

    def _delete(self, node: exp.Expr, env: Env | None) -> Relation:
        scope = Scope(self.context, env, None)
        named = node.args.get("tables")
        target = self._changed_in(scope, named[0] if named else node.this, node, node.this if named else None)
        for using in node.args.get("using") or ():
            add_source(scope, using)
        _where(scope, node)
        draft = self.write(target, "delete")
        merge(draft.dataset, scope.dataset)
        return self._returned(target, node, env, scope)

    def _changed_in(
        self, scope: Scope, node: exp.Expr, holder: exp.Expr, first: exp.Expr | None = None
    ) -> Target | None:
        """The table that UPDATE or DELETE changes, with it and what it is joined with as sources.

        T-SQL and MySQL may name it by its alias in FROM.
        """
        from_ = holder.args.get("from_")
        start = first if first is not None else from_.this if from_ is not None else None
        parts = parts_of(node)
        if start is not None and not isinstance(parts, str):
            aliased = _aliased(self.context, start, parts)
            if aliased is not None:
                target = self.target(aliased)
                reads = dict(self.context.reads)
                add_source(scope, start)
                if first is None and from_ is not None:
                    add_joins(scope, from_.args.get("joins"))
                add_joins(scope, holder.args.get("joins"))
                if target is not None and target.match.name not in reads:
                    self.context.reads.pop(target.match.name, None)
                return target
        target = self.target(node)
        self.add_target(scope, target, node)
        add_joins(scope, node.args.get("joins"))
        if start is not None:
            add_source(scope, start)
        add_joins(scope, holder.args.get("joins"))
        return target

    def add_target(self, scope: Scope, target: Target | None, node: exp.Expr) -> None:
        """The table that is changed, as a source whose rows are not read from elsewhere."""
        if target is None:
            relation = unknown((), "the table that is changed is not known")
        elif target.temporary is not None:
            relation = self.context.temporary[target.temporary]
        else:
            relation = self.context.tables.relation(target.match)
        scope.sources.append(Source(_name_of(self.context, node), relation))

    def _returned(
        self, target: Target | None, node: exp.Expr, env: Env | None, scope: Scope | None = None
    ) -> Relation:
        returning = node.args.get("returning")
        if returning is None:
            return Relation([])
        if scope is None:
            scope = Scope(self.context, env, None)
            self.add_target(scope, target, node.this.this if isinstance(node.this, exp.Schema) else node.this)
        if target is not None and target.temporary is None:
            self.context.reads.setdefault(target.match.name)
        return select(scope, exp.Select(expressions=returning.expressions), reading=False)


def _star(relation: Relation) -> Use | None:
    """The one table that all columns that are not known by name come from, under their own names."""
    rests = relation.rests
    if len(rests) != 1 or rests[0].hidden:
        return None
    origin = rests[0].lookup("*")
    if origin.reason or len(origin.uses) != 1:
        return None
    [((table, column, subtype), masked)] = origin.uses.items()
    return Use(table, column, subtype, masked) if column == "*" else None


def _assigned(scope: Scope, node: exp.Expr) -> Origin:
    if isinstance(node, exp.Column) and node.name.upper() == "DEFAULT" and not node.args.get("table"):
        return NOTHING
    if isinstance(node, exp.Anonymous) and str(node.this).upper() == "VALUES" and len(node.expressions) == 1:
        inner = node.expressions[0]
        excluded = next((source for source in scope.sources if source.called == ("excluded",)), None)
        if excluded is not None:
            return scope.of(excluded, scope.context.rules.folded(inner.name, False))
    return value(scope, node)


def _set_name(scope: Scope, node: exp.Expr) -> str:
    """The column that is set; of `a.b = …` the column, of a struct's field its column can't be told."""
    return output_name(scope, node) or node.name


def _name_of(context: Context, node: exp.Expr) -> tuple[str, ...]:
    table = node.this if isinstance(node, exp.Schema) else node
    alias = table.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.this is not None:
        return (context.rules.key(alias.this.name, bool(alias.this.args.get("quoted"))),)
    parts = parts_of(table)
    return () if isinstance(parts, str) else tuple(context.rules.key(text, quoted) for text, quoted in parts)


def _aliased(context: Context, start: exp.Expr, parts: tuple[Part, ...]) -> exp.Expr | None:
    """The table in FROM that a single name means by its alias, or by the same name."""
    wanted = tuple(context.rules.key(text, quoted) for text, quoted in parts)
    stack: list[exp.Expr] = [start]
    while stack:
        table = stack.pop()
        if not isinstance(table, exp.Table):
            continue
        if _name_of(context, table)[-len(wanted) :] == wanted:
            return table
        stack.extend(join.this for join in table.args.get("joins") or ())
    return None


def _where(scope: Scope, node: exp.Expr) -> None:
    where = node.args.get("where")
    if where is not None:
        scope.clause = "where"
        affects(scope, where.this, "FILTER")


def column_list(context: Context, node: exp.Expr) -> list[str]:
    """The columns in parentheses after a table's name, folded."""
    if not isinstance(node, exp.Schema):
        return []
    names = []
    for item in node.expressions:
        identifier = item.this if isinstance(item, (exp.ColumnDef, exp.Column)) else item
        if isinstance(identifier, exp.Identifier):
            names.append(context.rules.folded(identifier.name, bool(identifier.args.get("quoted"))))
    return names


def spelled(name: str, known: Iterable[str] | None) -> str:
    """A column as the known schema spells it."""
    if known is None:
        return name
    columns = list(known)
    if name in columns:
        return name
    return next((column for column in columns if column.casefold() == name.casefold()), name)


def by_name(relation: Relation, known: Sequence[str] | None) -> dict[str, Origin]:
    """The columns of a relation by their names; with known ones, by those."""
    found: dict[str, Origin] = {}
    twice: set[str] = set()
    outputs = [output for output in relation.outputs if not output.rest]
    lows = {column.casefold() for column in known or ()}
    unnamed = known is not None and relation.closed and _fit(outputs, known)
    for index, output in enumerate(outputs):
        name = spelled(output.name, known)
        if not output.name:
            if not unnamed or known is None:
                continue
            name = known[index]
        if name in found and found[name] != output.origin:
            twice.add(name)
        found[name] = output.origin
        if known is not None and name.casefold() not in lows:
            found[name] = Origin(reason=NOT_A_COLUMN)
    return {
        name: Origin(reason=f"several columns are called `{name}`") if name in twice else o
        for name, o in found.items()
    }


def _fit(outputs: list[Output], known: Sequence[str]) -> bool:
    """Whether columns with names stand where the known ones do, so that the others can be told by position."""
    return len(outputs) == len(known) and all(
        not output.name or output.name.casefold() == name.casefold()
        for output, name in zip(outputs, known, strict=True)
    )


def _rest(draft: Draft, relation: Relation, target: Target) -> None:
    """Says why columns of the target are not among those of the query."""
    rests = relation.rests
    unnamed = any(not output.name for output in relation.outputs)
    reason = rests[0].reason if rests else NO_NAME if unnamed else ADDED
    if target.columns is None:
        if rests or unnamed:
            draft.unresolved.setdefault("*", reason)
        return
    for name in target.columns:
        if name not in draft.columns:
            draft.unresolved.setdefault(name, reason)


def _positions(known: Sequence[str] | None, node: exp.Expr) -> list[str] | None:
    """The columns that values go to by position; those of a static partition have their value already."""
    if known is None:
        return None
    fixed = {name.casefold() for name in _static(node)}
    return [name for name in known if name.casefold() not in fixed]


def _static(node: exp.Expr) -> dict[str, exp.Expr]:
    """The columns of a static partition and their values: `partition (day = '2025-01-01')`."""
    partition = node.args.get("partition")
    if not partition and isinstance(node.this, exp.Table):
        partition = node.this.args.get("partition")
    if not isinstance(partition, exp.Partition):
        return {}
    return {each.this.name: each.expression for each in partition.expressions if isinstance(each, exp.EQ)}


def _by_position(names: Sequence[str], relation: Relation, listed: bool) -> list[tuple[str, Origin]]:
    pairs: list[tuple[str, Origin]] = []
    outputs = relation.outputs
    for index, name in enumerate(names):
        if any(output.rest for output in outputs[: index + 1]):
            reason = next(output.rest.reason for output in outputs if output.rest)
            pairs.extend((left, Origin(reason=reason)) for left in names[index:])
            return pairs
        if index >= len(outputs):
            if listed:
                pairs.append((name, Origin(reason="the query has fewer columns than the list")))
            continue
        pairs.append((name, outputs[index].origin))
    if relation.closed and len(outputs) > len(names):
        reason = "the query has more columns than the table"
        return [(name, Origin(reason=reason)) for name in names]
    return pairs
