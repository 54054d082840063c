"""An OpenLineage event as the journal keeps it and destinations deliver it."""

import msgspec

from otel_bridge.model.lineage import Omission


class Event(msgspec.Struct, frozen=True):
    """One OpenLineage event, encoded.

    `type` is START, RUNNING, COMPLETE, FAIL, ABORT, OTHER, DATASET or JOB (RUNNING and OTHER: only of other
    producers). `key` is what order is kept by: the run id, or
    `dataset:<namespace>/<name>` / `job:<namespace>/<name>` for static metadata. `parent_key` is the run id of
    the parent ("" for none): its START goes first. `trace_id` and `span_id` are the evidence.
    """

    type: str
    key: str
    parent_key: str
    event_time_ns: int
    job_namespace: str
    job_name: str
    trace_id: str
    span_id: str
    body: bytes
    omissions: tuple[Omission, ...] = ()
