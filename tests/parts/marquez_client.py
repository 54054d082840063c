"""marquez-python 0.50.0 in a folder of its own, used by a process of its own.

It can't be installed beside the tests: its wheel brings a top-level package `tests`, which hides ours. And it
imports `pytz` without requiring it.

    marquez_client.read(server.endpoint, "list_jobs", "floe.test.sales")
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.parts._build import Recipe, Step, built, cached

VERSION = "0.50.0"

RECIPE = Recipe(
    part="marquez_client",
    version=VERSION,
    tools={},
    inputs=(),
    steps=(
        Step(
            (
                *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"),
                *("--target", "{work}/lib", f"marquez-python=={VERSION}", "pytz==2026.6"),
            )
        ),
    ),
    product="lib",
)

CALL = """
import json, sys
from marquez_client import MarquezClient
endpoint, method, *arguments = sys.argv[1:]
print(json.dumps(getattr(MarquezClient(endpoint), method)(*arguments)))
"""


def build() -> Path:
    """The folder with the client and what it needs, installed if need be (a few seconds)."""
    return built(RECIPE)


def installed() -> Path:
    """The folder from the cache; PartMissing if it is not there."""
    return cached(RECIPE)


def read(endpoint: str, method: str, *arguments: str) -> Any:
    """What a method of its client gives for a Marquez at this URL; CalledProcessError with its stderr if it fails."""
    env = os.environ | {"PYTHONPATH": str(installed()), "PYTHONSAFEPATH": "1"}
    argv = [sys.executable, "-c", CALL, endpoint, method, *arguments]
    done = subprocess.run(argv, env=env, capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)
