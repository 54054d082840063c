"""Database clients: spans with `db.*` attributes of OpenTelemetry's conventions, today's (1.33) and those before.

A statement is handed on with its connection, and its tables and columns are found when the run ends. Where only an
operation and a collection are told, they are a named input or output, if the database has tables or the like.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.extract.dialect import Io, connecting
from otel_bridge.extract.sql_context import SYSTEM, Told, told_of
from otel_bridge.extract.values import Attributes, run_id, shown
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    Dataset,
    Evidence,
    IoObserved,
    Observation,
    Span,
    SpanRef,
    Status,
    Value,
)
from otel_bridge.namespaces import Namespaces

TEXT: Final = ("db.query.text", "db.statement")
OPERATION: Final = ("db.operation.name", "db.operation")
COLLECTION: Final = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.cosmosdb.container",
    "db.elasticsearch.path_parts.index",
)
SUMMARY: Final = "db.query.summary"

READS: Final = frozenset({
    "select", "find", "findone", "aggregate", "count", "countdocuments", "estimateddocumentcount", "distinct", "search",
    "msearch", "get", "mget", "query", "scan", "read_item", "query_items", "readitem", "queryitems", "read", "readmany",
})  # fmt: skip
WRITES: Final = frozenset({
    "insert", "update", "delete", "merge", "replace", "upsert", "insertone", "insertmany", "updateone", "updatemany",
    "replaceone", "deleteone", "deletemany", "findandmodify", "findoneandupdate", "findoneandreplace", "findoneanddelete",
    "bulkwrite", "index", "create_item", "upsert_item", "replace_item", "delete_item", "patch_item", "createitem",
    "upsertitem", "replaceitem", "deleteitem", "patchitem",
})  # fmt: skip
"""Operations by their names in statements, protocols and drivers, in lower case. All others say nothing."""

_WORD: Final = re.compile(r'"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|\'[^\']+\'|\S+')
_PART: Final = re.compile(r'"[^"]+"|`[^`]+`|\[[^\]]+\]|[^."`\[\]\s(),;*?]+')
_DOTTED: Final = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")
_SUMMARISED: Final = frozenset({"select", "insert", "update", "delete", "merge", "replace"})


class Database(Io):
    """The dialect of database clients."""

    name = "database"
    markers = (b"db.system",)

    def claims(self, span: Span) -> bool:
        """A span that names a database system, and no copy that limits have cut."""
        said = span.attributes
        return any(said.get(name) for name in SYSTEM) and said.get(convention.EXPORT) != "partial"

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """What the span's run executed, read or wrote."""
        attributes = Attributes(span.attributes)
        told = told_of(span.attributes, wanted.dialects)
        inputs: tuple[Dataset, ...] = ()
        outputs: tuple[Dataset, ...] = ()
        statements: tuple[dict[str, Value], ...] = ()
        if told is None:
            yield connecting(span)
            return
        if statement := _statement(span, told):
            statements = (statement,)
        elif span.status is not Status.ERROR:
            inputs, outputs = _named(span.attributes, told, attributes)
        yield IoObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.span"),
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            at_ns=span.end_ns,
            enclosing_run_id=attributes.read(convention.RUN_ID, run_id),
            inputs=inputs,
            outputs=outputs,
            statements=statements,
            omissions=tuple(attributes.omissions),
        )


def _statement(span: Span, told: Told) -> dict[str, Value] | None:
    """The SQL that was executed; None where there is none, or not SQL."""
    sql = _first(span.attributes, TEXT)
    if not sql or not told.dialect:
        return None
    failed = {"failed": True} if span.status is Status.ERROR else {}
    return {"sql": sql, "dialect": told.dialect, "context": told.context(), **failed}


def _named(
    said: Mapping[str, Value], told: Told, attributes: Attributes
) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
    """Inputs and outputs by operation and collection, or by the summary of a query."""
    reads, writes = _summarised(said) if not _first(said, COLLECTION) else _operated(said)
    inputs = tuple(d for name in reads if (d := _dataset(name, told, attributes)))
    outputs = tuple(d for name in writes if (d := _dataset(name, told, attributes)))
    return inputs, outputs


def _operated(said: Mapping[str, Value]) -> tuple[list[str], list[str]]:
    operation = _first(said, OPERATION).lower().removeprefix("batch ")
    collection = _first(said, COLLECTION)
    return [collection] if operation in READS else [], [collection] if operation in WRITES else []


def _summarised(said: Mapping[str, Value]) -> tuple[list[str], list[str]]:
    """Of `SELECT orders` and `INSERT daily SELECT orders`; longer ones may name what is no table.

    >>> _summarised({"db.query.summary": "INSERT daily SELECT orders rates"})
    (['orders', 'rates'], ['daily'])
    """
    words = _WORD.findall(str(said.get(SUMMARY) or ""))
    at = [i for i, word in enumerate(words) if word.lower() in _SUMMARISED]
    if not at or at[0] != 0 or any(word.lower() in ("with", "call", "exec") for word in words):
        return [], []
    targets = {words[i].lower(): words[i + 1 : j] for i, j in zip(at, [*at[1:], len(words)], strict=True)}
    first = words[0].lower()
    if len(at) == 1 and first == "select":
        return targets[first], []
    if len(targets[first]) != 1 or len(at) > 2 or (len(at) == 2 and list(targets)[1:] != ["select"]):
        return [], []
    return targets.get("select", []), targets[first]


def _dataset(collection: str, told: Told, attributes: Attributes) -> Dataset | None:
    if not told.namespace:
        attributes.omit("server.address", f"where the tables of {told.kind} are is not told")
        return None
    parts = spoken(collection)
    name = told.named(parts) if parts else None
    if name is None:
        attributes.omit(
            "db.collection.name", f"{shown(collection)} is not the whole name of a table of {told.kind}"
        )
        return None
    return Dataset(*name)


def spoken(name: str) -> list[tuple[str, bool]] | None:
    """The parts of a dotted name, each with whether it stands in quotes; None for anything else.

    >>> spoken('shop."Orders"'), spoken("f(x)")
    ([('shop', False), ('Orders', True)], None)
    """
    if not _DOTTED.fullmatch(name):
        return None
    return [(part[1:-1], True) if part[0] in '"`[' else (part, False) for part in _PART.findall(name)]


def _first(said: Mapping[str, Value], names: tuple[str, ...]) -> str:
    found = next((said[name] for name in names if said.get(name) not in (None, "")), "")
    return found.strip() if isinstance(found, str) else ""
