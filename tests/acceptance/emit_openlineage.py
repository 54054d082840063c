"""A program with openlineage-python: so many runs by the transport of OPENLINEAGE__TRANSPORT__TYPE, then it ends.

Prints the run ids. A failed emit ends it, unless the second argument is `retry`.
"""

import datetime as dt
import sys
import time

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import parent_run, sql_job
from openlineage.client.uuid import generate_new_uuid

PRODUCER = "https://example.com/pipelines/v7"


def event(state: RunState, run_id: str, name: str, parent: str) -> RunEvent:
    facets = {}
    if parent:
        day = parent_run.Job(namespace="clients", name="day")
        facets["parent"] = parent_run.ParentRunFacet(parent_run.Run(runId=parent), day)
    return RunEvent(
        eventType=state,
        eventTime=dt.datetime.now(dt.UTC).isoformat(),
        run=Run(runId=run_id, facets=facets),
        job=Job(namespace="clients", name=name, facets={"sql": sql_job.SQLJobFacet(query="select 'ü'")}),
        producer=PRODUCER,
        inputs=[InputDataset(namespace="postgres://db:5432", name="shop.public.orders")],
        outputs=[OutputDataset(namespace="s3://lake", name="orders")],
    )


def emit(client: OpenLineageClient, state: RunState, run_id: str, name: str, parent: str = "") -> None:
    while True:
        try:
            client.emit(event(state, run_id, name, parent))
            return
        except Exception:
            if "retry" not in sys.argv:
                raise
            time.sleep(0.05)


def main() -> None:
    client = OpenLineageClient()
    day = str(generate_new_uuid())
    emit(client, RunState.START, day, "day")
    for number in range(int(sys.argv[1])):
        run_id = str(generate_new_uuid())
        emit(client, RunState.START, run_id, f"task-{number}", day)
        emit(client, RunState.COMPLETE, run_id, f"task-{number}", day)
        print(run_id, flush=True)
    emit(client, RunState.COMPLETE, day, "day")
    client.close(timeout=20)
    print(day, flush=True)


main()
