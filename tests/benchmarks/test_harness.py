"""The benchmark runs, and its page has the shape that readers rely on. Nothing here looks at a figure."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_a_minimal_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--quick",
        "--only",
        "refused-http",
        "--rounds",
        "1",
        "--write",
        str(page),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = page.read_text()

    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections == ["Targets", "Refused span, HTTP", "What bounds it", "Where it was measured"]
    for peer in ("bridge", "naive"):
        assert re.search(rf"^\| {peer} \| [\d.]+ \([\d.]+ to [\d.]+\) \| [\d,]+ \|", text, re.MULTILINE), text
    assert re.search(r"^\| Refused span, HTTP: CPU / that of the Collector \| ≤ 1/6 \|", text, re.MULTILINE)
    assert "**NO**" not in text
    assert str(tmp_path.parent) not in text.replace(str(page), "")
