"""Each facet from its short form, and what is said of values that are not understood."""

# ruff: noqa: E501 - recorded messages

import msgspec
import pytest
from inline_snapshot import snapshot

from otel_bridge.model import ErrorDetail, EventType, JobRef, RunRef
from otel_bridge.openlineage.facets import BY_KEY
from tests.openlineage.conftest import Build
from tests.openlineage.transitions import PARENT, ROOT, dataset


def made(slot: str, key: str, values: dict):
    return msgspec.json.decode(msgspec.json.encode(BY_KEY[slot, key].build(values)))


CASES = {
    "jobType": ("job", "jobType", {}),
    "jobType of a service": (
        "job",
        "jobType",
        {"processing_type": "service", "integration": "X", "type": "ASSET"},
    ),
    "sql": ("job", "sql", {"sql": "select 1", "sql_dialect": "duckdb"}),
    "sourceCodeLocation": (
        "job",
        "sourceCodeLocation",
        {
            "source_code": {
                "type": "git",
                "url": "https://e.org/x",
                "repoUrl": "https://u:p@e.org",
                "pullRequestNumber": 7,
            }
        },
    ),
    "documentation": ("job", "documentation", {"documentation": "All orders"}),
    "ownership": ("job", "ownership", {"owners": ["team:a", {"name": "b", "type": "OWNER"}]}),
    "ownership of one": ("dataset", "ownership", {"owners": "team:a"}),
    "tags from a map": ("run", "tags", {"tags": {"pii": True, "tier": 3}}),
    "tags from a list": (
        "dataset",
        "tags",
        {"tags": ["x", {"key": "k", "value": "v", "source": "S", "field": "f"}]},
    ),
    "one tag": ("dataset", "tags", {"tags": {"key": "k", "value": "v"}}),
    "parent": ("run", "parent", {"parent": PARENT}),
    "parent and root": ("run", "parent", {"parent": PARENT, "root": ROOT}),
    "nominalTime": ("run", "nominalTime", {"nominal_start": "2026-11-23T01:00:00.5+01:00"}),
    "nominalTime without offset": (
        "run",
        "nominalTime",
        {"nominal_start": "2026-11-23", "nominal_end": "2026-11-24"},
    ),
    "errorMessage": ("run", "errorMessage", {"error": ErrorDetail("password='a' is wrong", "java", "at x")}),
    "processing_engine": ("run", "processing_engine", {"processing_engine": {"name": "dbt", "version": 1.9}}),
    "externalQuery": ("run", "externalQuery", {"external_query": {"id": "q", "source": "snowflake"}}),
    "schema": (
        "dataset",
        "schema",
        {
            "schema": [
                {"name": "id", "type": "int", "description": "", "ordinal_position": 1},
                {"name": "address", "type": "struct", "fields": [{"name": "city", "description": "where"}]},
            ]
        },
    ),
    "dataSource": ("dataset", "dataSource", {"source": "postgres://u:secret@h:5432"}),
    "dataSource of name and URI": (
        "dataset",
        "dataSource",
        {"source": {"name": "shop", "uri": "postgres://h:5432"}},
    ),
    "version": ("dataset", "version", {"version": 5937117119577207000}),
    "symlinks": ("dataset", "symlinks", {"symlinks": [{"namespace": "a", "name": "b", "type": "TABLE"}]}),
    "storage": ("dataset", "storage", {"storage": {"layer": "iceberg"}}),
    "columnLineage": (
        "dataset",
        "columnLineage",
        {
            "columns": {
                "a": [
                    {
                        "namespace": "n",
                        "name": "t",
                        "field": "x",
                        "transformations": [{"type": "DIRECT", "masking": True}],
                    }
                ],
                "b": [],
                "*": [{"namespace": "n", "name": "t", "field": "y", "transformations": ["INDIRECT:FILTER"]}],
            }
        },
    ),
    "lifecycleStateChange": ("dataset", "lifecycleStateChange", {"lifecycle": "create"}),
    "lifecycleStateChange of a renamed one": (
        "dataset",
        "lifecycleStateChange",
        {"lifecycle": {"change": "RENAME", "previous": {"namespace": "n", "name": "old"}}},
    ),
    "catalog": (
        "dataset",
        "catalog",
        {"catalog": {"framework": "iceberg", "type": "rest", "name": "c", "catalogProperties": {"a": 1}}},
    ),
    "inputStatistics": ("input", "inputStatistics", {"row_count": 3.0, "bytes": 0}),
    "outputStatistics": ("output", "outputStatistics", {"file_count": 2}),
    "dataQualityMetrics": (
        "input",
        "dataQualityMetrics",
        {
            "metrics": {
                "row_count": 9,
                "last_updated": "2026-11-23T00:00:00Z",
                "columns": {"a": {"null_count": 0, "distinctCount": 4, "max": 1.5, "quantiles": {"0.5": 1}}},
            }
        },
    ),
    "dataQualityMetrics without columns": ("dataset", "dataQualityMetrics", {"metrics": {"bytes": 9}}),
    "dataQualityAssertions": (
        "input",
        "dataQualityAssertions",
        {
            "assertions": [
                {
                    "assertion": "not_null",
                    "success": "true",
                    "column": "id",
                    "expected": 0,
                    "params": {"a": 1},
                }
            ]
        },
    ),
    "subset of an input": (
        "input",
        "subset",
        {"partitions": [{"identifier": "p", "dimensions": {"day": "d"}}]},
    ),
    "subset of an output": ("output", "subset", {"partitions": [{"dimensions": {}}]}),
}


