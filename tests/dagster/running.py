"""Real Dagster in child processes, on a copy of a project with a DAGSTER_HOME of its own, before a real bridge.

    project = Project.copy("everything", tmp_path)
    outcome = project.drive([Order("shop")], bridge=bridge)
    events = settled(bridge)

Dagster has an environment of its own (`make .venv-dagster/run`), with ours installed in it and loaded by
`opentelemetry-instrument`; `OTEL_BRIDGE_DAGSTER_PYTHON` may name another one's Python.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.running import Outcome
from tests.parts.dagster_versions import WITH_HOOK

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROJECTS = HERE / "projects"
PYTHON = Path(os.environ.get("OTEL_BRIDGE_DAGSTER_PYTHON") or ROOT / ".venv-dagster/bin/python")
WITHIN_S = 110
QUIET = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "PYTHONWARNINGS": "ignore",
    "PYTHONUNBUFFERED": "1",
    "DBT_USE_COLORS": "false",
}
NAMESPACE = "floe.test.dagster"
SENDING = {
    "OTEL_SERVICE_NAME": "everything",
    "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=dagster,deployment.environment.name=test",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
HOME = """
telemetry:
  enabled: false
run_monitoring:
  enabled: true
  poll_interval_seconds: 1
  start_timeout_seconds: 60
  cancel_timeout_seconds: 20
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
"""
EXECUTORS: dict[str, dict[str, Any]] = {
    "in_process": {"in_process": {}},
    "spawn": {"multiprocess": {"max_concurrent": 1}},
    "forkserver": {
        "multiprocess": {
            "max_concurrent": 1,
            "start_method": {"forkserver": {"preload_modules": ["everything"]}},
        }
    },
}


def require_dagster() -> Path:
    """The Python of Dagster's environment; without one a test skips on a laptop, and fails in CI."""
    if not PYTHON.exists():
        reason = f"there is no Dagster at {PYTHON}; run `make .venv-dagster/run`"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return PYTHON


def run_id(number: int) -> str:
    """A run id that is the same each time.

    >>> run_id(7)
    '00000000-0000-4000-8000-000000000007'
    """
    return f"00000000-0000-4000-8000-{number:012d}"


@dataclass(frozen=True, slots=True)
class Order:
    """A run to be executed: `number` makes its id."""

    job: str
    number: int = 1
    executor: str = "in_process"
    tags: Mapping[str, str] = field(default_factory=dict)
    add_partitions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of_partition(cls, job: str, number: int, key: str, **more: Any) -> Self:
        """A run of one partition, or of `first...last`."""
        first, _, last = key.partition("...")
        span = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return cls(job, number, tags=span if last else {"dagster/partition": key}, **more)

    def told(self) -> dict[str, Any]:
        """For `drive.py`."""
        return {
            "job": self.job,
            "run_id": run_id(self.number),
            "tags": dict(self.tags),
            "config": {"execution": {"config": EXECUTORS[self.executor]}},
            "add_partitions": {name: list(keys) for name, keys in self.add_partitions.items()},
        }


@dataclass(slots=True)
class Project:
    """A copy of a project, and its instance. `env` goes to every command."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    python: Path = PYTHON
    hook: bool = False
    """Ours are not installed: `sitecustomize.py` has the one-line hook, in place of `opentelemetry-instrument`."""

    @classmethod
    def copy(cls, name: str, into: Path, **how: Any) -> Self:
        """A copy of one of `tests/dagster/projects` below a folder, dbt's manifest made."""
        project = cls(Path(shutil.copytree(PROJECTS / name, into / name)), **how)
        project.home.mkdir()
        (project.home / "dagster.yaml").write_text(HOME)
        if (project.folder / "dbt").exists():
            if project.hook:
                _as_older_dbt_reads_it(project.folder / "dbt/models/sources.yml")
            words = [str(project.python), "-c", "from dbt.cli.main import cli; cli()", "--quiet", "parse"]
            env = project.environment(None) | {"OTEL_BRIDGE_DISABLED": "1"}
            subprocess.run([*words, "--profiles-dir", "."], cwd=project.folder / "dbt", env=env, check=True)
        return project

    @classmethod
    def of_version(cls, environment: Path, name: str, into: Path, **env: str) -> Self:
        """A copy that another Dagster runs (`tests.parts.dagster_versions`), with ours of this checkout."""
        return cls.copy(name, into, python=environment / "bin/python", env=env, hook=True)

    @property
    def home(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder.with_name(f"{self.folder.name}-home")

    def copied(self, into: Path) -> Self:
        """A copy in its present state, the instance included."""
        copy = replace(self, folder=into / self.folder.name)
        shutil.copytree(self.folder, copy.folder)
        shutil.copytree(self.home, copy.home)
        return copy

    def drive(self, orders: Sequence[Order], **how: Any) -> Outcome:
        """Execute runs in one process, each to its end."""
        return finished(self.start_driving(orders, **how))

    def start_driving(self, orders: Sequence[Order], **how: Any) -> subprocess.Popen[str]:
        """Start such a process."""
        told = json.dumps([order.told() for order in orders])
        return self.start([str(self.python), str(HERE / "drive.py"), "everything", told], **how)

    def dagster(self, *words: str, **how: Any) -> Outcome:
        """Run `dagster WORDS` to its end."""
        return finished(self.start([str(self.python.with_name("dagster")), *words], **how))

    def runs(self, *run_ids: str) -> list[dict[str, Any]]:
        """What the instance keeps of its runs, the oldest first."""
        argv = [str(self.python), str(HERE / "dump.py"), *run_ids]
        env = self.environment(None)
        done = subprocess.run(
            argv, cwd=self.folder, env=env, capture_output=True, text=True, timeout=WITHIN_S
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout.rpartition("@@")[2])
        return found

    def start(
        self,
        argv: Sequence[str],
        bridge: BridgeProcess | None = None,
        env: Mapping[str, str] = {},
        instrumented: bool = True,
    ) -> subprocess.Popen[str]:
        """Start a command in the project's folder, with what makes it send to the bridge, if there is one."""
        launcher = [str(self.python.with_name("opentelemetry-instrument"))]
        return subprocess.Popen(
            [*([] if self.hook or not instrumented else launcher), *argv],
            cwd=self.folder,
            env=self.environment(bridge) | (WITH_HOOK if self.hook and instrumented else {}) | dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment(self, bridge: BridgeProcess | None) -> dict[str, str]:
        """Of every command."""
        base = bridge.program_env() | SENDING if bridge else dict(os.environ)
        return base | QUIET | {"DAGSTER_HOME": str(self.home)} | self.env


def finished(process: subprocess.Popen[str], within_s: float = WITHIN_S) -> Outcome:
    """Its output and exit code; killed if it does not end."""
    try:
        output, _ = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        pytest.fail(f"Dagster did not end within {within_s} s; its output:\n{output}")
    return Outcome(process.returncode, output)


def _as_older_dbt_reads_it(file: Path) -> None:
    """dbt before 1.10 has the arguments of a test beside its configuration."""
    file.write_text(re.sub(r"arguments: \{(.*?)\}", r"\1", file.read_text()))
