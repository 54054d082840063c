"""What stands in FROM: tables, CTEs, subqueries, functions that make rows, and the joins between them."""

from collections.abc import Iterable

from sqlglot import exp

from otel_bridge.sql.expressions import affects, value
from otel_bridge.sql.functions import generates, name_of
from otel_bridge.sql.origins import NOTHING, Origin, Uses, add, joined, merge, seen
from otel_bridge.sql.pivots import pivoted
from otel_bridge.sql.relations import Output, Relation, Rest, unknown, unknown_rest
from otel_bridge.sql.scopes import Context, Scope, Source, visible
from otel_bridge.sql.tables import Part, parts_of

_PLACES = frozenset({"seq", "index", "ordinality", "pos", "offset", "rn"})
"""Columns of functions that make rows which only count them."""

_VALUES_NAMES = {
    "postgres": ("column", 1),
    "redshift": ("column", 1),
    "snowflake": ("COLUMN", 1),
    "duckdb": ("col", 0),
}
_VALUES_NAMES |= {"spark": ("col", 1), "databricks": ("col", 1), "hive": ("col", 1)}


def read_from(scope: Scope, node: exp.Expr) -> None:
    """Adds what a SELECT reads from, join by join."""
    start = node.args.get("from_")
    if start is not None:
        add_source(scope, start.this)
    for lateral in node.args.get("laterals") or ():
        add_source(scope, lateral)
    add_joins(scope, node.args.get("joins"))


def add_joins(scope: Scope, joins: Iterable[exp.Expr] | None) -> None:
    """Adds the sources of joins, and their conditions."""
    for join in joins or ():
        _join(scope, join)


def add_source(scope: Scope, node: exp.Expr) -> None:
    """Adds one item of FROM."""
    if isinstance(node, (exp.Subquery, exp.Paren)) and isinstance(node.this, (exp.Table, exp.Join)):
        _add_group(scope, node)
        return
    alias = node.args.get("alias")
    relation = _relation(scope, node)
    pivots = node.args.get("pivots") or ()
    called = _called(scope, node)
    for pivot in pivots:
        relation = pivoted(scope, relation, called, pivot)
        pivot_alias = pivot.args.get("alias")
        if isinstance(pivot_alias, exp.TableAlias) and pivot_alias.this is not None:
            called = (_key(scope, pivot_alias.this),)
            relation = relation.renamed(column_names(scope, pivot_alias), called[0])
    if isinstance(alias, exp.TableAlias):
        relation = relation.renamed(column_names(scope, alias), called[-1] if called else "an alias")
    scope.add(Source(called, relation))
    add_joins(scope, node.args.get("joins") if isinstance(node, exp.Table) else None)


def _add_group(scope: Scope, node: exp.Expr) -> None:
    """Joins in parentheses: with an alias they are one source, else several."""
    alias = node.args.get("alias")
    if not alias:
        add_source(scope, node.this)
        add_joins(scope, node.args.get("joins"))
        return
    inner = Scope(scope.context, scope.env, scope.parent)
    add_source(inner, node.this)
    outputs = star(inner, list(inner.seen()))
    relation = Relation(outputs, inner.dataset)
    scope.add(Source(_called(scope, node), relation.renamed(column_names(scope, alias), "an alias")))


def _key(scope: Scope, identifier: exp.Expr) -> str:
    return scope.context.rules.key(identifier.name, bool(identifier.args.get("quoted")))


def column_names(scope: Scope, alias: exp.Expr | None) -> list[str]:
    """Names of columns in a table's alias, folded."""
    names = []
    for column in (alias.args.get("columns") if alias else None) or ():
        identifier = column if isinstance(column, exp.Identifier) else column.this
        names.append(scope.context.rules.folded(identifier.name, bool(identifier.args.get("quoted"))))
    return names


