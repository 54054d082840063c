"""A script, statement by statement: what each kind does to tables."""

import re
from collections.abc import Callable

from sqlglot import exp

from otel_bridge.sql.changes import Changes, Target, column_list
from otel_bridge.sql.expressions import affects
from otel_bridge.sql.queries import query, select, with_ctes
from otel_bridge.sql.relations import Output, Relation, unknown
from otel_bridge.sql.scopes import Scope
from otel_bridge.sql.sources import add_source, star
from otel_bridge.sql.tables import Match, parts_of
from otel_bridge.sql.values import Statement

_WORDS = (
    "analyze analyse begin checkpoint close comment commit deallocate describe desc detach discard explain fetch flush "
    "go grant list listen lock msck notify optimize pragma print put refresh release remove reset revoke rollback "
    "savepoint security set show start start_transaction uncache undrop unlisten unload unset use vacuum zorder"
)
_HARMLESS = frozenset(_WORDS.split())
"""Statements that the parser leaves alone and that move no rows between tables."""


class Procedural(Exception):
    """A script with control flow, or a call of what can't be seen; says which."""


def run(changes: Changes, statement: Statement, nodes: list[exp.Expr]) -> None:
    """Runs a script."""
    bare = [node for node in nodes if _is_bare(node)]
    for node in nodes:
        if _is_bare(node):
            relation = query(changes.context, node, None, None)
            if statement.target is not None and node is bare[-1]:
                target = statement.target
                columns = tuple(c.name for c in target.columns) if target.columns is not None else None
                changes.bare(relation, Target(Match(target.name, columns)))
        else:
            _run(changes, node)


def _is_bare(node: exp.Expr) -> bool:
    if isinstance(node, exp.Select):
        return node.args.get("into") is None
    return isinstance(node, (exp.Query, exp.Values, exp.Pivot))


def _run(changes: Changes, node: exp.Expr) -> None:
    for cls, handler in _KINDS:
        if isinstance(node, cls):
            handler(changes, node)
            return
    raise Procedural(f"a statement that is not understood: {type(node).__name__}")


def _change(changes: Changes, node: exp.Expr) -> None:
    changes.change(node, None)


def _nothing(changes: Changes, node: exp.Expr) -> None:
    """Moves no rows."""


def _select_into(changes: Changes, node: exp.Expr) -> None:
    into = node.args["into"]
    relation = query(changes.context, node, None, None)
    temporary = bool(into.args.get("temporary"))
    _made(changes, into.this, relation, [], temporary=temporary, fresh=True)


def _made(
    changes: Changes,
    table: exp.Expr,
    relation: Relation,
    names: list[str],
    *,
    temporary: bool,
    fresh: bool = False,
) -> None:
    parts = parts_of(table)
    if isinstance(parts, str):
        return
    if temporary or parts[-1][0].startswith(("#", "@")):
        key = tuple(changes.context.rules.key(text, quoted) for text, quoted in parts)
        relation = relation.renamed(names, "the table")
        changes.context.temporary[key] = Relation(relation.outputs, relation.dataset)
        return
    target = changes.named(parts)
    if target is not None:
        changes.create(target, relation, names)
        if fresh:
            changes.fresh[target.match.name] = None


def _create(changes: Changes, node: exp.Expr) -> None:
    kind = (node.args.get("kind") or "").upper()
    if kind in {"PROCEDURE", "FUNCTION", "TRIGGER", "MACRO", "TASK"} and kind != "MACRO":
        raise Procedural(f"the body of a {kind.lower()} is not read")
    if not kind.endswith(("TABLE", "VIEW")):
        return
    table = node.this.this if isinstance(node.this, exp.Schema) else node.this
    body, clone = node.args.get("expression"), node.args.get("clone")
    names = column_list(changes.context, node.this)
    temporary = _is_temporary(node)
    fresh = not (node.args.get("exists") or node.args.get("replace"))
    if isinstance(body, (exp.Query, exp.Values, exp.Table)):
        env = with_ctes(changes.context, node, None, None)
        made = query(changes.context, body, env, None)
        _made(changes, table, made, names, temporary=temporary, fresh=fresh)
    elif clone is not None:
        scope = Scope(changes.context, None, None)
        add_source(scope, clone.this)
        made = Relation(star(scope, scope.sources), scope.dataset)
        _made(changes, table, made, names, temporary=temporary, fresh=fresh)
    else:
        by = "ensure" if node.args.get("exists") else "create"
        _empty(changes, table, names, by, temporary=temporary, fresh=fresh)


