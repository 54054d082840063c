"""Metadata of definitions and events: Dagster's table facts in it, and what of the rest can be told."""

from collections.abc import Iterable, Mapping
from typing import Any

from .connections import of_table_name
from .locations import absolute
from .reading import compact, is_a, key_of, part, public, text
from .tags import looks_secret

Metadata = Mapping[str, Any]

_TABLE_NAMES = ("dagster/table_name", "dagster/relation_identifier")
_URIS = ("dagster/uri", "uri", "path", "table_uri")
_SCHEMAS = ("dagster/column_schema", "table_columns", "dataframe_columns", "columns", "schema")
_DTYPES_OF_NOTHING = frozenset({"object", "Object", "unknown"})
_ENTRIES_AT_MOST = 50


def plain(value: Any) -> Any:
    """The value in one of Dagster's metadata values, or itself."""
    return part(value, "value", value) if is_a(value, "MetadataValue") else value


def identity(metadata: Metadata, partition: str | None = None) -> dict[str, Any]:
    """Where the table or file is, if the metadata (of an event about this partition) say so."""
    for name in _TABLE_NAMES:
        if name in metadata and (table := text(plain(metadata[name]))):
            return of_table_name(table, text(plain(metadata.get("dagster/storage_kind"))))
    for name in _URIS:
        place = text(plain(metadata[name])) if name in metadata else None
        # a path that is not absolute is one of another process's directory
        if place and ("://" in place or place.startswith("/")):
            return {"location": _of_all(absolute(place), partition)}
    return {}


def declared_schema(metadata: Metadata) -> list[dict[str, Any]]:
    """The columns under Dagster's own name for them, which people use; IO managers have others for a frame's types."""
    return schema(metadata, _SCHEMAS[:1])


def schema(metadata: Metadata, names: tuple[str, ...] = _SCHEMAS) -> list[dict[str, Any]]:
    """The columns of the first table schema among the names that are known for one."""
    for name in names:
        if name not in metadata:
            continue
        value = plain(metadata[name])
        columns = part(value, "columns") if is_a(value, "TableSchema") else None
        if columns:
            return [_column(column, name) for column in columns]
    return []


def column_lineage(metadata: Metadata) -> dict[str, list[dict[str, Any]]]:
    """`{column: [{asset_key, column}]}`."""
    told = plain(metadata.get("dagster/column_lineage"))
    return {
        str(column): [{"asset_key": key_of(d.asset_key), "column": str(d.column_name)} for d in deps]
        for column, deps in (part(told, "deps_by_column") or {}).items()
    }


def row_count(all_metadata: Iterable[Metadata]) -> int | None:
    """Rows that several events of one asset tell: those of partitions add up.

    The events of one output share its metadata: the same value is counted once.
    """
    every = list(all_metadata)
    by_partition = {id(m[_OF_PARTITION]): _number(m[_OF_PARTITION]) for m in every if _OF_PARTITION in m}
    counts = [count for count in by_partition.values() if count is not None]
    if counts:
        return sum(counts)
    return next((n for m in reversed(every) if (n := _number(m.get("dagster/row_count"))) is not None), None)


def told(metadata: Metadata) -> dict[str, Any]:
    """The scalars in it, without what looks like a secret."""
    scalars = {str(name): _scalar(plain(value)) for name, value in metadata.items() if not looks_secret(name)}
    return dict(list(compact(scalars).items())[:_ENTRIES_AT_MOST])


def code_source(metadata: Metadata) -> dict[str, Any]:
    """Where the code is: `{file, line, url}`."""
    found: dict[str, Any] = {}
    for reference in part(plain(metadata.get("dagster/code_references")), "code_references") or ():
        file, url = text(part(reference, "file_path")), text(part(reference, "url"))
        found = (
            compact({"file": file, "line": part(reference, "line_number"), "url": url and public(url)})
            | found
        )
    return found


_OF_PARTITION = "dagster/partition_row_count"


def _of_all(location: str, partition: str | None) -> str:
    """The folder of all partitions, if the location is that of one.

    >>> _of_all("/lake/orders/2026-01-01.csv", "2026-01-01"), _of_all("/lake/orders", "2026-01-01")
    ('/lake/orders', '/lake/orders')
    """
    for shown in (partition, partition.replace("|", "/")) if partition else ():
        folder, slash, rest = location.rpartition(f"/{shown}")
        if slash and folder and (not rest or (rest[0] == "." and "/" not in rest)):
            return folder
    return location


def _column(column: Any, said_in: str) -> dict[str, Any]:
    shown = {"name": str(column.name)}
    if column.type and (said_in == _SCHEMAS[0] or column.type not in _DTYPES_OF_NOTHING):
        shown["type"] = str(column.type)
    if column.description:
        shown["description"] = str(column.description)
    return shown


def _number(value: Any) -> int | None:
    number = plain(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return public(text(value) or "") if isinstance(value, str) else None
