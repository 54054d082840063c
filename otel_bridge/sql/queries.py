"""Queries: SELECT with its clauses, set operations, CTEs, and what they yield."""

import re
from collections.abc import Iterator

from sqlglot import exp

from otel_bridge.sql.expressions import affects, value
from otel_bridge.sql.origins import NOTHING, Origin, Uses, add, merge, seen
from otel_bridge.sql.pivots import pivot_statement
from otel_bridge.sql.relations import Output, Relation, Rest, stacked, stacked_by_name, unknown, unknown_rest
from otel_bridge.sql.scopes import Context, Cte, Env, Scope, Source
from otel_bridge.sql.sources import add_source, column_names, read_from, stack_origins, star, values
from otel_bridge.sql.values import Subtype

_ROUNDS = 16
"""So many times a recursive CTE is read before its columns are given up."""

_FUNCTION_NAMED = frozenset({"postgres", "redshift"})


def query(context: Context, node: exp.Expr, env: Env | None, parent: Scope | None) -> Relation:
    """What a query yields. `parent` is the scope whose columns it may name, as a correlated subquery does."""
    if isinstance(node, exp.CTE):
        node = node.this
    env = with_ctes(context, node, env, parent)
    if isinstance(node, exp.Subquery):
        return _ordered(context, node, query(context, node.this, env, parent), env)
    if isinstance(node, exp.SetOperation):
        return _set_operation(context, node, env, parent)
    scope = Scope(context, env, parent)
    if isinstance(node, exp.Select):
        return select(scope, node)
    return _other(scope, node)


def _other(scope: Scope, node: exp.Expr) -> Relation:
    context = scope.context
    if isinstance(node, exp.Values):
        return values(scope, node)
    if isinstance(node, exp.Table):
        add_source(scope, node)
        return Relation(star(scope, list(scope.seen())), scope.dataset)
    if isinstance(node, exp.Pivot) and isinstance(node.this, exp.Expr):
        add_source(scope, node.this)
        return pivot_statement(scope, node)
    if isinstance(node, exp.DML) and context.change is not None:
        return context.change(node, scope.env)
    return unknown((), "a query of this form is not understood")


def with_ctes(context: Context, node: exp.Expr, env: Env | None, parent: Scope | None) -> Env | None:
    """The CTEs that are visible inside a query. Those that change tables run whether they are named or not."""
    with_ = node.args.get("with_")
    if with_ is None:
        return env
    for cte_node in with_.expressions:
        alias = cte_node.args.get("alias")
        name = context.rules.key(alias.this.name, bool(alias.this.args.get("quoted")))
        cte = Cte(
            cte_node, env, parent, bool(with_.args.get("recursive")) or context.rules.implicit_recursion
        )
        env = Env(name, cte, env)
        if isinstance(cte_node.this, exp.DML):
            cte_relation(context, cte)
    return env


def cte_relation(context: Context, cte: Cte) -> Relation:
    """What a CTE yields, read once."""
    if cte.relation is None:
        if cte.reading:
            return unknown((), "a CTE that refers to itself")
        cte.reading = True
        body = cte.node.this
        name = _cte_name(context, cte)
        if cte.recursive and isinstance(body, exp.Union) and _mentions(context, body, name):
            cte.relation = _recursive(context, cte, body, name)
        else:
            cte.relation = _renamed(context, cte, query(context, body, cte.env, cte.outer))
    return cte.relation


def _cte_name(context: Context, cte: Cte) -> str:
    identifier = cte.node.args["alias"].this
    return context.rules.key(identifier.name, bool(identifier.args.get("quoted")))


def _renamed(context: Context, cte: Cte, relation: Relation) -> Relation:
    names = column_names(Scope(context, None, None), cte.node.args.get("alias"))
    return relation.renamed(names, _cte_name(context, cte))


def _mentions(context: Context, node: exp.Expr, name: str) -> bool:
    return any(
        not table.args.get("db")
        and isinstance(table.this, exp.Identifier)
        and context.rules.key(table.this.name, bool(table.this.args.get("quoted"))) == name
        for table in node.find_all(exp.Table)
    )


def _arms(node: exp.Expr) -> Iterator[exp.Expr]:
    stack = [node]
    while stack:
        arm = stack.pop()
        if isinstance(arm, exp.Union) and not arm.args.get("with_"):
            stack.extend((arm.expression, arm.this))
        else:
            yield arm