def test_short_forms() -> None:
    assert {name: made(*case) for name, case in CASES.items()} == snapshot(
        {
            "jobType": {"processingType": "BATCH", "integration": "OPENTELEMETRY", "jobType": "JOB"},
            "jobType of a service": {"processingType": "SERVICE", "integration": "X", "jobType": "ASSET"},
            "sql": {"query": "select 1", "dialect": "duckdb"},
            "sourceCodeLocation": {
                "type": "git",
                "url": "https://e.org/x",
                "repoUrl": "https://u:***@e.org",
                "pullRequestNumber": "7",
            },
            "documentation": {"description": "All orders"},
            "ownership": {"owners": [{"name": "team:a"}, {"name": "b", "type": "OWNER"}]},
            "ownership of one": {"owners": [{"name": "team:a"}]},
            "tags from a map": {
                "tags": [
                    {"key": "pii", "value": "true", "source": "USER"},
                    {"key": "tier", "value": "3", "source": "USER"},
                ]
            },
            "tags from a list": {
                "tags": [
                    {"key": "x", "value": "true", "source": "USER"},
                    {"key": "k", "value": "v", "source": "S", "field": "f"},
                ]
            },
            "one tag": {"tags": [{"key": "k", "value": "v", "source": "USER"}]},
            "parent": {
                "run": {"runId": "018f0c9e-6d1c-7a4e-9a57-bbbbbbbbbbbb"},
                "job": {"namespace": "floe.prod.sales", "name": "daily"},
            },
            "parent and root": {
                "run": {"runId": "018f0c9e-6d1c-7a4e-9a57-bbbbbbbbbbbb"},
                "job": {"namespace": "floe.prod.sales", "name": "daily"},
                "root": {
                    "run": {"runId": "018f0c9e-6d1c-7a4e-9a57-cccccccccccc"},
                    "job": {"namespace": "floe.prod.sales", "name": "nightly"},
                },
            },
            "nominalTime": {"nominalStartTime": "2026-11-23T00:00:00.500000Z"},
            "nominalTime without offset": {
                "nominalStartTime": "2026-11-23T00:00:00Z",
                "nominalEndTime": "2026-11-24T00:00:00Z",
            },
            "errorMessage": {
                "message": "password='***' is wrong",
                "programmingLanguage": "java",
                "stackTrace": "at x",
            },
            "processing_engine": {"version": "1.9", "name": "dbt"},
            "externalQuery": {"externalQueryId": "q", "source": "snowflake"},
            "schema": {
                "fields": [
                    {"name": "id", "type": "int", "ordinal_position": 1},
                    {
                        "name": "address",
                        "type": "struct",
                        "fields": [{"name": "city", "description": "where"}],
                    },
                ]
            },
            "dataSource": {"name": "postgres://u:***@h:5432", "uri": "postgres://u:***@h:5432"},
            "dataSource of name and URI": {"name": "shop", "uri": "postgres://h:5432"},
            "version": {"datasetVersion": "5937117119577207000"},
            "symlinks": {"identifiers": [{"namespace": "a", "name": "b", "type": "TABLE"}]},
            "storage": {"storageLayer": "iceberg"},
            "columnLineage": {
                "fields": {
                    "a": {
                        "inputFields": [
                            {
                                "namespace": "n",
                                "name": "t",
                                "field": "x",
                                "transformations": [{"type": "DIRECT", "masking": True}],
                            }
                        ]
                    },
                    "b": {"inputFields": []},
                },
                "dataset": [
                    {
                        "namespace": "n",
                        "name": "t",
                        "field": "y",
                        "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}],
                    }
                ],
            },
            "lifecycleStateChange": {"lifecycleStateChange": "CREATE"},
            "lifecycleStateChange of a renamed one": {
                "lifecycleStateChange": "RENAME",
                "previousIdentifier": {"namespace": "n", "name": "old"},
            },
            "catalog": {"framework": "iceberg", "type": "rest", "name": "c", "catalogProperties": {"a": "1"}},
            "inputStatistics": {"rowCount": 3, "size": 0},
            "outputStatistics": {"fileCount": 2},
            "dataQualityMetrics": {
                "rowCount": 9,
                "lastUpdated": "2026-11-23T00:00:00Z",
                "columnMetrics": {
                    "a": {"nullCount": 0, "distinctCount": 4, "max": 1.5, "quantiles": {"0.5": 1}}
                },
            },
            "dataQualityMetrics without columns": {"bytes": 9, "columnMetrics": {}},
            "dataQualityAssertions": {
                "assertions": [
                    {
                        "assertion": "not_null",
                        "success": True,
                        "column": "id",
                        "expected": "0",
                        "params": {"a": 1},
                    }
                ]
            },
            "subset of an input": {
                "inputCondition": {
                    "type": "partition",
                    "partitions": [{"dimensions": {"day": "d"}, "identifier": "p"}],
                }
            },
            "subset of an output": {
                "outputCondition": {"type": "partition", "partitions": [{"dimensions": {}}]}
            },
        }
    )


