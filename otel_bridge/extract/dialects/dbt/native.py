"""Tier B: dbt-core's own spans (1.12.1 and later, behind its flag) as facts.

A span says what it was and where it wrote, and links to the nodes above; what it read, and the project, is the
manifest's to tell. Its names are undocumented and named after one warehouse's vendor: anything missing is not known.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt.facts import Hook, Invocation, Kind, Node, Relation, Result, Told
from otel_bridge.extract.dialects.dbt.jobs import package_of
from otel_bridge.extract.values import Attributes, integer, text
from otel_bridge.model import Span, Status

SCOPE: Final = "dbt.runner"
INVOCATION: Final = "dbt.invocation"
UPSTREAM: Final = "upstream.name"
"""Attribute of a link: the unique id of the node above."""
COMMANDS: Final = {"freshness": "source freshness", "generate": "docs generate", "serve": "docs serve"}
WRITERS: Final = frozenset({"model", "seed", "snapshot"})

_UNIQUE_ID: Final = re.compile(r"([a-z_]+)\.[^.\s]+\.\S+")
_HOOK_INDEX: Final = re.compile(r"-(\d+)$")
_KILLED: Final = ("KeyboardInterrupt", "SystemExit")


def told(span: Span) -> tuple[Told, Attributes] | None:
    """The run of this span; None if it is none by itself (`metadata.setup`, `hooks.*`, ...)."""
    notes = Attributes(span.attributes)
    if span.name == INVOCATION:
        return Told(tier="B", kind=Kind.INVOCATION, invocation=_invocation(notes)), notes
    if "hook_outcome" in span.attributes:
        return _hook(notes), notes
    found = _UNIQUE_ID.fullmatch(notes.read("unique_id", text) or span.name)
    if found is None or "hook_count" in span.attributes or span.name.startswith("hooks."):
        return None
    return Told(tier="B", node=_node(span, notes, found[0], found[1]), result=_result(span, notes)), notes


def upstream(span: Span) -> tuple[tuple[str, str, str], ...]:
    """The nodes above that ran in the same invocation: unique id, trace id and span id of each."""
    named = ((link.attributes.get(UPSTREAM), link) for link in span.links)
    return tuple(
        (name, link.trace_id, link.span_id) for name, link in named if isinstance(name, str) and name
    )


def texts(notes: Attributes, names: Iterable[str]) -> dict[str, Any]:
    """The named attributes that say something."""
    return {name: found for name in names if (found := notes.read(name, text)) is not None}


def output_of(node: Node) -> Relation | None:
    """The relation that a span says its node writes: only of nodes that surely write it."""
    if node.node_type not in WRITERS or node.materialization == "ephemeral" or not node.identifier:
        return None
    return Relation(
        unique_id=node.unique_id,
        resource_type=node.node_type,
        database=node.database,
        schema=node.schema,
        identifier=node.identifier,
        materialization=node.materialization,
    )


def _invocation(notes: Attributes) -> Invocation:
    command = notes.read("command", text) or ""
    return Invocation(
        invocation_id=notes.read("invocation_id", text) or "",
        command=COMMANDS.get(command, command),
        version=notes.read("version", text) or "",
    )


def _node(span: Span, notes: Attributes, unique_id: str, kind: str) -> Node:
    named = ("name", "materialization", "database", "schema", "identifier", "relative_path")
    node = Node(
        unique_id=unique_id,
        node_type=notes.read("node_type", text) or kind,
        package=package_of(unique_id),
        upstream=tuple(name for name, _, _ in upstream(span)),
        **texts(notes, named),
    )
    return replace(node, output=output_of(node))


def _result(span: Span, notes: Attributes) -> Result | None:
    status = notes.read("node_outcome", text)
    if status is None:
        return Result(status="interrupted") if _was_killed(span) else None
    return Result(
        status=status,
        rows_affected=notes.read("rows_affected", integer),
        query_id=notes.read("query_id", text) or "",
    )


def _was_killed(span: Span) -> bool:
    kinds = (event.attributes.get("exception.type") for event in span.events if event.name == "exception")
    return span.status is Status.ERROR and any(str(kind).rpartition(".")[2] in _KILLED for kind in kinds)


def _hook(notes: Attributes) -> Told:
    """A hook of the project, before or after all nodes.

    Spans count from 1, through the hooks of all packages; names (`shop-on-run-start-0`) from 0, in each package.
    """
    name = notes.read("name", text) or ""
    numbered = _HOOK_INDEX.search(name)
    place = notes.read("hook_index", integer)
    index = place - 1 if place else int(numbered[1]) if numbered else None
    hook = Hook(type=notes.read("hook_type", text) or "", index=index)
    unique_id = notes.read("unique_id", text) or ""
    node = Node(unique_id=unique_id, node_type="operation", name=name, package=package_of(unique_id))
    status = notes.read("hook_outcome", text)
    return Told(
        tier="B", kind=Kind.HOOK, node=node, hook=hook, result=Result(status=status) if status else None
    )
