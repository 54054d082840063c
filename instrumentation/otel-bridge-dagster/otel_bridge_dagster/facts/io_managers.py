"""What IO managers know of the place of an asset or output: connection and relation, or a location.

Of somebody's own IO manager a function can tell it, named in the entry point group `otel_bridge_dagster_io_managers`
by the class (`package.module.Class`, or `Class`): `(io_manager, context) -> {"connection", "relation", "location",
"format"}`, with keys of the table's dataset map. It holds for subclasses and goes before what is known here.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .connections import catalog_of, connection, database_path, kind_of
from .locations import absolute
from .reading import compact, is_a, part, public, text

Resolver = Callable[[Any, Any], "dict[str, Any] | None"]

GROUP = "otel_bridge_dagster_io_managers"
TOLD = frozenset({"connection", "relation", "location", "format", "schema", "row_count"})


def name_of(io_manager: Any) -> str:
    """The class of an IO manager, or what the makers of Dagster's database ones call it."""
    return text(part(io_manager, "_io_manager_name")) or type(io_manager).__name__


def place(io_manager: Any, context: Any) -> dict[str, Any]:
    """Where the IO manager keeps what the context is about; empty if it does not say."""
    own = _own(io_manager)
    if own is not None:
        return {name: value for name, value in (own(io_manager, context) or {}).items() if name in TOLD}
    resolve = next((known for name, known in _KNOWN.items() if is_a(io_manager, name)), None)
    return compact(resolve(io_manager, context) or {}) if resolve else {}


def _own(io_manager: Any) -> Resolver | None:
    registered = _registered()
    if not registered:
        return None
    for known in type(io_manager).__mro__:
        entry = registered.get(f"{known.__module__}.{known.__qualname__}") or registered.get(known.__name__)
        if entry is not None:
            resolver: Resolver = _loaded(entry)
            return resolver
    return None


@lru_cache(maxsize=1)
def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@lru_cache(maxsize=64)
def _loaded(entry: EntryPoint) -> Any:
    return entry.load()


def connection_of(io_manager: Any, config: Any) -> dict[str, Any] | None:
    """The connection of one of Dagster's database IO managers; None of any other."""
    if not is_a(io_manager, "DbIOManager"):
        return None
    return connection(_kind_of(io_manager), config or {}, text(part(io_manager, "_database")))


def _kind_of(io_manager: Any) -> str | None:
    client = type(part(io_manager, "_db_client"))
    return kind_of(client.__module__, client.__name__, name_of(io_manager), type(io_manager).__name__)


def _table(io_manager: Any, context: Any) -> dict[str, Any]:
    """Of Dagster's DbIOManager and its kin (DuckDB, Snowflake, BigQuery, Iceberg, Delta Lake, ...)."""
    sliced, config = _table_slice(io_manager, context), part(context, "resource_config") or {}
    kind, database = _kind_of(io_manager), text(sliced.database)
    if kind == "deltalake":
        root = text(part(config, "root_uri"))
        place = f"{root.rstrip('/')}/{sliced.schema}/{sliced.table}" if root else None
        return {"location": absolute(place), "format": "delta"} if place else {}
    shown = catalog_of(database_path(database)) if kind == "duckdb" else database
    relation = compact({"database": shown, "schema": text(sliced.schema), "identifier": text(sliced.table)})
    return {"connection": connection(kind, config, database), "relation": relation}


def _table_slice(io_manager: Any, context: Any) -> Any:
    """Its table slice; the upstream output's context says which table an input is."""
    return io_manager._get_table_slice(context, part(context, "upstream_output") or context)


def _file(io_manager: Any, context: Any) -> dict[str, Any]:
    """Of Dagster's UPathIOManager and its kin: of a partitioned asset the folder that holds its partitions."""
    folder = io_manager._get_path_without_extension(context)
    path = folder
    partitions = _partition_keys(context)
    if partitions is None:
        path = io_manager._with_extension(folder)
    elif partitions:
        one = io_manager._with_extension(io_manager.get_path_for_partition(context, folder, partitions[0]))
        path = folder if _is_below(one, folder) else one
    return {"location": _location(io_manager, path), "format": _format(io_manager)}


def _partition_keys(context: Any) -> list[str] | None:
    """A key of the partitions of an asset, none of one without partitions."""
    if not context.has_asset_key or not context.has_asset_partitions:
        return None
    keys = list(context.asset_partition_keys)[:1]
    return (
        ["/".join(v for _, v in sorted(keys[0].keys_by_dimension.items()))]
        if keys and is_a(keys[0], "MultiPartitionKey")
        else keys
    )


def _is_below(path: Any, folder: Any) -> bool:
    return str(path).startswith(str(folder).rstrip("/") + "/")


def _location(io_manager: Any, path: Any) -> str | None:
    uri_for = part(io_manager, "_uri_for_path")
    if uri_for is not None:
        return public(uri_for(path))
    bucket = text(part(io_manager, "bucket"))
    if bucket and is_a(io_manager, "PickledObjectS3IOManager"):
        return f"s3://{bucket}/{path.as_posix()}"
    return absolute(path)


def _format(io_manager: Any) -> str | None:
    extension = text(part(io_manager, "extension"))
    if extension:
        return extension.lstrip(".").lower()
    return "pickle" if type(io_manager).__name__.startswith("PickledObject") else None


def _custom_path(io_manager: Any, context: Any) -> dict[str, Any]:
    """Of Dagster's custom_path_fs_io_manager, whose paths are in the metadata of outputs."""
    metadata = part(part(context, "upstream_output") or context, "definition_metadata") or {}
    path = text(metadata.get("path"))
    return {"location": absolute(io_manager._get_path(path)), "format": "pickle"} if path else {}


_KNOWN: dict[str, Resolver] = {
    "DbIOManager": _table,
    "UPathIOManager": _file,
    "CustomPathPickledObjectFilesystemIOManager": _custom_path,
}
