"""`make demo`: a bridge, a pipeline of several processes, a dbt project, a Dagster project with dbt and Iceberg, and the
lineage that all left.

One step of the pipeline fails, and one test of each project. Everything stays in `build/demo` of the checkout; each run
starts afresh. dbt and Dagster have an environment of their own, `.venv-dagster`; `OTEL_BRIDGE_DAGSTER_PYTHON` names
another one's Python.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tree import print_tree

from otel_bridge.testing import BridgeProcess, Events

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build/demo"
STEPS = ROOT / "examples/pipeline"
BESIDE = Path(os.environ.get("OTEL_BRIDGE_DAGSTER_PYTHON") or ROOT / ".venv-dagster/bin/python").parent
REFRESH = "refresh"
RESOURCE = "deployment.environment.name=demo,service.namespace=sales"


def main() -> int:
    """Run both; 0 if the lineage of every step arrived."""
    sys.stdout.reconfigure(line_buffering=True)
    shutil.rmtree(WORK, ignore_errors=True)
    began = time.monotonic()
    archive = {
        "name": "archive",
        "type": "file",
        "path": str(WORK / "events.ndjson"),
        "canonical_names": True,
    }
    with BridgeProcess(WORK, [archive]) as bridge:
        print(
            f"The bridge listens on {bridge.http_url} (OTLP/HTTP) and {bridge.api_url} (health, metrics).\n"
        )
        env = bridge.program_env() | {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": RESOURCE}
        print("Running examples/pipeline/nightly.py: three processes, the last one fails.\n")
        run_pipeline(env)
        pipeline = bridge.wait_for_events(8)
        print_tree(pipeline)
        print("\nRunning `dbt build` in examples/dbt, on DuckDB: one of its tests fails.\n")
        run_dbt(env)
        bridge.wait(lambda: ended(bridge, "dbt-build-shop"), "has the end of every dbt run")
        before = bridge.events()
        print_tree(Events(before.all[len(pipeline) :]))
        print("\nRunning `dagster job execute` in examples/dagster, with Iceberg and dbt: one test fails.\n")
        run_dagster(env)
        bridge.wait(lambda: ended(bridge, REFRESH), "has the end of every Dagster run")
        events = bridge.events()
        print_tree(Events(events.all[len(before) :]))
        health = bridge.health()
    seconds = time.monotonic() - began
    print(
        f"\n{health['received']['total']} spans and log events received, {len(events)} events delivered in {seconds:.0f} s."
    )
    print(NEXT)
    return 0


def run_pipeline(env: dict[str, str]) -> None:
    """The pipeline as a user would start it: the OpenTelemetry variables, and nothing else."""
    subprocess.run([sys.executable, str(STEPS / "nightly.py"), str(WORK / "shop")], env=env, check=False)


def run_dbt(env: dict[str, str]) -> None:
    """dbt as a user would start it: the same variables."""
    shutil.copytree(ROOT / "examples/dbt", WORK / "dbt")
    words = [str(BESIDE / "dbt"), "--quiet", "--no-use-colors", "build"]
    subprocess.run(words, cwd=WORK / "dbt", env=env | {"DO_NOT_TRACK": "1"}, check=False)
    print()


def run_dagster(env: dict[str, str]) -> None:
    """Dagster as a user would start it; what it prints goes to a file."""
    shutil.copytree(ROOT / "examples/dagster", WORK / "dagster")
    (WORK / "dagster-home").mkdir()
    env |= {"PATH": f"{BESIDE}:{env['PATH']}", "DAGSTER_HOME": str(WORK / "dagster-home")}
    env |= {"DAGSTER_DISABLE_TELEMETRY": "yes", "DO_NOT_TRACK": "1", "OTEL_TRACES_EXPORTER": "none"}
    words = ["opentelemetry-instrument", "dagster", "job", "execute", "-f", "shop.py", "-j", "refresh"]
    with (WORK / "dagster.log").open("wb") as log:
        subprocess.run(words, cwd=WORK / "dagster", env=env, stdout=log, stderr=log, check=False)


def ended(bridge: BridgeProcess, job: str) -> bool:
    """Whether a run of a job has ended and nothing is on its way any more."""
    states = [e["eventType"] for e in bridge.events().of(job)]
    health = bridge.health()
    waiting = [health["conversion"]["waiting"], *(each["waiting"] for each in health["destinations"])]
    return states[-1:] not in ([], ["START"]) and not any(waiting)


NEXT = """
What next:
  .venv/bin/otel-bridge events --data-dir build/demo/data          the events, with the evidence of each
  .venv/bin/otel-bridge doctor --data-dir build/demo/data          what was left out, and why
  .venv/bin/otel-bridge serve                                      your own bridge, on 4317, 4318 and 4319
  OPENLINEAGE_URL=http://127.0.0.1:5000 .venv/bin/otel-bridge serve   ... which delivers to a Marquez there
"""

if __name__ == "__main__":
    sys.exit(main())
