"""Events of other producers: what is taken, what is refused and why, and that nothing else ever happens."""

import copy
import json
from typing import Any

import msgspec
import pytest
from foreign_events import PRODUCERS, RUN, body, event, lines
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.model import Invalid
from otel_bridge.openlineage import foreign
from otel_bridge.openlineage.foreign_facets import unlike_their_schema

PARENT = "0198F3AA-6F00-7C31-9D0E-2F9F5A1B0001"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def reasons(content: bytes) -> list[str]:
    with pytest.raises(Invalid) as refused:
        foreign.read(content)
    return refused.value.reasons


@pytest.mark.parametrize("producer", PRODUCERS)
def test_events_of_real_producers_are_taken_as_they_are(producer: str) -> None:
    for line in lines(producer):
        read = foreign.read(line)
        assert read.event.body == line
        assert unlike_their_schema(json.loads(line)) == []


def test_what_is_known_of_a_run_event() -> None:
    facets = {
        "parent": {"run": {"runId": PARENT}, "job": {"namespace": "n", "name": "dag"}},
        "otel_trace": {"traceId": TRACE, "spanId": "b7ad6b7169203331"},
    }
    found = foreign.read(body(run={"runId": RUN.upper(), "facets": facets})).event
    assert (found.type, found.key, found.parent_key) == ("START", RUN, PARENT.lower())
    assert (found.job_namespace, found.job_name) == ("elsewhere", "etl")
    assert found.event_time_ns == 1_795_507_200_000_001_000
    assert (found.trace_id, found.span_id) == (TRACE, "b7ad6b7169203331")


@pytest.mark.parametrize("facet", [
    {"traceCorrelation": {"trace_id": TRACE.upper(), "span_id": "b7ad6b7169203331"}},
    {"otel_trace": {"traceId": "none"}, "traceCorrelation": {"trace_id": TRACE, "span_id": "b7ad6b7169203331"}},
])  # fmt: skip
def test_other_facets_with_a_trace(facet: dict[str, Any]) -> None:
    found = foreign.read(body(run={"runId": RUN, "facets": facet})).event
    assert (found.trace_id, found.span_id) == (TRACE, "b7ad6b7169203331")


@pytest.mark.parametrize("facets", [
    {}, None, {"otel_trace": None}, {"otel_trace": {"traceId": TRACE, "spanId": 7}}, {"parent": {"run": []}},
    {"parent": {"run": {"runId": "daily"}}},
])  # fmt: skip
def test_without_usable_trace_and_parent(facets: Any) -> None:
    found = foreign.read(body(run={"runId": RUN, "facets": facets})).event
    assert (found.trace_id, found.span_id, found.parent_key) == ("", "", "")


def test_the_parent_facet_by_its_old_name() -> None:
    facets = {"parentRun": {"run": {"runId": PARENT}, "job": {"namespace": "n", "name": "dag"}}}
    assert foreign.read(body(run={"runId": RUN, "facets": facets})).event.parent_key == PARENT.lower()


def test_a_run_event_without_a_type_adds_to_its_run() -> None:
    """The specification does not require eventType."""
    said = body(eventType=None)
    event = foreign.read(said).event
    assert (event.type, event.key, event.body) == ("OTHER", RUN.lower(), said)


def test_static_events() -> None:
    common = {"eventType": None, "run": None}
    job = foreign.read(body(**common)).event
    assert (job.type, job.key, job.job_name) == ("JOB", "job:elsewhere/etl", "etl")
    dataset = foreign.read(body(**common, job=None, dataset={"namespace": "s3://b", "name": "k"})).event
    assert (dataset.type, dataset.key, dataset.job_name) == ("DATASET", "dataset:s3://b/k", "")


@pytest.mark.parametrize(("time", "nanoseconds"), [
    ("1970-01-01T00:00:00Z", 0),
    ("1970-01-01T01:00:00.5+01:00", 500_000_000),
    ("1969-12-31t19:00:00-05:00", 0),
    ("1970-01-01T00:00:00.1234567891Z", 123_456_789),
    ("1972-06-30T23:59:60Z", 78_796_800 * 10**9),
    ("0001-01-01T00:00:00Z", 0),
])  # fmt: skip
def test_times(time: str, nanoseconds: int) -> None:
    assert foreign.read(body(eventTime=time)).event.event_time_ns == nanoseconds


