"""Relations as dataset maps of the bridge's convention, with what the project says about them as facets."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from otel_bridge.extract.dialects.dbt.facts import Column, Consumer, Node, Relation, Told
from otel_bridge.extract.dialects.dbt.naming import Naming
from otel_bridge.extract.values import compact
from otel_bridge.model import Value

DBT, DBT_META = "DBT", "DBT_META"
"""Sources of tags, as openlineage-dbt gives them."""
GENERATED: Final = "Added by dbt."
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_ROWLESS: Final = frozenset({"view", "materialized_view", "dynamic_table"})
_MICROBATCH: Final = ("event_time", "batch_size", "begin", "lookback")


def inputs(told: Told, naming: Naming) -> list[tuple[Relation, dict[str, Value]]]:
    """What the node reads, as dataset maps; a table that it also writes is no input of itself."""
    output = told.node.output
    own = naming.named(output) if output else None
    found = [(relation, naming.named(relation)) for relation in told.node.inputs]
    return [(relation, _dataset(relation, naming)) for relation, name in found if name and name != own]


def outputs(told: Told, naming: Naming) -> list[dict[str, Value]]:
    """The dataset map of what the node writes."""
    node, output = told.node, told.node.output
    if output is None or naming.named(output) is None:
        return []
    dataset = _dataset(_described(output, node), naming)
    facets = {"dbt_model": model_facet(output, node), "dbt_exposures": exposures_facet(node.consumers)}
    dataset["facets"] = {key: facet for key, facet in facets.items() if facet}
    return [compact(dataset | _statistics(told))]


def _dataset(relation: Relation, naming: Naming) -> dict[str, Value]:
    name = naming.named(relation)
    assert name is not None, "only relations with a name become datasets"
    facet = model_facet(relation, None)
    return compact(
        {
            "namespace": name.namespace,
            "name": name.name,
            "schema": [_field(column) for column in relation.columns if column.name],
            "schema_partial": not relation.columns_complete if relation.columns else None,
            "documentation": relation.description,
            "owners": owners(relation.owner.name or relation.owner.email, relation.meta),
            "tags": [*tags(relation.tags, relation.meta), *_column_tags(relation.columns)],
            "source": _source(name.namespace),
            "metrics": compact({"row_count": relation.row_count, "bytes": relation.bytes}),
            "symlinks": [
                {"namespace": link.namespace, "name": link.name, "type": "TABLE"}
                for link in naming.symlinks(relation)
            ],
            "facets": {"dbt_model": facet} if facet else {},
        }
    )


def _described(output: Relation, node: Node) -> Relation:
    """The output with what its node says, where the relation itself says nothing."""
    if output.resource_type == "test" or output.unique_id not in ("", node.unique_id):
        return output
    return replace(
        output,
        description=output.description or node.description,
        tags=output.tags or node.tags,
        meta=output.meta or node.meta,
        owner=output.owner if output.owner.name or output.owner.email else node.owner,
    )


def _statistics(told: Told) -> dict[str, Value]:
    """Rows and bytes written, unless nothing was, or the run was made to write less than there is."""
    flags, result = told.invocation.flags, told.result
    if result is None or result.status != "success" or flags.get("empty") or flags.get("sample"):
        return {}
    response = result.adapter_response
    rows, size = result.rows_affected, response.get("bytes_processed")
    if rows is None and not _says_nothing(told, response):
        rows = response.get("rows_affected")
    written = {"row_count": rows, "bytes": size if told.node.materialization != "view" else None}
    return {key: value for key, value in written.items() if type(value) is int and value >= 0}


def _says_nothing(told: Told, response: Mapping[str, Any]) -> bool:
    """Whether rows of the answer are none that were written: of a view, or Snowflake's line that a table was created."""
    is_line = told.invocation.connection.type == "snowflake" and response.get("code") == "SUCCESS"
    return told.node.materialization in _ROWLESS or (is_line and response.get("rows_affected") == 1)


def _field(column: Column) -> dict[str, Value]:
    description = column.description or (GENERATED if column.generated else "")
    return compact({"name": column.name, "type": column.type, "description": description})


def _source(namespace: str) -> dict[str, Value]:
    return {"name": namespace, "uri": namespace} if _URI.fullmatch(namespace) else {"name": namespace}


