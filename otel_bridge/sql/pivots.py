"""PIVOT and UNPIVOT: rows that become columns, and columns that become rows."""

from sqlglot import exp

from otel_bridge.sql.expressions import value
from otel_bridge.sql.origins import Origin, Uses, add, joined, merge
from otel_bridge.sql.relations import Output, Relation, unknown, unknown_rest
from otel_bridge.sql.scopes import Scope, Source


def pivoted(scope: Scope, relation: Relation, called: tuple[str, ...], pivot: exp.Expr) -> Relation:
    """The relation after PIVOT or UNPIVOT."""
    inner = Scope(scope.context, scope.env, scope.parent)
    inner.sources.append(Source(called, relation))
    result = _unpivot(inner, relation, pivot) if pivot.args.get("unpivot") else _pivot(inner, relation, pivot)
    merge(result.dataset, relation.dataset)
    return result


def pivot_statement(scope: Scope, pivot: exp.Expr) -> Relation:
    """DuckDB's PIVOT and UNPIVOT as statements, over the only source of the scope."""
    source = scope.sources[0]
    relation = source.relation
    into = pivot.args.get("into")
    if pivot.args.get("unpivot") and isinstance(into, exp.UnpivotColumns):
        listed = [_columns_of(item) for item in pivot.expressions]
        names = list(into.expressions)
        if listed and all(len(row) == len(names) == 1 and isinstance(row[0], exp.Column) for row in listed):
            kept = _kept(relation, _names(scope, [row[0] for row in listed]))
            key = Output(_column_name(scope, _identifier(into.this)))
            made = joined(value(scope, row[0]) for row in listed)
            return Relation(
                [*kept, key, Output(_column_name(scope, _identifier(names[0])), made)], relation.dataset
            )
    reason = "PIVOT makes columns of values that the statement does not list"
    group = pivot.args.get("group")
    columns = (
        [column for column in group.expressions if isinstance(column, exp.Column)]
        if group is not None
        else []
    )
    outputs = [Output(_column_name(scope, _identifier(column)), value(scope, column)) for column in columns]
    dataset = dict(relation.dataset)
    for output in outputs:
        add(dataset, output.origin.uses, "GROUP_BY")
    return Relation([*outputs, unknown_rest(reason)], dataset)


def _names(scope: Scope, nodes: list[exp.Expr]) -> set[str]:
    """Columns that expressions name, casefolded."""
    return {column.name.casefold() for node in nodes for column in node.find_all(exp.Column)}


def _kept(relation: Relation, without: set[str]) -> list[Output]:
    return [
        Output("*", rest=output.rest.without(without)) if output.rest else output
        for output in relation.outputs
        if output.rest or output.name.casefold() not in without
    ]


def _pivot(scope: Scope, relation: Relation, pivot: exp.Expr) -> Relation:
    fields = [field for field in pivot.args.get("fields") or () if isinstance(field, exp.In)]
    columns = pivot.args.get("columns") or ()
    aggregates = list(pivot.expressions)
    if not fields or not aggregates or not columns or len(columns) % len(aggregates):
        return unknown((), "PIVOT makes columns of values that the statement does not list")
    keys = [field.this for field in fields]
    kept = _kept(relation, _names(scope, [*aggregates, *keys]))
    group = pivot.args.get("group")
    if group is not None:
        named = _names(scope, [group])
        kept = [output for output in kept if output.rest is None and output.name.casefold() in named] or [
            Output(column.name, value(scope, column)) for column in group.expressions
        ]
    origins = [_aggregated(scope, aggregate, keys) for aggregate in aggregates]
    made = [
        Output(_column_name(scope, name), origins[index % len(aggregates)])
        for index, name in enumerate(columns)
    ]
    dataset: Uses = {}
    for output in kept:
        add(dataset, output.origin.uses, "GROUP_BY")
    return Relation([*kept, *made], dataset)


def _column_name(scope: Scope, name: exp.Expr) -> str:
    return scope.context.rules.folded(name.name, bool(name.args.get("quoted")))


def _aggregated(scope: Scope, aggregate: exp.Expr, keys: list[exp.Expr]) -> Origin:
    origin = value(scope, aggregate)
    uses: Uses = dict(origin.uses)
    reason = origin.reason
    for key in keys:
        condition = value(scope, key)
        reason = reason or condition.reason
        add(uses, condition.uses, "CONDITIONAL")
    return Origin(reason=reason) if reason else Origin(uses)


def _unpivot(scope: Scope, relation: Relation, pivot: exp.Expr) -> Relation:
    fields = [field for field in pivot.args.get("fields") or () if isinstance(field, exp.In)]
    if len(fields) != 1 or len(pivot.expressions) != 1:
        return unknown((), "an UNPIVOT of this form is not understood")
    listed = [_columns_of(item) for item in fields[0].expressions]
    targets = pivot.expressions[0]
    names = targets.expressions if isinstance(targets, exp.Tuple) else [targets]
    if not listed or any(len(row) != len(names) for row in listed):
        return unknown((), "an UNPIVOT of this form is not understood")
    kept = _kept(relation, _names(scope, [column for row in listed for column in row]))
    made = [
        Output(_column_name(scope, _identifier(name)), joined(value(scope, row[index]) for row in listed))
        for index, name in enumerate(names)
    ]
    key = Output(_column_name(scope, _identifier(fields[0].this)))
    return Relation([*kept, *([*made, key] if pivot.args.get("value_columns_first") else [key, *made])])


def _identifier(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Column) else node


def _columns_of(item: exp.Expr) -> list[exp.Expr]:
    while isinstance(item, (exp.Alias, exp.PivotAlias, exp.Paren)):
        item = item.this
    return list(item.expressions) if isinstance(item, exp.Tuple) else [item]