def _empty(
    changes: Changes, table: exp.Expr, names: list[str], by: str, *, temporary: bool, fresh: bool
) -> None:
    """A table that is made without rows; `by` is `ensure` where it may have been there before."""
    parts = parts_of(table)
    if isinstance(parts, str):
        return
    if temporary or parts[-1][0].startswith(("#", "@")):
        key = tuple(changes.context.rules.key(text, quoted) for text, quoted in parts)
        made = (
            Relation([Output(name) for name in names])
            if names
            else unknown((), "a temporary table like another")
        )
        changes.context.temporary[key] = made
        return
    target = changes.named(parts)
    if target is not None:
        changes.write(target, by)
        if fresh and target.temporary is None:
            changes.fresh[target.match.name] = None
        if names:
            changes.context.tables.made(target.match.name, tuple(names))


def _is_temporary(node: exp.Expr) -> bool:
    properties = node.args.get("properties")
    return properties is not None and any(
        isinstance(each, exp.TemporaryProperty) for each in properties.expressions
    )


def _cache(changes: Changes, node: exp.Expr) -> None:
    body = node.args.get("expression")
    if isinstance(body, exp.Query):
        _made(changes, node.this, query(changes.context, body, None, None), [], temporary=True)


def _write(by: str) -> Callable[[Changes, exp.Expr], None]:
    def handle(changes: Changes, node: exp.Expr) -> None:
        tables = [node.this, *(node.args.get("tables") or ()), *(node.args.get("expressions") or ())]
        for table in tables:
            inner = table.this if isinstance(table, exp.Schema) else table
            if isinstance(inner, exp.Table):
                changes.write(changes.target(inner), by)

    return handle


def _drop(changes: Changes, node: exp.Expr) -> None:
    if not (node.args.get("kind") or "").upper().endswith(("TABLE", "VIEW")):
        return
    for table in [node.this, *(node.args.get("tables") or ())]:
        parts = parts_of(table) if isinstance(table, exp.Table) else ""
        if isinstance(parts, str):
            continue
        temporary = changes.context.temporary_of(parts)
        if temporary is not None:
            del changes.context.temporary[temporary]
        else:
            changes.write(changes.named(parts), "drop")


def _alter(changes: Changes, node: exp.Expr) -> None:
    if not (node.args.get("kind") or "").upper().endswith(("TABLE", "VIEW")) or not isinstance(
        node.this, exp.Table
    ):
        return
    target = changes.target(node.this)
    changes.write(target, "alter")
    for action in node.args.get("actions") or ():
        if isinstance(action, exp.AlterRename):
            _rename(changes, node.this, action.this)
    if target is None or target.temporary is not None or target.columns is None:
        return
    columns = list(target.columns)
    for action in node.args.get("actions") or ():
        columns = _altered(changes, columns, action)
    changes.context.tables.made(target.match.name, tuple(columns))


def _rename(changes: Changes, table: exp.Expr, to: exp.Expr) -> None:
    """A new name without database or schema is beside the old one."""
    old, new = parts_of(table), parts_of(to)
    if isinstance(old, str) or isinstance(new, str):
        return
    target = changes.named(old)
    if target is None:
        return
    completed = changes.context.tables.completed(new)
    before = target.match.name
    if len(new) < len(before):
        completed = (*before[: len(before) - len(new)], *completed[-len(new) :])
    changes.renamed.append((before, completed))


def _altered(changes: Changes, columns: list[str], action: exp.Expr) -> list[str]:
    rules = changes.context.rules
    if isinstance(action, exp.ColumnDef):
        name = rules.folded(action.name, bool(action.this.args.get("quoted")))
        known = any(column.casefold() == name.casefold() for column in columns)
        return columns if known else [*columns, name]
    if isinstance(action, exp.Drop):
        gone = {column.name.casefold() for column in action.args.get("tables") or ()}
        return [column for column in columns if column.casefold() not in gone]
    if isinstance(action, exp.RenameColumn):
        old, new = action.this.name.casefold(), action.args["to"]
        renamed = rules.folded(new.name, bool(new.this.args.get("quoted")))
        return [renamed if column.casefold() == old else column for column in columns]
    return columns


def _declare(changes: Changes, node: exp.Expr) -> None:
    """`DECLARE @t TABLE (...)` makes a temporary table, other variables none."""
    for item in node.expressions:
        schema = item.args.get("kind")
        if isinstance(schema, exp.Schema):
            names = column_list(changes.context, schema)
            for variable in item.this if isinstance(item.this, list) else [item.this]:
                changes.context.temporary["@" + variable.name.casefold(),] = Relation(
                    [Output(name) for name in names]
                )


def _copy(changes: Changes, node: exp.Expr) -> None:
    """Rows from files into a table, or the other way."""
    if isinstance(node.this, exp.Query):
        query(changes.context, node.this, None, None)
    elif node.args.get("kind") is False:
        scope = Scope(changes.context, None, None)
        add_source(scope, node.this.this if isinstance(node.this, exp.Schema) else node.this)
    elif isinstance(parts_of(node.this.this if isinstance(node.this, exp.Schema) else node.this), str):
        for source in node.args.get("files") or ():
            if isinstance(source, (exp.Table, exp.Subquery)):
                add_source(Scope(changes.context, None, None), source)
    else:
        _write("copy")(changes, node)


