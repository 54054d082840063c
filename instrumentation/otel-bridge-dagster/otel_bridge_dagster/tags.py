"""The one write to a run's tags: where its trace is, for Dagster's page, and what is above it, for other processes."""

from typing import Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from otel_bridge_dagster import ids, parents, settings

TRACE_TAG = "otel/trace_id"
SPAN_TAG = "otel/span_id"
SWITCH = "OTEL_BRIDGE_DAGSTER_RUN_TAGS"


@guarded("tagging a run", fallback=None)
def write(instance: Any, dagster_run: Any, run: LineageRun) -> None:
    """Tags that are not there yet, in one call; a run that is tried again inherits those of the first."""
    if not run.trace_id or not settings.wants(SWITCH):
        return
    wanted = {TRACE_TAG: run.trace_id, SPAN_TAG: run.span_id}
    above = getattr(run.span, "parent", None)
    if above is not None and above.trace_id != ids.trace_id(dagster_run.run_id):
        wanted[parents.TRACEPARENT_TAG] = parents.traceparent(above)
    known = dagster_run.tags or {}
    missing = {name: value for name, value in wanted.items() if known.get(name) != value}
    if missing:
        instance.add_run_tags(dagster_run.run_id, missing)
