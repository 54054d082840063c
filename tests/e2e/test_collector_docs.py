"""The Collector's command lines in the documents are right: validated by the real binary, built by the same recipe."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.parts import collector

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs/collector.md", ROOT / "collector-config/README.md")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINES = [
    (page.name, line.removeprefix("$ "))
    for page in PAGES
    for block in BLOCK.findall(page.read_text())
    for line in block.splitlines()
    if line.startswith("$ ")
]


def test_there_are_some() -> None:
    assert len(LINES) >= 4


@pytest.mark.parametrize(("page", "line"), LINES)
def test_line(page: str, line: str, collector_binary: Path, tmp_path: Path) -> None:
    words = shlex.split(line)
    if words[:2] == ["go", "install"]:
        assert tuple(words) == collector.RECIPE.steps[0].argv
    elif "builder" in words:
        assert tuple(words[words.index("builder") + 1 :]) == collector.RECIPE.steps[1].argv[1:]
    else:
        index = next(i for i, word in enumerate(words) if word.endswith("otelcol-lineage"))
        env = dict(word.split("=", 1) for word in words[:index])
        command = [str(collector_binary), "validate", *words[index + 1 :]]
        done = subprocess.run(
            command,
            cwd=ROOT / "collector-config",
            env=env | storage(tmp_path),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def storage(folder: Path) -> dict[str, str]:
    """Files that layers name must exist for `validate`."""
    (folder / "token").write_text("secret")
    return {"OTELCOL_BRIDGE_TOKEN_FILE": str(folder / "token"), "OTELCOL_STORAGE_DIRECTORY": str(folder)}
