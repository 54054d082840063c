"""Facets given in OpenLineage's own shape: kept as they are if they conform, left out with a reason otherwise."""

import pytest
from inline_snapshot import snapshot

from otel_bridge.openlineage.core import BASE_FACETS
from otel_bridge.openlineage.facets import FACETS
from tests.openlineage.conftest import Build
from tests.openlineage.transitions import RUN_ID, dataset

OWN = {"_producer": "https://acme.example", "_schemaURL": "https://acme.example/schema.json"}


def test_given_wins_over_the_short_form(build: Build) -> None:
    given = {"fields": [{"name": "id", "type": "int"}], "extra": {"kept": [1, None]}}
    event, omissions = build(inputs=(dataset({"schema": [{"name": "other"}]}, facets={"schema": given}),))
    assert omissions == []
    assert event["inputs"][0]["facets"]["schema"] == {
        "_producer": "https://example.org/etl",
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
        **given,
    }


def test_the_short_form_is_used_if_the_given_facet_is_wrong(build: Build) -> None:
    event, omissions = build(job_values={"sql": "select 1"}, job_facets={"sql": {"query": 17}})
    assert event["job"]["facets"]["sql"]["query"] == "select 1"
    assert omissions == snapshot(
        ["openlineage.job.facets.sql: is not what the specification says: query: expected `str`, got `int`"]
    )


def test_own_producer_and_schema_stay(build: Build) -> None:
    event, _ = build(
        run_facets={"acme": OWN | {"x": 1}, "environmentVariables": OWN | {"environmentVariables": []}}
    )
    assert event["run"]["facets"]["acme"] == OWN | {"x": 1}
    assert event["run"]["facets"]["environmentVariables"]["_schemaURL"] == OWN["_schemaURL"]


def test_unknown_facets_get_the_base_schema_of_their_slot(build: Build) -> None:
    event, _ = build(
        run_facets={"acme": {}},
        job_facets={"acme": {}},
        inputs=(dataset(facets={"acme": {}}, input_facets={"acme": {}}),),
        outputs=(dataset(output_facets={"acme": {}}),),
    )
    found = {
        "run": event["run"]["facets"],
        "job": event["job"]["facets"],
        "dataset": event["inputs"][0]["facets"],
        "input": event["inputs"][0]["inputFacets"],
        "output": event["outputs"][0]["outputFacets"],
    }
    assert {slot: facets["acme"]["_schemaURL"] for slot, facets in found.items()} == BASE_FACETS


def test_nulls_are_absent(build: Build) -> None:
    given = {"schema": {"fields": [{"name": "a", "type": None}], "note": None}, "version": None}
    event, omissions = build(inputs=(dataset(facets=given),))
    assert event["inputs"][0]["facets"]["schema"]["fields"] == [{"name": "a"}]
    assert "version" not in event["inputs"][0]["facets"]
    assert omissions == []


def test_secrets_are_masked_in_given_facets_too(build: Build) -> None:
    event, _ = build(
        job_facets={
            "sql": {"query": "ALTER USER a PASSWORD 'hunter2'"},
            "sourceCode": {"language": "python", "sourceCode": "password='hunter2'"},
        },
        run_facets={"errorMessage": {"message": "postgres://a:hunter2@h", "programmingLanguage": "python"}},
        inputs=(dataset(facets={"dataSource": {"uri": "postgres://a:hunter2@h"}}),),
    )
    assert "hunter2" not in str(event)


def test_tags_of_both_kinds_are_joined(build: Build) -> None:
    event, _ = build(
        run_values={"tags": [{"key": "run_state", "value": "SKIP", "source": "BRIDGE"}, "a"]},
        run_facets={"tags": {"tags": [{"key": "a", "value": "given"}]}},
    )
    assert [(t["key"], t["value"]) for t in event["run"]["facets"]["tags"]["tags"]] == [
        ("a", "given"),
        ("run_state", "SKIP"),
    ]


