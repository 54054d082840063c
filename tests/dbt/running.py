"""Real dbt in a child process, on a copy of a project, before a real bridge.

    project = Project.copy("shop", tmp_path)
    outcome = project.dbt("build", bridge=bridge)
    events = settled(bridge)

dbt has an environment of its own (`make .venv-dbt/run`); `OTEL_BRIDGE_DBT_PYTHON` may name another one's Python.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.parts.dbt_versions import WITH_PLUGIN

ROOT = Path(__file__).parents[2]
PROJECTS = Path(__file__).parent / "projects"
PYTHON = Path(os.environ.get("OTEL_BRIDGE_DBT_PYTHON") or ROOT / ".venv-dbt/bin/python")
NAMESPACE = "floe.test.dbt"
WINDOW = ("--event-time-start", "2026-11-01", "--event-time-end", "2026-11-04")
"""Flags of the project `everything`: the three days of its microbatch model."""
WITHIN_S = 100
QUIET = {"DO_NOT_TRACK": "1", "DBT_USE_COLORS": "false", "PYTHONUNBUFFERED": "1"}
RESOURCE = "service.name=dbt,service.namespace=dbt,deployment.environment.name=test"
TERMINAL = {"COMPLETE", "FAIL", "ABORT"}


def require_dbt() -> Path:
    """The Python of dbt's environment; without one a test skips on a laptop, and fails in CI."""
    if not PYTHON.exists():
        reason = f"there is no dbt at {PYTHON}; run `make .venv-dbt/run`"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return PYTHON


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    output: str


@dataclass(slots=True)
class Project:
    """A copy of a project. `env` goes to every command; `python` is that of dbt's environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    python: Path = PYTHON

    @classmethod
    def copy(cls, name: str, into: Path, **how: Any) -> Self:
        """A copy of one of `tests/dbt/projects` below a folder."""
        return cls(Path(shutil.copytree(PROJECTS / name, into / name)), **how)

    @classmethod
    def of_version(cls, environment: Path, name: str, into: Path, **env: str) -> Self:
        """A copy that another dbt runs (`tests.parts.dbt_versions`), with the plugin of this checkout."""
        return cls.copy(name, into, python=environment / "bin/python", env=WITH_PLUGIN | env)

    def copied(self, into: Path) -> Self:
        """A copy in its present state, the database included."""
        return replace(self, folder=Path(shutil.copytree(self.folder, into / self.folder.name)))

    def dbt(self, *words: str, bridge: BridgeProcess | None = None, env: Mapping[str, str] = {}) -> Outcome:
        """Run `dbt WORDS` to its end."""
        return finished(self.start(*words, bridge=bridge, env=env))

    def start(
        self, *words: str, bridge: BridgeProcess | None = None, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        """Start `dbt WORDS`, with what makes it send to the bridge, if there is one."""
        return self._popen(
            [str(self.python), "-P", "-c", "from dbt.cli.main import cli; cli()", *words], bridge, env
        )

    def program(
        self, script: str, *words: str, bridge: BridgeProcess | None = None, env: Mapping[str, str] = {}
    ) -> Outcome:
        """Run a program with dbt's Python in the project's folder."""
        return finished(self.launch(script, *words, bridge=bridge, env=env))

    def launch(
        self, script: str, *words: str, bridge: BridgeProcess | None = None, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        """Start such a program."""
        return self._popen([str(self.python), "-c", script, *words], bridge, env)

    def invoke(self, commands: Sequence[Sequence[str]], bridge: BridgeProcess) -> list[dict[str, Any]]:
        """Each command by `dbtRunner`, all in one process: what each gave, as `{success, exception}`."""
        done = self.program(RUNNER, json.dumps(commands), bridge=bridge)
        assert done.code == 0, done.output
        return [json.loads(line[2:]) for line in done.output.splitlines() if line.startswith("@@")]

    def tables(self, database: str) -> set[str]:
        """All tables and views of a DuckDB file of the project, as `database.schema.name`."""
        done = self.program(CATALOG, database)
        assert done.code == 0, done.output
        return set(json.loads(done.output.splitlines()[-1]))

    def artifact(self, name: str) -> Any:
        """An artifact that dbt wrote, such as `manifest`."""
        return json.loads((self.folder / f"target/{name}.json").read_text())

    def _popen(
        self, argv: list[str], bridge: BridgeProcess | None, env: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        base = bridge.program_env() if bridge else dict(os.environ)
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env=base | QUIET | {"OTEL_RESOURCE_ATTRIBUTES": RESOURCE} | self.env | dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@dataclass(frozen=True, slots=True)
class Built:
    """A project after a command, and what the bridge made of it."""

    project: Project
    outcome: Outcome
    events: Events
    bridge: BridgeProcess

    @property
    def data_at(self) -> str:
        """Namespace of the datasets of the project's DuckDB file."""
        (file,) = self.project.folder.glob("*.duckdb")
        return f"duckdb://{file.resolve()}"


RUNNER = """
import json, sys
from dbt.cli.main import dbtRunner
for command in json.loads(sys.argv[1]):
    done = dbtRunner().invoke(command)
    print("@@" + json.dumps({"success": done.success, "exception": done.exception and str(done.exception)}), flush=True)
"""

CATALOG = """
import json, sys, duckdb
rows = duckdb.connect(sys.argv[1], read_only=True).execute(
    "select table_catalog || '.' || table_schema || '.' || table_name from information_schema.tables"
).fetchall()
print(json.dumps([name for name, in rows]))
"""


def finished(process: subprocess.Popen[str]) -> Outcome:
    """Its output and exit code; killed if it does not end."""
    try:
        output, _ = process.communicate(timeout=WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        pytest.fail(f"dbt did not end within {WITHIN_S} s; its output:\n{output}")
    return Outcome(process.returncode, output)


def settled(bridge: BridgeProcess, within_s: float = 30) -> Events:
    """All events, once nothing waits in the bridge and every run has ended."""
    bridge.wait(lambda: idle(bridge), "has converted and delivered all", within_s)
    bridge.wait(lambda: not dangling(bridge.events()), "has seen the end of every run", within_s)
    return bridge.events()


def idle(bridge: BridgeProcess) -> bool:
    """Whether nothing waits for conversion or delivery."""
    health = bridge.health()
    return not health["conversion"]["waiting"] and not any(d["waiting"] for d in health["destinations"])


def dangling(events: Events) -> set[str]:
    """Jobs with a run that has no end."""
    open_ = {run for run, types in events.runs().items() if not TERMINAL & set(types)}
    return {e["job"]["name"] for e in events if e.get("run", {}).get("runId") in open_}
