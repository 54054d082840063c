"""What a statement, or a script of several, reads and writes, column by column.

Correct or absent: what can't be told for sure has a reason instead of an answer. `reads` are tables that rows come
from; a table that a statement changes is not among them unless the statement also reads it like another table, even
though uses may name its columns (`set a = a + 1`).
"""

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError

from otel_bridge.sql import queries
from otel_bridge.sql.changes import Changes
from otel_bridge.sql.dialects import Rules, rules
from otel_bridge.sql.expressions import value
from otel_bridge.sql.placeholders import with_literals
from otel_bridge.sql.scopes import Context
from otel_bridge.sql.script import Procedural, run
from otel_bridge.sql.tables import Tables
from otel_bridge.sql.values import Analysis, Statement

LONGEST = 1_000_000
"""Characters of SQL that are read at most."""

DEEPEST = 200
"""Parentheses in parentheses that are read at most; the parser would use up the stack."""

_WORDS = (
    ({"spark", "spark2", "databricks"}, re.compile(r"\bwindow(?=\s*\()", re.IGNORECASE), "time_window"),
    ({"mysql", "sqlite"}, re.compile(r"(^|;)\s*replace\s+into\b", re.IGNORECASE), r"\1 insert into"),
    ({"mysql", "sqlite", "tsql"}, re.compile(r"(?<![\w$])\$\d+"), "?"),
    ({"postgres"}, re.compile(r"\bwith\s+(?:no\s+)?data\s*(?=;|$)", re.IGNORECASE), ""),
)

logging.getLogger("sqlglot").disabled = True  # it logs SQL, which may hold secrets


def analyse(statement: Statement) -> Analysis:
    """Analyses a statement; never raises, and never tells a literal of it."""
    sql = statement.sql
    if len(sql) > LONGEST:
        return Analysis(failure=f"longer than {LONGEST} characters")
    if sql.count("(") > DEEPEST and _depth(sql) > DEEPEST:
        return Analysis(failure=f"more than {DEEPEST} parentheses in each other")
    spoken = rules(statement.dialect)
    try:
        return _analysed(statement, spoken)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a statement does to the parser, it is just not understood
        return Analysis(failure=_failure(error, spoken))


def _failure(error: Exception, spoken: Rules) -> str:
    match error:
        case ParseError():
            return f"not understood as {spoken.name or 'generic'} SQL{_place(error)}"
        case SqlglotError():
            return f"not understood as {spoken.name or 'generic'} SQL"
        case Procedural():
            return str(error)
        case RecursionError():
            return "nested too deeply"
        case _:
            return f"not understood ({type(error).__name__})"


def _analysed(statement: Statement, spoken: Rules) -> Analysis:
    nodes = _parsed(_readable(statement.sql, spoken), spoken)
    context = Context(Tables(statement, spoken), spoken, queries.query, value, queries.cte_relation)
    changes = Changes(context)
    run(changes, statement, [node for node in nodes if node is not None])
    writes, columns = changes.result()
    place = (context.tables.database, context.tables.schema)
    return Analysis(
        reads=tuple(context.reads),
        writes=writes,
        columns=columns,
        temporary=changes.temporary(),
        made=context.tables.all_made,
        fresh=tuple(changes.fresh),
        renamed=tuple(changes.renamed),
        dropped=tuple(changes.dropped),
        stars=changes.stars(),
        place=None if place == (statement.database, statement.schema) else place,
    )


def _parsed(sql: str, spoken: Rules) -> list[exp.Expr | None]:
    """The statements; where they are none, perhaps with literals for their parameters."""
    dialect = spoken.name or None
    try:
        return list(sqlglot.parse(sql, dialect=dialect, error_level=ErrorLevel.IMMEDIATE))
    except (SqlglotError, TypeError) as error:
        filled = with_literals(sql)
        if filled == sql:
            raise
        try:
            return list(sqlglot.parse(filled, dialect=dialect, error_level=ErrorLevel.IMMEDIATE))
        except (SqlglotError, TypeError):
            raise error from None


def _readable(sql: str, spoken: Rules) -> str:
    """The SQL in words that the parser takes for what they are; literals may change, and nothing is told of those."""
    for dialects, pattern, instead in _WORDS:
        if spoken.name in dialects:
            sql = pattern.sub(instead, sql)
    return sql


def _place(error: ParseError) -> str:
    first = error.errors[0] if error.errors else {}
    line, column = first.get("line"), first.get("col")
    return f" (line {line}, column {column})" if line and column else ""


def _depth(sql: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"'(?:[^']|'')*'|[()]", sql):
        if mark == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif mark == ")":
            depth -= 1
    return deepest
