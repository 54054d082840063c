"""A node of the manifest with its relations: those of the parts that it reads, each with the best known columns."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt import merging
from otel_bridge.extract.dialects.dbt.facts import Column, Invocation, Node, Relation
from otel_bridge.extract.dialects.dbt.manifest import generated
from otel_bridge.extract.dialects.dbt.pieces import CATALOG, MANIFEST, Piece, Pieces

FRESHNESS: Final = "source freshness"
CLONE: Final = "clone"


def node(pieces: Pieces, scope: str, part: str, sql: str, invocation: Invocation) -> Node:
    """The node, of which the manifest is there, as a command of this invocation works on it.

    What `clone` reads is in another state, of which no artifact tells.
    """
    found = pieces.of(scope, part)
    piece = found[MANIFEST]
    is_sql = piece.node.language in ("", "sql")
    said, own = replace(piece.node, sql=sql if is_sql else ""), relation(found)
    if said.node_type == "source":
        return replace(said, inputs=(own,) if own else ())
    if invocation.command == CLONE:
        return replace(said, inputs=(), output=own)
    inputs = (*said.inputs, *_reads(pieces, scope, piece, sql, invocation))
    return replace(said, inputs=inputs, output=own if _writes(said, invocation) else None)


def relation(found: Mapping[str, Piece]) -> Relation | None:
    """The own relation of a part; a catalog's columns go before those that the project tells, unless it is outdated."""
    own, catalog = found[MANIFEST].relation, found[CATALOG].relation if CATALOG in found else None
    if own is None or catalog is None or (own.columns_complete and not catalog.columns_complete):
        return own
    described = {column.name.lower(): column for column in own.columns}
    added = generated(found[MANIFEST].node)
    columns = tuple(_joined(column, described.get(column.name.lower()), added) for column in catalog.columns)
    return replace(own, columns=columns, columns_complete=catalog.columns_complete, columns_from=CATALOG)


def _joined(column: Column, described: Column | None, added: Collection[str]) -> Column:
    found = merging.over(column, described) if described else column
    return replace(found, generated=True) if column.name.lower() in added else found


def _reads(pieces: Pieces, scope: str, piece: Piece, sql: str, invocation: Invocation) -> Iterator[Relation]:
    """The relations of the parts above.

    With `--defer` the SQL decides: where it names another relation, the part's own was not read.
    """
    for part in piece.reads:
        found = pieces.of(scope, part)
        own = relation(found) if MANIFEST in found else None
        if own is None:
            continue
        may_defer = bool(invocation.flags.get("defer")) and own.resource_type != "source"
        if not may_defer or _is_named(own, sql):
            yield own


def _is_named(own: Relation, sql: str) -> bool:
    """Whether the SQL names the relation, in whichever quotes, or as a text in a Python model."""
    given = [p for p in (own.database, own.schema, own.identifier) if p]
    quoted = r"\s*\.\s*".join(rf"[\"`\[]?{re.escape(part)}[\"`\]]?" for part in given)
    plain = sql.replace(json.dumps('"')[1:-1], '"')
    return bool(given) and re.search(rf"(?<![\w.\"`\]]){quoted}(?![\w\"`])", plain, re.IGNORECASE) is not None


def _writes(said: Node, invocation: Invocation) -> bool:
    """Whether the node writes its relation: a test if it keeps the rows that fail."""
    if invocation.command == FRESHNESS:
        return False
    if said.node_type != "test":
        return said.node_type in ("model", "seed", "snapshot")
    stores = said.test is not None and said.test.store_failures
    return bool(stores or invocation.flags.get("store_failures"))