def _recursive(context: Context, cte: Cte, body: exp.Expr, name: str) -> Relation:
    """Reads the arms that refer to the CTE until nothing is added to the columns."""
    env = with_ctes(context, body, cte.env, cte.outer)
    arms = list(_arms(body))
    again = [arm for arm in arms if _mentions(context, arm, name)]
    anchors = [arm for arm in arms if arm not in again]
    if not anchors:
        return _renamed(context, cte, query(context, body, cte.env, cte.outer))
    base = _renamed(context, cte, stacked([query(context, arm, env, cte.outer) for arm in anchors]))
    current = base
    inner = Env(name, cte, env)
    for _ in range(_ROUNDS):
        cte.relation = current
        steps = [query(context, arm, inner, cte.outer) for arm in again]
        following = stacked([base, *steps])
        if not following.closed or following.outputs == current.outputs:
            return following
        current = following
    reason = "a recursive query whose columns depend on each other in too many steps"
    return Relation([Output(output.name, Origin(reason=reason)) for output in base.outputs], current.dataset)


def _set_operation(context: Context, node: exp.Expr, env: Env | None, parent: Scope | None) -> Relation:
    """Operands one after the other: a long chain leans to the left."""
    chain: list[exp.Expr] = []
    left: exp.Expr = node
    while isinstance(left, exp.SetOperation) and (left is node or not left.args.get("with_")):
        chain.append(left)
        left = left.this
    relation = query(context, left, env, parent)
    for operation in reversed(chain):
        right = query(context, operation.expression, env, parent)
        relation = _combined(operation, relation, right)
        relation = _ordered(context, operation, relation, env)
    return relation


def _combined(operation: exp.Expr, left: Relation, right: Relation) -> Relation:
    if operation.args.get("by_name"):
        return stacked_by_name([left, right])
    if isinstance(operation, exp.Union):
        return stacked([left, right])
    dataset: Uses = dict(left.dataset)
    merge(dataset, right.dataset)
    for output in right.outputs:
        add(dataset, output.origin.uses, "FILTER")
    return Relation(left.outputs, dataset)


def _ordered(context: Context, node: exp.Expr, relation: Relation, env: Env | None) -> Relation:
    order = node.args.get("order")
    if order is None:
        return relation
    scope = Scope(context, env, None)
    scope.sources.append(Source((), relation))
    dataset = dict(relation.dataset)
    for key in order.expressions:
        _by_place(scope, key, relation.outputs, "SORT")
    merge(dataset, scope.dataset)
    return Relation(relation.outputs, dataset)


def select(scope: Scope, node: exp.Expr, reading: bool = True) -> Relation:
    """What a SELECT yields. Without `reading` the scope has its sources already."""
    if reading:
        read_from(scope, node)
    if node.args.get("match") is not None:
        _match_recognize(scope, node.args["match"])
    for window in node.args.get("windows") or ():
        scope.windows[window.this.name.casefold()] = window
    for projection in node.expressions:
        if isinstance(projection, exp.Alias):
            scope.aliases.setdefault(projection.alias.casefold(), projection)
    _time_window(scope, node)
    scope.clause = "select"
    outputs = [output for projection in node.expressions for output in _projection(scope, projection)]
    _conditions(scope, node)
    _keys(scope, node, outputs)
    if node.args.get("kind") == "STRUCT":
        outputs = [_struct(outputs)]
    return Relation(outputs, scope.dataset)


def _time_window(scope: Scope, node: exp.Expr) -> None:
    """Spark calls the window that rows are grouped by `window`."""
    group = node.args.get("group")
    for key in group.expressions if group is not None else ():
        if isinstance(key, exp.Anonymous) and key.name.lower() == "time_window":
            scope.aliases.setdefault("window", key)


def _match_recognize(scope: Scope, node: exp.Expr) -> None:
    """Rows of a pattern: its partition keys and measures; with ALL ROWS PER MATCH every column besides."""
    rows = scope.sources[-1].relation
    inner = Scope(scope.context, scope.env, None)
    inner.sources.append(scope.sources[-1])
    pattern = node.args.get("pattern")
    variables = {word.casefold() for word in re.findall(r"\w+", pattern.name if pattern is not None else "")}
    inner.sources.extend(Source((variable,), rows, hidden=True) for variable in sorted(variables))
    for definition in node.args.get("define") or ():
        affects(inner, definition.this, "FILTER")
    shown = node.args.get("rows")
    every = shown is not None and "ALL" in shown.name.upper()
    keys = node.args.get("partition_by") or ()
    outputs = (
        list(rows.outputs) if every else [Output(output_name(inner, key), value(inner, key)) for key in keys]
    )
    for measure in node.args.get("measures") or ():
        outputs.append(Output(output_name(inner, measure.this), value(inner, measure.this)))
    merge(scope.dataset, inner.dataset)
    alias = node.args.get("alias")
    called = (
        (alias.this.name.casefold(),) if isinstance(alias, exp.TableAlias) and alias.this is not None else ()
    )
    scope.sources[-1] = Source(called or scope.sources[-1].called, Relation(outputs))


