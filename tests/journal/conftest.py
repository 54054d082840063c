"""Open logs, and scripts that run beside a test."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_bridge.journal import AcceptedLog, EventLog
from otel_bridge.settings import Journal

HERE = Path(__file__).parent


@pytest.fixture
def accepted(tmp_path: Path) -> Iterator[AcceptedLog]:
    log = AcceptedLog.open(tmp_path, Journal())
    yield log
    log.close()


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog.open(tmp_path, Journal())
    yield log
    log.close()


@pytest.fixture
def script() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `tests/journal/<name>` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / name), *map(str, arguments)]
        path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
