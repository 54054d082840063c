"""pyiceberg 0.9 tells what the newest tells: the instrumentation's own tests, in its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.dagster_versions import WITH_HOOK
from tests.parts.required import require

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]


def test_its_own_tests_pass() -> None:
    python = require("pyiceberg_0_9") / "bin/python"
    env = {**os.environ, "OTEL_BRIDGE_DAGSTER_PYTHON": str(python), **WITH_HOOK}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "e2e", "-p", "no:cacheprovider", "-n", "0"]
    tests = "instrumentation/otel-bridge-pyiceberg/tests"
    done = subprocess.run([*command, tests], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