@pytest.mark.parametrize("time", [
    "2026-11-24T08:00:00", "2026-11-24 08:00:00Z", "2026-11-24", "2026-02-30T08:00:00Z", "2026-11-24T24:00:00Z",
    "2026-11-24T08:00:00+24:00", "2026-11-24T08:00:00+01:60", "2026-11-24T08:00:61Z", "2026-11-24T08:00:00Z[UTC]",
    "\uff12026-11-24T08:00:00Z", 1_795_507_200, "", [],
])  # fmt: skip
def test_times_that_are_none(time: Any) -> None:
    [reason] = reasons(body(eventTime=time))
    assert reason.startswith("eventTime: ")
    assert "2026-11-24T08:00:00Z" in reason


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no producer": ({"producer": None}, "producer: is missing, must be a URI"),
    "producer": ({"producer": "dbt"}, "producer: is `dbt`, must be a URI"),
    "schema": ({"schemaURL": 7}, "schemaURL: is no text, must be a URI"),
    "type": ({"eventType": "start"}, "eventType: is `start`, must be one of START"),
    "run": ({"run": []}, "run: must be an object"),
    "run id": ({"run": {"runId": "daily"}}, "run.runId: is `daily`, must be a UUID"),
    "no job": ({"job": None}, "job: is missing"),
    "job": ({"job": {"namespace": "", "name": None}}, "job.namespace: is ``, must be a text that is not empty"),
    "inputs": ({"inputs": {}}, "inputs: must be an array"),
    "dataset": ({"outputs": [{"namespace": "n"}]}, "outputs[0].name: is missing"),
    "no dataset": ({"outputs": [7]}, "outputs[0]: must be an object"),
    "facets": ({"run": {"runId": RUN, "facets": []}}, "run.facets: must be an object"),
    "facet": ({"job": {"namespace": "n", "name": "j", "facets": {"sql": "select"}}}, "job.facets.sql: must be"),
    "nothing": ({"run": None, "job": None}, "it has no run, no job and no dataset"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name: str) -> None:
    changed, expected = FAULTS[name]
    assert any(reason.startswith(expected) for reason in reasons(body(**changed)))


def test_every_fault_is_named_up_to_ten() -> None:
    assert len(reasons(b"{}")) == 4
    assert len(reasons(body(inputs=[{}] * 50))) == 10


def test_optional_members_may_be_null_or_absent() -> None:
    foreign.read(body(inputs=None, run={"runId": RUN}, job={"namespace": "n", "name": "j", "facets": None}))
    content = b'{"inputs": null, "outputs": null, ' + body(inputs=None, outputs=None)[1:]
    assert foreign.read(content).event.body == content


def test_spelling_does_not_make_another_event() -> None:
    compact = json.dumps(event(), separators=(",", ":")).encode()
    spread = json.dumps(dict(reversed(event().items())), indent=3).encode()
    assert foreign.read(compact).digest == foreign.read(spread).digest
    assert foreign.read(compact).digest != foreign.read(body("COMPLETE")).digest


@pytest.mark.parametrize(
    ("one", "other"), [(2**64, 2**64 + 1), (0.1, 0.10000000000000002), ("1", 1), ([], {})]
)
def test_different_values_make_another_event(one: Any, other: Any) -> None:
    digests = {foreign.read(body(run={"runId": RUN, "facets": {"f": {"v": v}}})).digest for v in (one, other)}
    assert len(digests) == 2


@pytest.mark.parametrize("producer", PRODUCERS)
def test_only_the_type_changes(producer: str) -> None:
    for line in lines(producer):
        other = foreign.retyped(line, "OTHER")
        before, after = json.loads(line), json.loads(other)
        if "eventType" in before:
            assert after == before | {"eventType": "OTHER"}
            assert other.replace(b'"OTHER"', json.dumps(before["eventType"]).encode()) == line
        else:
            assert other == line


def test_the_type_changes_wherever_it_stands_and_however_it_is_written() -> None:
    content = b'{"a": {"eventType": "START"}, "event\\u0054ype" :\n"START", "b": ["eventType", "x"], "eventType":"X"}'
    expected = b'{"a": {"eventType": "START"}, "event\\u0054ype" :\n"OTHER", "b": ["eventType", "x"], "eventType":"OTHER"}'
    assert foreign.retyped(content, "OTHER") == expected


