"""Whole events."""

# ruff: noqa: E501 - recorded messages

import json

import pytest
from inline_snapshot import snapshot

from otel_bridge.model import (
    Dataset,
    DatasetDescribed,
    ErrorDetail,
    EventType,
    Evidence,
    JobDescribed,
    JobRef,
    Omission,
    State,
)
from otel_bridge.openlineage import EventBuilder, facet_schemas
from otel_bridge.settings import Api, Settings, Trace
from tests.openlineage.conftest import Build
from tests.openlineage.transitions import PARENT, ROOT, changed, dataset

EVIDENCE = Evidence("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "bridge.dataset")
AT = 1_790_000_010_123_456_789


def test_minimal(build: Build, openlineage_spec) -> None:
    event, omissions = build()
    openlineage_spec.check(event)
    assert omissions == []
    assert event == snapshot(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-09-21T14:13:30.123456Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {
                "runId": "018f0c9e-6d1c-7a4e-9a57-aaaaaaaaaaaa",
                "facets": {
                    "otel_trace": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "http://127.0.0.1:4319/facets/1-0-0/OtelTraceRunFacet.json#/$defs/OtelTraceRunFacet",
                        "traceId": "0af7651916cd43dd8448eb211c80319c",
                        "spanId": "b7ad6b7169203331",
                        "traceUrl": "http://127.0.0.1:16686/trace/0af7651916cd43dd8448eb211c80319c?uiFind=b7ad6b7169203331",
                    }
                },
            },
            "job": {
                "namespace": "floe.prod.sales",
                "name": "daily.orders",
                "facets": {
                    "jobType": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
                        "processingType": "BATCH",
                        "integration": "OPENTELEMETRY",
                        "jobType": "JOB",
                    }
                },
            },
            "inputs": [],
            "outputs": [],
        }
    )


def test_full(build: Build, openlineage_spec) -> None:
    event, omissions = build(
        EventType.FAIL,
        parent=PARENT,
        root=ROOT,
        error=ErrorDetail("no such table", "python", "Traceback ..."),
        run_values={
            "trace": {
                "flags": 257,
                "service_name": "shop",
                "links": [{"traceId": "a" * 32, "spanId": "b" * 16}],
            }
        },
        job_values={"sql": "select 1"},
        inputs=(dataset({"row_count": 7}),),
        outputs=(dataset({"schema": [{"name": "a"}]}, output_facets={"acme": {"x": 1}}),),
    )
    openlineage_spec.check(event)
    assert omissions == []
    assert event == snapshot(
        {
            "eventType": "FAIL",
            "eventTime": "2026-09-21T14:13:30.123456Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {
                "runId": "018f0c9e-6d1c-7a4e-9a57-aaaaaaaaaaaa",
                "facets": {
                    "errorMessage": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
                        "message": "no such table",
                        "programmingLanguage": "python",
                        "stackTrace": "Traceback ...",
                    },
                    "otel_trace": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "http://127.0.0.1:4319/facets/1-0-0/OtelTraceRunFacet.json#/$defs/OtelTraceRunFacet",
                        "traceId": "0af7651916cd43dd8448eb211c80319c",
                        "spanId": "b7ad6b7169203331",
                        "traceFlags": "01",
                        "serviceName": "shop",
                        "traceUrl": "http://127.0.0.1:16686/trace/0af7651916cd43dd8448eb211c80319c?uiFind=b7ad6b7169203331",
                        "links": [
                            {"traceId": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "spanId": "bbbbbbbbbbbbbbbb"}
                        ],
                    },
                    "parent": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
                        "run": {"runId": "018f0c9e-6d1c-7a4e-9a57-bbbbbbbbbbbb"},
                        "job": {"namespace": "floe.prod.sales", "name": "daily"},
                        "root": {
                            "run": {"runId": "018f0c9e-6d1c-7a4e-9a57-cccccccccccc"},
                            "job": {"namespace": "floe.prod.sales", "name": "nightly"},
                        },
                    },
                },
            },
            "job": {
                "namespace": "floe.prod.sales",
                "name": "daily.orders",
                "facets": {
                    "sql": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet",
                        "query": "select 1",
                    },
                    "jobType": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
                        "processingType": "BATCH",
                        "integration": "OPENTELEMETRY",
                        "jobType": "JOB",
                    },
                },
            },
            "inputs": [
                {
                    "namespace": "postgres://db.example:5432",
                    "name": "shop.public.orders",
                    "facets": {},
                    "inputFacets": {
                        "inputStatistics": {
                            "_producer": "https://example.org/etl",
                            "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet",
                            "rowCount": 7,
                        }
                    },
                }
            ],
            "outputs": [
                {
                    "namespace": "postgres://db.example:5432",
                    "name": "shop.public.orders",
                    "facets": {
                        "schema": {
                            "_producer": "https://example.org/etl",
                            "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
                            "fields": [{"name": "a"}],
                        }
                    },
                    "outputFacets": {
                        "acme": {
                            "_producer": "https://example.org/etl",
                            "_schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/OutputDatasetFacet",
                            "x": 1,
                        }
                    },
                }
            ],
        }
    )


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_type_has_everything_that_is_known(build: Build, openlineage_spec, event_type) -> None:
    event, _ = build(event_type, parent=PARENT, inputs=(dataset(),), outputs=(dataset({"row_count": 1}),))
    openlineage_spec.check(event)
    assert event["eventType"] == event_type
    assert event["run"]["facets"]["parent"]["run"]["runId"] == PARENT.run_id
    assert len(event["inputs"]) == len(event["outputs"]) == 1


