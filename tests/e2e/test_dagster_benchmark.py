"""The benchmark of Dagster in its quick form: it runs, lineage arrives, the page has its tables. No figure is looked at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dbt.running import ROOT
from tests.parts.required import require

pytestmark = pytest.mark.e2e


def test_the_page_of_a_quick_run(tmp_path: Path) -> None:
    require("dagster_peers")
    page = tmp_path / "page.md"
    words = ["--quick", "--only", "dagster-step", "--write", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = page.read_text()
    shown = r"^\| otel-bridge-dagster \| [\d.]+ \([\d.]+ to [\d.]+\) \| [\d.]+ \["
    assert re.search(shown, text, re.MULTILINE), text
    assert "lineage of" in text
    assert "**NO**" not in text
