"""The documents tell the truth: every code block runs, and what exists is documented.

Blocks by language: `sh` runs in a shell beside a copy of the examples, `python` runs as a program, or under pytest if
it defines tests, `yaml` must pass `config check`, `json` must parse. `text` is output or a picture. Targets of `make` and
folders of `pip install` are looked up; CI runs them. `console` is the Collector's own command line, which
tests/e2e/test_collector_docs.py runs with the real binary. `dbt` is that of dbt's own environment, `dagster` that of Dagster's.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.config import load
from otel_bridge.model import ConfigError
from tests.dagster.running import PYTHON as DAGSTER
from tests.dagster.running import require_dagster
from tests.dbt.running import PYTHON, QUIET, require_dbt

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "python", "yaml", "json", "text", "console"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
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
    path = f"{command_dbt(tmp_path / 'bin')}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return QUIET | kept | {"PATH": path, "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}


def command_dbt(folder: Path) -> Path:
    """A folder with nothing but the command `dbt`."""
    folder.mkdir()
    command = folder / "dbt"
    command.write_text(f'#!/bin/sh\nexec "{PYTHON}" -P -c "from dbt.cli.main import cli; cli()" "$@"\n')
    command.chmod(0o755)
    return folder


def with_dagster(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Also `dagster`, and the launcher that finds what is installed beside it."""
    require_dagster()
    folder.mkdir()
    for name in ("dagster", "opentelemetry-instrument"):
        (folder / name).symlink_to(DAGSTER.parent / name)
    return environ | {"PATH": f"{folder}:{environ['PATH']}"}


def with_pyiceberg(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Also pyiceberg, for `python`: it is in Dagster's environment."""
    found = with_dagster(environ, folder)
    command = folder / "python"
    command.write_text(f'#!/bin/sh\nexec "{DAGSTER}" "$@"\n')
    command.chmod(0o755)
    return found


def needs_pyiceberg(text: str) -> bool:
    """Whether a block writes a program that reads or writes Iceberg tables."""
    return bool(re.search(r"^from pyiceberg", text, re.MULTILINE))


def needs_dagster(text: str) -> bool:
    """Whether a block starts Dagster."""
    return bool(re.search(r"^(opentelemetry-instrument )?dagster ", text, re.MULTILINE))


def needs_dbt(text: str) -> bool:
    """Whether a block starts dbt."""
    return bool(re.search(r'^dbt |\["dbt"', text, re.MULTILINE))


def test_only_languages_that_are_checked() -> None:
    used = {m[1] for page in PAGES for m in FENCE.finditer(page.read_text())}
    assert used <= LANGUAGES


def test_every_fence_has_a_language() -> None:
    for page in PAGES:
        openings = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)[::2]
        assert all(openings), f"{page}: a code block without a language"


SERVES = re.compile(r'otel-bridge serve|"serve"')


def on_default_ports(found: list[Block]) -> list[Any]:
    """One after the other, because they listen on the ports that everybody knows."""
    group = pytest.mark.xdist_group("default-ports")
    return [pytest.param(b, id=str(b), marks=[group] if SERVES.search(b.text) else []) for b in found]


@pytest.mark.parametrize("block", on_default_ports(blocks("sh")))
def test_shell(block: Block, scratch: Path, environ: dict[str, str]) -> None:
    run_shell(block.text, scratch, environ)


def run_shell(text: str, scratch: Path, environ: dict[str, str]) -> None:
    if needs_dbt(text):
        require_dbt()
    if needs_dagster(text):
        environ = with_dagster(environ, scratch / ".dagster")
    elif needs_pyiceberg(text):
        environ = with_pyiceberg(environ, scratch / ".pyiceberg")
    script = "set -euo pipefail\n" + "\n".join(_line(line) for line in text.splitlines())
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=scratch, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"still running: {late.output!r}")
    finally:
        _end_all(process.pid)
        process.wait(10)
        assert process.stdout
        process.stdout.close()
    assert process.returncode == 0, output