def owners(group: str, meta: Mapping[str, Any]) -> list[Value]:
    """The group's owner, and those that `meta.owner` names."""
    given = meta.get("owner")
    named = given if isinstance(given, list | tuple) else [given]
    return list(dict.fromkeys(name for name in (group, *named) if isinstance(name, str) and name.strip()))


def tags(names: Iterable[str], meta: Mapping[str, Any], field: str = "") -> list[Value]:
    """Tags and meta of the project, each with its source."""
    where = {"field": field} if field else {}
    plain = [{"key": name, "value": "true", "source": DBT, **where} for name in names if name]
    more = [
        {"key": key, "value": shown, "source": DBT_META, **where}
        for key, value in meta.items()
        if key and (shown := _shown(value))
    ]
    return [*plain, *more]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _column_tags(columns: Iterable[Column]) -> list[Value]:
    return [tag for column in columns for tag in tags(column.tags, column.meta, column.name)]


def model_facet(relation: Relation, node: Node | None) -> dict[str, Value]:
    """dbt_model: of an output with all of its node, of an input with what the relation says."""
    if not relation.unique_id:
        return {}
    config = compact(
        {
            "materialized": (node.materialization if node else "") or relation.materialization,
            "access": (node.access if node else "") or relation.access,
            "owner": relation.owner.name or (node.owner.name if node else ""),
            "group": node.group if node else "",
            "incremental": incremental(node.config)
            if node and node.materialization == "incremental"
            else None,
        }
    )
    constraints = {column.name: list(column.constraints) for column in relation.columns if column.constraints}
    contract = bool(node and node.contract)
    return compact(
        {
            "config": config,
            "unique_id": relation.unique_id,
            "resource_type": relation.resource_type,
            "version": node.version if node else "",
            "latest_version": node.latest_version if node else "",
            "contract": {"constraints": list(node.constraints) if node else [], "columns": constraints}
            if contract
            else {},
            "constraints": {} if contract else constraints,
            "columns_from": relation.columns_from,
            "deferred": relation.deferred or None,
        }
    )


def incremental(config: Mapping[str, Any]) -> dict[str, Value]:
    """How an incremental model is built. Parameters of microbatches only with that strategy: dbt sets defaults on all."""
    strategy = config.get("incremental_strategy")
    predicates = config.get("incremental_predicates") or config.get("predicates")
    found = {
        "strategy": strategy,
        "unique_key": _texts(config.get("unique_key")),
        "incremental_predicates": _texts(predicates),
        "on_schema_change": config.get("on_schema_change"),
        "partition_by": _partition_by(config.get("partition_by")),
        "full_refresh": config.get("full_refresh"),
    }
    if strategy == "microbatch":
        found |= {key: config.get(key) for key in _MICROBATCH}
        found["begin"] = str(config["begin"]) if config.get("begin") else None
    return {key: value for key, value in found.items() if value not in (None, "", [], {})} or {
        "strategy": "default"
    }


def _partition_by(given: Any) -> dict[str, Value]:
    if isinstance(given, Mapping):
        return compact({key: given.get(key) for key in ("field", "data_type", "granularity")})
    columns = _texts(given)
    return {"columns": columns} if columns else {}


def _texts(given: Any) -> list[str]:
    values = given if isinstance(given, list | tuple) else [given]
    return [value for value in values if isinstance(value, str) and value]


def exposures_facet(consumers: Iterable[Consumer]) -> dict[str, Value]:
    """dbt_exposures: exposures by themselves, as openlineage-dbt has them, and what else depends on the relation."""
    found: dict[str, list[Value]] = {"exposures": [], "semantics": []}
    for consumer in consumers:
        if consumer.unique_id and consumer.name:
            slot = "exposures" if consumer.type in ("exposure", "") else "semantics"
            found[slot].append(_exposure(consumer))
    if not found["exposures"] and not found["semantics"]:
        return {}
    return {
        "exposures": found["exposures"],
        **({"semantics": found["semantics"]} if found["semantics"] else {}),
    }


def _exposure(consumer: Consumer) -> dict[str, Value]:
    return compact(
        {
            "unique_id": consumer.unique_id,
            "name": consumer.name,
            "type": consumer.kind or consumer.type,
            "url": consumer.url,
            "label": consumer.label,
            "owner": consumer.owner.name,
            "email": consumer.owner.email,
            "maturity": consumer.maturity,
            "description": consumer.description,
        }
    )