BAD_DATASET_VALUES = [
    ({"schema": "id int"}, snapshot(["openlineage.inputs[0].schema: the schema must be a list, not text"])),
    ({"schema": [{"type": "int"}]}, snapshot(["openlineage.inputs[0].schema: field 1 has no `name`"])),
    (
        {"schema": [{"name": "a"}, {"name": "b", "fields": [{"name": []}]}]},
        snapshot(["openlineage.inputs[0].schema: `name` of field 2, field 1 must be text, not a list"]),
    ),
    (
        {"row_count": -1, "bytes": 7},
        snapshot(
            ["openlineage.inputs[0].row_count: `row_count` of the dataset must be between 0 and 2^63 - 1"]
        ),
    ),
    (
        {"row_count": "many", "bytes": True},
        snapshot(
            [
                "openlineage.inputs[0].row_count: `row_count` of the dataset must be a whole number, not text",
                "openlineage.inputs[0].bytes: `bytes` of the dataset must be a whole number, not a boolean",
            ]
        ),
    ),
    (
        {"source": "postgres"},
        snapshot(
            [
                "openlineage.inputs[0].source: `uri` of the source must be a URI such as postgres://host:5432, not `postgres`"
            ]
        ),
    ),
    ({"version": []}, snapshot(["openlineage.inputs[0].version: the version must be text, not a list"])),
    (
        {"symlinks": [{"namespace": "a", "name": "b"}]},
        snapshot(["openlineage.inputs[0].symlinks: symlink 1 has no `type`"]),
    ),
    (
        {"storage": {"format": "parquet"}},
        snapshot(["openlineage.inputs[0].storage: the storage has no `layer`"]),
    ),
    (
        {"columns": {"a": [{"namespace": "n", "name": "t"}]}},
        snapshot(["openlineage.inputs[0].columns: `a`, input 1 has no `field`"]),
    ),
    (
        {"columns": {"a": [{"namespace": "n", "name": "t", "field": "f", "transformations": [{}]}]}},
        snapshot(["openlineage.inputs[0].columns: transformation 1 has no `type`"]),
    ),
    (
        {"lifecycle": "RESTORED"},
        snapshot(
            [
                "openlineage.inputs[0].lifecycle: the change must be one of ALTER, CREATE, DROP, OVERWRITE, RENAME, TRUNCATE, not `RESTORED`"
            ]
        ),
    ),
    ({"owners": [{"type": "OWNER"}]}, snapshot(["openlineage.inputs[0].owners: owner 1 has no `name`"])),
    ({"documentation": ""}, snapshot(["openlineage.inputs[0].documentation: documentation is empty"])),
    ({"tags": [{"value": "x"}]}, snapshot(["openlineage.inputs[0].tags: tag 1 has no `key`"])),
    ({"tags": {"a": {"b": 1}}}, snapshot(["openlineage.inputs[0].tags: tag `a` must be text, not a map"])),
    ({"catalog": {"name": "c"}}, snapshot(["openlineage.inputs[0].catalog: the catalog has no `framework`"])),
    (
        {"metrics": {"columns": {"a": {"max": float("inf")}}}},
        snapshot(["openlineage.inputs[0].metrics: `max` of column `a` must be a finite number, not inf"]),
    ),
    (
        {"assertions": [{"assertion": "x", "success": "perhaps"}]},
        snapshot(
            ["openlineage.inputs[0].assertions: `success` of assertion 1 must be true or false, not text"]
        ),
    ),
    (
        {"partitions": [{"identifier": "p"}]},
        snapshot(
            ["openlineage.inputs[0].partitions: `dimensions` of partition 1 must be a map, not nothing"]
        ),
    ),
]


