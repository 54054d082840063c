"""What holds for every profile: nothing but its rules happens to an event."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_events import PRODUCER, RUNS, Json, body, dataset, event, facet, got, parent, schema, sent

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import PROFILES, Preparation, joined, prepare
from otel_bridge.openlineage.profiles.shedding import NEVER
from otel_bridge.openlineage.validate import Validator
from otel_bridge.settings import Consumer, ProfileName, Size
from otel_bridge.testing import InProcessBridge
from tests.otlp import logs, record, span, span_id, trace_id, traces


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
    """openmetadata takes COMPLETE only; marquez gets outputs with terminal events only (marquez.start-outputs), and
    would blank the graph of a job whose terminal event had none.
    """
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
    assert got("marquez", first) == first | {"outputs": []}
    assert got("marquez", last) == last


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


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)  # see rule marquez.nul
keys = texts
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts,
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