def _struct(outputs: list[Output]) -> Output:
    uses: Uses = {}
    for output in outputs:
        reason = output.rest.reason if output.rest else output.origin.reason
        if reason:
            return Output("", Origin(reason=reason))
        add(uses, output.origin.uses, "TRANSFORMATION")
    fields = {output.name.casefold(): output.origin for output in outputs if output.name}
    return Output("", Origin(uses, fields=fields))


def _conditions(scope: Scope, node: exp.Expr) -> None:
    for key in ("prewhere", "where", "having", "qualify"):
        clause = node.args.get(key)
        if clause is not None:
            scope.clause = key if key != "prewhere" else "where"
            affects(scope, clause.this, "FILTER", correlated="JOIN")
    connect = node.args.get("connect")
    if connect is not None:
        scope.clause = "where"
        if connect.args.get("start") is not None:
            affects(scope, connect.args["start"], "FILTER")
        affects(scope, connect.args["connect"], "JOIN")


def _keys(scope: Scope, node: exp.Expr, outputs: list[Output]) -> None:
    scope.clause = "group"
    group = node.args.get("group")
    if group is not None:
        for key in _group_keys(group):
            _by_place(scope, key, outputs, "GROUP_BY")
        if group.args.get("all"):
            for projection, output in zip(node.expressions, outputs, strict=False):
                if not any(True for _ in projection.find_all(exp.AggFunc)):
                    add(scope.dataset, output.origin.uses, "GROUP_BY")
    scope.clause = "order"
    distinct = node.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    if on is not None:
        for key in on.expressions if isinstance(on, exp.Tuple) else [on]:
            _by_place(scope, key, outputs, "GROUP_BY")
    for name in ("order", "sort"):
        order = node.args.get(name)
        for key in order.expressions if order is not None else ():
            _by_place(scope, key, outputs, "SORT")


def _group_keys(group: exp.Expr) -> Iterator[exp.Expr]:
    stack: list[exp.Expr] = []
    for name in ("expressions", "grouping_sets", "cube", "rollup"):
        found = group.args.get(name)
        stack.extend(found if isinstance(found, list) else [found] if isinstance(found, exp.Expr) else [])
    while stack:
        key = stack.pop()
        if isinstance(key, (exp.GroupingSets, exp.Cube, exp.Rollup, exp.Tuple)):
            stack.extend(key.expressions)
        elif isinstance(key, exp.Paren):
            stack.append(key.this)
        elif isinstance(key, exp.Expr):
            yield key


def _by_place(scope: Scope, key: exp.Expr, outputs: list[Output], subtype: Subtype) -> None:
    """A key that is an expression, or the number of a column."""
    node = key.this if isinstance(key, exp.Ordered) else key
    if isinstance(node, exp.Literal):
        place = int(node.name) - 1 if not node.args.get("is_string") and node.name.isdigit() else -1
        if 0 <= place < len(outputs) and not any(output.rest for output in outputs[: place + 1]):
            add(scope.dataset, outputs[place].origin.uses, subtype)
        return
    if isinstance(node, exp.Var) and node.name.upper() == "ALL":
        for output in outputs:
            add(scope.dataset, output.origin.uses, subtype)
        return
    affects(scope, node, subtype)


def _projection(scope: Scope, node: exp.Expr) -> list[Output]:
    if isinstance(node, (exp.Star, exp.Columns)):
        return _columns(scope, node)
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
        return _qualified_star(scope, node)
    if isinstance(node, exp.Aliases):
        return _aliases(scope, node)
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Star):
        reason = "the fields of a struct are not known"
        return [unknown_rest(reason)]
    name = output_name(scope, node)
    if isinstance(node, exp.Alias):
        origin = (
            scope.alias(node.alias.casefold()) if scope.aliases.get(node.alias.casefold()) is node else None
        )
        return [Output(name, origin if origin is not None else value(scope, node))]
    return [Output(name, value(scope, node))]


