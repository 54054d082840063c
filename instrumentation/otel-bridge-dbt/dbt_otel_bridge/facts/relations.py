"""Relations as facts: the table of a node or source, the CSV file of a seed, with the columns that are known."""

import os
import re
from pathlib import Path
from typing import Any

from dbt_otel_bridge.columns import muted

from .columns import known_columns
from .connection import database_path
from .scope import Scope
from .values import compact, labels, part, plain, text

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_PARTS = ("database", "schema", "identifier")


class _NoQuoting:
    """dbt renders sources without the project's quoting: theirs alone counts."""

    quoting: dict[str, Any] = {}  # noqa: RUF012  the shape that dbt reads


def relation_of(scope: Scope, node: Any) -> Any:
    """The own relation of a node, source or deferred relation, as the SQL of others names it."""
    # a deferred relation has no id of its own
    key = part(node, "unique_id") or tuple(part(node, name) for name in _PARTS)
    found = scope.relations.get(key)
    if found is None:
        # dbt looks for settings in the node's meta on the way, and warns if it finds some
        with muted():
            found = scope.relations[key] = _created(scope, node)
    return found


def _created(scope: Scope, node: Any) -> Any:
    kind = scope.adapter.Relation
    if text(part(node, "resource_type")) != "source":
        return kind.create_from(scope.config, node)
    if "plugin" in {**(part(node, "source_meta") or {}), **(part(node, "meta") or {})}:
        # dbt-duckdb loads such a source whenever it makes its relation; the general way does not
        from dbt.adapters.base.relation import BaseRelation

        return BaseRelation.create_from.__func__(kind, _NoQuoting(), node)
    return kind.create_from(_NoQuoting(), node)


def node_relation(scope: Scope, node: Any) -> dict[str, Any]:
    """The relation of a node or source with what the project says about it."""
    relation = relation_of(scope, node)
    return compact(
        {
            **_names(relation),
            **_path(written_file(scope, node)),
            **_descriptions(scope, node),
            **known_columns(scope, node, rendered(relation)),
        }
    )


def _path(found: str | None) -> dict[str, str]:
    return {"path": found} if found else {}


def deferred_relation(scope: Scope, node: Any) -> dict[str, Any]:
    """The relation that stands for the node in the state that is deferred to."""
    relation = relation_of(scope, part(node, "defer_relation"))
    return compact(
        {
            **_names(relation),
            **_descriptions(scope, node),
            **known_columns(scope, node, rendered(relation), trusted=False),
            "deferred": True,
        }
    )


def seed_file(scope: Scope, node: Any) -> dict[str, Any]:
    """The CSV file that a seed loads."""
    path = seed_path(scope, node)
    return compact(
        {
            "resource_type": "file",
            "path": path,
            **known_columns(scope, node, path, file=True),
        }
    )


def seed_path(scope: Scope, node: Any) -> str:
    """Where dbt reads the seed from: the project, a package's folder, or where it was parsed."""
    config, original = scope.config, str(part(node, "original_file_path"))
    root = Path(part(config, "project_root") or "")
    package = root
    if part(node, "package_name") != part(config, "project_name"):
        package = root / (part(config, "packages_install_path") or "") / (part(node, "package_name") or "")
    path = package / original
    if not path.exists():
        path = Path(part(node, "root_path") or root) / original
    return os.path.normpath(path.absolute())


def rendered(relation: Any) -> str:
    """The relation as SQL names it, without the limits and filters of `--empty` and `--sample`."""
    return str(relation.render())


def _names(relation: Any) -> dict[str, Any]:
    included = {name: part(part(relation, "include_policy"), name, True) for name in _PARTS}
    names = {name: text(part(relation, name)) for name in _PARTS if included[name]}
    quoted = {name: bool(part(part(relation, "quote_policy"), name, True)) for name in names if names[name]}
    return {**names, "quoted": quoted, "path": external_path(part(relation, "external"))}


def external_path(external: Any) -> str | None:
    """Where the files of a DuckDB source are: what stands in the one string of what SQL reads them by.

    >>> external_path("read_csv('s3://lake/x.csv', header = true)"), external_path("iceberg_scan(x)")
    ('s3://lake/x.csv', None)
    """
    literals = _LITERAL.findall(external) if isinstance(external, str) else []
    return database_path(literals[0]) if len(literals) == 1 else None


def written_file(scope: Scope, node: Any) -> str | None:
    """The file that dbt-duckdb's materialization `external` writes beside the view of it."""
    config = part(node, "config")
    if scope.adapter_type != "duckdb" or text(part(config, "materialized")) != "external":
        return None
    more = part(config, "_extra") or {}
    if more.get("location"):
        return database_path(more["location"])
    if part(more.get("options"), "partition_by") or more.get("plugin"):
        return None
    root = part(part(scope.config, "credentials"), "external_root") or "."
    return database_path(f"{root}/{part(node, 'alias')}.{more.get('format') or 'parquet'}")


def _descriptions(scope: Scope, node: Any) -> dict[str, Any]:
    kind = text(part(node, "resource_type"))
    return {
        "unique_id": text(part(node, "unique_id")),
        "resource_type": "external" if part(node, "is_external_node") is True else kind,
        "materialization": text(part(part(node, "config"), "materialized")),
        "description": text(part(node, "description")),
        "tags": labels(node),
        "meta": plain(part(node, "meta") or part(part(node, "config"), "meta")),
        "owner": owner(scope, node),
        "access": text(part(node, "access")),
        "loader": text(part(node, "loader")),
    }


def owner(scope: Scope, node: Any) -> dict[str, Any]:
    """Name and e-mail of the group that the node belongs to; a source may name an owner in its meta."""
    name = text(part(node, "group") or part(part(node, "config"), "group"))
    if not name:
        return {}
    for group in (part(scope.manifest, "groups") or {}).values():
        if part(group, "name") == name:
            found = part(group, "owner")
            named = {"name": text(part(found, "name")), "email": plain(part(found, "email"))}
            return compact({**named, "group": name})
    return {"group": name}
