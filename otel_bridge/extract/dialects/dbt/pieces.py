"""What artifacts say, piece by piece: the compact form that is kept until the spans of an invocation are complete.

A piece belongs to a *scope* (`dbt:<invocation id>`), a *part* (the unique id of a node or source, "" for the invocation as
a whole) and a *source* (which artifact says so). Sources are kept side by side, so that one that comes again, or says
less, takes nothing from the others.
"""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from otel_bridge.extract.dialects.dbt.facts import Fact, Invocation, Node, Relation, Result

SCOPE: Final = "dbt:"
"""Before an invocation id."""
RUN_SCOPE: Final = "run:"
"""Before a run id: which invocation the run belongs to, for the runs below it."""
MANIFEST: Final = "manifest"
RUN_RESULTS: Final = "run_results"
CATALOG: Final = "catalog"
SOURCES: Final = "sources"
SQL: Final = "sql"
"""Compiled statements, by whichever artifact has them: a manifest without any does not erase them."""
TOLD: Final = "told"
"""The invocation's events are made; what comes later amends nothing."""
FAILED: Final = "failed:"
"""Before trace and span id of an invocation: the scope of its nodes that failed."""
NOTE: Final = "note:"
"""Before what tells notes of spans apart."""
WAREHOUSE: Final = "warehouse"
"""What notes say of the warehouse, for nodes of the invocation that have none."""
RESULTS: Final = frozenset({RUN_RESULTS, SOURCES})
RECEIVED: Final = frozenset({MANIFEST, RUN_RESULTS, SOURCES, CATALOG})
"""Sources that are artifacts."""


class Piece(Fact, frozen=True):
    """What one source says about one part.

    `relation` is the part's own, as others read it; `reads` names the parts whose relations it reads.
    """

    invocation: Invocation = Invocation()
    node: Node = Node()
    relation: Relation | None = None
    reads: tuple[str, ...] = ()
    result: Result | None = None


class Pieces(Protocol):
    """Where pieces are kept."""

    def of(self, scope: str, part: str) -> Mapping[str, Piece]:
        """The pieces of a part, by source."""

    def put(self, scope: str, part: str, source: str, piece: Piece) -> None:
        """Add or replace one."""

    @property
    def ever(self) -> bool:
        """Whether artifacts were received at any time."""


class MemoryPieces:
    """`Pieces` in a dictionary."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, str], dict[str, Piece]] = {}
        self.ever = False

    def of(self, scope: str, part: str) -> Mapping[str, Piece]:
        """The pieces of a part, by source."""
        return self._pieces.get((scope, part), {})

    def put(self, scope: str, part: str, source: str, piece: Piece) -> None:
        """Add or replace one."""
        self._pieces.setdefault((scope, part), {})[source] = piece
        self.ever |= source in RECEIVED

    def parts(self, scope: str, sources: Collection[str]) -> list[str]:
        """Parts of a scope, without that of the whole, of which one of the sources speaks; in the order of arrival."""
        return [
            part
            for (within, part), found in self._pieces.items()
            if within == scope and part and not found.keys().isdisjoint(sources)
        ]


def complete(pieces: Pieces, scope: str) -> bool:
    """Whether the manifest and the results of an invocation are there: nothing more is worth waiting for."""
    found = pieces.of(scope, "").keys()
    return MANIFEST in found and not RESULTS.isdisjoint(found)