@pytest.mark.parametrize(("values", "expected"), BAD_DATASET_VALUES)
def test_bad_values_of_datasets(build: Build, values, expected) -> None:
    event, omissions = build(
        inputs=(dataset(values | {"version": "7"} if "version" not in values else values),)
    )
    assert omissions == expected
    kept = event["inputs"][0]
    assert ("version" in kept["facets"]) == ("version" not in values)
    assert set(kept["facets"]) <= {"version"}


def test_only_the_wrong_one_of_several_values_is_left_out(build: Build) -> None:
    event, omissions = build(
        inputs=(dataset({"row_count": -1, "bytes": 7}),),
        run_values={"nominal_start": "2026-11-23", "nominal_end": "soon"},
        job_values={"type": [], "integration": "DBT", "sql": "select 1", "sql_dialect": {}},
    )
    assert event["inputs"][0]["inputFacets"]["inputStatistics"]["size"] == 7
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-23T00:00:00Z"
    assert event["job"]["facets"]["jobType"]["integration"] == "DBT"
    assert event["job"]["facets"]["sql"]["query"] == "select 1"
    assert omissions == snapshot(
        [
            "openlineage.nominal_end: the end must be a time such as 2026-11-24T08:00:00Z, not `soon`",
            "openlineage.sql.dialect: the dialect must be text, not a map",
            "openlineage.job.type: the job type must be text, not a list",
            "openlineage.inputs[0].row_count: `row_count` of the dataset must be between 0 and 2^63 - 1",
        ]
    )