WRONG_SLOT = [
    (
        "inputs",
        {"facets": {"inputStatistics": {"rowCount": 1}}},
        snapshot(({"facets": [], "inputFacets": ["inputStatistics"], "outputFacets": []}, [])),
    ),
    (
        "outputs",
        {"facets": {"outputStatistics": {"rowCount": 1}}},
        snapshot(({"facets": [], "inputFacets": [], "outputFacets": ["outputStatistics"]}, [])),
    ),
    (
        "outputs",
        {"output_facets": {"dataQualityMetrics": {"columnMetrics": {}}}},
        snapshot(({"facets": ["dataQualityMetrics"], "inputFacets": [], "outputFacets": []}, [])),
    ),
    (
        "inputs",
        {"facets": {"dataQualityAssertions": {"assertions": []}}},
        snapshot(({"facets": [], "inputFacets": ["dataQualityAssertions"], "outputFacets": []}, [])),
    ),
    (
        "inputs",
        {"input_facets": {"schema": {"fields": []}}, "facets": {"schema": {"fields": []}}},
        snapshot(
            (
                {"facets": ["schema"], "inputFacets": [], "outputFacets": []},
                ["openlineage.inputs[0].inputFacets.schema: is given under facets too, where it belongs"],
            )
        ),
    ),
    (
        "outputs",
        {"facets": {"dataQualityAssertions": {"assertions": []}}},
        snapshot(
            (
                {"facets": [], "inputFacets": [], "outputFacets": []},
                [
                    "openlineage.outputs[0].facets.dataQualityAssertions: is no facet of an output; it belongs under inputFacets"
                ],
            )
        ),
    ),
    (
        "outputs",
        {"facets": {"inputStatistics": {"rowCount": 1}}},
        snapshot(
            (
                {"facets": [], "inputFacets": [], "outputFacets": []},
                [
                    "openlineage.outputs[0].facets.inputStatistics: is no facet of an output; it belongs under inputFacets"
                ],
            )
        ),
    ),
    (
        "outputs",
        {"input_facets": {"acme": {}}},
        snapshot(
            (
                {"facets": [], "inputFacets": [], "outputFacets": []},
                ["openlineage.outputs[0].inputFacets.acme: an output has no inputFacets"],
            )
        ),
    ),
    (
        "inputs",
        {"facets": {"sql": {"query": "x"}}},
        snapshot(
            (
                {"facets": [], "inputFacets": [], "outputFacets": []},
                ["openlineage.inputs[0].facets.sql: is no facet of an input; it belongs under job.facets"],
            )
        ),
    ),
]


@pytest.mark.parametrize(("role", "slots", "expected"), WRONG_SLOT)
def test_wrong_slots_of_datasets(build: Build, openlineage_spec, role, slots, expected) -> None:
    event, omissions = build(**{role: (dataset(**slots),)})
    openlineage_spec.check(event)
    found = event[role][0]
    assert (
        {s: sorted(found.get(s, {})) for s in ("facets", "inputFacets", "outputFacets")},
        omissions,
    ) == expected


def test_wrong_slots_of_runs_and_jobs(build: Build) -> None:
    event, omissions = build(
        run_facets={"sql": {"query": "select 1"}, "schema": {"fields": []}},
        job_facets={"nominalTime": {"nominalStartTime": "2026-11-23T00:00:00Z"}, "tags": {"tags": []}},
    )
    assert "sql" in event["job"]["facets"]
    assert "nominalTime" in event["run"]["facets"]
    assert omissions == snapshot(
        ["openlineage.run.facets.schema: is no facet of a run; it belongs under facets"]
    )