def _called(scope: Scope, node: exp.Expr) -> tuple[str, ...]:
    alias = node.args.get("alias")
    if isinstance(alias, exp.Identifier):
        return (_key(scope, alias),)
    if isinstance(alias, exp.TableAlias) and alias.this is not None:
        return (_key(scope, alias.this),)
    parts = parts_of(node)
    if isinstance(parts, str):
        return (name_of(node.this),) if isinstance(node.this, exp.Func) else ()
    return tuple(scope.context.rules.key(text, quoted) for text, quoted in parts)


def _relation(scope: Scope, node: exp.Expr) -> Relation:
    if isinstance(node, exp.Table):
        return _table(scope, node)
    if isinstance(node, exp.Subquery):
        parent = _siblings(scope) if scope.context.rules.name == "duckdb" else scope.parent
        return scope.context.query(scope.context, node, scope.env, parent)
    if isinstance(node, exp.Lateral):
        return _lateral(scope, node)
    if isinstance(node, exp.Values):
        return values(scope, node)
    if isinstance(node, exp.Alias):
        return Relation([Output(node.alias, seen(value(scope, node.this), "TRANSFORMATION"))])
    function = node.this if isinstance(node, exp.TableFromRows) else node
    return _function(scope, function, node.args.get("alias"), node)


def _siblings(scope: Scope) -> Scope:
    """DuckDB lets a subquery in FROM name what stands before it, if the name means nothing inside."""
    siblings = Scope(scope.context, scope.env, scope.parent)
    siblings.sources = list(scope.sources)
    siblings.last_resort = True
    return siblings


def _table(scope: Scope, node: exp.Table) -> Relation:
    context = scope.context
    if isinstance(node.this, exp.Func):
        return _function(scope, node.this, node.args.get("alias"), node)
    parts = parts_of(node)
    if isinstance(parts, str):
        return unknown((), parts)
    if len(parts) == 1:
        cte = visible(scope.env, context.rules.key(*parts[0]))
        if cte is not None:
            return context.cte(context, cte)
    temporary = context.temporary_of(parts)
    if temporary is not None:
        return context.temporary[temporary]
    return _stored(context, parts)


def _stored(context: Context, parts: tuple[Part, ...]) -> Relation:
    """A table of the database."""
    dialect, last = context.rules.name, parts[-1][0]
    if last.startswith(("#", "@")) and not context.tables.match(parts).known:
        return unknown((), f"`{last}` is a temporary table that was made elsewhere")
    if last.casefold() == "dual" and len(parts) == 1 and dialect in {"oracle", "mysql", "snowflake"}:
        return Relation([])
    match = context.tables.match(parts)
    if last.endswith("*") and not match.known and dialect == "bigquery":
        return unknown((), "a wildcard stands for several tables")
    if match.name:
        context.reads.setdefault(match.name)
    return context.tables.relation(match)


def _lateral(scope: Scope, node: exp.Lateral) -> Relation:
    inner = node.this
    if isinstance(inner, exp.Query):
        return scope.context.query(scope.context, inner, scope.env, scope)
    return _function(scope, inner, node.args.get("alias"), node)


def _function(scope: Scope, node: exp.Expr, alias: exp.Expr | None, holder: exp.Expr) -> Relation:
    """Rows that a function makes. Only of those that are known to make them of their arguments something is said."""
    names = column_names(scope, alias) or _own_names(scope, node)
    if isinstance(node, exp.Stack):
        return Relation(
            [Output(name, origin) for name, origin in zip(names, stack_origins(scope, node), strict=False)]
        )
    if not generates(node):
        return unknown(names, f"`{name_of(node)}` is a function that returns a table")
    arguments = [seen(value(scope, argument), "TRANSFORMATION") for argument in _arguments(node)]
    place = _ordinality(scope, holder)
    if isinstance(node, exp.Generator):
        return Relation([Output(name) for name in names])
    if isinstance(node, exp.Unnest) and len(arguments) > 1:
        origins = arguments
    else:
        uses: Uses = {}
        for argument in arguments:
            add(uses, argument.uses, "TRANSFORMATION")
        reason = next((argument.reason for argument in arguments if argument.reason), "")
        origins = [Origin(reason=reason) if reason else Origin(uses)]
    outputs = _made(scope, node, names or _default_names(scope, node, alias), origins)
    if place:
        outputs.append(Output(place))
    return Relation(outputs)


