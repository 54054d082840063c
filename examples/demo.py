"""`make demo`: a bridge, a pipeline of several processes with one failing step, and the lineage it left.

Everything stays in `build/demo` of the checkout; each run starts afresh.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from otel_bridge.testing import BridgeProcess, Events

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build/demo"
STEPS = ROOT / "examples/pipeline"
MARKS = {"COMPLETE": "ok", "FAIL": "FAILED", "ABORT": "aborted", "START": "running"}


def main() -> int:
    """Run it; 0 if the lineage of every step arrived."""
    sys.stdout.reconfigure(line_buffering=True)
    shutil.rmtree(WORK, ignore_errors=True)
    began = time.monotonic()
    with BridgeProcess(WORK) as bridge:
        print(
            f"The bridge listens on {bridge.http_url} (OTLP/HTTP) and {bridge.api_url} (health, metrics).\n"
        )
        print(
            "Running examples/pipeline/nightly.py: three steps, each a process of its own; the last one fails.\n"
        )
        run_pipeline(bridge)
        events = bridge.wait_for_events(8)
        health = bridge.health()
    print_tree(events)
    seconds = time.monotonic() - began
    print(
        f"\n{health['received']['total']} spans and log events received, {len(events)} events delivered in {seconds:.0f} s."
    )
    print(NEXT)
    return 0


def run_pipeline(bridge: BridgeProcess) -> None:
    """The pipeline as a user would start it: the OpenTelemetry variables, and nothing else."""
    env = bridge.program_env() | {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=demo,service.namespace=sales",
    }
    subprocess.run([sys.executable, str(STEPS / "nightly.py"), str(WORK / "shop")], env=env, check=False)


def print_tree(events: Events) -> None:
    """Runs below their parents, each with its state, datasets, row counts and trace."""
    last = {e["run"]["runId"]: e for e in events if "run" in e}
    children: dict[str, list[str]] = {}
    for run_id, event in last.items():
        parent = event["run"]["facets"].get("parent", {}).get("run", {}).get("runId", "")
        children.setdefault(parent if parent in last else "", []).append(run_id)
    _branch(last, children, "", "")


def _branch(last: dict, children: dict, parent: str, indent: str) -> None:
    for run_id in children.get(parent, []):
        event = last[run_id]
        trace = event["run"]["facets"]["otel_trace"]["traceId"]
        print(f"{indent}{event['job']['name']}  [{MARKS[event['eventType']]}]  trace {trace}")
        for arrow, side in (("<-", "inputs"), ("->", "outputs")):
            for dataset in event[side]:
                print(f"{indent}   {arrow} {dataset['name']}{_rows(dataset)}")
        error = event["run"]["facets"].get("errorMessage")
        if error:
            print(f"{indent}   !! {error['message']}")
        _branch(last, children, run_id, indent + "    ")


def _rows(dataset: dict) -> str:
    both = dataset.get("inputFacets", {}) | dataset.get("outputFacets", {})
    for key in ("outputStatistics", "inputStatistics"):
        if "rowCount" in both.get(key, {}):
            return f"  ({both[key]['rowCount']} rows)"
    return ""


NEXT = """
What next:
  .venv/bin/otel-bridge events --data-dir build/demo/data          the events, with the evidence of each
  .venv/bin/otel-bridge doctor --data-dir build/demo/data          what was left out, and why
  .venv/bin/otel-bridge serve                                      your own bridge, on 4317, 4318 and 4319
  OPENLINEAGE_URL=http://127.0.0.1:5000 .venv/bin/otel-bridge serve   ... which delivers to a Marquez there
"""

if __name__ == "__main__":
    sys.exit(main())
