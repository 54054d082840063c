"""dbt's own spans and its artifacts through a running bridge: in any order, through kills, by push and from a folder.

The spans are recorded (`tests/dbt/recorded`); what must come out is what otel-bridge-dbt tells of the same project.
"""

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt import recordings
from tests.dbt.lineage import columns, ends, story
from tests.dbt.test_dbt_everything import COLUMNS, MODELS, TESTS
from tests.otlp import Exporter

ROOT_JOB = "dbt-build-everything"
RUNS = 39
BATCHES = 3
NONE: set[str] = set()


def settings(**dbt: Any) -> dict[str, Any]:
    return {"dbt": {"namespaces": recordings.NAMESPACES} | dbt}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., BridgeProcess]]:
    """Starts bridges."""
    running: list[BridgeProcess] = []

    def start(**dbt: Any) -> BridgeProcess:
        running.append(BridgeProcess(tmp_path / f"b{len(running)}", settings=settings(**dbt)).start())
        return running[-1]

    yield start
    for bridge in running:
        bridge.stop()


def send(bridge: BridgeProcess, *which: str) -> None:
    requests = recordings.requests("build")
    for name in which:
        Exporter(bridge.endpoints.http).post("/v1/traces", requests[name])


def cli(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "otel_bridge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def push(bridge: BridgeProcess, folder: Path | None = None) -> None:
    target = folder or recordings.target("build")
    pushed = cli("artifacts", "push", str(target), "--data-dir", str(bridge.data_dir))
    assert pushed.returncode == 0, pushed.stderr
    assert len(pushed.stdout.splitlines()) == 2


def post(bridge: BridgeProcess, body: bytes) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{bridge.api_url}/api/v1/dbt/artifacts", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def converted(bridge: BridgeProcess) -> None:
    bridge.wait(lambda: bridge.health()["conversion"]["waiting"] == 0, "has converted all")


def check_sums(bridge: BridgeProcess) -> None:
    """Nothing is lost silently, artifacts included."""
    health = bridge.health()
    received, conversion = health["received"], health["conversion"]
    rejected = sum(received["rejected"].values())
    assert (
        received["total"] == received["not_lineage"] + received["duplicate"] + rejected + received["accepted"]
    )
    assert conversion["accepted"] == conversion["converted"] + conversion["failed"] + conversion["waiting"]
    assert conversion["failed"] == 0


def check_whole(events: Events) -> None:
    """The lineage that the plugin tells of this project; no run without START first and one end."""
    found = ends(events)
    for model, (inputs, output) in MODELS.items():
        job = f"model.everything.{model}"
        assert story(found[job]) == ("MODEL", "COMPLETE", inputs, {output}), model
        if model in COLUMNS:
            assert columns(found[job]) == COLUMNS[model], model
    for name, (state, inputs) in TESTS.items():
        told = next(event for job, event in found.items() if job.startswith(f"test.everything.{name}"))
        outputs = {"shop_dbt_test__audit.amount_is_large"} if name == "amount_is_large" else NONE
        assert story(told) == ("TEST", state, inputs, outputs), name
    assert found[ROOT_JOB]["eventType"] == "FAIL"
    assert "Binder Error" in found["model.everything.broken"]["run"]["facets"]["errorMessage"]["message"]
    assert (
        found["seed.everything.raw_orders"]["inputs"][0]["name"]
        == "/projects/everything/seeds/raw_orders.csv"
    )
    exposures = found["model.everything.orders"]["outputs"][0]["facets"]["dbt_exposures"]["exposures"]
    assert [e["name"] for e in exposures] == ["sales_board"]
    check_runs(events)


def check_runs(events: Events) -> None:
    for types in events.runs().values():
        assert (types[0], len(types)) == ("START", 2)
    assert len(events.runs()) == RUNS
    parents = {events.parent_of(job) for job in ends(events) if job not in (ROOT_JOB, "dbt-build")}
    assert parents <= {ROOT_JOB, "dbt-build", "model.everything.clicks_by_day"}


ORDERS = {
    "before the spans": ("push", "nodes", "invocation"),
    "between, twice, and a killed bridge": ("nodes", "push", "kill", "push", "invocation"),
    "after, and a bridge that is killed while they are awaited": ("earlier", "invocation", "nodes", "kill", "push"),
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_in_any_order(
    order: tuple[str, ...], started: Callable[..., BridgeProcess], openlineage_spec: Any
) -> None:
    bridge = started()
    steps: dict[str, Callable[[], Any]] = {
        "push": lambda: push(bridge),
        "nodes": lambda: send(bridge, "nodes"),
        "invocation": lambda: send(bridge, "invocation"),
        "earlier": lambda: push(bridge, recordings.target("freshness")),
        "kill": lambda: (bridge.kill(), bridge.start()),
    }
    for step in order:
        steps[step]()
        if step != order[-1]:
            converted(bridge)
            assert not [e for e in bridge.events() if "build" in e["job"]["name"]]
    events = bridge.wait_for_events(2 * RUNS)
    check_whole(events)
    check_sums(bridge)
    for event in events:
        openlineage_spec.check(json.dumps(event).encode())


def test_without_artifacts_runs_outputs_and_parents_and_no_guess(
    started: Callable[..., BridgeProcess],
) -> None:
    """The first artifacts are not waited for: nobody may ever send any."""
    bridge = started()
    send(bridge, "nodes", "invocation")
    events = bridge.wait_for_events(2 * RUNS)
    found = ends(events)
    for model, (_, output) in MODELS.items():
        assert story(found[f"model.everything.{model}"]) == ("MODEL", "COMPLETE", NONE, {output}), model
    assert {d["name"] for e in events for d in e["inputs"]} == NONE
    assert found["dbt-build"]["eventType"] == "FAIL"
    check_runs(events)
    push(bridge)
    bridge.wait(
        lambda: bridge.health()["assembly"].get("artifacts_late") == 2, "has counted what came too late"
    )
    assert len(bridge.events()) == len(events)
    check_sums(bridge)
    doctor = cli("doctor", "--data-dir", str(bridge.data_dir))
    assert "1 values were left out: no manifest of this invocation is here" in doctor.stdout


def test_the_wait_for_artifacts_ends(started: Callable[..., BridgeProcess]) -> None:
    bridge = started(artifacts_wait="300ms")
    push(bridge, recordings.target("freshness"))
    send(bridge, "nodes", "invocation")
    assert ends(bridge.wait_for_events(2 * RUNS))["dbt-build"]["inputs"] == []


def test_a_folder_is_watched(started: Callable[..., BridgeProcess], tmp_path: Path) -> None:
    target = tmp_path / "project/target"
    bridge = started(watch=[str(target)])
    send(bridge, "nodes", "invocation")
    target.mkdir(parents=True)
    whole = (recordings.target("build") / "manifest.json").read_bytes()
    (target / "manifest.json").write_bytes(whole[: len(whole) // 2])
    shutil.copy(recordings.target("build") / "run_results.json", target)
    bridge.wait(lambda: "no artifact" in bridge.log(), "has looked at the half of a file")
    assert not bridge.events()
    (target / "manifest.json").write_bytes(whole)
    events = bridge.wait_for_events(2 * RUNS)
    check_whole(events)
    accepted = bridge.health()["received"]["accepted"]
    bridge.kill()
    bridge.start()
    bridge.wait(lambda: bridge.health()["received"]["duplicate"] == 2, "has read the files again")
    assert bridge.health()["received"]["accepted"] == accepted
    check_sums(bridge)
    assert len(bridge.events()) == len(events)


def test_what_is_posted_and_what_is_kept(started: Callable[..., BridgeProcess]) -> None:
    bridge = started()
    invocation = recordings.invocation_id("build")
    manifest, results = (
        (recordings.target("build") / f"{name}.json").read_bytes() for name in ("manifest", "run_results")
    )
    taken = {"invocation_id": invocation, "kind": "manifest", "nodes": 38}
    assert post(bridge, manifest) == (201, taken)
    assert post(bridge, manifest) == (201, taken)
    assert post(bridge, results)[0] == 201
    status, told = post(bridge, b'{"hello": 1}')
    assert (status, "give one of manifest.json" in told["error"]) == (422, True)
    rejected = {"invalid_artifact": 1}
    bridge.wait(lambda: bridge.health()["received"]["rejected"] == rejected, "has counted what it refused")
    converted(bridge)
    listed = cli("artifacts", "list", "--data-dir", str(bridge.data_dir), "--format", "json")
    [kept] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (kept["invocation_id"], kept["command"], kept["project"]) == (invocation, "build", "everything")
    assert kept["sources"] == {"manifest": 38, "run_results": 37}
    check_sums(bridge)
