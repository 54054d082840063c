"""The page about dialects names what there is, and its mapping is one that is converted."""

import dataclasses
from pathlib import Path

from otel_bridge.extract import templates
from otel_bridge.extract.dialects import airflow, prefect
from otel_bridge.extract.mappings import OF_THE_SPAN
from otel_bridge.settings import MappedJob, MappingMatch, SpanMapping

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/dialects.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_mapping_is_the_golden_one() -> None:
    assert f"```yaml\n{(ROOT / 'tests/golden/mapped/own_tool/config.yaml').read_text()}```" in section(
        "Mappings"
    )


def test_every_key_filter_and_field_of_mappings_is_explained() -> None:
    keys = [
        f.name
        for kind in (SpanMapping, MappingMatch, MappedJob)
        for f in dataclasses.fields(kind)
        if f.name != "run"
    ]
    wanted = [*keys, "run.id", *templates.FILTERS, *(f"{{{name}}}" for name in OF_THE_SPAN)]
    text = section("Mappings")
    assert [name for name in wanted if f"`{name}`" not in text and f"`{name}(" not in text] == []


def test_the_attributes_that_are_read() -> None:
    for title, module in (("Airflow", airflow), ("Prefect", prefect)):
        named = [v for v in vars(module).values() if isinstance(v, str) and v.startswith(f"{title.lower()}.")]
        text = section(title)
        assert named
        assert [n for n in named if f"`{n}" not in text and f"`.{n.rpartition('.')[2]}`" not in text] == []
