"""manifest.json as pieces: what the project says about each node and source, and which relations each reads."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from otel_bridge.extract.data_sources import Connection
from otel_bridge.extract.dialects.dbt.facts import (
    Column,
    Consumer,
    Invocation,
    Node,
    Owner,
    Quoted,
    Relation,
    Test,
)
from otel_bridge.extract.dialects.dbt.pieces import MANIFEST, SQL, Piece
from otel_bridge.extract.dialects.dbt.shapes import Checksum, Entry, Metadata
from otel_bridge.extract.dialects.dbt.shapes import Column as GivenColumn
from otel_bridge.extract.dialects.dbt.shapes import Owner as GivenOwner
from otel_bridge.extract.locations import file_named

Sections = Mapping[str, Mapping[str, Entry]]
"""Entries by unique id, by section."""
Found = Iterator[tuple[str, str, Piece]]
"""(part, source, piece)."""

CONFIG: Final = (
    "materialized", "incremental_strategy", "unique_key", "full_refresh", "event_time", "strategy",
    "updated_at", "check_cols", "hard_deletes", "invalidate_hard_deletes", "target_schema", "target_database",
    "snapshot_meta_column_names", "delimiter", "quote_columns", "partition_by", "cluster_by", "location", "format",
    "file_format", "table_format", "catalog_name", "loaded_at_field", "loaded_at_query", "schema", "database",
    "alias", "indexes", "sort", "dist", "transient", "submission_method", "incremental_predicates", "predicates",
)  # fmt: skip
"""Keys of a node's configuration that bear on lineage."""
CONFIG_OF: Final = {
    "incremental": ("on_schema_change", "batch_size", "lookback", "begin", "concurrent_batches"),
    "materialized_view": ("on_configuration_change",),
}
"""Keys that have a default everywhere, and mean something only here."""
KEPT: Final = frozenset(
    {
        *CONFIG,
        *(key for keys in CONFIG_OF.values() for key in keys),
        *("meta", "group", "contract", "severity", "error_if", "warn_if", "limit", "where", "fail_calc"),
        *("store_failures", "store_failures_as"),
    }
)
"""All keys of a configuration that are read here."""
NODES: Final = ("nodes", "sources", "unit_tests")
CONSUMERS: Final = ("exposures", "metrics", "semantic_models", "saved_queries")
SECTIONS: Final = (*NODES, *CONSUMERS, "groups")
RELATIONAL: Final = frozenset({"model", "seed", "snapshot", "source"})
SNAPSHOT_COLUMNS: Final = (
    "dbt_scd_id",
    "dbt_updated_at",
    "dbt_valid_from",
    "dbt_valid_to",
    "dbt_is_deleted",
)

_PART: Final = re.compile(
    r"""\s*(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|\[((?:[^\]]|\]\])+)\]|([^."'`\[\]()\s]+))\s*"""
)
_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'")
_SOURCE: Final = re.compile(r"""\bsource\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)""")
_PASSWORD: Final = re.compile(r"(?<=://)[^/?#@\s]*@")


def pieces(metadata: Metadata, sections: Sections) -> Found:
    """All pieces: of the invocation, then of each node and source in the manifest's order."""
    yield "", MANIFEST, Piece(invocation=invocation(metadata))
    project = _Project(sections)
    for section in NODES:
        for unique_id, entry in sections[section].items():
            yield unique_id, MANIFEST, project.piece(unique_id, entry)
            if entry.compiled_code and (entry.language or "sql") == "sql":
                yield unique_id, SQL, Piece(node=Node(sql=entry.compiled_code))


def invocation(metadata: Metadata) -> Invocation:
    """What the head of an artifact says of the invocation."""
    return Invocation(
        invocation_id=metadata.invocation_id or "",
        version=metadata.dbt_version or "",
        project=metadata.project_name or "",
        connection=Connection(type=metadata.adapter_type or ""),
    )