def nested(depth: int) -> bytes:
    facets = b'{"f": {"v": ' + b"[" * depth + b"]" * depth + b"}}"
    return body().replace(b'"facets": {}', b'"facets": ' + facets, 1)


def test_depth_is_bounded_exactly() -> None:
    around = 4  # event, run, facets, facet
    assert foreign.read(nested(foreign.MAX_DEPTH - around)).event.type == "START"
    assert reasons(nested(foreign.MAX_DEPTH - around + 1)) == ["it is nested deeper than 256 levels"]
    assert reasons(b"[" * 5_000_000) != []


def test_brackets_in_texts_are_no_depth() -> None:
    content = body(job={"namespace": "n", "name": '[{"\\' * 5000})
    assert foreign.read(content).event.job_name == '[{"\\' * 5000


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 300])
def test_depth_is_measured_in_pieces(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(foreign, "_AT_ONCE", at_once)
    text = json.dumps('[{"\\' * 70).encode()
    deep = b"[" * foreign.MAX_DEPTH
    assert foreign.too_deep(b"%s%s, %s%s" % (deep, text, text, deep.replace(b"[", b"]"))) == ""
    assert (
        foreign.too_deep(b"[%s%s, %s]%s" % (deep, text, text, deep.replace(b"[", b"]"))) == foreign.TOO_DEEP
    )


@pytest.mark.parametrize("value", [
    b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b'"\x01"', b"01", b"1" + b"0" * 5000, b"",
])  # fmt: skip
def test_json_that_not_everybody_reads_is_refused(value: bytes) -> None:
    content = body(outputs=[{"namespace": "n", "name": "d", "facets": {"f": {"v": 7}}}]).replace(
        b"7}", value + b"}"
    )
    [reason] = reasons(content)
    assert reason.startswith("it is no JSON that every consumer can read")


def test_large_numbers_and_repeated_names_pass_unchanged() -> None:
    facet = b'{"f": {"v": 1, "v": 123456789012345678901234567890, "w": 1e-400}}'
    content = body().replace(b'"facets": {}', b'"facets": ' + facet, 1)
    assert foreign.read(content).event.body == content


def test_facets_unlike_their_schema_are_found() -> None:
    found = event(
        run={"runId": RUN, "facets": {"errorMessage": {"message": 7}, "nominalTime": None, "own": {}}},
        job={"namespace": "n", "name": "j", "facets": {"sql": {"_deleted": True}}},
    )
    assert unlike_their_schema(found) == ["run.facets.errorMessage", "run.facets.nominalTime"]
    foreign.read(json.dumps(found).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([RUN, "START"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
NAMES = ["eventType", "eventTime", "run", "job", "inputs", "outputs", "dataset", "producer", "schemaURL"]


def only_refuses(content: bytes) -> None:
    found, said = None, ["taken"]
    try:
        found = foreign.read(content)
    except Invalid as refused:
        said = refused.reasons
    assert 1 <= len(said) <= foreign.MAX_REASONS
    assert all(len(reason) < 400 for reason in said)
    if found:
        assert found.event.body == content
        assert found.event == foreign.event(msgspec.json.decode(content), content)
        assert msgspec.json.decode(foreign.retyped(content, "OTHER"))


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes(content: bytes) -> None:
    only_refuses(content)


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_any_value_in_any_place(changed: dict[str, Any]) -> None:
    only_refuses(json.dumps(event(**changed)).encode())


@given(st.data())
def test_mutated_events_of_real_producers(data: st.DataObject) -> None:
    found = copy.deepcopy(json.loads(data.draw(st.sampled_from([e for p in PRODUCERS for e in lines(p)]))))
    place: Any = found
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if data.draw(st.booleans()):
            place[key] = data.draw(values)
            break
        place = place[key]
    only_refuses(json.dumps(found).encode())


@given(st.sampled_from([e for p in PRODUCERS for e in lines(p)]), st.data())
def test_damaged_bytes_of_real_producers(line: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(line)))
    only_refuses(line[:at] + data.draw(st.binary(max_size=4)) + line[at + data.draw(st.integers(0, 4)) :])
