"""The golden corpus: OTLP in, OpenLineage out, as plain files.

A case is a folder `tests/golden/<dialect>/<name>/` with `input.jsonl` (OTLP/JSON, one request a line; traces and
logs may be mixed), `events.ndjson` (what must come out) and optionally `config.yaml`. Adding one touches no Python;
`UPDATE_GOLDEN=1 pytest tests/golden` writes what comes out, for you to read before you commit it.
"""

import os
from pathlib import Path

import pytest
import yaml

from otel_bridge.config import load
from otel_bridge.service.offline import convert_files

HERE = Path(__file__).parent
CASES = sorted(p.parent for p in HERE.glob("*/*/input.jsonl"))


def convert(case: Path) -> list[bytes]:
    config = case / "config.yaml"
    settings = load(config if config.exists() else None, ["data_dir=unused"], environ={}, cwd=case)
    content = (case / "input.jsonl").read_bytes()
    return [event.body for event in convert_files([("input.jsonl", content)], settings)]


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_case(case: Path, openlineage_spec) -> None:
    made = convert(case)
    expected = case / "events.ndjson"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_bytes(b"".join(line + b"\n" for line in made))
    assert made == expected.read_bytes().splitlines()
    for line in made:
        openlineage_spec.check(line)


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


def test_every_name_of_the_convention_has_a_case() -> None:
    table = yaml.safe_load((HERE.parents[1] / "convention/attributes.yaml").read_text())
    said = "".join((case / "input.jsonl").read_text() for case in CASES).replace('\\"', '"')
    names = {row["name"] for group in ("attributes", "log_events", "dataset") for row in table[group]}
    assert {name for name in names if f'"{name}"' not in said} == set()