def output_name(scope: Scope, node: exp.Expr) -> str:
    """What a projection is called, "" if that can't be told."""
    rules = scope.context.rules
    if isinstance(node, exp.Alias):
        alias = node.args.get("alias")
        quoted = bool(alias.args.get("quoted")) if isinstance(alias, exp.Expr) else False
        return rules.folded(node.alias, quoted)
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return rules.folded(node.name, bool(node.this.args.get("quoted")))
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        return rules.folded(node.expression.name, bool(node.expression.args.get("quoted")))
    if rules.name in _FUNCTION_NAMED:
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Column):
            return output_name(scope, node.this)
        if isinstance(node, (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Coalesce)):
            return type(node).__name__.lower()
    return ""


def _aliases(scope: Scope, node: exp.Expr) -> list[Output]:
    """`posexplode(a) as (position, element)`."""
    rules = scope.context.rules
    names = [rules.folded(name.name, bool(name.args.get("quoted"))) for name in node.expressions]
    if isinstance(node.this, exp.Stack):
        return [
            Output(name, origin) for name, origin in zip(names, stack_origins(scope, node.this), strict=False)
        ]
    origin = seen(value(scope, node.this), "TRANSFORMATION")
    counts = isinstance(node.this, exp.Posexplode)
    return [Output(name, NOTHING if counts and index == 0 else origin) for index, name in enumerate(names)]


def _qualified_star(scope: Scope, node: exp.Expr) -> list[Output]:
    rules = scope.context.rules
    parts = [node.args.get(key) for key in ("catalog", "db", "table")]
    qualifier = tuple(
        rules.key(part.name, bool(part.args.get("quoted"))) for part in parts if part is not None
    )
    source = scope.source(qualifier)
    if source is None:
        named = tuple((part.name, bool(part.args.get("quoted"))) for part in parts if part is not None)
        fields = scope.resolve(named).origin.fields
        if fields:
            columns = [Output(rules.folded(name, False), origin) for name, origin in fields.items()]
            return _star(scope, node.this, [Source((), Relation(columns))], merging=False)
        reason = "the fields of a struct are not known"
        return [unknown_rest(reason)]
    return _star(scope, node.this, [source], merging=False)


def _star(scope: Scope, node: exp.Expr, sources: list[Source], merging: bool) -> list[Output]:
    """Expands a star, with what is left out, replaced or renamed."""
    outputs = star(scope, sources, merging)
    strange = [
        key
        for key, given in node.args.items()
        if given and key not in {"except_", "except", "replace", "rename"}
    ]
    if strange:
        reason = "a star with a pattern"
        return [unknown_rest(reason)]
    without = {
        _bare(column).casefold() for column in node.args.get("except_") or node.args.get("except") or ()
    }
    renames = {_bare(alias.this).casefold(): alias for alias in node.args.get("rename") or ()}
    replaces = {alias.alias.casefold(): alias for alias in node.args.get("replace") or ()}
    if not (without or renames or replaces):
        return outputs
    result: list[Output] = []
    for output in outputs:
        low = output.name.casefold()
        if output.rest:
            result.extend(_changed_rest(scope, output.rest, without, renames, replaces))
        elif low in replaces:
            result.append(Output(output.name, value(scope, replaces.pop(low).this)))
        elif low in renames:
            result.append(Output(output_name(scope, renames[low]), output.origin))
        elif low not in without:
            result.append(output)
    return result


def _changed_rest(
    scope: Scope,
    rest: Rest,
    without: set[str],
    renames: dict[str, exp.Expr],
    replaces: dict[str, exp.Expr],
) -> Iterator[Output]:
    yield Output("*", rest=rest.without([*without, *renames, *replaces]))
    for alias in renames.values():
        yield Output(output_name(scope, alias), value(scope, alias.this))
    for alias in replaces.values():
        yield Output(output_name(scope, alias), value(scope, alias.this))


def _bare(node: exp.Expr) -> str:
    return str(node.name)


def _columns(scope: Scope, node: exp.Expr) -> list[Output]:
    """A star, or DuckDB's COLUMNS: a star, or the columns whose names match a regular expression."""
    inner = node.this if isinstance(node, exp.Columns) else node
    sources = list(scope.seen())
    if isinstance(inner, exp.Star):
        return _star(scope, inner, sources, merging=True)
    outputs = star(scope, sources)
    if (
        isinstance(inner, exp.Literal)
        and inner.args.get("is_string")
        and not any(output.rest for output in outputs)
    ):
        try:
            pattern = re.compile(inner.name)
        except re.error:
            pattern = None
        if pattern is not None:
            return [output for output in outputs if pattern.search(output.name)]
    reason = "COLUMNS(...) of columns that are not known"
    return [unknown_rest(reason)]
