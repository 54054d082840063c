"""Each rule of each profile does what it says, and nothing else happens to an event."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import PROFILES, Preparation, Prepared, joined, prepare
from otel_bridge.openlineage.profiles.shedding import NEVER
from otel_bridge.openlineage.validate import Validator
from otel_bridge.settings import Consumer, ProfileName, Size
from otel_bridge.testing import InProcessBridge
from tests.otlp import logs, record, span, span_id, trace_id, traces

PRODUCER = "https://example.org/etl"
RULES = {rule.id: (profile.name, rule) for profile in PROFILES.values() for rule in profile.rules}
Json = dict[str, Any]


def facet(**fields: Any) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": "https://example.org/facet.json", **fields}


def schema(*fields: tuple[str, str]) -> Json:
    return facet(fields=[{"name": name, "type": kind} for name, kind in fields])


def dataset(name: str = "orders", namespace: str = "postgres://db:5432", **facets: Json) -> Json:
    return {"namespace": namespace, "name": name, "facets": facets}


def parent(name: str = "task", root: str = "", namespace: str = "ns") -> Json:
    top = {"root": {"run": {"runId": "r"}, "job": {"namespace": namespace, "name": root}}} if root else {}
    return facet(run={"runId": "p"}, job={"namespace": namespace, "name": name}, **top)


def body(
    kind: str = "COMPLETE",
    *,
    run: Json | None = None,
    job: Json | None = None,
    name: str = "job",
    namespace: str = "ns",
    inputs: list[Json] | None = None,
    outputs: list[Json] | None = None,
    **more: Any,
) -> Json:
    return {
        "eventType": kind,
        "eventTime": "2026-11-24T10:00:00Z",
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "c", "facets": run or {}},
        "job": {"namespace": namespace, "name": name, "facets": job or {}},
        "inputs": [dataset()] if inputs is None else inputs,
        "outputs": [dataset("daily")] if outputs is None else outputs,
        **more,
    }


def event(found: Json) -> Event:
    kind = found.get("eventType") or ("JOB" if "job" in found else "DATASET")
    return Event(kind, "c", "", 1, "ns", "job", "", "", json.dumps(found).encode())


def sent(profile: ProfileName, found: Json, path: str | None = None, **more: Any) -> Prepared:
    return prepare(event(found), Consumer(profile=profile, **more), path)


def got(profile: ProfileName, found: Json, path: str | None = None, **more: Any) -> Json:
    prepared = sent(profile, found, path, **more)
    assert (prepared.skipped, prepared.refused) == ("", "")
    return json.loads(prepared.body)


def parent_name(found: Json) -> str:
    return found["run"]["facets"]["parent"]["job"]["name"]


# One check for each rule, by its id


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


RUNS = ("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER")
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


# What holds for every profile


def test_generic_passes_the_same_object() -> None:
    given = event(body("OTHER"))
    assert prepare(given, Consumer()).body is given.body
    assert prepare(given, Consumer(max_event=Size(10_000))).body is given.body
    assert prepare(given, Consumer(namespaces={"elsewhere": "x"})).body is given.body


def test_numbers_and_unknown_members_are_kept_to_the_letter() -> None:
    """Even what a JSON parser would change: digits beyond a double, the way a number is written."""
    text = (
        b'{"eventType": "START", "run": {"runId": "c", "x": 1.10e2, "facets": {"a": {"big": 123456789012345678901234}}},'
        b'"job": {"namespace": "old", "name": "j", "y": [1, {}]}, "inputs": [{"namespace": "db", "name": "i", "z": null}],'
        b' "later": {"0": 1.0}}'
    )
    given = Event("START", "c", "", 1, "", "", "", "", text)
    made = prepare(given, Consumer(namespaces={"old": "new"})).body
    for part in (b"1.10e2", b"123456789012345678901234", b'"y":[1, {}]', b'"z":null', b'{"0": 1.0}'):
        assert part in made
    assert b'"namespace":"new"' in made


def test_namespaces_are_renamed_wherever_they_are_named() -> None:
    ref = {"namespace": "old", "name": "x"}
    lineage = facet(
        inputs=[{**ref, "type": "DATASET"}], fields={"f": {"inputs": [{**ref, "type": "DATASET"}]}}
    )
    facets = {
        "symlinks": facet(identifiers=[{**ref, "type": "TABLE"}]),
        "columnLineage": facet(
            fields={"a": {"inputFields": [{**ref, "field": "b"}]}}, dataset=[{**ref, "field": "c"}]
        ),
        "lineage": lineage,
        "lifecycleStateChange": facet(lifecycleStateChange="RENAME", previousIdentifier=ref),
    }
    found = body(
        namespace="old",
        run={
            "parent": parent(root="top", namespace="old"),
            "jobDependencies": facet(upstream=[{"job": ref}]),
        },
        inputs=[dataset(namespace="old")],
        outputs=[dataset(namespace="old", **facets)],
    )
    before = json.dumps(found)
    made = json.dumps(got("generic", found, namespaces={"old": "new"}))
    assert made == before.replace('"old"', '"new"')
    assert before.count('"old"') == 12
    escaped = Event("START", "c", "", 1, "", "", "", "", before.replace('"old"', r'"\u006fld"').encode())
    assert json.loads(prepare(escaped, Consumer(namespaces={"old": "new"})).body) == json.loads(made)


def test_facets_are_shed_in_the_order_of_the_documents() -> None:
    big = "x" * 2000
    found = body(
        run={
            "errorMessage": facet(message="no", programmingLanguage="SQL", stackTrace=big),
            "parent": parent(),
            "acme_a_small": facet(v="y"),
            "acme_b_large": facet(v=big),
        },
        job={"sql": facet(query=big), "sourceCode": facet(language="SQL", sourceCode=big)},
        outputs=[dataset("daily", schema=schema(("a", big)), columnLineage=facet(fields={"a": {"x": big}}))],
    )
    order = (
        "job.sourceCode",
        "run.errorMessage.stackTrace",
        "job.sql",
        "run.acme_b_large",
        "run.acme_a_small",
        "run.errorMessage",
        "dataset.schema",
        "dataset.columnLineage",
    )
    seen = set()
    size = len(json.dumps(found))
    for limit in range(size, 0, -100):
        prepared = sent("generic", found, max_event=Size(limit))
        if prepared.refused:
            break
        assert len(prepared.body) <= limit
        assert prepared.shed == order[: len(prepared.shed)]
        seen.add(len(prepared.shed))
        made = json.loads(prepared.body)
        tags = made["run"]["facets"].get("tags", {"tags": [{"value": ""}]})["tags"]
        assert tags[0]["value"] == ",".join(prepared.shed)
        assert made["run"]["facets"]["parent"] == parent()
    assert seen >= {0, 1, 2, 3, 4, 6, 7}
    assert "after all facets were shed" in prepared.refused


@pytest.mark.parametrize("slot", ["job", "dataset"])
def test_static_events_have_the_tag_in_their_own_facets(slot: str) -> None:
    node = {
        "namespace": "ns",
        "name": "x",
        "facets": {"acme_big": facet(v="x" * 1000), "tags": facet(tags=[{"key": "a"}])},
    }
    prepared = sent("generic", {"producer": PRODUCER, slot: node}, max_event=Size(600))
    assert prepared.shed == (f"{slot}.acme_big",)
    [first, ours] = json.loads(prepared.body)[slot]["facets"]["tags"]["tags"]
    assert (first, ours["key"], ours["value"]) == ({"key": "a"}, "otel_bridge.shed", f"{slot}.acme_big")


@pytest.mark.parametrize("error", ["", "no such column"])
def test_start_and_terminal_events_of_ours_carry_all_that_is_known(error: str) -> None:
    """marquez blanks the graph of a job with an event without datasets; openmetadata takes COMPLETE only."""
    trace, own = trace_id(), span_id()
    given = {side: [{"namespace": "db", "name": side}] for side in ("inputs", "outputs")}
    known = {f"openlineage__{side}": value for side, value in given.items()} | {
        "openlineage__sql": "select 1"
    }
    bridge = InProcessBridge()
    start = record("openlineage.run.start", trace, own, openlineage__job__name="daily", **known)
    bridge.receive("logs", logs(start))
    bridge.receive("traces", traces(span(trace, own, job="daily", error=error)))
    first, last = bridge.settle()
    assert (first["eventType"], last["eventType"]) == ("START", "FAIL" if error else "COMPLETE")
    assert [(first[side], last[side]) for side in given] == [
        ([{**value[0], "facets": {}}], [{**value[0], "facets": {}}]) for value in given.values()
    ]
    assert first["job"] == last["job"]


@pytest.mark.parametrize("missing", [None, {}])
def test_required_facets_are_supplied_where_there_was_nothing(missing: Any) -> None:
    """`null` stands for what is missing, of an entity or of the facet."""
    found = body()
    for key, facets in (
        ("run", {"parent": missing, "processing_engine": missing}),
        ("job", {"jobType": missing}),
    ):
        for known in (missing, facets):
            found[key]["facets"] = known
            assert got("datahub", found)["run"]["facets"]["processing_engine"]["name"] == "etl"
            assert got("datadog", found)["job"]["facets"]["jobType"]["jobType"] == "JOB"
            assert got("atlan", found)["job"]["facets"]["jobType"]["jobType"] == "DAG"


@pytest.mark.parametrize("absent", [{"run": None}, {"run": None, "job": None}, {"job": None}])
def test_null_for_a_run_or_job_is_none(absent: Json) -> None:
    slot = "dataset" if "job" in absent else "job"
    node = {"namespace": "ns", "name": "x", "facets": {"acme_big": facet(v="x" * 1000)}}
    found = {"producer": PRODUCER, **absent, slot: node}
    prepared = sent("generic", found, max_event=Size(600))
    made = json.loads(prepared.body)
    assert prepared.shed == (f"{slot}.acme_big",)
    assert made[slot]["facets"]["tags"]["tags"][0]["value"] == f"{slot}.acme_big"
    assert {key: made[key] for key in absent} == absent


def test_the_parent_is_known_by_its_former_name_too() -> None:
    found = body(run={"parentRun": parent("task", namespace="old")}, name="task.sub")
    made = got("marquez", found, "dag.task", namespaces={"old": "new"})
    assert made["run"]["facets"]["parentRun"]["job"] == {"namespace": "new", "name": "dag.task"}
    assert made["job"]["name"] == "dag.task.sub"
    assert "parent" not in made["run"]["facets"]


def test_who_looks_at_names_sees_those_that_are_sent() -> None:
    """Keys of messages are made from them."""
    found = event(body(run={"parent": parent("task", namespace="old")}, name="sub", namespace="old"))
    renamed = prepare(found, Consumer(profile="atlan", namespaces={"old": "new"}), "dag.task").renamed
    assert renamed is not None
    assert (renamed.key, renamed.job_namespace, renamed.job_name) == ("c", "new", "dag.task.sub")
    assert b'"old"' not in renamed.body
    static = {"eventTime": "2026-11-24T10:00:00Z", "producer": PRODUCER}
    for slot in ("job", "dataset"):
        given = event({**static, slot: {"namespace": "old", "name": "x"}})
        renamed = prepare(given, Consumer(namespaces={"old": "new"})).renamed
        assert renamed is not None
        assert renamed.key == f"{slot}:new/x"
    assert prepare(event(body()), Consumer(profile="marquez")).renamed is None


def test_what_is_shed_still_conforms(openlineage_spec: Validator) -> None:
    """The official schemas hold for what each profile makes of an event, at any size."""
    error = facet(message="no", programmingLanguage="SQL", stackTrace="x" * 500)
    found = body(
        run={"errorMessage": error, "tags": facet(tags=[{"key": "a", "value": "b"}])},
        job={"sql": facet(query="x" * 500)},
        outputs=[dataset("daily", schema=schema(("a", "INT" * 100)))],
    )
    found["run"]["runId"] = "0194f9b0-7a3c-7bbb-8000-000000000001"
    seen = set()
    for profile in PROFILES:
        for limit in range(3500, 0, -400):
            prepared = sent(profile, found, max_event=Size(limit))
            if prepared.body:
                openlineage_spec.check(json.loads(prepared.body))
                seen.add(len(prepared.shed))
    assert seen >= {0, 1, 2, 4}


def test_shedding_many_facets_takes_no_time_to_speak_of() -> None:
    """Each facet was once a reason to write the event anew: minutes, in which nothing else was delivered."""
    inputs = [dataset(f"t{n}", **{f"acme_{n}": facet(v="x" * 100)}) for n in range(20_000)]
    prepared = sent("generic", body(inputs=inputs), max_event=Size(3_000_000))
    assert 1_000 < len(prepared.shed) < 20_000
    assert 2_990_000 < len(prepared.body) <= 3_000_000


def test_full_names() -> None:
    assert [joined("a", "b"), joined("a", "a.b"), joined("a.b", "a.bc"), joined("a", "a")] == [
        "a.b",
        "a.b",
        "a.b.a.bc",
        "a.a",
    ]


keys = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=6,
)
facets_of = st.dictionaries(
    keys.map(lambda key: f"x_{key}"), st.fixed_dictionaries({"v": values}), max_size=3
)
bodies = st.builds(
    lambda kind, run, job, facets, more: {
        **{f"x_{key}": value for key, value in more.items()},
        **body(kind, run={**run, "parent": parent()}, job=job, outputs=[dataset("daily", **facets)]),
    },
    st.sampled_from(RUNS),
    facets_of,
    facets_of,
    facets_of,
    st.dictionaries(keys, values, max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(bodies, st.sampled_from(list(PROFILES)), st.integers(300, 3000))
def test_events_of_others_survive(found: Json, profile: ProfileName, limit: int) -> None:
    """Whatever a facet is called and holds: it is there, unchanged, or named as shed; and the same each time."""
    consumer = Consumer(profile=profile, max_event=Size(limit), namespaces={"ns": "other"})
    given = event(found)
    prepared = Preparation(consumer).prepare(given, "known.task")
    assert Preparation(consumer).prepare(given, "known.task") == prepared
    if prepared.skipped or prepared.refused:
        return
    assert len(prepared.body) <= limit
    made = json.loads(prepared.body)
    assert made["job"]["namespace"] == "other"
    assert {key: made[key] for key in found if key.startswith("x_")} == {
        key: found[key] for key in found if key.startswith("x_")
    }
    for slot, before, after in (
        ("run", found["run"], made["run"]),
        ("job", found["job"], made["job"]),
        ("dataset", found["outputs"][0], made["outputs"][0]),
    ):
        for name, value in before["facets"].items():
            if f"{slot}.{name}" in prepared.shed:
                assert name not in after["facets"]
                assert f"{slot}.{name}" not in NEVER
            elif name != "parent":
                assert after["facets"][name] == value