BAD = [
    (
        "run",
        "nominalTime",
        {"nominalStartTime": "2026-11-23"},
        snapshot(
            "is not what the specification says: nominalStartTime: expected a time in RFC 3339 form, such as 2026-11-24T08:00:00Z"
        ),
    ),
    (
        "run",
        "parent",
        {"run": {"runId": "x"}, "job": {"namespace": "a", "name": "b"}},
        snapshot("is not what the specification says: run.runId: expected a UUID"),
    ),
    (
        "run",
        "parent",
        {"run": {"runId": RUN_ID, "facets": {"x": {}}}, "job": {"namespace": "a", "name": "b"}},
        snapshot(
            "is not what the specification says: run.facets[...]: object missing required field `_producer`"
        ),
    ),
    (
        "run",
        "executionParameters",
        {"parameters": [{"key": "a", "more": 1}]},
        snapshot("is not what the specification says: parameters[0]: object contains unknown field `more`"),
    ),
    (
        "run",
        "extractionError",
        {"totalTasks": 1.5, "failedTasks": 0, "errors": []},
        snapshot(
            "is not what the specification says: totalTasks: expected a whole number of at most 64 bits"
        ),
    ),
    (
        "run",
        "test",
        {"tests": [{"name": "a"}]},
        snapshot("is not what the specification says: tests[0]: object missing required field `status`"),
    ),
    (
        "run",
        "otel_trace",
        {"traceId": "0AF7", "spanId": "b7ad6b7169203331"},
        snapshot(
            "is not what the specification says: traceId: expected `str` matching regex '^[0-9a-f]{32}$'"
        ),
    ),
    (
        "job",
        "jobType",
        {
            "processingType": "BATCH",
            "integration": "X",
            "emissionPattern": {"eventTrigger": "a", "eventContentMode": "b", "windowDuration": 0},
        },
        snapshot("is not what the specification says: emissionPattern.windowDuration: expected `int` >= 1"),
    ),
    (
        "job",
        "sourceCodeLocation",
        {"type": "git", "url": "no uri"},
        snapshot("is not what the specification says: url: expected a URI"),
    ),
    (
        "job",
        "lineage",
        {"entries": [{"type": "JOB", "namespace": "a"}]},
        snapshot(
            "is not what the specification says: entries[0]: expected both `namespace` and `name`, or neither"
        ),
    ),
    ("job", "acme", "text", snapshot("a facet must be a map, not text")),
    (
        "job",
        "acme",
        {"_producer": "acme"},
        snapshot("_producer is not a URI; leave it out and the bridge sets it"),
    ),
    (
        "job",
        "acme",
        {"_deleted": "yes"},
        snapshot("is not what the specification says: _deleted: expected `bool`, got `str`"),
    ),
    ("job", "", {}, snapshot("the key of a facet must be Unicode text that is not empty")),
    ("job", "acme", {"a": "\ud800"}, snapshot("has a text that is not Unicode")),
    (
        "dataset",
        "lifecycleStateChange",
        {"lifecycleStateChange": "create"},
        snapshot("is not what the specification says: lifecycleStateChange: invalid enum value 'create'"),
    ),
    (
        "dataset",
        "version",
        {"datasetVersion": 7},
        snapshot("is not what the specification says: datasetVersion: expected `str`, got `int`"),
    ),
    (
        "dataset",
        "columnLineage",
        {"fields": {"a": {"inputFields": [{"name": "x"}]}}},
        snapshot(
            "is not what the specification says: fields[...].inputFields[0]: object missing required field `namespace`"
        ),
    ),
    (
        "input",
        "inputStatistics",
        {"rowCount": float("nan")},
        snapshot("is not what the specification says: rowCount: expected a number"),
    ),
    (
        "input",
        "inputStatistics",
        {"rowCount": 2**70},
        snapshot("is not what the specification says: rowCount: expected a whole number of at most 64 bits"),
    ),
    (
        "input",
        "subset",
        {"inputCondition": {"type": "odd"}},
        snapshot("is not what the specification says: inputCondition.type: invalid value 'odd'"),
    ),
    (
        "input",
        "subset",
        {"inputCondition": {"type": "location", "locations": []}, "outputCondition": {}},
        snapshot("is not what the specification says: expected no `outputCondition` on an input"),
    ),
    (
        "input",
        "icebergScanReport",
        {"snapshotId": "7"},
        snapshot("is not what the specification says: snapshotId: expected a number"),
    ),
]


@pytest.mark.parametrize(("slot", "key", "facet", "expected"), BAD)
def test_bad_facets(build: Build, openlineage_spec, slot, key, facet, expected) -> None:
    facets = {key: facet}
    places = {
        "run": {"run_facets": facets},
        "job": {"job_facets": facets},
        "dataset": {"inputs": (dataset(facets=facets),)},
        "input": {"inputs": (dataset(input_facets=facets),)},
    }
    event, omissions = build(**places[slot])
    openlineage_spec.check(event)
    assert len(omissions) == 1
    assert omissions[0].split(": ", 1)[1] == expected


def test_deep_nesting_is_left_out(build: Build) -> None:
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    less: dict = {}
    for _ in range(70):
        less = {"a": less}
    event, omissions = build(run_facets={"deep": deep, "less": less, "wide": {"a": [{}] * 200}})
    assert set(event["run"]["facets"]) == {"wide", "otel_trace"}
    assert [o.partition(": ")[2] for o in omissions] == ["is nested more than 64 levels deep"] * 2


@pytest.mark.parametrize("facet", [f for f in FACETS if not f.build], ids=lambda f: f.key)
def test_facets_without_short_form_are_passed_on(build: Build, openlineage_spec, facet) -> None:
    facets = {facet.key: facet.example}
    places = {
        "run": {"run_facets": facets},
        "job": {"job_facets": facets},
        "dataset": {"inputs": (dataset(facets=facets),)},
        "input": {"inputs": (dataset(input_facets=facets),)},
        "output": {"outputs": (dataset(output_facets=facets),)},
    }
    event, omissions = build(**places[facet.slot])
    openlineage_spec.check(event)
    assert omissions == []
    assert f"'{facet.key}'" in str(event)