def test_order_of_keys(settings: Settings) -> None:
    event = json.loads(EventBuilder(settings).build(changed(inputs=(dataset({"row_count": 1}),))).body)
    assert list(event) == [
        "eventType",
        "eventTime",
        "producer",
        "schemaURL",
        "run",
        "job",
        "inputs",
        "outputs",
    ]
    assert list(event["inputs"][0]) == ["namespace", "name", "facets", "inputFacets"]
    assert list(event["run"]["facets"]["otel_trace"])[:2] == ["_producer", "_schemaURL"]


def test_the_event_beside_its_body(settings: Settings) -> None:
    event = EventBuilder(settings).build(changed(parent=PARENT, omissions=(Omission("a", "b"),)))
    found = (
        event.type,
        event.key,
        event.parent_key,
        event.job_namespace,
        event.job_name,
        event.event_time_ns,
    )
    assert found == ("COMPLETE", changed().run.run_id, PARENT.run_id, "floe.prod.sales", "daily.orders", AT)
    assert (event.trace_id, event.span_id) == (EVIDENCE.trace_id, EVIDENCE.span_id)
    assert event.omissions == (Omission("a", "b"),)


def test_same_transition_same_bytes(settings: Settings) -> None:
    """Also when the builder has seen it before, and when the values are equal but other objects."""
    builder = EventBuilder(settings)

    def build(using: EventBuilder):
        bad = dataset({"schema": [{"name": "a"}], "row_count": -1}, facets={"x": 7})
        return using.build(changed(inputs=(bad,), outputs=(bad,)))

    events = [build(builder), build(builder), build(EventBuilder(settings))]
    assert events[0] == events[1] == events[2]
    again = changed(inputs=(dataset({"row_count": -1}),))
    assert builder.build(again) == builder.build(again)


def test_dataset_event(settings: Settings, openlineage_spec) -> None:
    values = {"documentation": "All orders", "metrics": {"row_count": 1}, "row_count": 1, "assertions": []}
    event = EventBuilder(settings).build(
        DatasetDescribed(EVIDENCE, AT, dataset(values, input_facets={"acme": {}}))
    )
    openlineage_spec.check(event.body)
    assert (event.type, event.key) == ("DATASET", "dataset:postgres://db.example:5432/shop.public.orders")
    assert json.loads(event.body) == snapshot(
        {
            "eventTime": "2026-09-21T14:13:30.123456Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
            "dataset": {
                "namespace": "postgres://db.example:5432",
                "name": "shop.public.orders",
                "facets": {
                    "documentation": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
                        "description": "All orders",
                    },
                    "dataQualityMetrics": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/DataQualityMetricsDatasetFacet.json#/$defs/DataQualityMetricsDatasetFacet",
                        "rowCount": 1,
                        "columnMetrics": {},
                    },
                },
            },
        }
    )
    assert [f"{o.path}: {o.reason}" for o in event.omissions] == snapshot(
        [
            "openlineage.dataset.inputFacets.acme: a dataset outside a run has no inputFacets",
            "openlineage.dataset.row_count: has no place on a dataset outside a run",
            "openlineage.dataset.assertions: has no place on a dataset outside a run",
        ]
    )


