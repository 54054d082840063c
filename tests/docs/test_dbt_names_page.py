"""docs/dbt-names.md says what the code does."""

import re
from pathlib import Path

import pytest

from otel_bridge.extract.dialects.dbt import jobs, states
from tests.extract.test_dbt_data_sources import CASES

PAGE = (Path(__file__).parents[2] / "docs" / "dbt-names.md").read_text()
ROWS = [re.split(r"\s*\|\s*", line.strip("| ")) for line in PAGE.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.partition(" ")[0] not in ("nobody_knows", "without_port")]
)
def test_namespaces(case: str) -> None:
    adapter, (_, namespace, _) = case.partition(" ")[0], CASES[case]
    rows = [row for row in ROWS if adapter in re.split(r"[,:]\s*", row[0])] or [ROWS[-1]]
    scheme = re.match(r"[a-z-]+(://|:|$)", namespace)[0]
    assert any(f"`{scheme}" in row[1] for row in rows) or "{type}" in rows[0][1]


def test_states() -> None:
    told = {word: row[1] for row in ROWS for word in re.findall(r"`([a-z -]+)`", row[0])}
    for status, state in states.STATES.items():
        if status != "interrupted":
            assert told[status].startswith("ABORT" if state == "SKIP" else state), status


def test_job_types() -> None:
    told = " ".join(row[2] for row in ROWS if len(row) == 3)
    unused = {"FUNCTION", "ANALYSIS"}
    assert {t for t in {*jobs.TYPES.values(), *jobs.KIND_TYPES.values()} - unused if t not in told} == set()
