"""The benchmark of dbt in its quick form: it runs, lineage arrives, the page has its tables. No figure is looked at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dbt.running import ROOT, require_dbt

pytestmark = pytest.mark.e2e


def test_the_pages_of_a_quick_run(tmp_path: Path) -> None:
    require_dbt()
    page = tmp_path / "page.md"
    words = ["--quick", "--only", "dbt-50", "dbt-inside", "--write", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = page.read_text()
    assert re.search(
        r"^\| otel-bridge-dbt \| [\d.]+ \([\d.]+ to [\d.]+\) \| [\d.]+ \[", text, re.MULTILINE
    ), text
    assert "| no live lookups |" in text
    assert "**NO**" not in text