def _load(changes: Changes, node: exp.Expr) -> None:
    changes.write(changes.target(node.this), "load")


_DATABASES = frozenset({"snowflake", "databricks", "tsql"})
"""Dialects whose USE of a database leaves the schema."""


def _use(changes: Changes, node: exp.Expr) -> None:
    kind = (node.args["kind"].name if node.args.get("kind") else "").upper()
    parts = parts_of(node.this) if isinstance(node.this, exp.Table) else ""
    if isinstance(parts, str) or kind not in {"", "SCHEMA", "DATABASE", "CATALOG"}:
        return
    names = [changes.context.rules.folded(text, quoted) for text, quoted in parts]
    if len(names) > 1:
        changes.context.tables.use(names[0], names[1])
    elif (kind or "DATABASE") in {"DATABASE", "CATALOG"} and changes.context.rules.name in _DATABASES:
        changes.context.tables.use(names[0], "")
    else:
        changes.context.tables.use("", names[0])


def _command(changes: Changes, node: exp.Expr) -> None:
    word = str(node.this).split(maxsplit=1)[0].lower() if node.this else ""
    body = node.args.get("expression")
    text = str(body.name if isinstance(body, exp.Expr) else body or "").strip()
    if word == "set":
        _searched(changes, text)
    if word not in _HARMLESS or (
        word in {"begin", "start"} and text and text.split()[0].lower() not in _TRANSACTION
    ):
        raise Procedural(f"{word.upper()} is not understood")


def _set(changes: Changes, node: exp.Expr) -> None:
    for item in node.expressions:
        if isinstance(item, exp.SetItem) and isinstance(item.this, exp.EQ):
            _searched(changes, f"{item.this.this.name} {item.this.expression.name}")


def _searched(changes: Changes, text: str) -> None:
    """PostgreSQL's `SET search_path`: the schema that names without one are in, if there is just one."""
    words = re.sub("[=,]", " ", re.sub(r"(?i)^(session|local)\s+", "", text)).split()
    if not words or words[0].lower() != "search_path":
        return
    schemas = [word.strip("\"'") for word in words[1:] if word.lower() != "to"]
    known = len(schemas) == 1 and "$" not in schemas[0] and schemas[0].lower() != "default"
    changes.context.tables.stay(schemas[0] if known else "")


_TRANSACTION = frozenset({"transaction", "tran", "work", "isolation", "read"})


def _multitable(changes: Changes, node: exp.Expr) -> None:
    """Several tables filled from one source: Snowflake's INSERT ALL, Spark's FROM … INSERT."""
    context = changes.context
    source = node.args["source"]
    for item in node.expressions:
        insert = item.this if isinstance(item, exp.ConditionalInsert) else item
        scope = Scope(context, None, None)
        add_source(scope, exp.Subquery(this=source) if isinstance(source, exp.Select) else source)
        condition = item.args.get("expression") if isinstance(item, exp.ConditionalInsert) else None
        if condition is not None:
            affects(scope, condition, "FILTER")
        body = insert.args.get("expression")
        if isinstance(body, exp.Select):
            relation = select(scope, body, reading=False)
        elif isinstance(body, exp.Values):
            rows = body.expressions[0]
            relation = select(scope, exp.Select(expressions=list(rows.expressions)), reading=False)
        else:
            relation = Relation(star(scope, scope.sources), scope.dataset)
        changes.insert(changes.target(insert.this), column_list(context, insert.this), relation, insert)


_STILL = (
    exp.Analyze,
    exp.Attach,
    exp.Comment,
    exp.Commit,
    exp.Describe,
    exp.Detach,
    exp.Export,
    exp.Grant,
    exp.Kill,
    exp.Pragma,
    exp.Refresh,
    exp.Revoke,
    exp.Rollback,
    exp.Semicolon,
    exp.Show,
    exp.Summarize,
    exp.Transaction,
    exp.Uncache,
)
"""Statements that move no rows between tables."""

_KINDS: list[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[[Changes, exp.Expr], None]]] = [
    (exp.Select, _select_into),
    (exp.Copy, _copy),
    (exp.DML, _change),
    (exp.MultitableInserts, _multitable),
    (exp.Create, _create),
    (exp.TruncateTable, _write("truncate")),
    (exp.Drop, _drop),
    (exp.Alter, _alter),
    (exp.LoadData, _load),
    (exp.Cache, _cache),
    (exp.Use, _use),
    (exp.Command, _command),
    (exp.Set, _set),
    (exp.Declare, _declare),
    (
        _STILL,
        _nothing,
    ),
]
