"""What the project says about a test: which check, of what, and when it counts as failed."""

import re
from typing import Any

from .values import compact, part, parts, plain, text

_CRITERIA = (
    "severity", "error_if", "warn_if", "limit", "where", "fail_calc", "store_failures", "store_failures_as",
)  # fmt: skip
_SOURCE = re.compile(r"""\bsource\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)""")
_OF_RENDERING = frozenset({"model"})


def check(node: Any) -> dict[str, Any]:
    """The `test` of `dbt.node`: of generic, singular and unit tests alike."""
    kind = text(part(node, "resource_type"))
    if kind == "unit_test":
        return _unit_test(node)
    if kind != "test":
        return {}
    metadata = part(node, "test_metadata")
    kwargs = plain(part(metadata, "kwargs")) or {}
    return compact(
        {
            "kind": "generic" if metadata is not None else "singular",
            "name": text(part(metadata, "name")) or text(part(node, "name")),
            "namespace": text(part(metadata, "namespace")),
            "column": text(part(node, "column_name") or kwargs.get("column_name")),
            "kwargs": {name: value for name, value in kwargs.items() if name not in _OF_RENDERING},
            "attached_node": text(part(node, "attached_node")) or _tested_source(node, kwargs.get("model")),
            **parts(part(node, "config"), _CRITERIA),
        }
    )


def _tested_source(node: Any, model: Any) -> str | None:
    """The source that a generic test is of: dbt attaches tests of nodes alone."""
    named = _SOURCE.search(model) if isinstance(model, str) else None
    ending = f".{named[1]}.{named[2]}" if named else None
    parents = part(part(node, "depends_on"), "nodes") or ()
    return next(
        (key for key in parents if ending and key.startswith("source.") and key.endswith(ending)), None
    )


def _unit_test(node: Any) -> dict[str, Any]:
    depends_on = part(part(node, "depends_on"), "nodes") or ()
    return compact(
        {
            "kind": "unit",
            "name": text(part(node, "name")),
            "model": text(part(node, "model")),
            "attached_node": text(part(node, "tested_node_unique_id") or next(iter(depends_on), None)),
        }
    )
