"""`make demo` as a new user sees it, and every command that it proposes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED = r"""nightly  \[ok\]  trace [0-9a-f]{32}
    load_orders  \[ok\]  trace [0-9a-f]{32}
       <- .*orders\.csv
       -> raw_orders  \(3 rows\)
    daily_revenue  \[ok\]  trace [0-9a-f]{32}
       <- raw_orders
       -> daily_revenue  \(2 rows\)
    customer_report  \[FAILED\]  trace [0-9a-f]{32}
       <- raw_orders
       -> customer_report
       !! .*no such column: country
"""


@pytest.mark.xdist_group("demo")
def test_demo() -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(EXPECTED, done.stdout), done.stdout
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
