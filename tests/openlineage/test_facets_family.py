"""The family of facet modules: the same shape each, none forgotten, all in the documents."""

import contextlib
import json
import os
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from otel_bridge.model import LeftOut
from otel_bridge.openlineage import facets
from otel_bridge.openlineage.core import SLOT_NAMES
from otel_bridge.openlineage.facets import FACETS, MODULES, Facet
from otel_bridge.openlineage.shapes import Shape
from otel_bridge.settings import Slot

HERE = Path(__file__)
FOLDER = Path(facets.__file__).parent
PAGE = HERE.parents[2] / "docs" / "facets.md"
CONSTANTS = {"KEY", "SLOT", "SCHEMA_URL", "VALUES", "EXAMPLE", "SHAPE"}
IDS = [module.__name__.rpartition(".")[2] for module in MODULES]


def test_every_module_is_registered() -> None:
    found = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert found == set(IDS)


def test_a_key_has_one_module_in_a_slot() -> None:
    assert len({(f.slot, f.key) for f in FACETS}) == len(FACETS)


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_same_shape(module) -> None:
    assert set(vars(module)) >= CONSTANTS
    assert module.SLOT in get_args(Slot)
    assert issubclass(module.SHAPE, Shape)
    assert bool(module.VALUES) == hasattr(module, "build")
    assert module.__name__.rpartition(".")[2].startswith(f"{module.SLOT}_")
    assert set(module.EXAMPLE) <= set(module.VALUES) or not module.VALUES
    assert module.__doc__


@pytest.mark.parametrize("facet", FACETS, ids=IDS)
def test_example_conforms(facet: Facet) -> None:
    body = msgspec.json.encode(facet.build(facet.example) if facet.build else facet.example)
    assert isinstance(facet.decode(body), Shape)


@pytest.mark.parametrize("facet", [f for f in FACETS if f.build], ids=lambda f: f"{f.slot}.{f.key}")
@pytest.mark.parametrize(
    "junk",
    [[[]], {"a": b"\xff"}, b"\x00", float("nan"), object()],
    ids=["lists", "bytes in a map", "bytes", "not a number", "an object"],
)
def test_junk_is_left_out_or_conforms(facet: Facet, junk: object) -> None:
    with contextlib.suppress(LeftOut):
        built = facet.build(dict.fromkeys(facet.values, junk))
        assert isinstance(facet.decode(msgspec.json.encode(built)), Shape)


def test_schema_urls_are_those_of_the_official_schemas(openlineage_spec) -> None:
    assert {(f.slot, f.key) for f in FACETS} == set(openlineage_spec.definitions)
    official = openlineage_spec.definitions
    ours = {(f.slot, f.key): f.schema_url for f in FACETS if not f.schema_url.startswith("/")}
    assert ours == {place: url for place, url in official.items() if place in ours}


def test_page_is_up_to_date() -> None:
    """UPDATE_DOCS=1 writes it."""
    before, _, rest = PAGE.read_text().partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    wanted = f"{before}<!-- table -->\n{table()}\n{examples()}<!-- end -->\n{after}"
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted


def table() -> str:
    lines = ["| facet | slot | schema | short form |", "|---|---|---|---|"]
    lines += [
        f"| [`{f.key}`](#{anchor(f)}) | `{SLOT_NAMES[f.slot]}` | {version(f)} | {short_forms(f)} |"
        for f in FACETS
    ]
    return "\n".join(lines) + "\n"


def examples() -> str:
    return "".join(
        f"### {heading(f)}\n\n{summary(m)}\n\n{example(f)}\n" for f, m in zip(FACETS, MODULES, strict=True)
    )


def heading(facet: Facet) -> str:
    return f"{facet.key} ({SLOT_NAMES[facet.slot]})"


def anchor(facet: Facet) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", heading(facet).lower()).replace(" ", "-")


def version(facet: Facet) -> str:
    name, number = re.search(r"/(?P<v>\d+-\d+-\d+)/(?P<n>\w+)\.json", facet.schema_url).group("n", "v")
    return f"{name} {number}"


def short_forms(facet: Facet) -> str:
    return ", ".join(f"`{v}`" if re.fullmatch(r"[\w.]+", v) else v for v in facet.values.values()) or "none"


def summary(module) -> str:
    text = module.__doc__.strip().splitlines()[0].partition(": ")[2] or module.__doc__.strip().splitlines()[0]
    return text[:1].upper() + text[1:]


def example(facet: Facet) -> str:
    shape = msgspec.json.encode(facet.build(facet.example) if facet.build else facet.example)
    made = json.dumps(json.loads(shape), indent=2)
    values = {name: v for name, v in facet.example.items() if isinstance(v, str | int | list | dict)}
    given = {facet.values[name]: v for name, v in values.items()} if facet.build else {}
    head = f"From\n\n```json\n{json.dumps(given, indent=2)}\n```\n\n" if given else ""
    return f"{head}{'the bridge makes' if head else 'As'}\n\n```json\n{made}\n```\n"
