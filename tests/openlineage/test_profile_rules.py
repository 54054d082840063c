"""Each rule of each profile does what it says; the source of a rule is told when its check fails."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from profile_events import (
    PRODUCER,
    RUNS,
    Json,
    body,
    dataset,
    event,
    facet,
    got,
    parent,
    parent_name,
    schema,
    sent,
)

from otel_bridge.model import Event
from otel_bridge.openlineage.facets import run_otel_trace
from otel_bridge.openlineage.profiles import PROFILES, prepare
from otel_bridge.settings import Consumer, ProfileName, Size

RULES = {rule.id: (profile.name, rule) for profile in PROFILES.values() for rule in profile.rules}


def takes(*types: str) -> Callable[[ProfileName], None]:
    def check(profile: ProfileName) -> None:
        every = [body(kind) for kind in ("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER")]
        static_job = {key: value for key, value in body().items() if key not in {"eventType", "run"}}
        static_dataset = {"eventTime": "2026-11-24T10:00:00Z", "producer": PRODUCER, "dataset": dataset()}
        for found in [*every, static_job, static_dataset]:
            kind, prepared = event(found).type, sent(profile, found)
            if kind in types:
                assert prepared.skipped == ""
                assert prepared.body
            else:
                assert (prepared.body, prepared.skipped) == (b"", f"{kind} events are not wanted")

    return check


def marquez_parent_path(profile: ProfileName) -> None:
    found = body(run={"parent": parent("task", root="dag")}, name="sub")
    assert parent_name(got(profile, found, "dag.group.task")) == "dag.group.task"
    assert parent_name(got(profile, found)) == "dag.task", "the log knows nothing: below the root"
    assert got(profile, found)["job"]["name"] == "sub"
    full = body(run={"parent": parent("dag.task", root="dag")})
    assert sent(profile, full).body == event(full).body
    top = body(run={"parent": facet(run={"runId": "p"}, job={"namespace": "ns", "name": "dag"})})
    assert sent(profile, top).body == event(top).body
    nested = got(profile, body(run={"parent": parent("dag")}, name="dag.task"), "top.dag")
    assert (parent_name(nested), nested["job"]["name"]) == ("top.dag", "top.dag.task")
    alike = got(profile, body(run={"parent": parent("a.b")}, name="a.b"))
    assert (parent_name(alike), alike["job"]["name"]) == ("a.b", "a.b.a.b")


def marquez_namespace_characters(profile: ProfileName) -> None:
    source = {"namespace": "db #1", "name": "orders", "field": "a"}
    facets = {
        "columnLineage": facet(fields={"namespace": {"inputFields": [source]}}),
        "symlinks": facet(identifiers=[{"namespace": "a#b", "name": "x", "type": "TABLE"}]),
        "acme_own": facet(namespace="a#b"),
    }
    found = body(
        namespace="my team",
        run={"parent": parent(root="top", namespace="my team")},
        inputs=[dataset(namespace="db #1")],
        outputs=[dataset("daily", "s3://bucket", **facets)],
    )
    text = json.dumps(got(profile, found))
    assert ("my team" in text, "db #1" in text, text.count("my_team"), text.count("db__1")) == (
        False,
        False,
        3,
        2,
    )
    made = got(profile, found)["outputs"][0]
    assert made["namespace"] == "s3://bucket"
    assert made["facets"]["symlinks"]["identifiers"][0]["namespace"] == "a_b"
    assert made["facets"]["acme_own"] == facets["acme_own"], "custom facets are the producer's"
    fine = body(namespace="a.b-c_d:e/f@g+h")
    assert sent(profile, fine).body == event(fine).body


def sheds(found: Json, fits: Json, name: str) -> Callable[[ProfileName], None]:
    def check(profile: ProfileName) -> None:
        assert sent(profile, fits).shed == ()
        prepared = sent(profile, found)
        assert prepared.shed == (name,)
        tags = json.loads(prepared.body)["run"]["facets"]["tags"]["tags"]
        assert tags == [{"key": "otel_bridge.shed", "value": name, "source": "OTEL_BRIDGE"}]

    return check


def storable(where: str, **facets: Json) -> tuple[Json, Json, str]:
    """The event with the first of two facets, the one with the second, and the name of what is shed."""
    bad, good = facets.values()
    return (
        body(outputs=[dataset("d", **{where: bad})]),
        body(outputs=[dataset("d", **{where: good})]),
        f"dataset.{where}",
    )


def identified(**fields: str) -> Json:
    return facet(identifiers=[{"namespace": "n", "name": "x", "type": "TABLE"} | fields])


def columns(**field: Any) -> Json:
    return facet(fields={"a": {"inputFields": [], **field}})


def marquez_field_name(profile: ProfileName) -> None:
    sheds(with_field(256), with_field(255), "dataset.schema")(profile)
    quoted = schema(('"' * 256, "int"))
    assert sent(profile, body(outputs=[dataset("d", schema=quoted)])).shed == ("dataset.schema",)
    for name in ("", " "):
        assert sent(profile, body(outputs=[dataset("d", schema=schema((name, "int")))])).shed == (
            "dataset.schema",
        )


def marquez_symlink_namespace(profile: ProfileName) -> None:
    for bad in (identified(namespace="x" * 1025), identified(namespace=""), facet(identifiers=[None])):
        sheds(*storable("symlinks", bad=bad, good=identified(namespace="x" * 1024)))(profile)


def marquez_column_references(profile: ProfileName) -> None:
    source = {"namespace": "db", "name": "orders", "field": "a"}
    for bad in (*({**source, key: None} for key in source), *({**source, key: ""} for key in source), None):
        sheds(
            *storable(
                "columnLineage", bad=columns(inputFields=[source, bad]), good=columns(inputFields=[source])
            )
        )(profile)


def marquez_source_name(profile: ProfileName) -> None:
    for bad in ({"uri": "x://y"}, {"name": " "}, {"name": None}, {"name": "x" * 2601}):
        sheds(*storable("dataSource", bad=facet(**bad), good=facet(name="x" * 2600)))(profile)


def marquez_nul(profile: ProfileName) -> None:
    given = body(
        name="a\0b", job={"sql": facet(query="'\0' \\u0000 \\\0")}, inputs=[dataset(namespace="n\0")]
    )
    made = got(profile, given)
    assert made["job"]["name"] == "a\ufffdb"
    assert made["job"]["facets"]["sql"]["query"] == "'\ufffd' \\u0000 \\\ufffd"
    assert made["inputs"][0]["namespace"] == "n_"
    plain = body(job={"sql": facet(query="\\u0000")})
    assert sent(profile, plain).body is not None
    assert got(profile, plain) == plain


def marquez_transformations(profile: ProfileName) -> None:
    def made(*inputs: list[Json], **given: str) -> tuple[Any, Any]:
        fields = [{"namespace": "db", "name": "t", "field": "f", "transformations": one} for one in inputs]
        lineage = facet(fields={"a": {"inputFields": fields, **given}})
        output = got(profile, body(outputs=[dataset("d", columnLineage=lineage)]))["outputs"][0]
        found = output["facets"]["columnLineage"]["fields"]["a"]
        assert found["inputFields"] == fields
        return found.get("transformationType"), found.get("transformationDescription")

    same = {"type": "DIRECT", "subtype": "IDENTITY"}
    total = {"type": "DIRECT", "subtype": "AGGREGATION", "description": "sum(f)"}
    assert made([same], [same]) == ("IDENTITY", "DIRECT IDENTITY")
    assert made([same], [total]) == (None, "DIRECT IDENTITY; DIRECT AGGREGATION: sum(f)")
    assert made([same], []) == (None, "DIRECT IDENTITY")
    assert made([same | {"masking": True}]) == ("MASKED", "DIRECT IDENTITY")
    assert made([same], transformationType="MASKED") == ("MASKED", None)
    assert made([]) == (None, None)


def marquez_names(profile: ProfileName) -> None:
    def refused(found: Json) -> str:
        return sent(profile, found).refused

    under = {"parent": parent("p" * 600)}
    fits = [
        body(name="j" * 1198),
        body(name="j" * 597, run=under),
        body(namespace="n" * 1024),
        body(inputs=[dataset("d" * 2598, "db")]),
    ]
    assert [refused(found) for found in fits] == [""] * 4
    assert refused(body(name="j" * 1199)) == (
        "namespace and name of the job have 1201 bytes, and the consumer takes 1200; shorten them"
    )
    assert "of the job have 1201 bytes" in refused(body(name="j" * 598, run=under))
    assert "of an input have 2602 bytes" in refused(body(inputs=[dataset("ü" * 1300, "db")]))
    assert "the namespace of the job has 1025 characters" in refused(body(namespace="n" * 1025))
    assert "the namespace of an output has 1025" in refused(body(outputs=[dataset("d", "n" * 1025)]))
    assert refused(body(outputs=[dataset(" ")])) == "the name of an output is blank; correct what emits it"
    assert "the name of the dataset is blank" in refused({"producer": PRODUCER, "dataset": dataset(" ")})


def marquez_start_outputs(profile: ProfileName) -> None:
    schema_url = f"https://b.example{run_otel_trace.SCHEMA_URL}"
    ours = {"otel_trace": facet(traceId="1" * 32) | {"_schemaURL": schema_url}}
    big = dataset("daily", schema=schema(("a", "int")))
    assert got(profile, body("START", run=ours, outputs=[big]))["outputs"] == []
    assert got(profile, body("START", run=ours, outputs=[big]))["inputs"] == [dataset()]
    for kind in ("COMPLETE", "FAIL", "ABORT"):
        assert got(profile, body(kind, run=ours, outputs=[big]))["outputs"] == [big]
    for theirs in ({}, {"otel_trace": facet(traceId="1" * 32)}):
        assert sent(profile, body("START", run=theirs)).body == event(body("START", run=theirs)).body
    batch, streaming = (
        facet(processingType=kind, integration="X", jobType="JOB") for kind in ("BATCH", "Streaming")
    )
    assert got(profile, body("START", run=ours, job={"jobType": batch}))["outputs"] == []
    assert got(profile, body("START", run=ours, job={"jobType": streaming}))["outputs"] == [dataset("daily")]
    without = sent(profile, body("START", run=ours, outputs=[big]), max_event=Size(100))
    assert "dataset.schema" not in without.shed


def located(length: int) -> Json:
    return body(job={"sourceCodeLocation": facet(type="git", url="https://h/".ljust(length, "x"))})


def with_field(length: int) -> Json:
    return body(outputs=[dataset("daily", schema=schema(("ok", "int"), ("ü" * length, "int")))])


def datahub_engine(profile: ProfileName) -> None:
    def engine(**facets: Any) -> Json:
        return got(profile, body(**facets))["run"]["facets"]["processing_engine"]

    dbt = facet(processingType="BATCH", integration="DBT", jobType="MODEL")
    assert engine(job={"jobType": dbt})["name"] == "dbt"
    assert engine(job={"jobType": dbt})["version"] == "unknown"
    assert engine()["name"] == "etl"
    assert engine(run={"processing_engine": facet(version="3.5")}) == facet(version="3.5", name="etl")
    assert engine(run={"processing_engine": facet(version="3.5", name="spark")}) == facet(
        version="3.5", name="spark"
    )


def datahub_parent_producer(profile: ProfileName) -> None:
    def producer(given: str) -> str:
        found = body(run={"parent": {**parent(), "_producer": given}})
        return got(profile, found)["run"]["facets"]["parent"]["_producer"]

    prefix = "https://github.com/OpenLineage/OpenLineage/tree/"
    assert producer(PRODUCER) == f"{prefix}main/integration/etl"
    assert producer(f"{prefix}1.54.0/integration/spark") == f"{prefix}1.54.0/integration/spark"
    assert producer("https://github.com/apache/airflow/tree/x") == "https://github.com/apache/airflow/tree/x"
    assert producer(f"{prefix}1.54.0/client/python") == f"{prefix}main/integration/etl"


def datahub_lower_case_types(profile: ProfileName) -> None:
    fields = [{"name": "A", "type": "STRUCT", "fields": [{"name": "TYPE", "type": "VarChar(10)"}]}]
    found = body(
        inputs=[dataset(schema=facet(fields=fields))], outputs=[dataset(schema=schema(("b", "INT")))]
    )
    made = got(profile, found)
    assert made["outputs"][0]["facets"]["schema"]["fields"] == [{"name": "b", "type": "int"}]
    [outer] = made["inputs"][0]["facets"]["schema"]["fields"]
    assert (outer["name"], outer["type"]) == ("A", "struct")
    assert outer["fields"] == [{"name": "TYPE", "type": "varchar(10)"}]


def openmetadata_datasets(profile: ProfileName) -> None:
    assert sent(profile, body(inputs=[])).skipped == "no inputs"
    assert sent(profile, body(outputs=[])).skipped == "no outputs"
    assert sent(profile, body()).body == event(body()).body


def supplies_job_type(profile: ProfileName) -> None:
    made = got(profile, body(run={"processing_engine": facet(version="1", name="spark"), "parent": parent()}))
    job_type = made["job"]["facets"]["jobType"]
    assert (job_type["processingType"], job_type["integration"]) == ("BATCH", "SPARK")
    given = facet(processingType="STREAMING", integration="FLINK", jobType="JOB")
    made = got(profile, body(job={"jobType": given}, run={"parent": parent()}))
    assert made["job"]["facets"]["jobType"] == given


def dataplex_names(profile: ProfileName) -> None:
    assert sent(profile, body(inputs=[dataset("x" * 3996, "db")])).refused == ""
    refused = sent(profile, body(inputs=[dataset("x" * 3998, "db")])).refused
    assert refused.startswith("the name of an input has 4001 characters")


def capped(limit: int) -> Callable[[ProfileName], None]:
    def check(profile: ProfileName) -> None:
        assert PROFILES[profile].max_event == limit
        prepared = sent(profile, body(job={"sql": facet(query="x" * limit)}, inputs=[], outputs=[]))
        assert len(prepared.body) <= limit
        assert prepared.shed == ("job.sql",)

    return check


def datazone_size(profile: ProfileName) -> None:
    """What openlineage-python writes is what counts: with spaces, and in ASCII."""
    capped(300_000)(profile)
    spelled = body(job={"sql": facet(query="ü" * 60_000)}, inputs=[], outputs=[])
    given = Event("COMPLETE", "c", "", 1, "ns", "job", "", "", msgspec.json.encode(spelled))
    assert len(given.body) < 130_000
    prepared = prepare(given, Consumer(profile=profile))
    assert prepared.shed == ("job.sql",)
    fits = body(job={"sql": facet(query="ü" * 49_000)}, inputs=[], outputs=[])
    assert sent(profile, fits).shed == ()


def atlan_top(profile: ProfileName) -> None:
    def job_type(name: str, **run: Json) -> str:
        given = facet(processingType="BATCH", integration="X", jobType=name)
        return got(profile, body(job={"jobType": given}, run=run))["job"]["facets"]["jobType"]["jobType"]

    assert [job_type(name) for name in ("JOB", "APPLICATION", "Dag")] == ["DAG", "APPLICATION", "Dag"]
    assert job_type("TASK", parent=parent()) == "TASK"


def atlan_names(profile: ProfileName) -> None:
    made = got(profile, body(run={"parent": parent("task", root="dag")}, name="sub"))
    assert (parent_name(made), made["job"]["name"]) == ("dag.task", "dag.task.sub")
    made = got(profile, body(run={"parent": parent("task")}, name="sub"), "a.b.task")
    assert (parent_name(made), made["job"]["name"]) == ("a.b.task", "a.b.task.sub")
    made = got(profile, body(run={"parent": parent("task")}, name="task.sub"), "a.b.task")
    assert (parent_name(made), made["job"]["name"]) == ("a.b.task", "a.b.task.sub")


CHECKS: dict[str, Callable[[ProfileName], None]] = {
    "marquez.types": takes("START", "COMPLETE", "FAIL", "ABORT", "JOB", "DATASET"),
    "marquez.parent-path": marquez_parent_path,
    "marquez.namespace-characters": marquez_namespace_characters,
    "marquez.location": sheds(located(256), located(255), "job.sourceCodeLocation"),
    "marquez.field-name": marquez_field_name,
    "marquez.field-type": sheds(
        *storable("schema", bad=schema(("a", "x" * 7001)), good=schema(("a", "x" * 7000)))
    ),
    "marquez.source-name": marquez_source_name,
    "marquez.symlinks": sheds(*storable("symlinks", bad=facet(), good=facet(identifiers=[]))),
    "marquez.symlink-type": sheds(
        *storable("symlinks", bad=identified(type="x" * 65), good=identified(type="x" * 64))
    ),
    "marquez.symlink-name": sheds(
        *storable("symlinks", bad=identified(name="x" * 2601), good=identified(name="x" * 2600))
    ),
    "marquez.symlink-namespace": marquez_symlink_namespace,
    "marquez.column-references": marquez_column_references,
    "marquez.lifecycle": sheds(
        *storable(
            "lifecycleStateChange",
            bad=facet(lifecycleStateChange="x" * 64),
            good=facet(lifecycleStateChange="x" * 63),
        )
    ),
    "marquez.column-inputs": sheds(*storable("columnLineage", bad=facet(fields={"a": {}}), good=columns())),
    "marquez.transformation-type": sheds(
        *storable(
            "columnLineage",
            bad=columns(transformationType="x" * 256),
            good=columns(transformationType="x" * 255),
        )
    ),
    "marquez.transformations": marquez_transformations,
    "marquez.names": marquez_names,
    "marquez.start-outputs": marquez_start_outputs,
    "marquez.nul": marquez_nul,
    "marquez.facet-name": sheds(
        body(run={"x" * 256: facet()}), body(run={"x" * 255: facet()}), f"run.{'x' * 256}"
    ),
    "datahub.types": takes("START", "RUNNING", "COMPLETE", "FAIL", "ABORT"),
    "datahub.engine": datahub_engine,
    "datahub.parent-producer": datahub_parent_producer,
    "datahub.lower-case-types": datahub_lower_case_types,
    "openmetadata.types": takes("COMPLETE"),
    "openmetadata.datasets": openmetadata_datasets,
    "datadog.types": takes(*RUNS),
    "datadog.job-type": supplies_job_type,
    "dataplex.types": takes(*RUNS),
    "dataplex.names": dataplex_names,
    "dataplex.size": capped(5_000_000),
    "datazone.types": takes(*RUNS),
    "datazone.size": datazone_size,
    "atlan.types": takes(*RUNS),
    "atlan.job-type": supplies_job_type,
    "atlan.top": atlan_top,
    "atlan.names": atlan_names,
}


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule(rule_id: str) -> None:
    profile, rule = RULES[rule_id]
    assert rule.source, f"{rule_id} has no source"
    assert rule.reason.endswith("."), rule.reason
    assert rule_id in CHECKS, f"{rule_id} ({rule.source}) has no check"
    try:
        CHECKS[rule_id](profile)
    except Exception as failure:
        failure.add_note(f"rule {rule_id}: {rule.what()} {rule.reason} Source: {rule.source}")
        raise


def test_every_check_is_of_a_rule() -> None:
    assert CHECKS.keys() == RULES.keys()
    assert len(RULES) == sum(len(profile.rules) for profile in PROFILES.values()), "an id is used twice"