def _end_all(group: int) -> None:
    """What a block started in the background ends before the next block needs its ports."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        for _ in range(200):
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


def _line(line: str) -> str:
    """What CI runs itself is only looked up."""
    if match := re.match(r"make (\w+)", line):
        assert re.search(rf"^{match[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
        return ":"
    if match := re.match(r"pip install (\S+ ?)+$", line):
        folders = [word for word in line.split()[2:] if word.startswith(".")]
        assert folders
        assert all((ROOT / folder / "pyproject.toml").is_file() for folder in folders), line
        return ":"
    return line


@pytest.mark.parametrize("block", on_default_ports(blocks("python")))
def test_python(block: Block, scratch: Path, environ: dict[str, str]) -> None:
    run_python(block.text, scratch, environ)


def run_python(text: str, scratch: Path, environ: dict[str, str]) -> None:
    if needs_dbt(text):
        require_dbt()
    (scratch / "example.py").write_text(text)
    tests = re.findall(r"^def test_", text, re.MULTILINE)
    pytest_ = ["-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command = [sys.executable, *(pytest_ if tests else []), "example.py"]
    done = subprocess.run(command, cwd=scratch, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not tests or f"{len(tests)} passed" in done.stdout, done.stdout


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml(block: Block, tmp_path: Path) -> None:
    check_yaml(block.text, tmp_path)


def check_yaml(text: str, folder: Path) -> None:
    """What `otel-bridge config check` does."""
    (folder / "bridge.yaml").write_text(text)
    load(folder / "bridge.yaml", environ={}, cwd=folder)


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_resolve(page: Path) -> None:
    assert broken_links(page) == []


def broken_links(page: Path) -> list[str]:
    found = []
    for target, _, anchor in re.findall(r"\]\(([^)#:\s]*)(#([^)]*))?\)", page.read_text()):
        file = page.parent / target if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            found.append(f"{target}#{anchor}")
    return found


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, by GitHub's rule."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_linked() -> None:
    """From the README, or from a page that it links."""
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:\s]+)", page.read_text())
    }
    assert [page.name for page in PAGES[3:] if page.resolve() not in linked] == []


def test_contributors_are_sent_to_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = [name for name in re.findall(r"`([.\w][\w./<>-]*)`", text) if "/" in name or "." in name]
    paths = [
        re.sub(r"(<\w+>_?)+", "*", name) for name in named if name not in {"input.jsonl", "events.ndjson"}
    ]
    assert len(paths) > 20
    assert [path for path in paths if not any((*ROOT.glob(path), *ROOT.glob(f"otel_bridge/{path}")))] == []


def test_blocks_are_found() -> None:
    """A pattern that finds nothing would pass everything."""
    found = {language: len(blocks(language)) for language in LANGUAGES}
    assert min(found[language] for language in ("sh", "python", "yaml", "text", "console")) > 0
    fences = sum(page.read_text().count("\n```") for page in PAGES)
    assert fences == 2 * sum(found.values())


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "true\nfalse\ntrue",
        "false | cat",
        "echo $UNSET",
        "make nothing",
        "pip install ./nowhere",
        "otel-bridge nothing",
    ],
)
def test_a_wrong_shell_block_fails(text: str, scratch: Path, environ: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        run_shell(text, scratch, environ)


@pytest.mark.parametrize(
    "text",
    ["1 / 0", "def test_x():\n    assert False", "import pytest\n\ndef test_x():\n    pytest.skip('no')"],
)
def test_a_wrong_python_block_fails(text: str, scratch: Path, environ: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        run_python(text, scratch, environ)


@pytest.mark.parametrize("text", ["runs: {lost_aftr: 1}", "a: b: c"])
def test_a_wrong_yaml_block_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        check_yaml(text, tmp_path)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title: b\n[a](none.md) [b](#a-title-b) [c](#c) [d](page.md) [e](https://example.org/x)\n"
    )
    assert broken_links(page) == ["none.md#", "#c"]
