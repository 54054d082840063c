"""Ctrl-C and fail-fast while models run: each run that was told has an end; and one that goes on completes."""

import signal
import time
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.running import WINDOW, Built, dangling, finished, settled

pytest_plugins = ("tests.dbt.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dbt")]

MODEL, INVOCATION = "model.everything.gate", "dbt-run-everything"


@pytest.mark.parametrize("interrupted", [True, False], ids=["ctrl-c", "left-alone"])
def test_a_model_that_was_running(everything: Built, tmp_path: Path, interrupted: bool) -> None:
    gate = tmp_path / "gate"
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("run", "-s", "gate", "order_scores", "--threads", "2", "--vars", f"{{gate: '{gate}'}}")
        process = project.start(*words, bridge=bridge)
        bridge.wait(lambda: bridge.events().types(MODEL), "shows the model running", 60)
        assert bridge.events().types(MODEL) == ["START"]
        if interrupted:
            process.send_signal(signal.SIGINT)
        gate.touch()  # dbt waits for the threads that it has
        assert (finished(process).code == 0) is not interrupted
        events = settled(bridge)
    assert dangling(events) == set()
    ended = {"ABORT", "FAIL"} if interrupted else {"COMPLETE"}
    assert events.types(INVOCATION)[-1] in ended
    if not interrupted:
        assert events.types(MODEL) == ["START", "COMPLETE"]


def test_fail_fast(everything: Built, tmp_path: Path) -> None:
    """What ran besides the model that fails ends, too, and what was not started is no run that hangs."""
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("--fail-fast", "run", "--threads", "4", "--vars", "{broken: true}", "-s", "marts", "staging")
        outcome = project.dbt(*words, bridge=bridge)
        assert outcome.code == 1, outcome.output
        events = settled(bridge)
    assert dangling(events) == set()
    assert events.state_of("model.everything.broken") == "FAIL"
    assert events.state_of(INVOCATION) == "FAIL"


def test_ctrl_c_twice(everything: Built, tmp_path: Path) -> None:
    """dbt then leaves the model's thread alone, which dies with the process."""
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("run", "-s", "gate", "order_scores", "--vars", f"{{gate: '{tmp_path / 'gate'}'}}")
        process = project.start(*words, bridge=bridge)
        bridge.wait(lambda: bridge.events().types(MODEL), "shows the model running", 60)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert finished(process).code in {1, 2}
        events = settled(bridge)
    assert dangling(events) == set()
    assert (events.types(MODEL), events.types(INVOCATION)) == (["START", "ABORT"], ["START", "ABORT"])


def test_many_threads(everything: Built, tmp_path: Path) -> None:
    """Batches run in threads of their own, too: each run once, each with its end, below its own model."""
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("build", *WINDOW, "--threads", "8", "--full-refresh")
        project.dbt(*words, bridge=bridge)
        events = settled(bridge)
    assert all((types[0], len(types)) == ("START", 2) for types in events.runs().values())
    batches = [e for e in events.of("model.everything.clicks_by_day.batch") if e["eventType"] != "START"]
    assert len(batches) == 3
    assert {e["run"]["facets"]["parent"]["job"]["name"] for e in batches} == {
        "model.everything.clicks_by_day"
    }
    jobs = {e["job"]["name"] for e in events if "run" in e}
    assert jobs >= {e["job"]["name"] for e in everything.events if "run" in e}
