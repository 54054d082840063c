"""What an expression is made of: its columns, each with how it is used there.

The walk keeps a stack of its own, so that a chain of a thousand operators needs no thousand calls.
"""

from collections.abc import Callable, Iterator

import msgspec
from sqlglot import exp

from otel_bridge.sql.functions import aggregate_name, aggregates, hides, is_date_part, name_of
from otel_bridge.sql.origins import NOTHING, Origin, Uses, add, merge, raised, seen
from otel_bridge.sql.scopes import Scope, row
from otel_bridge.sql.tables import Part
from otel_bridge.sql.values import Subtype


class At(msgspec.Struct, frozen=True):
    """How the place of an expression uses it. `bound` are names that a lambda or a comprehension gives."""

    subtype: Subtype
    masking: bool = False
    bound: frozenset[str] = frozenset()

    def under(self, subtype: Subtype, masking: bool = False) -> "At":
        """A place inside."""
        deeper = raised(self.subtype, subtype)
        if deeper == self.subtype and (self.masking or not masking):
            return self
        return At(deeper, self.masking or masking, self.bound)


_IDENTITY = At("IDENTITY")


def value(scope: Scope, node: exp.Expr) -> Origin:
    """The origin of an expression's value."""
    while isinstance(node, (exp.Alias, exp.Paren)):
        node = node.this
    if type(node) is exp.Column and isinstance(node.this, exp.Identifier):
        found = scope.resolve(column_parts(node))
        if not found.inside:
            return found.origin
    if isinstance(node, exp.Literal):
        return NOTHING
    walk = _Walk(scope, {})
    walk.run(node, _IDENTITY)
    if walk.reason:
        return Origin(reason=walk.reason)
    return Origin(walk.uses, fields=_fields(scope, node) if isinstance(node, _STRUCTURED) else None)


_STRUCTURED = (exp.Struct, exp.Bracket, exp.ArrayAgg, exp.AnyValue)


def _fields(scope: Scope, node: exp.Expr) -> dict[str, Origin] | None:
    """The fields of a struct, or of a row that an aggregate picks."""
    subtype: Subtype = "IDENTITY"
    while isinstance(
        node, (exp.Bracket, exp.ArrayAgg, exp.AnyValue, exp.Order, exp.Limit, exp.HavingMax, exp.Paren)
    ):
        if isinstance(node, exp.AggFunc):
            subtype = "AGGREGATION"
        node = node.this
    if isinstance(node, exp.Struct):
        named = ((_field_name(each), each) for each in node.expressions)
        return {
            name: seen(value(scope, each.expression if isinstance(each, exp.PropertyEQ) else each), subtype)
            for name, each in named
            if name
        }
    if (
        isinstance(node, exp.Array)
        and len(node.expressions) == 1
        and isinstance(node.expressions[0], exp.Query)
    ):
        (row_, *more) = scope.context.query(scope.context, node.expressions[0], scope.env, scope).outputs
        return None if more else row_.origin.fields
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        return None
    fields = scope.resolve(column_parts(node)).origin.fields
    return {name: seen(origin, subtype) for name, origin in fields.items()} if fields else None


def _field_name(node: exp.Expr) -> str:
    named = node.this if isinstance(node, exp.PropertyEQ) else node
    return named.name.casefold() if isinstance(named, (exp.Identifier, exp.Column, exp.Literal)) else ""


def affects(scope: Scope, node: exp.Expr, subtype: Subtype, correlated: Subtype | None = None) -> None:
    """Adds what a condition or key uses to what decides the scope's rows, so far as it is known.

    With `correlated`, conditions that reach out of the scope are of that subtype.
    """
    for part in conjuncts(node):
        outward = scope.outward
        walk = _Walk(scope, {})
        walk.run(part, At(subtype))
        if correlated is not None and scope.outward > outward and scope.parent is not None:
            for (table, column, _), mask in walk.uses.items():
                merge(scope.dataset, {(table, column, correlated): mask})
        elif correlated is None or scope.parent is None or not walk.reason:
            merge(scope.dataset, walk.uses)  # else what isn't known may reach out


def conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a condition that must all hold."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, exp.And):
            stack.extend((part.expression, part.this))
        elif isinstance(part, (exp.Paren, exp.Where, exp.Having, exp.Qualify)):
            stack.append(part.this)
        elif part is not None:
            yield part


def column_parts(node: exp.Expr) -> tuple[Part, ...]:
    """The parts of a dotted name, outermost first."""
    args = node.args
    return tuple(
        (part.name, bool(part.args.get("quoted")))
        for part in (args.get("catalog"), args.get("db"), args.get("table"), node.this)
        if isinstance(part, exp.Identifier)
    )


class _Walk:
    def __init__(self, scope: Scope, uses: Uses) -> None:
        self.scope, self.uses = scope, uses
        self.reason = ""
        self.stack: list[tuple[exp.Expr, At]] = []

    def run(self, node: exp.Expr, at: At) -> None:
        stack = self.stack
        stack.append((node, at))
        while stack:
            node, at = stack.pop()
            cls = type(node)
            handler = _HANDLERS.get(cls)
            if handler is None:
                handler = _HANDLERS[cls] = _handler(cls)
            handler(self, node, at)

    def push(self, node: object, at: At) -> None:
        if isinstance(node, exp.Expr):
            self.stack.append((node, at))
        elif isinstance(node, list):
            for one in node:
                self.push(one, at)

    def use(self, origin: Origin, at: At) -> None:
        if origin.reason:
            self.reason = self.reason or origin.reason
        elif at.subtype == "IDENTITY" and not at.masking:
            merge(self.uses, origin.uses)
        else:
            add(self.uses, origin.uses, at.subtype, at.masking)

    def fail(self, reason: str) -> None:
        self.reason = self.reason or reason


Handler = Callable[[_Walk, exp.Expr, At], None]


def _default(walk: _Walk, node: exp.Expr, at: At) -> None:
    inner = at.under("TRANSFORMATION")
    for child in node.iter_expressions():
        walk.stack.append((child, inner))


def _parameter(walk: _Walk, node: exp.Expr, at: At) -> None:
    """A variable; in Snowflake a number is the place of a column."""
    if walk.scope.context.rules.name == "snowflake" and isinstance(node.this, exp.Literal):
        walk.fail("a column named by its position")


def _nothing(walk: _Walk, node: exp.Expr, at: At) -> None:
    """A constant."""


def _this(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at)


def _column(walk: _Walk, node: exp.Expr, at: At) -> None:
    if isinstance(node.this, exp.Star):
        _row_of(walk, node, at)
        return
    parts = column_parts(node)
    if not isinstance(node.this, exp.Identifier):
        walk.fail("a column named by its position in a file")
    elif at.bound and parts[0][0].casefold() in at.bound:
        return
    else:
        found = walk.scope.resolve(parts)
        walk.use(found.origin, at.under("TRANSFORMATION") if found.inside else at)


def _row_of(walk: _Walk, node: exp.Expr, at: At) -> None:
    rules = walk.scope.context.rules
    source = walk.scope.source(tuple(rules.key(text, quoted) for text, quoted in column_parts(node)))
    if source is None:
        walk.fail("* of something that is not a table here")
    else:
        walk.use(row([source]), at.under("TRANSFORMATION"))


