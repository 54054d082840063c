"""Dagster 1.8 and 1.11 tell what the newest tells: the same runs, ends, parents, and datasets read and written."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dagster.cases import CASES, roots
from tests.dagster.comparing import below, placeless
from tests.dagster.running import Project
from tests.dbt.running import settled
from tests.parts.required import require

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
GOLDEN = Path(__file__).parents[1] / "golden/dagster_recorded"
TOLD = ("shop", "partitions", "trouble", "ops")


@pytest.mark.parametrize("version", ["dagster_1_8", "dagster_1_11"])
def test_the_project_is_told_as_by_the_newest(version: str, tmp_path: Path) -> None:
    project = Project.of_version(require(version), "everything", tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        outcome = project.drive([order for case in TOLD for order in CASES[case]], bridge=bridge)
        assert outcome.code == 0, outcome.output
        events = settled(bridge, 60)
    for case in TOLD:
        text = "\n".join(json.dumps(event) for event in below(events, roots(case)))
        found = Events.from_ndjson(placeless(text, project.folder, project.python))
        expected = Events.from_ndjson((GOLDEN / case / "events.ndjson").read_bytes())
        assert outlines(found) == outlines(expected), case


def outlines(events: Iterable[Any]) -> Counter[str]:
    """What each event says of a run's end, its parent and its datasets."""
    return Counter(
        " ".join(
            (
                event["eventType"],
                event["job"]["name"],
                event["run"]["facets"].get("parent", {}).get("job", {}).get("name", ""),
                *(f"<- {dataset['namespace']} {dataset['name']}" for dataset in event["inputs"]),
                *(f"-> {dataset['namespace']} {dataset['name']}" for dataset in event["outputs"]),
            )
        )
        for event in events
    )
