"""MERGE: one source, several branches that update, insert or delete."""

from sqlglot import exp

from otel_bridge.sql.changes import Changes, Draft, Target, spelled
from otel_bridge.sql.expressions import affects, value
from otel_bridge.sql.origins import Origin, merge
from otel_bridge.sql.relations import Relation, unknown
from otel_bridge.sql.scopes import Env, Scope
from otel_bridge.sql.sources import add_source


def merge_into(changes: Changes, node: exp.Expr, env: Env | None) -> Relation:
    """Reads a MERGE, branch by branch."""
    scope = Scope(changes.context, env, None)
    target = changes.target(node.this)
    add_source(scope, node.args["using"])
    source = scope.sources[0].relation
    changes.add_target(scope, target, node.this)
    on = node.args.get("on")
    scope.clause = "on"
    if on is not None:
        affects(scope, on, "JOIN")
    draft = changes.write(target, "merge")
    for when in node.args["whens"].expressions:
        _branch(changes, draft, target, scope, source, when)
    merge(draft.dataset, scope.dataset)
    if target is not None and target.temporary is not None:
        known = changes.context.temporary[target.temporary]
        names = [output.name for output in known.outputs if not output.rest]
        changes.context.temporary[target.temporary] = unknown(names, "a temporary table that MERGE changes")
    return unknown((), "what MERGE returns is not read")


def _branch(
    changes: Changes,
    draft: Draft,
    target: Target | None,
    scope: Scope,
    source: Relation,
    when: exp.Expr,
) -> None:
    then = when.args.get("then")
    if isinstance(then, exp.Insert):
        scope = _alone(scope)
    scope.clause = "where"
    condition = when.args.get("condition")
    if condition is not None:
        affects(scope, condition, "FILTER")
    if target is None:
        return
    if isinstance(then, exp.Update):
        if any(isinstance(each, exp.Star) for each in then.expressions):
            _all_by_name(draft, target, source)
        for assignment in then.expressions:
            changes.assign(draft, target, scope, assignment)
    elif isinstance(then, exp.Insert):
        _insert(changes, draft, target, scope, source, then)
    where = then.args.get("where") if isinstance(then, exp.Expr) else None
    if where is not None:
        affects(scope, where.this, "FILTER")


def _alone(scope: Scope) -> Scope:
    """Rows to insert have no partner: names mean the source's columns."""
    alone = Scope(scope.context, scope.env, None)
    alone.sources.append(scope.sources[0])
    alone.dataset = scope.dataset
    return alone


def _all_by_name(draft: Draft, target: Target, source: Relation) -> None:
    """`UPDATE SET *` and `INSERT *`: the target's columns by the names of the source's."""
    names = target.columns
    if names is None and source.closed:
        names = tuple(output.name for output in source.outputs)
    if names is None:
        draft.unresolved.setdefault("*", source.rests[0].reason)
        return
    for name in names:
        origin = source.find(name)
        if origin is None and source.may_have(name):
            origin = source.guess(name)
        draft.add(name, origin or Origin(reason="the source has no such column"))


def _insert(
    changes: Changes, draft: Draft, target: Target, scope: Scope, source: Relation, then: exp.Expr
) -> None:
    listed, body = then.this, then.args.get("expression")
    if isinstance(listed, exp.Star):
        _all_by_name(draft, target, source)
    elif isinstance(listed, exp.Var):
        changes.insert(target, [], Relation(source.outputs), then, by="merge")
    elif isinstance(body, exp.Tuple):
        rules = scope.context.rules
        names: list[str] | tuple[str, ...] | None = target.columns
        if isinstance(listed, exp.Tuple):
            names = [
                rules.folded(each.name, bool(each.this.args.get("quoted"))) for each in listed.expressions
            ]
        if names is None:
            draft.unresolved.setdefault("*", "the columns of the table that is written are not known")
            return
        for name, item in zip(names, body.expressions, strict=False):
            if isinstance(item, exp.Column) and item.name.upper() == "DEFAULT" and not item.args.get("table"):
                draft.add(spelled(name, target.columns), Origin())
            else:
                draft.add(spelled(name, target.columns), value(scope, item))
