"""Run by Dagster's Python: what an instance keeps of its runs, as JSON: `python dump.py RUN_ID ...`, or of all."""

import json
import sys

from dagster import DagsterInstance


def main() -> None:
    with DagsterInstance.get() as instance:
        wanted = sys.argv[1:]
        runs = [run for run in reversed(instance.get_runs()) if not wanted or run.run_id in wanted]
        print("@@" + json.dumps([told(instance, run) for run in runs]))


def told(instance, run):
    return {
        "run_id": run.run_id,
        "job": run.job_name,
        "status": run.status.value,
        "tags": dict(run.tags),
        "events": [event(record) for record in instance.all_logs(run.run_id)],
    }


def event(record):
    said = record.dagster_event
    return {
        "type": said.event_type_value if said else "LOG",
        "step": record.step_key,
        "level": record.level,
        "message": record.user_message,
        "data": repr(said.event_specific_data) if said else None,
        "asset": said.asset_key.to_user_string() if said and said.asset_key else None,
    }


if __name__ == "__main__":
    main()
