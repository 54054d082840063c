"""A run is there while its model runs, and has an end however dbt ends."""

import signal
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.running import Built, dangling, finished, settled

pytest_plugins = ("tests.dbt.fixtures",)
pytestmark = pytest.mark.xdist_group("dbt")

MODEL, INVOCATION = "model.everything.gate", "dbt-run-everything"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_model_is_seen_running_and_does_not_dangle(
    everything: Built, tmp_path: Path, number: signal.Signals
) -> None:
    gate = tmp_path / "gate"
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("run", "-s", "gate", "order_scores", "--threads", "2", "--vars", f"{{gate: '{gate}'}}")
        process = project.start(*words, bridge=bridge)
        bridge.wait(lambda: bridge.events().types(MODEL), "shows the model running", 60)
        assert bridge.events().types(MODEL) == ["START"]
        assert process.poll() is None
        process.send_signal(number)
        if number is signal.SIGINT:
            gate.touch()  # dbt waits for the threads that it has
        outcome = finished(process)
        assert outcome.code != 0, outcome.output
        events = settled(bridge)
    assert dangling(events) == set()
    assert events.types(INVOCATION)[-1] in {"ABORT", "FAIL"}
    if number is signal.SIGTERM:
        assert events.types(MODEL) == ["START", "ABORT"]


def test_a_model_is_seen_running_and_completes(everything: Built, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        process = project.start("run", "-s", "gate", "--vars", f"{{gate: '{gate}'}}", bridge=bridge)
        bridge.wait(lambda: bridge.events().types(MODEL), "shows the model running", 60)
        gate.touch()
        assert finished(process).code == 0
        assert settled(bridge).types(MODEL) == ["START", "COMPLETE"]
