"""docs/configuration.md lists every setting with its default and meaning. `UPDATE_DOCS=1` writes the table anew."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otel_bridge.config import json_schema

PAGE = Path(__file__).parents[2] / "docs/configuration.md"
TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- end of settings -->)", re.DOTALL)
SCHEMA = json_schema()


def target(node: dict[str, Any]) -> dict[str, Any]:
    """The section or list item that a property holds; {} for a plain value."""
    options = [node, node.get("items") or {}, *node.get("anyOf", [])]
    references = [o["$ref"].rpartition("/")[2] for o in options if "$ref" in o]
    return SCHEMA["$defs"][references[0]] if references else {}


def rows(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, default, meaning) of every value below a section, in the order of the file."""
    for name, node in section["properties"].items():
        path, inner = f"{prefix}{name}", target(node)
        if path == "destinations":
            continue  # docs/destinations.md has each kind
        if not inner.get("properties"):
            yield path, default(node, name in section.get("required", [])), node.get("description", "")
            continue
        if "$ref" not in node:
            yield path, "none", node.get("description", "")
        yield from rows(inner, f"{path}[]." if "items" in node else f"{path}.")


def default(node: dict[str, Any], required: bool) -> str:
    value = node.get("default")
    if required:
        return "required"
    if value in (None, [], {}):
        return "" if "default" not in node else "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def table() -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for path, standard, meaning in rows(SCHEMA):
        lines.append(f"| `{path}` | {standard} | {meaning} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def test_every_setting_is_on_the_page() -> None:
    page = PAGE.read_text()
    if os.environ.get("UPDATE_DOCS"):
        page = TABLE.sub(lambda _: table(), page)
        PAGE.write_text(page)
    (found,) = TABLE.findall(page)
    assert found == table(), "run it with UPDATE_DOCS=1 and read what changed"


def test_the_table_goes_to_the_leaves() -> None:
    keys = {path for path, _, _ in rows(SCHEMA)}
    assert {"data_dir", "receive.grpc.tls.client_ca", "facets[].slot", "log.format"} <= keys
    assert len(keys) > 40
