"""START and COMPLETE of a span as objects of openlineage-python."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as facets
from openlineage.client.generated.base import DatasetFacet, JobFacet, RunFacet
from opentelemetry.proto.trace.v1.trace_pb2 import Span

About = dict[str, Any]
Spans = dict[bytes, tuple[Span, About]]
PRODUCER = "https://example.org/naive-bridge"


def events_of(span: Span, about: About, known: Spans) -> Iterator[ol.RunEvent]:
    """Both events of a span; `known` are the other runs of its request, among them perhaps its parent."""
    run = ol.Run(runId=_run_id(span.trace_id, span.span_id), facets=_parent(span, known))
    job = ol.Job(namespace=_namespace(about), name=about["openlineage.job.name"], facets=_job_facets(about))
    inputs = [
        ol.InputDataset(d["namespace"], d["name"], facets=_dataset_facets(d)) for d in _list(about, "inputs")
    ]
    outputs = [
        ol.OutputDataset(d["namespace"], d["name"], facets=_dataset_facets(d), outputFacets=_statistics(d))
        for d in _list(about, "outputs")
    ]
    moments = (
        (ol.RunState.START, span.start_time_unix_nano),
        (ol.RunState.COMPLETE, span.end_time_unix_nano),
    )
    for state, moment in moments:
        when = datetime.fromtimestamp(moment / 1e9, UTC).isoformat()
        yield ol.RunEvent(
            eventTime=when,
            producer=PRODUCER,
            run=run,
            job=job,
            eventType=state,
            inputs=inputs,
            outputs=outputs,
        )


def _run_id(trace_id: bytes, span_id: bytes) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{trace_id.hex()}:{span_id.hex()}"))


def _namespace(about: About) -> str:
    return (
        f"floe.{about.get('deployment.environment.name', 'dev')}.{about.get('service.namespace', 'default')}"
    )


def _parent(span: Span, known: Spans) -> dict[str, RunFacet]:
    if span.parent_span_id not in known:
        return {}
    about = known[span.parent_span_id][1]
    run = facets.parent_run.Run(runId=_run_id(span.trace_id, span.parent_span_id))
    job = facets.parent_run.Job(namespace=_namespace(about), name=about["openlineage.job.name"])
    return {"parent": facets.parent_run.ParentRunFacet(run=run, job=job)}


def _job_facets(about: About) -> dict[str, JobFacet]:
    found: dict[str, JobFacet] = {
        "jobType": facets.job_type_job.JobTypeJobFacet(
            processingType="BATCH",
            integration=about["openlineage.job.integration"],
            jobType=about["openlineage.job.type"],
        )
    }
    if sql := about.get("openlineage.sql"):
        found["sql"] = facets.sql_job.SQLJobFacet(query=sql, dialect=about.get("openlineage.sql.dialect"))
    return found


def _list(about: About, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(about.get(f"openlineage.{name}", "[]"))
    return found


def _dataset_facets(dataset: dict[str, Any]) -> dict[str, DatasetFacet]:
    schema = facets.schema_dataset
    found: dict[str, DatasetFacet] = {
        "schema": schema.SchemaDatasetFacet(
            fields=[
                schema.SchemaDatasetFacetFields(name=f["name"], type=f["type"]) for f in dataset["schema"]
            ]
        )
    }
    if columns := dataset.get("columns"):
        fields = {
            name: facets.column_lineage_dataset.Fields([_source(s) for s in sources])
            for name, sources in columns.items()
        }
        found["columnLineage"] = facets.column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)
    return found


def _source(source: dict[str, Any]) -> facets.column_lineage_dataset.InputField:
    transformations = [facets.column_lineage_dataset.Transformation(**t) for t in source["transformations"]]
    return facets.column_lineage_dataset.InputField(
        source["namespace"], source["name"], source["field"], transformations
    )


def _statistics(dataset: dict[str, Any]) -> dict[str, Any]:
    return {
        "outputStatistics": facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=dataset["row_count"]
        )
    }
