"""The page: where and how it was measured, every table, the targets, and what bounds the figures."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Findings, Table, number
from benchmarks.load import ROOT

BOUNDS = Path(__file__).with_name("bounds.md")
INTRO = """\
# Benchmarks

Written by `{command}`; run it to get the figures of your machine. Real processes over loopback: the load
generator and the far end share the cores with what is measured, which stretches wall time but not CPU time.
CPU time is what the kernel charged to the process and its children. Figures are medians of {rounds} rounds
with their extremes; a ratio is taken within a round, because hosts differ and so do minutes.

Peers: the OpenTelemetry Collector {collector} as `otlp` receiver and `nop` exporter, which decodes every
request and does nothing with it; and a naive bridge (`benchmarks/naive`): generated protobuf classes,
dictionaries, the objects and the HTTP transport of openlineage-python, no journal."""


def page(bench: Bench, findings: Sequence[Findings], load: str) -> str:
    """Everything as Markdown."""
    from tests.parts import collector

    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    parts = [
        INTRO.format(command=command, rounds=bench.rounds, collector=collector.VERSION),
        *(f"**Note.** {note}" for note in bench.notes),
        _targets(findings),
        *(_section(each) for each in findings),
        f"## What bounds it\n\n{BOUNDS.read_text().strip()}",
        f"## Where it was measured\n\n{_machine(load)}",
    ]
    return "\n\n".join(parts) + "\n"


def load_average() -> str:
    """How busy the machine is, to be asked before the first round."""
    return ", ".join(map(number, os.getloadavg()))


def _targets(findings: Iterable[Findings]) -> str:
    targets = [target for each in findings for target in each.targets]
    rows = [[t.what, t.goal, "" if t.measured is None else number(t.measured), t.verdict] for t in targets]
    return f"## Targets\n\n{Table(['', 'target', 'measured', ''], rows)}"


def _section(findings: Findings) -> str:
    checks = "\n".join(f"- {check.what}: {'yes' if check.holds else '**NO**'}" for check in findings.checks)
    parts = [f"## {findings.title}", findings.text, *map(str, findings.tables), checks]
    return "\n\n".join(part for part in parts if part)


def _machine(load: str) -> str:
    rows = [
        ["Processor", f"{_named('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores"],
        ["Memory", f"{int(_named('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB"],
        ["Kernel", f"{platform.system()} {platform.release()}"],
        ["Python", platform.python_version()],
        ["Commit", _commit()],
        ["Date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")],
        ["Load average before", load],
    ]
    lines = ["| | |", "| --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _named(file: str, name: str) -> str:
    lines = (line.split(":", 1) for line in Path(file).read_text().splitlines() if ":" in line)
    return next((value.strip() for key, value in lines if key.strip() == name), "unknown")


def _commit() -> str:
    """The commit that was measured; this page itself may differ from it."""
    try:
        name = _git("describe", "--always").strip()
        return (
            f"{name}, with changes" if _git("status", "--porcelain", "--", ":!docs/benchmarks.md") else name
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True)
