"""Columns of a relation, by the best of what is known: asked, promised, read in a file, catalogued, described."""

import csv
import json
from pathlib import Path
from typing import Any

from .scope import Scope
from .values import compact, labels, part, plain, text

_CATALOG_LIMIT = 64 * 1024 * 1024
_SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted")


def known_columns(
    scope: Scope, node: Any, key: str, *, file: bool = False, trusted: bool = True
) -> dict[str, Any]:
    """`columns`, `columns_complete` and `columns_from` of the relation that SQL names by the key.

    With `trusted` false the project's word counts only as a description: the relation is another one.
    """
    described = _described(node)
    live = None if file else scope.columns.known(key)
    if live:
        return _told(_joined(live, described, node), complete=True, source="live")
    if trusted and not file and _is_contract(node) and described:
        return _told(list(described.values()), complete=True, source="contract")
    if text(part(node, "resource_type")) == "seed" and (file or trusted):
        header = _header(scope, node)
        types = {} if file else {str(k).lower(): text(v) for k, v in _column_types(node).items()}
        columns = [compact({"name": name, "type": types.get(name.lower())}) for name in header]
        return _told(_joined(columns, {} if file else described, node), complete=bool(header), source="file")
    catalogued = _catalogued(scope, node) if trusted and not file else []
    if catalogued:
        return _told(_joined(catalogued, described, node), complete=False, source="catalog")
    return _told(list(described.values()), complete=False, source="yaml")


def _told(columns: list[dict[str, Any]], *, complete: bool, source: str) -> dict[str, Any]:
    return {"columns": columns, "columns_complete": complete, "columns_from": source} if columns else {}


def _described(node: Any) -> dict[str, dict[str, Any]]:
    """What the project's YAML says, by name in lower case."""
    found: dict[str, dict[str, Any]] = {}
    for name, column in (part(node, "columns") or {}).items():
        shown = text(part(column, "name")) or str(name)
        found[shown.lower()] = compact(
            {
                "name": shown,
                "quoted": part(column, "quote") is True or None,
                "type": text(part(column, "data_type")),
                "description": text(part(column, "description")),
                "tags": labels(column),
                "meta": plain(part(column, "meta")),
                "constraints": constraints(part(column, "constraints")),
            }
        )
    return found


def constraints(found: Any) -> list[dict[str, Any]]:
    """Constraints of a column or a model, as the project gives them."""
    names = ("type", "name", "expression", "columns", "to", "to_columns")
    return [compact({name: plain(part(item, name)) for name in names}) for item in found or ()]


def _joined(
    columns: list[dict[str, Any]], described: dict[str, dict[str, Any]], node: Any
) -> list[dict[str, Any]]:
    generated = _generated(node)
    joined = []
    for column in columns:
        name = column["name"].lower()
        more = {"generated": True} if name in generated else {}
        joined.append({**described.get(name, {}), **column, **more})
    return joined


def _generated(node: Any) -> frozenset[str]:
    """Columns that dbt itself adds to a snapshot: no SQL of the project makes them."""
    if text(part(node, "resource_type")) != "snapshot":
        return frozenset()
    renamed = plain(part(part(node, "config"), "snapshot_meta_column_names")) or {}
    names = (renamed.get(name) or name for name in _SNAPSHOT_COLUMNS)
    return frozenset(str(name).lower() for name in names)


def _is_contract(node: Any) -> bool:
    contract = part(node, "contract") or part(part(node, "config"), "contract")
    return part(contract, "enforced") is True


def _column_types(node: Any) -> dict[str, Any]:
    return part(part(node, "config"), "column_types") or {}


def _header(scope: Scope, node: Any) -> list[str]:
    """The first record of a seed's CSV file."""
    from .relations import seed_path

    path = seed_path(scope, node)
    remembered: dict[str, list[str]] = scope.remembered.setdefault("headers", {})
    if path not in remembered:
        remembered[path] = _first_record(path, str(part(part(node, "config"), "delimiter") or ","))
    return remembered[path]


def _first_record(path: str, delimiter: str) -> list[str]:
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            return [name.strip() for name in next(csv.reader(file, delimiter=delimiter), [])]
    except (OSError, ValueError, csv.Error):
        return []


def _catalogued(scope: Scope, node: Any) -> list[dict[str, Any]]:
    """Columns by the catalog of an earlier `dbt docs generate`, only where nothing may be asked.

    They may have changed since, so that they never count as all there are.
    """
    if scope.columns.mode != "off":
        return []
    if "catalog" not in scope.remembered:
        scope.remembered["catalog"] = _read_catalog(scope)
    entry = scope.remembered["catalog"].get(part(node, "unique_id")) or {}
    columns = sorted((entry.get("columns") or {}).values(), key=lambda column: column.get("index") or 0)
    return [compact({"name": text(c.get("name")), "type": text(c.get("type"))}) for c in columns]


def _read_catalog(scope: Scope) -> dict[str, Any]:
    path = Path(part(scope.config, "project_target_path") or "target") / "catalog.json"
    try:
        if path.stat().st_size > _CATALOG_LIMIT:
            return {}
        catalog = json.loads(path.read_bytes())
        return {**(catalog.get("nodes") or {}), **(catalog.get("sources") or {})}
    except (OSError, ValueError, AttributeError):
        return {}