def _star(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.use(row(list(walk.scope.seen())), at.under("TRANSFORMATION"))


def _count(walk: _Walk, node: exp.Expr, at: At) -> None:
    if not isinstance(node.this, exp.Star):
        walk.push([node.this, node.expressions], at.under("AGGREGATION", masking=True))


def _dot(walk: _Walk, node: exp.Expr, at: At) -> None:
    names: list[Part] = []
    inner: exp.Expr = node
    while isinstance(inner, exp.Dot):
        last = inner.expression
        if isinstance(last, exp.Identifier):
            names.append((last.name, bool(last.args.get("quoted"))))
        elif isinstance(last, exp.Func):
            walk.push(last, at)
            return
        inner = inner.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
    if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Identifier):
        parts = (*column_parts(inner), *reversed(names))
        if parts[0][0].casefold() in at.bound:
            return
        found = walk.scope.resolve(parts)
        walk.use(found.origin, at.under("TRANSFORMATION") if found.inside else at)
    elif (field := _field(walk.scope, inner, names)) is not None:
        walk.use(field, at)
    else:
        walk.push(inner, at.under("TRANSFORMATION"))


def _field(scope: Scope, node: exp.Expr, names: list[Part]) -> Origin | None:
    """The origin of a field of a struct that is made on the spot; `names` lead to it from the end."""
    fields = _fields(scope, node) if isinstance(node, _STRUCTURED) else None
    origin: Origin | None = None
    for text, _ in reversed(names):
        origin = fields.get(text.casefold()) if fields else None
        if origin is None:
            return None
        fields = origin.fields
    return origin


def _query(walk: _Walk, node: exp.Expr, at: At) -> None:
    scope = walk.scope
    relation = scope.context.query(scope.context, node, scope.env, scope)
    merge(scope.dataset, relation.dataset)
    for output in relation.outputs:
        if output.rest:
            walk.fail(output.rest.reason)
        else:
            walk.use(output.origin, at)


def _exists(walk: _Walk, node: exp.Expr, at: At) -> None:
    if isinstance(node.this, exp.Query):
        scope = walk.scope
        relation = scope.context.query(scope.context, node.this, scope.env, scope)
        merge(scope.dataset, relation.dataset)
    else:
        _default(walk, node, at)


def _case(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at.under("CONDITIONAL"))
    for branch in node.args.get("ifs") or ():
        walk.push(branch.this, at.under("CONDITIONAL"))
        walk.push(branch.args.get("true"), at.under("TRANSFORMATION"))
    walk.push(node.args.get("default"), at.under("TRANSFORMATION"))


def _if(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at.under("CONDITIONAL"))
    walk.push([node.args.get("true"), node.args.get("false")], at.under("TRANSFORMATION"))


def _decode(walk: _Walk, node: exp.Expr, at: At) -> None:
    subject, *rest = node.expressions
    walk.push(subject, at.under("CONDITIONAL"))
    pairs = len(rest) // 2 * 2
    walk.push(rest[0:pairs:2], at.under("CONDITIONAL"))
    walk.push([*rest[1:pairs:2], *rest[pairs:]], at.under("TRANSFORMATION"))


def _filter(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at)
    walk.push(node.expression.this, at.under("CONDITIONAL"))


def _window(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at if aggregates_inside(node.this) else at.under("TRANSFORMATION"))
    seen: set[str] = set()
    window: exp.Expr | None = node
    while window is not None:
        walk.push(window.args.get("partition_by"), at.under("WINDOW"))
        order = window.args.get("order")
        walk.push(order.expressions if order else None, at.under("WINDOW"))
        name = window.args.get("alias")
        key = name.name.casefold() if isinstance(name, exp.Identifier) else ""
        window = walk.scope.windows.get(key) if key and key not in seen else None
        seen.add(key)