class _Project:
    """The entries of a manifest, looked up by unique id."""

    def __init__(self, sections: Sections) -> None:
        self._entries = {key: e for section in (*NODES, *CONSUMERS) for key, e in sections[section].items()}
        self._groups = {e.name: e for e in sections["groups"].values() if e.name}
        self._consumers: dict[str, list[Consumer]] = {}
        for section in CONSUMERS:
            for key, entry in sections[section].items():
                consumer = _consumer(key, entry)
                for parent in self._physical(entry):
                    self._consumers.setdefault(parent, []).append(consumer)

    def piece(self, key: str, entry: Entry) -> Piece:
        """What the manifest says of one node, source or unit test."""
        kind = entry.resource_type or ""
        owner = self._owner(entry)
        node = _node(key, entry, owner, tuple(self._consumers.get(key, ())))
        relation = _relation(key, entry, owner) if _has_relation(entry) else None
        reads = () if kind in ("source", "unit_test", "seed") else tuple(self._physical(entry))
        file = _seed_file(key, entry) if kind == "seed" else None
        return Piece(node=node if file is None else _reading(node, file), relation=relation, reads=reads)

    def _owner(self, entry: Entry) -> Owner:
        """The owner of the group, or its name."""
        name = entry.group or _text(_config(entry).get("group"))
        found = self._groups.get(name)
        if not name:
            return Owner()
        return _owner(found.owner) if found and found.owner else Owner(name=name)

    def _physical(self, entry: Entry) -> list[str]:
        """The nearest nodes and sources above that have a relation, each once, through those that have none."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(_parents(entry)))
        while waiting:
            key = waiting.pop()
            above = self._entries.get(key)
            if above is None or key in seen:
                continue
            seen.add(key)
            if (above.resource_type or "") in RELATIONAL and not _is_ephemeral(above):
                found[key] = None
            else:
                waiting += reversed(_parents(above))
        return list(found)


def _node(key: str, entry: Entry, owner: Owner, consumers: tuple[Consumer, ...]) -> Node:
    config, language = _config(entry), entry.language or ""
    is_code = language not in ("", "sql")
    return Node(
        unique_id=key,
        node_type=entry.resource_type or "",
        name=entry.name or "",
        package=entry.package_name or "",
        language=language,
        alias=entry.alias or "",
        materialization=_text(config.get("materialized")),
        database=entry.database or "",
        schema=entry.schema or "",
        identifier=entry.identifier or entry.alias or "",
        relative_path=entry.original_file_path or "",
        original_file_path=entry.original_file_path or "",
        checksum=_checksum(entry.checksum),
        access=entry.access or "",
        version=_text(entry.version),
        latest_version=_text(entry.latest_version),
        group=entry.group or _text(config.get("group")),
        owner=owner,
        description=entry.description or "",
        tags=_tags(entry.tags),
        meta=_meta(entry),
        contract=_is_contract(entry),
        constraints=_constraints(entry.constraints),
        config=_bearing(config),
        test=_test(key, entry),
        consumers=consumers,
        code=(entry.raw_code or entry.compiled_code or "") if is_code else "",
        inputs_known=True,
    )


def _relation(key: str, entry: Entry, owner: Owner) -> Relation | None:
    """The own relation of a node or source, as SQL names it; None where that is no name."""
    path = _external(entry.relation_name)
    names = _names(entry)
    if names is None and not path:
        return None
    columns = tuple(_column(name, column) for name, column in (entry.columns or {}).items())
    contract = _is_contract(entry)
    return Relation(
        unique_id=key,
        resource_type=entry.resource_type or "",
        path=path,
        materialization=_text(_config(entry).get("materialized")),
        columns=columns,
        columns_complete=contract and bool(columns),
        columns_from=("contract" if contract else "yaml") if columns else "",
        description=entry.description or "",
        tags=_tags(entry.tags),
        meta=_meta(entry),
        owner=owner,
        access=entry.access or "",
        loader=entry.loader or "",
        **(names or {}),
    )


def _names(entry: Entry) -> dict[str, Any] | None:
    """Parts of the relation's name, and which are quoted; None if what SQL reads is no name but a function."""
    if not entry.relation_name:
        parts = {"database": entry.database, "schema": entry.schema}
        return {**{k: v or "" for k, v in parts.items()}, "identifier": entry.identifier or entry.alias or ""}
    written = _written(entry.relation_name)
    if not written or len(written) > 3:
        return None
    slots = ("database", "schema", "identifier")[-len(written) :]
    named = {slot: name for slot, (name, _) in zip(slots, written, strict=True)}
    quoted = Quoted(**{slot: marked for slot, (_, marked) in zip(slots, written, strict=True)})
    return {**named, "quoted": quoted}


def _written(relation_name: str) -> list[tuple[str, bool]]:
    """The parts of a name as it is written in SQL, and whether each is quoted; nothing for what is no name.

    >>> _written('"shop"."main".orders'), _written("read_csv('x.csv')")
    ([('shop', True), ('main', True), ('orders', False)], [])
    """
    found: list[tuple[str, bool]] = []
    place = 0
    while True:
        match = _PART.match(relation_name, place)
        if match is None:
            return []
        double, tick, bracket, bare = match.groups()
        name = bare or (double or "").replace('""', '"') or (tick or "").replace("``", "`")
        found.append((name or (bracket or "").replace("]]", "]"), bare is None))
        place = match.end()
        if place == len(relation_name):
            return found
        if relation_name[place] != ".":
            return []
        place += 1


def _external(relation_name: str | None) -> str:
    """Where the files of a source are that SQL reads in place of a table; "" if it is not said, or not absolutely."""
    literals = _LITERAL.findall(relation_name or "")
    return literals[0] if len(literals) == 1 and file_named(literals[0]) else ""


def _seed_file(key: str, entry: Entry) -> Relation | None:
    """The CSV file of a seed, where dbt says in which folder its project is."""
    if not entry.root_path or not entry.original_file_path:
        return None
    path = f"{entry.root_path.rstrip('/')}/{entry.original_file_path}"
    return Relation(resource_type="file", path=path) if file_named(path) else None