def test_bad_values_of_runs_and_jobs(build: Build) -> None:
    event, omissions = build(
        parent=RunRef("no uuid", JobRef("a", "b")),
        run_values={
            "processing_engine": {"name": "x"},
            "external_query": {"id": "q"},
            "nominal_end": "2026-11-23",
            "tags": 7,
            "trace": {"links": [{"traceId": "x", "spanId": "y"}]},
        },
        job_values={
            "sql_dialect": "duckdb",
            "source_code": {"url": "x" * 300},
            "owners": {},
            "processing_type": "CRON",
        },
    )
    assert omissions == snapshot(
        [
            "openlineage.external_query: the external query has no `source`",
            "openlineage.nominal_end: an end needs a start; set openlineage.nominal_start too",
            "the span's resource and links: link 1 has no ids of 32 and 16 lower-case hex digits",
            "openlineage.parent.run.id: the run id `no uuid` is not a UUID",
            "openlineage.processing_engine: the processing engine has no `version`",
            "openlineage.run.tags: tags must be a list, not a number",
            "openlineage.job.owners: owner 1 has no `name`",
            "openlineage.job.source_code: `url` of the source code has more than 255 characters",
            "openlineage.sql.dialect: a dialect needs a statement; set openlineage.sql too",
            "openlineage.job.processing_type: the processing type must be BATCH, STREAMING or SERVICE, not `CRON`",
        ]
    )
    assert set(event["run"]["facets"]) == {"otel_trace"}
    assert event["job"]["facets"]["jobType"]["processingType"] == "BATCH"


@pytest.mark.parametrize("event_type", list(EventType))
def test_error_message_is_of_failures_only(build: Build, event_type) -> None:
    event, _ = build(event_type, error=ErrorDetail("no such table", "python", "Traceback ..."))
    assert ("errorMessage" in event["run"]["facets"]) == (event_type is EventType.FAIL)


@pytest.mark.parametrize(
    ("position", "values", "expected"),
    [
        (
            "outputs",
            {"assertions": [], "row_count": 1},
            snapshot(
                (
                    {"facets": [], "inputFacets": [], "outputFacets": ["outputStatistics"]},
                    ["openlineage.outputs[0].assertions: has no place on an output"],
                )
            ),
        ),
        (
            "outputs",
            {"metrics": {"row_count": 1}},
            snapshot(({"facets": ["dataQualityMetrics"], "inputFacets": [], "outputFacets": []}, [])),
        ),
        (
            "inputs",
            {"metrics": {"row_count": 1}, "columns": {}},
            snapshot(
                ({"facets": ["columnLineage"], "inputFacets": ["dataQualityMetrics"], "outputFacets": []}, [])
            ),
        ),
    ],
)
def test_slot_by_role(build: Build, position, values, expected) -> None:
    event, omissions = build(**{position: (dataset(values),)})
    found = event[position][0]
    assert (
        {s: sorted(found.get(s, {})) for s in ("facets", "inputFacets", "outputFacets")},
        omissions,
    ) == expected


def test_column_lineage_names_its_fields_in_a_schema_if_there_is_none(build: Build) -> None:
    columns = {"a": [{"namespace": "n", "name": "t", "field": "x"}], "*": []}
    event, _ = build(outputs=(dataset({"columns": columns}),))
    assert event["outputs"][0]["facets"]["schema"]["fields"] == [{"name": "a"}]


@pytest.mark.parametrize("values", [{"schema": [{"name": "b"}]}, {"schema": "wrong"}], ids=["given", "wrong"])
def test_a_schema_that_was_given_is_not_completed(build: Build, values) -> None:
    event, _ = build(outputs=(dataset(values | {"columns": {"a": []}}),))
    assert event["outputs"][0]["facets"].get("schema", {}).get("fields") in (None, [{"name": "b"}])
