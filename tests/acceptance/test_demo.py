"""`make demo` as a new user sees it, and every command that it proposes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dagster.running import require_dagster

ROOT = Path(__file__).parents[2]


def expected(page: str, job: str) -> str:
    """The picture in a page, whatever the trace and the folder."""
    (picture,) = re.findall(
        rf"^```text\n({job} .*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    )
    pattern = re.sub(r"(?<=trace )[0-9a-f]{32}", "[0-9a-f]{32}", re.escape(picture).replace("\\ ", " "))
    return re.sub(r"\S*(?=/build/demo)", r"\\S*", pattern)


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("demo")
def test_demo() -> None:
    require_dagster()
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=ROOT, capture_output=True, text=True, timeout=115
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for page, job in (
        ("README.md", "nightly"),
        ("docs/dbt.md", "dbt-build-shop"),
        ("docs/dagster.md", "refresh"),
    ):
        assert re.search(expected(page, job), done.stdout), f"{page} shows something else:\n{done.stdout}"
    proposed = re.findall(r"^  (.*?otel-bridge .*?)   ", done.stdout, re.MULTILINE)
    assert len(proposed) == 4
    for line in proposed:
        words = shlex.split(line)
        command = words[next(i for i, w in enumerate(words) if w.endswith("otel-bridge")) + 1 :]
        if command[0] == "serve":
            continue  # tests/docs and tests/config start one, and read these variables
        run = subprocess.run(
            [sys.executable, "-m", "otel_bridge", *command],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
        )
        assert run.returncode in {0, 1}, run.stderr
        assert run.stdout
