"""A small project of Dagster's, executed by real processes before a Collector that keeps what it gets."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lineage_collector import HttpCollector

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("OTEL_BRIDGE_DAGSTER_PYTHON") or ROOT / ".venv-dagster/bin/python")
WITHIN_S = 100
HOOK = "import otel_bridge_dagster; otel_bridge_dagster.instrument()\n"
PROJECT = """
import os, signal
import dagster as dg

@dg.asset
def raw():
    return [1, 2, 3]

@dg.asset
def clean(context, raw):
    context.log.info("cleaning")
    return raw[1:]

@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
def flaky(context, raw):
    if context.retry_number == 0:
        raise ValueError("only once")
    return 1

@dg.asset
def killed(raw):
    os.kill(os.getpid(), signal.SIGKILL)

@dg.asset
def above(killed):
    return 1

def job(name, *assets, **executor):
    kind = dg.multiprocess_executor.configured(executor) if executor else dg.in_process_executor
    return dg.define_asset_job(name, selection=list(assets), executor_def=kind)

ONE = {"max_concurrent": 1}
defs = dg.Definitions(
    assets=[raw, clean, flaky, killed, above],
    jobs=[
        job("alone", "raw", "clean", "flaky"),
        job("spawned", "raw", "clean", "flaky", **ONE),
        job("forked", "raw", "clean", start_method={"forkserver": {}}, **ONE),
        job("killing", "raw", "killed", "above", **ONE),
    ],
)
"""
DUMP = """
import dagster as dg, json
with dg.DagsterInstance.get() as instance:
    (run,) = instance.get_runs()
    events = [e.dagster_event.event_type_value if e.dagster_event else e.user_message for e in instance.all_logs(run.run_id)]
    print("@@" + json.dumps({"run_id": run.run_id, "status": run.status.value, "tags": dict(run.tags), "events": events}))
"""


@dataclass
class Executed:
    """How a command ended; `run` is the only run of its instance, as Dagster keeps it."""

    code: int
    output: str
    run: dict[str, Any] = field(default_factory=dict)


class Instance:
    """A folder with the project and an instance of its own."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        if not PYTHON.exists():
            reason = f"there is no Dagster at {PYTHON}; run `make .venv-dagster/run`"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        self.folder, self.endpoint = folder, endpoint
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "home").mkdir()
        (folder / "home/dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (folder / "shop.py").write_text(HOOK + PROJECT)
        self.trouble = folder / "trouble.log"

    @classmethod
    def before(cls, folder: Path, collector: HttpCollector) -> "Instance":
        """One that sends to the Collector."""
        return cls(folder, collector.endpoint)

    def execute(self, job: str, **env: str) -> Executed:
        """`dagster job execute`, and what it left."""
        done = self.python("-m", "dagster", "job", "execute", "-f", "shop.py", "-j", job, **env)
        return Executed(done.code, done.output, self.kept())

    def python(self, *words: str, **env: str) -> Executed:
        """Dagster's Python."""
        done = subprocess.run(
            [str(PYTHON), *words],
            cwd=self.folder,
            env=self.env() | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        return Executed(done.returncode, done.stdout)

    def kept(self) -> dict[str, Any]:
        """The run, as the instance has it."""
        done = self.python("-c", DUMP, OTEL_BRIDGE_DISABLED="1")
        found: dict[str, Any] = json.loads(done.output.replace(str(self.folder), "").rpartition("@@")[2])
        return found

    def env(self) -> dict[str, str]:
        """Of every command."""
        packages = ROOT / "instrumentation"
        paths = [str(packages / "otel-bridge-dagster"), str(packages / "otel-lineage")]
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OPENLINEAGE", "TRACEPARENT"))
        }
        return kept | {
            "PYTHONPATH": os.pathsep.join(paths),
            "DAGSTER_HOME": str(self.folder / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "PYTHONWARNINGS": "ignore",
            "OTEL_LINEAGE_ENDPOINT": self.endpoint,
            "OTEL_LINEAGE_PROTOCOL": "http/protobuf",
            "OTEL_LINEAGE_SPOOL_DIR": str(self.folder / "spool"),
            "OTEL_BRIDGE_DAGSTER_LOG": str(self.trouble),
        }