def aggregates_inside(node: exp.Expr) -> bool:
    """Whether a window's function is an aggregate, under its FILTER or IGNORE NULLS."""
    while isinstance(node, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
        node = node.this
    return aggregates(node)


def _within_group(walk: _Walk, node: exp.Expr, at: At) -> None:
    """Of an ordered-set aggregate the ordered column is the argument, else it is the order of the arguments."""
    function = node.this
    walk.push(function, at)
    ordered = not any(isinstance(part, exp.Column) for part in function.find_all(exp.Column))
    order = node.expression
    keys = order.expressions if isinstance(order, exp.Order) else [order]
    walk.push(keys, at.under("AGGREGATION" if ordered else "SORT"))


def _order(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at)
    walk.push(node.expressions, at.under("SORT"))


def _having_max(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.this, at)
    walk.push(node.expression, at.under("SORT"))


def _lambda(walk: _Walk, node: exp.Expr, at: At) -> None:
    names = {parameter.name.casefold() for parameter in node.expressions}
    walk.push(node.this, At(raised(at.subtype, "TRANSFORMATION"), at.masking, at.bound | names))


def _comprehension(walk: _Walk, node: exp.Expr, at: At) -> None:
    names = {node.expression.name.casefold()}
    position = node.args.get("position")
    if position is not None:
        names.add(position.name.casefold())
    inner = At(raised(at.subtype, "TRANSFORMATION"), at.masking, at.bound | names)
    walk.push(node.args.get("iterator"), at.under("TRANSFORMATION"))
    walk.push([node.this, node.args.get("condition")], inner)


def _named(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.expression, at.under("TRANSFORMATION"))


def _ignored_frame(walk: _Walk, node: exp.Expr, at: At) -> None:
    """Frames hold no columns of rows."""


def _columns(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.fail("COLUMNS(...) inside an expression names its results itself")


def _distinct(walk: _Walk, node: exp.Expr, at: At) -> None:
    walk.push(node.expressions, at)


def _anonymous(walk: _Walk, node: exp.Expr, at: At) -> None:
    name = name_of(node)
    aggregate = aggregate_name(name) or isinstance(node, exp.AnonymousAggFunc)
    inner = at.under("AGGREGATION" if aggregate else "TRANSFORMATION", hides(name))
    for argument in node.expressions:
        if isinstance(argument, exp.Star) and aggregate:
            continue
        if (
            isinstance(argument, exp.Column)
            and not argument.args.get("table")
            and is_date_part(argument.name, name)
        ):
            continue
        walk.push(argument, inner)


def _function(aggregate: bool, masking: bool) -> Handler:
    subtype: Subtype = "AGGREGATION" if aggregate else "TRANSFORMATION"

    def handle(walk: _Walk, node: exp.Expr, at: At) -> None:
        inner = at.under(subtype, masking)
        for child in node.iter_expressions():
            walk.stack.append((child, inner))

    return handle


_HANDLERS: dict[type, Handler] = {}

_FIRST: tuple[tuple[tuple[str, ...], Handler], ...] = (
    (("Column",), _column),
    (("Star",), _star),
    (("Columns",), _columns),
    (("Parameter",), _parameter),
    (("Dot",), _dot),
    (("Select", "SetOperation", "Subquery", "Values"), _query),
    (("Exists",), _exists),
    (("Case",), _case),
    (("If", "Nvl2"), _if),
    (("DecodeCase",), _decode),
    (("Filter",), _filter),
    (("Window",), _window),
    (
        (
            "WindowSpec",
            "DataType",
            "Literal",
            "Null",
            "Boolean",
            "Var",
            "Placeholder",
            "Identifier",
        ),
        _nothing,
    ),
    (("Table", "JSONPath", "SessionParameter"), _nothing),
    (("WithinGroup",), _within_group),
    (("Order",), _order),
    (("HavingMax",), _having_max),
    (("Lambda",), _lambda),
    (("Comprehension",), _comprehension),
    (("Kwarg", "PropertyEQ"), _named),
    (("Alias", "Aliases", "Paren", "IgnoreNulls", "RespectNulls", "Ordered", "Limit", "Interval"), _this),
    (("Distinct",), _distinct),
    (("Anonymous", "AnonymousAggFunc"), _anonymous),
    (("Count",), _count),
)


def _handler(cls: type) -> Handler:
    for names, handler in _FIRST:
        if any(issubclass(cls, getattr(exp, name)) for name in names if hasattr(exp, name)):
            return handler
    if issubclass(cls, exp.Func):
        blank = cls.__new__(cls)
        return _function(aggregates(blank), hides(name_of(blank)))
    return _default
