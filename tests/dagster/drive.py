"""Run by Dagster's Python in a project's folder: executes runs, one after the other, and says how each ended.

    python drive.py everything '[{"job": "shop", "run_id": "...", "tags": {}, "config": {}}]'

Run ids are the caller's, so that all ids that derive from them are the same each time.
"""

import json
import sys
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.api import execute_run

IN_PROCESS = {"execution": {"config": {"in_process": {}}}}


def main() -> None:
    module, orders = sys.argv[1], json.loads(sys.argv[2])
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    repository = ReconstructableRepository.for_module(module, "defs", folder)
    with DagsterInstance.get() as instance:
        for order in orders:
            for name, keys in order.get("add_partitions", {}).items():
                instance.add_dynamic_partitions(name, keys)
            job = repository.get_reconstructable_job(order["job"])
            run = instance.create_run_for_job(
                job.get_definition(),
                run_id=order["run_id"],
                run_config=order.get("config", {}),
                tags=order.get("tags", {}),
                job_code_origin=job.get_python_origin(),
            )
            done = execute_run(job, run, instance)
            print(f"@@{json.dumps({'job': order['job'], 'success': done.success})}", flush=True)


if __name__ == "__main__":
    main()
