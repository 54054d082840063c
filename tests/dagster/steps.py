"""Run by Dagster's Python in a project's folder: creates a run, and says the commands that execute its steps.

python steps.py everything '{"job": "shop", "run_id": "...", "config": {}}' STEP ...
"""

import json
import sys
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._grpc.types import ExecuteStepArgs


def main() -> None:
    module, order, steps = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    job = ReconstructableRepository.for_module(module, "defs", folder).get_reconstructable_job(order["job"])
    with DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job.get_definition(),
            run_id=order["run_id"],
            run_config=order["config"],
            job_code_origin=job.get_python_origin(),
        )
        args = [
            ExecuteStepArgs(job.get_python_origin(), run.run_id, [step], instance.get_ref()) for step in steps
        ]
        print("@@" + json.dumps([each.get_command_args() for each in args]))


if __name__ == "__main__":
    main()
