"""The oldest and the newest dbt, by the plugin; and the newest with spans of its own, to which the plugin only adds."""

import signal
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.lineage import columns, ends, story
from tests.dbt.running import WINDOW, Outcome, Project, dangling, finished, settled
from tests.dbt.test_dbt_everything import COLUMNS, MODELS
from tests.e2e.test_dbt_native import WITH_SDK
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


def told(events: Events) -> dict[str, list[tuple[Any, ...]]]:
    """Job -> each of its runs, the batches of a model in any order."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for event in events:
        if "run" in event and event["eventType"] != "START":
            kind, state, inputs, outputs = story(event)
            job = event["job"]["name"]
            has = "sql" in event["job"]["facets"], "errorMessage" in event["run"]["facets"]
            parent = event["run"]["facets"].get("parent", {}).get("job", {}).get("name")
            found.setdefault(job, []).append((kind, state, sorted(inputs), sorted(outputs), parent, *has))
    return {job: sorted(runs) for job, runs in found.items()}


def test_spans_of_dbt_itself_become_the_runs(tmp_path: Path) -> None:
    """In a program with an SDK: none twice, none missing, all as the plugin tells them alone; hooks that fail, too."""
    python = require("dbt_1_12") / "bin"
    words = ("build", *WINDOW, "--vars", "{broken: true}")
    each = []
    for name, env in (("alone", {}), ("spans", NATIVE)):
        project = Project.of_version(python.parent, "everything", tmp_path / name, **env)
        settings = project.folder / "dbt_project.yml"
        settings.write_text(settings.read_text() + '  - "insert into nowhere select 1"\n')
        with BridgeProcess(tmp_path / name / "bridge") as bridge:
            project.program(WITH_SDK, *words, bridge=bridge)
            events = settled(bridge)
        assert all((types[0], len(types)) == ("START", 2) for types in events.runs().values())
        assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in events if "run" in e}) == 1
        each.append(told(events))
    alone, spans = each
    assert spans == alone
    assert spans["dbt-build-everything.on-run-end.2"][0][1] == "FAIL"
    assert spans["model.everything.orders.post-hook.0"][0][1:4] == (
        "COMPLETE",
        ["shop.orders"],
        ["shop.audit"],
    )


def test_a_span_of_dbt_that_is_interrupted(tmp_path: Path) -> None:
    project = Project.of_version(require("dbt_1_12"), "everything", tmp_path, **NATIVE)
    assert project.dbt("seed").code == 0
    words = ("run", "-s", "stg_orders", "gate", "--vars", f"{{gate: '{tmp_path / 'gate'}'}}")
    with BridgeProcess(tmp_path / "bridge") as bridge:
        process = project.launch(WITH_SDK, *words, bridge=bridge)
        bridge.wait(lambda: bridge.events().types("model.everything.gate"), "shows the model running", 60)
        process.send_signal(signal.SIGINT)
        (tmp_path / "gate").touch()
        finished(process)
        events = settled(bridge)
    assert dangling(events) == set()
    assert events.types("model.everything.gate")[-1] in {"ABORT", "COMPLETE"}
    assert events.types("dbt-run-everything")[-1] == "ABORT"