def test_job_event(settings: Settings, openlineage_spec) -> None:
    described = JobDescribed(
        EVIDENCE,
        AT,
        JobRef("n", "load"),
        inputs=(dataset(),),
        job_values={"documentation": "Loads"},
        job_facets={"parent": {}},
    )
    event = EventBuilder(settings).build(described)
    openlineage_spec.check(event.body)
    assert (event.type, event.key, event.job_name) == ("JOB", "job:n/load", "load")
    assert json.loads(event.body) == snapshot(
        {
            "eventTime": "2026-09-21T14:13:30.123456Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
            "job": {
                "namespace": "n",
                "name": "load",
                "facets": {
                    "documentation": {
                        "_producer": "https://example.org/etl",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet",
                        "description": "Loads",
                    }
                },
            },
            "inputs": [
                {"namespace": "postgres://db.example:5432", "name": "shop.public.orders", "facets": {}}
            ],
            "outputs": [],
        }
    )
    assert [f"{o.path}: {o.reason}" for o in event.omissions] == snapshot(
        ["openlineage.job.facets.parent: is no facet of a job outside a run; it belongs under run.facets"]
    )


def test_datasets_without_identity_are_left_out(build: Build) -> None:
    event, omissions = build(inputs=(Dataset("", "a"), Dataset("n", "\ud800"), Dataset("n", "b")))
    assert [d["name"] for d in event["inputs"]] == ["b"]
    assert omissions == snapshot(
        [
            "openlineage.inputs[0]: a dataset needs a namespace and a name that are Unicode text",
            "openlineage.inputs[1]: a dataset needs a namespace and a name that are Unicode text",
        ]
    )


def test_names_that_are_not_unicode_are_replaced(build: Build) -> None:
    event, _ = build(job=JobRef("n", "a\ud800"))
    assert event["job"]["name"] == "a?"


def test_own_facet_points_to_the_schema_that_is_served(openlineage_spec) -> None:
    settings = Settings(data_dir="", api=Api(public_url="https://lineage.example.org/"))
    event = json.loads(EventBuilder(settings).build(changed()).body)
    url = event["run"]["facets"]["otel_trace"]["_schemaURL"].partition("#")[0]
    assert url == "https://lineage.example.org/facets/1-0-0/OtelTraceRunFacet.json"
    assert facet_schemas(settings)["OtelTraceRunFacet"]["$id"] == url
    openlineage_spec.check(event)


def test_without_a_configured_link_there_is_none(build: Build) -> None:
    event, _ = build(settings=Settings(data_dir=""))
    assert "traceUrl" not in event["run"]["facets"]["otel_trace"]


def test_a_link_that_is_no_uri_is_left_out(build: Build) -> None:
    event, omissions = build(settings=Settings(data_dir="", trace=Trace(url="jaeger/{trace_id}")))
    assert event["run"]["facets"]["otel_trace"]["traceId"] == EVIDENCE.trace_id
    assert omissions == snapshot(
        [
            "trace.url of the configuration: trace.url must be a URI such as postgres://host:5432, not `jaeger/0af7651916cd43dd8448eb211c80319c`"
        ]
    )


def test_a_producer_that_is_no_uri_is_refused() -> None:
    with pytest.raises(ValueError, match="not a URI"):
        EventBuilder(Settings(data_dir="", producer="acme"))


def test_a_skipped_run_says_so_whatever_its_other_tags_are(build: Build, openlineage_spec) -> None:
    skipped = {"key": "run_state", "value": "SKIP", "source": "OTEL_BRIDGE"}
    given = {"tags": {"tags": [{"key": "a", "value": "b"}]}}
    for run, count in (({}, 1), ({"run_values": {"tags": 7}}, 1), ({"run_facets": given}, 2)):
        event, _ = build(EventType.ABORT, state=State.SKIP, **run)
        openlineage_spec.check(event)
        assert skipped in event["run"]["facets"]["tags"]["tags"]
        assert len(event["run"]["facets"]["tags"]["tags"]) == count
