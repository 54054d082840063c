"""What a commit changed beside data: columns by their field ids, the partition spec, names of properties."""

from collections.abc import Iterable
from typing import Any


def changes(before: Any, after: Any, updates: Iterable[Any]) -> dict[str, Any] | None:
    """The change as a map; None for a commit that only adds snapshots."""
    updates = list(updates)
    actions = list(dict.fromkeys(update.action for update in updates))
    data_only = {"add-snapshot", "set-snapshot-ref"}.issuperset(actions)
    if data_only or after is None:
        return None
    told: dict[str, Any] = {"actions": actions}
    if before is not None and before.current_schema_id != after.current_schema_id:
        told["schema"] = _schema(before.schema(), after.schema())
    if before is not None and before.default_spec_id != after.default_spec_id:
        told["partition_spec"] = {"from": before.default_spec_id, "to": after.default_spec_id}
    if properties := _properties(updates):
        told["properties"] = properties
    return told


def _properties(updates: Iterable[Any]) -> dict[str, list[str]]:
    updates = list(updates)
    found = {
        "set": sorted(name for u in updates if u.action == "set-properties" for name in u.updates),
        "removed": sorted(name for u in updates if u.action == "remove-properties" for name in u.removals),
    }
    return {key: names for key, names in found.items() if names}


def _schema(before: Any, after: Any) -> dict[str, Any]:
    old, new = _columns(before), _columns(after)
    both = [number for number in new if number in old]
    told = {
        "from": before.schema_id,
        "to": after.schema_id,
        "added": [new[number][0] for number in new if number not in old],
        "removed": [old[number][0] for number in old if number not in new],
        "renamed": {old[n][0]: {"from": old[n][0], "to": new[n][0]} for n in both if old[n][0] != new[n][0]},
        "retyped": {new[n][0]: {"from": old[n][1], "to": new[n][1]} for n in both if old[n][1] != new[n][1]},
    }
    if not told["added"] and not told["removed"] and both != [number for number in old if number in new]:
        told["moved"] = [new[n][0] for n, m in zip(both, (m for m in old if m in new), strict=True) if n != m]
    return {key: value for key, value in told.items() if value not in ([], {})}


def _columns(schema: Any) -> dict[int, tuple[str, str]]:
    """Field id to dotted name and type."""
    found: dict[int, tuple[str, str]] = {}
    _collect(schema.fields, "", found)
    return found


def _collect(fields: Iterable[Any], prefix: str, found: dict[int, tuple[str, str]]) -> None:
    for field in fields:
        name, kind = f"{prefix}{field.name}", field.field_type
        inner = list(getattr(kind, "fields", ()))
        for part in ("element_field", "key_field", "value_field"):
            inner += [getattr(kind, part)] if hasattr(kind, part) else []
        found[field.field_id] = (name, type(kind).__name__ if inner else str(kind))
        _collect(inner, f"{name}.", found)
