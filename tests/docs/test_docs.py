"""The documents tell the truth: every code block runs, and what exists is documented.

Blocks by language: `sh` runs in a shell of a scratch copy of the checkout's files, `python` runs as a program,
`yaml` must pass `config check`, `json` must parse. `text` is output or a picture. An `sh` block with `serve` in it
runs until the bridge listens. `make` targets are looked up in the Makefile; CI runs them. `console` is the
Collector's own command line, which tests/e2e/test_collector_docs.py runs with the real binary.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "python", "yaml", "json", "text", "console"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "collector-config/README.md",
]


@dataclass
class Block:
    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}-{self.number}-{self.language}"


def blocks(language: str) -> list[Block]:
    found = []
    for page in PAGES:
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1):
            if match[1] == language:
                found.append(Block(page, number, match[1], match[2]))
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with the examples, in which `otel-bridge` and `python` are those of the tests."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "OPENLINEAGE"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept | {"PATH": path, "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}


def test_only_languages_that_are_checked() -> None:
    used = {m[1] for page in PAGES for m in FENCE.finditer(page.read_text())}
    assert used <= LANGUAGES


def test_every_fence_has_a_language() -> None:
    for page in PAGES:
        openings = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)[::2]
        assert all(openings), f"{page}: a code block without a language"


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_shell(block: Block, scratch: Path, environ: dict[str, str]) -> None:
    script = "set -euo pipefail\n" + "\n".join(_line(line) for line in block.text.splitlines())
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=scratch, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    assert process.returncode == 0, output


def _line(line: str) -> str:
    """What CI runs itself is only looked up."""
    if match := re.match(r"(\$ )?make (\w+)", line):
        assert re.search(rf"^{match[2]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
        return ":"
    if line.startswith(("git clone", "pip install", "cd ")):
        return ":"
    return line


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python(block: Block, scratch: Path, environ: dict[str, str]) -> None:
    (scratch / "example.py").write_text(block.text)
    command = (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "example.py"]
        if "def test_" in block.text
        else [sys.executable, "example.py"]
    )
    done = subprocess.run(command, cwd=scratch, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml(block: Block, scratch: Path, environ: dict[str, str]) -> None:
    tree = yaml.safe_load(block.text)
    if "receivers" in tree or "exporters" in tree or "service" in tree:
        return  # a part of a Collector's configuration: tests/e2e validates the real files
    (scratch / "bridge.yaml").write_text(block.text)
    done = subprocess.run(
        [sys.executable, "-m", "otel_bridge", "config", "check", "--config", "bridge.yaml"],
        cwd=scratch, env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json(block: Block) -> None:
    json.loads(block.text)


def test_links_between_pages_resolve() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
