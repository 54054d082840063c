"""The oldest and the newest dbt, by the plugin; and the newest with spans of its own, to which the plugin only adds."""

from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.lineage import columns, ends, story
from tests.dbt.running import WINDOW, Outcome, Project, settled
from tests.dbt.test_dbt_everything import COLUMNS, MODELS
from tests.parts.required import Part, require

pytestmark = pytest.mark.e2e

NATIVE = {"DBT_ENGINE_SNOWFLAKE_PROJECTS_OTEL": "true"}
OLD = ("--vars", "{modern: false}")
WITHOUT = {"dbt_1_8": {"clicks_by_day"}, "dbt_1_12": set[str]()}


def build(part: Part, folder: Path, *flags: str, **env: str) -> tuple[Outcome, Events]:
    project = Project.of_version(require(part), "everything", folder, **env)
    with BridgeProcess(folder / "bridge") as bridge:
        outcome = project.dbt("build", *flags, bridge=bridge)
        return outcome, settled(bridge)


@pytest.mark.parametrize(
    ("part", "flags", "env"),
    [("dbt_1_8", OLD, {}), ("dbt_1_12", WINDOW, {}), ("dbt_1_12", WINDOW, NATIVE)],
    ids=["1.8", "1.12", "1.12-native"],
)
def test_lineage_is_the_same(part: Part, flags: tuple[str, ...], env: dict[str, str], tmp_path: Path) -> None:
    outcome, events = build(part, tmp_path, *flags, **env)
    assert outcome.code == 1, outcome.output
    found = ends(events)
    for model in MODELS.keys() - WITHOUT[part]:
        inputs, output = MODELS[model]
        assert story(found[f"model.everything.{model}"]) == ("MODEL", "COMPLETE", inputs, {output}), model
        if model in COLUMNS:
            assert columns(found[f"model.everything.{model}"]) == COLUMNS[model], model
    assert [e["eventType"] for j, e in found.items() if j.startswith("test.everything.amount_is_round")] == [
        "FAIL"
    ]
    assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in events if "run" in e}) == 1
    assert {events.parent_of(f"model.everything.{model}") for model in MODELS.keys() - WITHOUT[part]} == {
        "dbt-build-everything"
    }
    for types in events.runs().values():
        assert (types[0], len(types)) == ("START", 2)
    jobs = [
        e["job"]["name"] for e in events if e.get("eventType") == "START" and "batch" not in e["job"]["name"]
    ]
    assert len(jobs) == len(set(jobs)), "a node was told twice"
