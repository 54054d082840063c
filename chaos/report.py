"""docs/reliability.md, assembled from results: one JSON file a section in `build/chaos`.

A part that has a result calls `keep(Section(...))`; `page()` joins the last result of each, in `order`. So parts
run apart, and the page always holds the last run of each.
"""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build/chaos"
INTRO = """\
# Reliability

Written by `make chaos`. Each section is the last run of one scenario, with the command that repeats it; a seed
gives the same requests, the same faults and the same order of them, by progress and not by the clock. What must
come out is computed from what was sent and acknowledged, apart from the bridge."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the page.

    `text` and `after` are Markdown before and after the table; `rows` are (what, figure). `order` sorts the page.
    """

    title: str
    order: int = 50
    text: str = ""
    rows: Sequence[tuple[str, str]] = ()
    after: str = ""
    failed: bool = False


def keep(name: str, section: Section, folder: Path = RESULTS) -> None:
    """Write the result of the part called `name`, in place of its last one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(section)) + b"\n")


def kept(folder: Path = RESULTS) -> list[Section]:
    """The last result of every part, in the order of the page."""
    found = [msgspec.json.decode(file.read_bytes(), type=Section) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda section: section.order)


def page(sections: Iterable[Section]) -> str:
    """Everything as Markdown."""
    return "\n\n".join([INTRO, *map(_section, sections)]) + "\n"


def command() -> str:
    """How this run was started, to be given in a section's rows."""
    return f"`{shlex.join(['python', '-m', 'chaos', *sys.argv[1:]])}`"


def machine() -> str:
    """Where this run was made, to be given in a section's rows."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def made() -> str:
    """When and of which commit, to be given in a section's rows."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}, commit {_commit()}"


def _commit() -> str:
    try:
        return subprocess.check_output(["git", "describe", "--always"], cwd=ROOT, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _section(section: Section) -> str:
    lines = ["| | |", "| --- | ---: |", *(f"| {what} | {figure} |" for what, figure in section.rows)]
    table = "\n".join(lines) if section.rows else ""
    parts = [f"## {section.title}", section.text.strip(), table, section.after.strip()]
    return "\n\n".join(part for part in parts if part)