def _own_names(scope: Scope, node: exp.Expr) -> list[str]:
    """Columns that the call itself lists, as in `OPENJSON(...) WITH (...)` and `JSON_TABLE`."""
    columns = [
        each for each in node.expressions if isinstance(each, (exp.OpenJSONColumnDef, exp.JSONColumnDef))
    ]
    schema = node.args.get("schema")
    if isinstance(schema, exp.JSONSchema):
        columns += [each for each in schema.expressions if isinstance(each, exp.JSONColumnDef)]
    identifiers = [each.this for each in columns if isinstance(each.this, exp.Identifier)]
    return [scope.context.rules.folded(each.name, bool(each.args.get("quoted"))) for each in identifiers]


def stack_origins(scope: Scope, node: exp.Expr) -> list[Origin]:
    """`stack(2, a, b, c, d)`: of two rows of two columns."""
    count, *cells = [node.this, *node.expressions] if isinstance(node.this, exp.Expr) else node.expressions
    if not isinstance(count, exp.Literal) or not count.name.isdigit() or not int(count.name):
        return []
    width = -(-len(cells) // int(count.name))
    return [joined(value(scope, cell) for cell in cells[index::width]) for index in range(width)]


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    arguments = [node.this, *node.expressions] if isinstance(node.this, exp.Expr) else list(node.expressions)
    known = {id(argument) for argument in arguments}
    arguments += [child for child in node.iter_expressions() if id(child) not in known]
    return [
        argument.expression if isinstance(argument, exp.Kwarg) else argument
        for argument in arguments
        if not isinstance(argument, (exp.TableAlias, exp.Identifier, exp.OpenJSONColumnDef, exp.JSONSchema))
    ]


def _ordinality(scope: Scope, holder: exp.Expr) -> str:
    offset = holder.args.get("offset")
    if isinstance(offset, exp.Identifier):
        return scope.context.rules.folded(offset.name, bool(offset.args.get("quoted")))
    if offset:
        return "offset"
    return "ordinality" if holder.args.get("ordinality") is True else ""


def _default_names(scope: Scope, node: exp.Expr, alias: exp.Expr | None) -> list[str]:
    """Names of a function's columns where neither it nor its alias lists them."""
    dialect = scope.context.rules.name
    if dialect in {"postgres", "redshift"} and isinstance(node, (exp.GenerateSeries, exp.Unnest)):
        if isinstance(alias, exp.TableAlias) and alias.this is not None:
            return [scope.context.rules.folded(alias.this.name, bool(alias.this.args.get("quoted")))]
        return ["unnest" if isinstance(node, exp.Unnest) else "generate_series"]
    return []


def _made(scope: Scope, node: exp.Expr, names: list[str], origins: list[Origin]) -> list[Output]:
    first_counts = isinstance(node, exp.Posexplode) or name_of(node).startswith("posexplode")

    def origin(index: int, name: str) -> Origin:
        if (first_counts and index == 0) or (name.casefold() in _PLACES and not isinstance(node, exp.Unnest)):
            return NOTHING
        if len(origins) == 1:
            return origins[0]
        if index < len(names) and len(origins) == len(names):
            return origins[index]
        return Origin(reason=f"`{name}` is one of several columns that UNNEST makes of several values")

    outputs = [Output(name, origin(index, name)) for index, name in enumerate(names)]
    if not names or (isinstance(node, exp.Unnest) and scope.context.rules.name == "bigquery"):
        reason = f"the columns that `{name_of(node)}` makes are not known"
        rest = Rest(lambda name: origin(len(names) + 1, name), reason)
        outputs.append(Output("*", rest=rest))
    return outputs


def values(scope: Scope, node: exp.Values) -> Relation:
    """Rows that are written out."""
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
    width = min((len(row) for row in rows), default=0)
    stem, start = _VALUES_NAMES.get(scope.context.rules.name, ("", 0))
    outputs = []
    for index in range(width):
        name = f"{stem}{index + start}" if stem else ""
        cells = [row[index] for row in rows if not isinstance(row[index], exp.Literal)]
        outputs.append(Output(name, joined(value(scope, cell) for cell in cells) if cells else NOTHING))
    return Relation(outputs)


def _join(scope: Scope, join: exp.Expr) -> None:
    before = len(scope.sources)
    add_source(scope, join.this)
    added = scope.sources[before:]
    clause, scope.clause = scope.clause, "on"
    for key in ("on", "match_condition"):
        condition = join.args.get(key)
        if condition is not None:
            affects(scope, condition, "JOIN")
    scope.clause = clause
    side = (join.args.get("side") or "").upper()
    for identifier in join.args.get("using") or ():
        name = scope.context.rules.folded(identifier.name, bool(identifier.args.get("quoted")))
        _merge_column(scope, name, before, added, side)
    if (join.args.get("method") or "").upper() == "NATURAL":
        _natural(scope, before, added, side)
    if (join.args.get("kind") or "").upper() in {"SEMI", "ANTI"}:
        for source in added:
            source.hidden = True


def _natural(scope: Scope, before: int, added: list[Source], side: str) -> None:
    left = [source for source in scope.sources[:before] if not source.hidden]
    if not all(source.relation.closed for source in [*left, *added]):
        scope.natural_open = True
        return
    right = {output.name.casefold() for source in added for output in source.relation.outputs}
    names = {
        output.name.casefold(): output.name
        for source in left
        for output in source.relation.outputs
        if output.name.casefold() in right
    }
    for name in names.values():
        _merge_column(scope, name, before, added, side)


def _merge_column(scope: Scope, name: str, before: int, added: list[Source], side: str) -> None:
    """A column that both sides of a join have and that is one afterwards."""
    low = name.casefold()
    left = scope.merged[low][1] if low in scope.merged else _of_any(scope, scope.sources[:before], name)
    right = _of_any(scope, added, name)
    origin = right if side == "RIGHT" else left
    if side == "FULL":
        origin = joined([seen(left, "TRANSFORMATION"), seen(right, "TRANSFORMATION")])
    for one in (left, right):
        if not one.reason:
            uses: Uses = {}
            add(uses, one.uses, "JOIN")
            merge(scope.dataset, uses)
    scope.merged[low] = (name, origin)


def _of_any(scope: Scope, sources: list[Source], name: str) -> Origin:
    known = [source for source in sources if not source.hidden and source.relation.find(name) is not None]
    known = known or [source for source in sources if not source.hidden and source.relation.may_have(name)]
    if len(known) == 1:
        return scope.of(known[0], name)
    return Origin(reason=f"`{name}` of USING is a column of {'several tables' if known else 'no table'} here")


def star(scope: Scope, sources: list[Source], merging: bool = True) -> list[Output]:
    """All columns of sources, those that joins merged once."""
    merged = scope.merged if merging else {}
    in_place = scope.context.rules.name == "duckdb"
    outputs = [] if in_place else [Output(name, origin) for name, origin in merged.values()]
    given: set[str] = set() if in_place else set(merged)
    for source in sources:
        for output in source.relation.outputs:
            low = output.name.casefold()
            if output.rest:
                outputs.append(Output("*", rest=output.rest.without(merged)))
            elif low not in merged:
                outputs.append(output)
            elif low not in given:
                given.add(low)
                outputs.append(Output(merged[low][0], merged[low][1]))
    if scope.natural_open and merging:
        reason = "a natural join of tables whose columns are not known"
        outputs = [unknown_rest(reason)]
    missing = [name for low, name in ((low, entry[0]) for low, entry in merged.items()) if low not in given]
    return [*(Output(name, merged[name.casefold()][1]) for name in missing), *outputs]
