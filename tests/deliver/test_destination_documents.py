"""docs/destinations.md and the examples describe the options that there are."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from otel_bridge.config import json_schema
from otel_bridge.deliver import KINDS
from otel_bridge.deliver.kinds.http import Tls
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.settings import KafkaSasl, KafkaTls

GROUPS: dict[tuple[str, str], type] = {
    ("http", "tls"): Tls,
    ("kafka", "tls"): KafkaTls,
    ("kafka", "sasl"): KafkaSasl,
}
PAGE = (Path(__file__).parents[2] / "docs/destinations.md").read_text()


def documented(section: str) -> set[str]:
    """Names in the first column of the section's first table."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert text, f"docs/destinations.md has no section {section!r}"
    table = re.search(r"^\| key .*?(?=^\s*$|\Z)", text[1], re.MULTILINE | re.DOTALL)
    assert table, f"section {section!r} has no table of keys"
    rows = re.findall(r"^\| (`[^|]*) \|", table[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}


def names(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_documented(kind: str) -> None:
    options = set()
    for field in dataclasses.fields(KINDS[kind].options):
        group = GROUPS.get((kind, field.name))
        options |= {f"{field.name}.{name}" for name in names(group)} if group else {field.name}
    assert documented(kind) == options - {"retry"}


def test_retry_is_documented() -> None:
    assert documented("When an event is tried again") == {f"retry.{name}" for name in names(RetryOptions)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_docstring(kind: str) -> None:
    schema = json_schema()
    kinds = schema["properties"]["destinations"]["items"]["oneOf"]
    groups = [found for found in kinds if found["properties"]["type"]["const"] == kind]
    groups += [found for name, found in schema["$defs"].items() if name.startswith(f"{kind}.")]
    assert [
        name for group in groups for name, p in group["properties"].items() if not p.get("description")
    ] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_a_valid_destination(kind: str) -> None:
    [example] = yaml.safe_load(KINDS[kind].example)
    name = example.pop("name")
    assert (name != "", example.pop("type")) == (True, kind)
    TypeAdapter(KINDS[kind].options).validate_python(example)


@pytest.mark.parametrize("kind", KINDS)
def test_what_all_kinds_share(kind: str) -> None:
    assert names(KINDS[kind].options) >= {"concurrency", "retry"}
