"""A run is there while its model runs, and has an end when dbt is told to stop. Ctrl-C: tests/e2e/test_dbt_signals.py."""

import signal
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.running import Built, dangling, finished, settled

pytest_plugins = ("tests.dbt.fixtures",)
pytestmark = pytest.mark.xdist_group("dbt")

MODEL = "model.everything.gate"


def test_a_model_is_seen_running_and_does_not_dangle(everything: Built, tmp_path: Path) -> None:
    project = everything.project.copied(tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge:
        words = ("run", "-s", "gate", "--vars", f"{{gate: '{tmp_path / 'gate'}'}}")
        process = project.start(*words, bridge=bridge)
        bridge.wait(lambda: bridge.events().types(MODEL), "shows the model running", 60)
        assert bridge.events().types(MODEL) == ["START"]
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert finished(process).code != 0
        events = settled(bridge)
    assert dangling(events) == set()
    assert events.types(MODEL) == ["START", "ABORT"]
    assert events.types("dbt-run-everything") == ["START", "ABORT"]
