"""Each rule of each profile does what it says, and nothing else happens to an event."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import PROFILES, Preparation, Prepared, joined, prepare
from otel_bridge.openlineage.profiles.shedding import NEVER
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
    "marquez.field-name": sheds(with_field(256), with_field(255), "dataset.schema"),
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
    "datazone.size": capped(300_000),
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
    CHECKS[rule_id](profile)


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