def _reading(node: Node, file: Relation) -> Node:
    from msgspec.structs import replace

    return replace(node, inputs=(file,))


def _column(name: str, given: GivenColumn) -> Column:
    config = given.config
    return Column(
        name=given.name or name,
        type=given.data_type or "",
        description=given.description or "",
        tags=_tags(given.tags or (config.tags if config else None)),
        meta=given.meta or (config.meta if config else None) or {},
        constraints=_constraints(given.constraints),
    )


def generated(node: Node) -> frozenset[str]:
    """Columns, in lower case, that dbt itself adds to a snapshot: no SQL of the project makes them."""
    if node.node_type != "snapshot":
        return frozenset()
    renamed = node.config.get("snapshot_meta_column_names")
    names = renamed if isinstance(renamed, dict) else {}
    return frozenset(str(names.get(name) or name).lower() for name in SNAPSHOT_COLUMNS)


def _test(key: str, entry: Entry) -> Test | None:
    if entry.resource_type == "unit_test":
        above = _parents(entry)
        tested = entry.tested_node_unique_id or (above[0] if above else "")
        return Test(kind="unit", name=entry.name or "", model=entry.model or "", attached_node=tested)
    if entry.resource_type != "test":
        return None
    config, known = _config(entry), entry.test_metadata
    kwargs = dict(known.kwargs or {}) if known else {}
    limit = config.get("limit")
    return Test(
        kind="generic" if known else "singular",
        name=(known.name if known else "") or entry.name or "",
        namespace=(known.namespace if known else "") or "",
        column=entry.column_name or _text(kwargs.get("column_name")),
        attached_node=entry.attached_node or _tested_source(entry, kwargs.get("model")),
        kwargs={name: value for name, value in kwargs.items() if name != "model"},
        severity=_text(config.get("severity")),
        error_if=_text(config.get("error_if")),
        warn_if=_text(config.get("warn_if")),
        limit=limit if isinstance(limit, int) and not isinstance(limit, bool) else None,
        where=_text(config.get("where")),
        store_failures=config.get("store_failures") is True or None,
    )


def _tested_source(entry: Entry, model: Any) -> str:
    """The source that a generic test is of: dbt attaches tests of nodes alone."""
    named = _SOURCE.search(model) if isinstance(model, str) else None
    if named is None:
        return ""
    ending = f".{named[1]}.{named[2]}"
    return next((k for k in _parents(entry) if k.startswith("source.") and k.endswith(ending)), "")


def _consumer(key: str, entry: Entry) -> Consumer:
    return Consumer(
        unique_id=key,
        type=entry.resource_type or key.partition(".")[0],
        kind=entry.type or "",
        name=entry.name or "",
        label=entry.label or "",
        url=_PASSWORD.sub("", entry.url or ""),
        owner=_owner(entry.owner) if entry.owner else Owner(),
        maturity=entry.maturity or "",
        description=entry.description or "",
    )


def _owner(given: GivenOwner) -> Owner:
    email = given.email if isinstance(given.email, str) else ", ".join(given.email or ())
    return Owner(name=given.name or "", email=email)


def _has_relation(entry: Entry) -> bool:
    """Whether the entry has a relation in the warehouse; a test has one if it keeps the rows that fail."""
    kind, config = entry.resource_type or "", _config(entry)
    if kind == "test":
        return bool(entry.relation_name) and config.get("store_failures_as") != "ephemeral"
    return kind in RELATIONAL and not _is_ephemeral(entry)


def _is_ephemeral(entry: Entry) -> bool:
    return _config(entry).get("materialized") == "ephemeral"


def _is_contract(entry: Entry) -> bool:
    contract = entry.contract or _config(entry).get("contract")
    return isinstance(contract, dict) and contract.get("enforced") is True


def _bearing(config: Mapping[str, Any]) -> dict[str, Any]:
    wanted = (*CONFIG, *CONFIG_OF.get(_text(config.get("materialized")), ()))
    return {key: config[key] for key in wanted if config.get(key) not in (None, "", [], {})}


def _config(entry: Entry) -> Mapping[str, Any]:
    return entry.config or {}


def _meta(entry: Entry) -> dict[str, Any]:
    given = entry.meta or _config(entry).get("meta")
    return given if isinstance(given, dict) else {}


def _parents(entry: Entry) -> list[str]:
    return (entry.depends_on.nodes if entry.depends_on else None) or []


def _constraints(given: Iterable[Any] | None) -> tuple[Any, ...]:
    names = ("type", "name", "expression", "columns", "to", "to_columns")
    found = [c for c in given or () if isinstance(c, dict)]
    return tuple({n: c[n] for n in names if c.get(n) not in (None, "", [])} for c in found)


def _checksum(given: str | Checksum | None) -> str:
    return given if isinstance(given, str) else (given.checksum or "") if given else ""


def _tags(given: list[str] | str | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) and given else tuple(sorted(set(given or ())))


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
