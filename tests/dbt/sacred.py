"""The same command with and without the plugin, and what of it can differ: nothing.

    twins = Twins("everything", tmp_path)
    alone, told = twins.run(["build"], env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url})
    assert alone.differences(told) == ""

Each run starts from the same copy of the project, in the same folder. A process that has imported dbt forks one child for
each run, which goes through dbt's command line to the end of the interpreter; "without" is without the package.
"""

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.dbt.running import PROJECTS, PYTHON, QUIET, WITHIN_S

FORK = """
import json, os, sys, time
import dbt.cli.main, dbt.adapters.duckdb, dbt.task.build, dbt.task.run_operation, dbt.task.docs.generate
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "at": time.monotonic()}), flush=True)
else:
    sys.exit()
os.chdir(order["folder"])
os.environ.clear()
os.environ.update(order["env"])
output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0), os.dup2(output, 1), os.dup2(output, 2)
sys.argv = ["dbt", *order["words"]]
if not order["plugin"]:
    sys.path = [entry for entry in sys.path if "otel-bridge-dbt" not in entry]
exec(order["before"])
dbt.cli.main.cli()
"""
"""`before` runs in the child, for faults."""

ARTIFACTS = ("target/*.json", "target/compiled/**/*", "target/run/**/*")
PASSING = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"__dbt_tmp_?\d{17,}"), "__dbt_tmpTIME"),
    (re.compile(r"(?<=\"pid\": )\d+"), "PID"),
    (re.compile(r"\b\d+(\.\d+)?(e-\d+)? ?(s|seconds?|ms|MB|KB)\b"), "LASTING"),
    (re.compile(r"\b\d+\.\d+(e-\d+)?\b"), "NUMBER"),
    (re.compile(r"(Resource report: .*|\"process_\w+\": \S+)"), "RESOURCES"),
)
"""What differs between any two runs, in this order."""
CHANCE = re.compile(
    r"Acquiring new \w+ connection|Re-using an available connection|currently in state|left open|properly closed"
    r"|CANCEL query (create|list)_|resource_tracker"
)
"""Whether a thread of dbt's finds the connection of one that was before it, and what is said when all is over."""
LOG_LINE = re.compile(r"TIME \[\w+ *\] \[([^\]]*)\]: |\{.*\"thread\": \"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ended, without what differs between any two; `lasted_s` from the last signal, if there was one."""

    code: int
    output: list[str]
    files: Mapping[str, list[str]]
    lasted_s: float

    def differences(self, other: Self) -> str:
        """The lines that differ, of the code, the output and each file."""
        mine, others = ({"code": [str(e.code)], "output": e.output, **e.files} for e in (self, other))
        found = []
        for name in sorted(mine.keys() | others.keys()):
            lines = difflib.unified_diff(
                mine.get(name, []), others.get(name, []), name, "told", lineterm="", n=1
            )
            found += [*lines][:40]
        return "\n".join(found)


@dataclass(slots=True)
class Twins:
    """Runs of one project. `given` prepares the folder that each run starts from."""

    name: str
    place: Path
    python: Path = PYTHON
    env: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[str] | None" = None

    @property
    def template(self) -> Path:
        """The folder that each run gets a copy of."""
        return self.place / "template"

    def __enter__(self) -> Self:
        shutil.copytree(PROJECTS / self.name, self.template)
        self._process = subprocess.Popen(
            [str(self.python), "-P", "-c", FORK],
            cwd=self.place,
            env={**os.environ, "PYTHONHASHSEED": "0", **self.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.communicate(timeout=WITHIN_S)

    @property
    def gate(self) -> Path:
        """A file that the model `gate` waits for, in the project `everything`."""
        return self.place / "gate"

    def prepare(self, *words: str) -> Ending:
        """Run a command without the plugin, and let every later run start from what it leaves."""
        ending = self.once(words, plugin=False)
        shutil.rmtree(self.template)
        shutil.copytree(self.place / "project", self.template)
        shutil.rmtree(self.template / "logs", ignore_errors=True)
        shutil.copytree(self.template / "target", self.template / "state")
        return ending

    def run(self, words: Sequence[str], **how: Any) -> tuple[Ending, Ending]:
        """Without, and with."""
        return self.once(words, plugin=False, **how), self.once(words, plugin=True, **how)

    def once(
        self,
        words: Sequence[str],
        *,
        plugin: bool,
        env: Mapping[str, str] = {},
        files: Mapping[str, str] = {},
        before: str = "",
        during: "Callable[[Run], None] | None" = None,
    ) -> Ending:
        """One run, with some files changed; `during` may signal it while it goes on."""
        assert self._process is not None
        assert self._process.stdin
        assert self._process.stdout
        folder, output = self.place / "project", self.place / "output"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.template, folder)
        for path, text in files.items():
            (folder / path).write_text(text)
        order = {
            "folder": str(folder),
            "output": str(output),
            "env": self._environment() | dict(env),
            "words": [*words],
            "plugin": plugin,
            "before": before,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        run = Run(int(self._process.stdout.readline()), folder, output, time.monotonic())
        if during is not None:
            during(run)
        done = json.loads(self._process.stdout.readline())
        return Ending(done["code"], passing(output.read_text()), dict(_files(folder)), done["at"] - run.since)

    def _environment(self) -> dict[str, str]:
        spool = {"OTEL_LINEAGE_SPOOL_DIR": str(self.place / "spool")}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | QUIET | spool | {"PYTHONHASHSEED": "0"} | dict(self.env)


@dataclass(slots=True)
class Run:
    """A run that goes on."""

    pid: int
    folder: Path
    output: Path
    since: float

    def says(self, text: str, within_s: float = 60) -> None:
        """Wait until its output or its log has the text."""
        log, end = self.folder / "logs/dbt.log", time.monotonic() + within_s
        while True:
            if any(text in file.read_text() for file in (self.output, log) if file.exists()):
                return
            assert time.monotonic() < end, (
                f"dbt has not said {text!r}; its output:\n{self.output.read_text()}"
            )
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; from now on its end is timed."""
        self.since = time.monotonic()
        os.kill(self.pid, number)


def passing(text: str) -> list[str]:
    """The lines without what differs between any two runs."""
    for pattern, stands_for in PASSING:
        text = pattern.sub(stands_for, text)
    return [line for line in text.splitlines() if not CHANCE.search(line)]


def _files(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(path for pattern in ARTIFACTS for path in folder.glob(pattern)):
        if path.is_file():
            yield str(path.relative_to(folder)), _lines(path)
    log = folder / "logs/dbt.log"
    if log.exists():
        yield from _threads(passing(log.read_text()))


def _threads(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The log by threads: what they say at the same time has no order."""
    found: dict[str, list[str]] = {}
    thread = ""
    for line in lines:
        begins = LOG_LINE.match(line)
        thread = begins[1] or begins[2] if begins else thread
        found.setdefault(f"logs/dbt.log {thread}", []).append(line)
    yield from found.items()


def _lines(path: Path) -> list[str]:
    if path.suffix != ".json":
        return passing(path.read_text(errors="replace"))
    return passing(json.dumps(json.loads(path.read_text()), indent=1))
