"""Tier A: spans and log events of otel-bridge-dbt (convention/dbt.yaml) as facts."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.data_sources import Connection
from otel_bridge.extract.dialects.dbt import attributes as names
from otel_bridge.extract.dialects.dbt.facts import (
    Batch,
    Consumer,
    DagsterAsset,
    Hook,
    Invocation,
    Kind,
    Node,
    Operation,
    Relation,
    Result,
    Told,
)
from otel_bridge.extract.lenient import read
from otel_bridge.extract.values import Attributes, integer, kind_of, listing, mapping, text
from otel_bridge.model import LeftOut, Value

Read = Callable[[str, Callable[[Value], Any]], Any]

_INVOCATION: Final = {
    "invocation_id": names.INVOCATION_ID,
    "command": names.COMMAND,
    "version": names.VERSION,
    "plugin_version": names.PLUGIN_VERSION,
    "project": names.PROJECT,
    "profile": names.PROFILE,
    "target": names.TARGET,
    "retry_of": names.RETRY_OF,
}
_NODE: Final = {
    "unique_id": names.UNIQUE_ID,
    "node_type": names.NODE_TYPE,
    "name": names.NAME,
    "materialization": names.MATERIALIZATION,
    "database": names.DATABASE,
    "schema": names.SCHEMA,
    "identifier": names.IDENTIFIER,
    "relative_path": names.RELATIVE_PATH,
    "checksum": names.NODE_CHECKSUM,
    "code": names.CODE,
    "sql": convention.SQL,
}


def told(values: Mapping[str, Value]) -> tuple[Told, Attributes]:
    """The facts in the attributes, and what of them can't be read."""
    notes = Attributes(values)
    found = Told(
        tier="A",
        kind=notes.read(names.KIND, _kind) or Kind.NODE,
        invocation=_invocation(notes),
        node=_node(notes),
        result=_result(notes),
        batch=_map(Batch, notes, names.BATCH),
        hook=_hook(notes),
        operation=_map(Operation, notes, names.OPERATION),
    )
    for name, reason in (notes.read(names.UNREAD, mapping) or {}).items():
        notes.omit(name, f"otel-bridge-dbt could not read it in dbt: {reason}")
    return found, notes


def _kind(value: Value) -> Kind:
    try:
        return Kind(text(value))
    except ValueError:
        raise LeftOut(f"expected one of {', '.join(Kind)}, got {kind_of(value)}; a node is assumed") from None


def _texts(table: Mapping[str, str], notes: Attributes) -> dict[str, Any]:
    return {field: found for field, name in table.items() if (found := notes.read(name, text)) is not None}


def _map(shape: type, notes: Attributes, name: str) -> Any:
    """The map of the attribute as a struct; None if there is none."""
    found = notes.read(name, mapping)
    return None if found is None else read(shape, found, name, notes)


def _list(shape: type, notes: Attributes, name: str) -> tuple[Any, ...]:
    found = notes.read(name, listing) or []
    return tuple(read(shape, each, f"{name}[{i}]", notes) for i, each in enumerate(found))


def _invocation(notes: Attributes) -> Invocation:
    return Invocation(
        **_texts(_INVOCATION, notes),
        connection=_map(Connection, notes, names.CONNECTION) or Connection(),
        flags=notes.read(names.FLAGS, mapping) or {},
    )


def _node(notes: Attributes) -> Node:
    """The project's word on the node, with the flat attributes over it."""
    given = dict(notes.read(names.NODE, mapping) or {})
    contract = given.pop("contract", None)
    given["contract"] = (
        contract.get("enforced", True) is True if isinstance(contract, dict) else contract is True
    )
    for key in ("version", "latest_version"):
        if isinstance(given.get(key), int | float):
            given[key] = str(given[key])
    described = read(Node, given | _texts(_NODE, notes), names.NODE, notes)
    return replace(
        described,
        inputs=_list(Relation, notes, names.INPUTS),
        output=_map(Relation, notes, names.OUTPUT),
        consumers=_list(Consumer, notes, names.CONSUMERS),
        asset=_map(DagsterAsset, notes, names.ASSET),
        inputs_known=True,
    )


def _result(notes: Attributes) -> Result | None:
    found = notes.read(names.RESULT, mapping)
    flat = {
        "status": notes.read(names.NODE_OUTCOME, text),
        "rows_affected": notes.read(names.ROWS_AFFECTED, integer),
        "query_id": notes.read(names.QUERY_ID, text),
    }
    said = {**(found or {}), **{key: value for key, value in flat.items() if value is not None}}
    return read(Result, said, names.RESULT, notes) if said else None


def _hook(notes: Attributes) -> Hook | None:
    hook: Hook | None = _map(Hook, notes, names.HOOK)
    sql = notes.read(convention.SQL, text)
    return replace(hook, sql=sql) if hook is not None and sql else hook
