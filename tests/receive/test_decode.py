"""Payloads back to values: whatever is serialised comes out equal, by protobuf and by JSON."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_bridge.model import LogEvent, Malformed, Status
from otel_bridge.model import Span as ModelSpan
from otel_bridge.receive import Selection, decode
from otel_bridge.settings import Receive
from tests.otlp import T0, logs, record, span, span_id, trace_id, traces

text = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = st.one_of(
    text,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(text, values, max_size=4)
times = st.integers(0, 2**64 - 1)
ids = st.tuples(
    st.binary(min_size=16, max_size=16).filter(any),
    st.binary(min_size=8, max_size=8).filter(any),
    st.just(b"") | st.binary(min_size=8, max_size=8).filter(any),
)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    trace, own, parent = draw(ids)
    return {
        "trace": trace,
        "own": own,
        "parent": parent,
        "name": draw(text),
        "kind": draw(st.integers(0, 5)),
        "start": draw(times),
        "end": draw(times),
        "flags": draw(st.integers(0, 2**32 - 1)),
        "code": draw(st.integers(0, 2)),
        "message": draw(text),
        "attributes": {**draw(attributes), "openlineage.job.name": "job"},
        "events": draw(st.lists(st.tuples(text, times, attributes), max_size=2)),
        "links": draw(st.lists(st.tuples(ids, attributes), max_size=2)),
        "resource": draw(attributes),
        "scope": (draw(text), draw(text), draw(attributes)),
    }


def any_value(value: Any) -> AnyValue:
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))


def pairs(of: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in of.items()]


def as_protobuf(s: dict[str, Any]) -> bytes:
    message = Span(
        trace_id=s["trace"],
        span_id=s["own"],
        parent_span_id=s["parent"],
        name=s["name"],
        kind=s["kind"],
        start_time_unix_nano=s["start"],
        end_time_unix_nano=s["end"],
        flags=s["flags"],
        status={"code": s["code"], "message": s["message"]},
        attributes=pairs(s["attributes"]),
        events=[Span.Event(name=n, time_unix_nano=t, attributes=pairs(a)) for n, t, a in s["events"]],
        links=[Span.Link(trace_id=i[0], span_id=i[1], attributes=pairs(a)) for i, a in s["links"]],
    )
    name, version, more = s["scope"]
    scope = ScopeSpans(
        scope=InstrumentationScope(name=name, version=version, attributes=pairs(more)), spans=[message]
    )
    resource = Resource(attributes=pairs(s["resource"]))
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope], schema_url="https://x")]
    ).SerializeToString()


def json_value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value) if value % 2 else value}
        case float():
            return {
                "doubleValue": value
                if abs(value) != float("inf")
                else "Infinity"
                if value > 0
                else "-Infinity"
            }
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [json_value(v) for v in value]}}
    return {"kvlistValue": {"values": json_pairs(value)}}


def json_pairs(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in of.items()]


def as_json(s: dict[str, Any]) -> bytes:
    one = {
        "traceId": s["trace"].hex().upper(),
        "spanId": s["own"].hex(),
        "parentSpanId": s["parent"].hex(),
        "name": s["name"],
        "kind": s["kind"],
        "startTimeUnixNano": str(s["start"]),
        "endTimeUnixNano": s["end"],
        "flags": s["flags"],
        "status": {"code": s["code"], "message": s["message"]},
        "attributes": json_pairs(s["attributes"]),
        "events": [
            {"name": n, "timeUnixNano": str(t), "attributes": json_pairs(a)} for n, t, a in s["events"]
        ],
        "links": [
            {"traceId": i[0].hex(), "spanId": i[1].hex(), "attributes": json_pairs(a)} for i, a in s["links"]
        ],
    }
    name, version, more = s["scope"]
    scope = {"scope": {"name": name, "version": version, "attributes": json_pairs(more)}, "spans": [one]}
    group = {
        "resource": {"attributes": json_pairs(s["resource"])},
        "scopeSpans": [scope],
        "schemaUrl": "https://x",
    }
    return json.dumps({"resourceSpans": [group]}).encode()


def expected(s: dict[str, Any]) -> ModelSpan:
    return decode.Span(
        trace_id=s["trace"].hex(),
        span_id=s["own"].hex(),
        parent_span_id=s["parent"].hex(),
        flags=s["flags"],
        name=s["name"],
        kind=s["kind"],
        start_ns=s["start"],
        end_ns=s["end"],
        status=Status(s["code"]),
        status_message=s["message"],
        attributes=s["attributes"],
        events=tuple(decode.SpanEvent(*event) for event in s["events"]),
        links=tuple(decode.SpanLink(i[0].hex(), i[1].hex(), a) for i, a in s["links"]),
        resource=decode.Resource(s["resource"]),
        scope=decode.Scope(*s["scope"]),
    )


def selected(body: bytes, encoding: str = "protobuf"):
    selection = Selection((b"openlineage.",), Receive(), 10.0)
    return (selection.select if encoding == "protobuf" else selection.select_json)("traces", body, 0)


@settings(max_examples=150, deadline=None)
@given(spans())
def test_what_was_serialised_comes_out_equal(one: dict[str, Any]):
    by_protobuf, by_json = selected(as_protobuf(one)), selected(as_json(one), "json")
    assert decode.span(by_protobuf.rows[0].payload) == expected(one)
    assert by_json.rows[0].key == by_protobuf.rows[0].key
    assert decode.span(by_json.rows[0].payload) == expected(one)


def test_json_and_protobuf_of_a_request_give_the_same_bytes():
    one = {
        "trace": trace_id(),
        "own": span_id(),
        "parent": span_id(),
        "name": "n",
        "kind": 2,
        "start": 5,
        "end": 6,
        "flags": 1,
        "code": 2,
        "message": "m",
        "attributes": {"openlineage.job.name": "j", "l": [1, {"a": b"x"}]},
        "events": [("e", 7, {"a": 1.5})],
        "links": [((trace_id(), span_id(), b""), {"a": True})],
        "resource": {"service.name": "s"},
        "scope": ("lib", "1", {}),
    }
    assert selected(as_protobuf(one)).rows == selected(as_json(one), "json").rows


def test_a_list_of_maps_and_their_json_text():
    inputs = [
        {
            "namespace": "postgres://db",
            "name": "a.b",
            "schema": [{"name": "id", "type": "int"}],
            "row_count": 3,
        }
    ]
    nested = span(trace_id(), span_id(), job="j", openlineage__inputs=inputs)
    got = decode.span(selected(traces(nested)).rows[0].payload)
    assert got.attributes["openlineage.inputs"] == inputs


def test_log_event_times_and_names():
    trace, own = trace_id(), span_id()
    selection = Selection((b"openlineage.",), Receive(), 10.0)
    observed = record("", trace, own, event__name="openlineage.run.start")
    observed.time_unix_nano, observed.observed_time_unix_nano = 0, 99
    observed.body.string_value = "text"
    rows = selection.select("logs", logs(record("openlineage.job", at_s=1, a=1), observed), 0).rows
    first, second = (decode.log_event(row.payload) for row in rows)
    assert first == LogEvent(
        "openlineage.job", time_ns=T0 + 10**9, attributes={"a": 1}, resource=first.resource
    )
    assert (second.name, second.time_ns, second.body) == ("openlineage.run.start", 99, "text")
    assert (second.trace_id, second.span_id) == (trace.hex(), own.hex())


def test_an_all_zero_parent_is_none():
    row = selected(traces(span(trace_id(), span_id(), bytes(8), job="j"))).rows[0]
    assert decode.span(row.payload).parent_span_id == ""


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x12\x00", b"text"])
def test_damaged_payloads(payload: bytes):
    with pytest.raises(Malformed):
        decode.span(payload)


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_refused_or_decoded(seed: int):
    """Whatever the bytes are: a selection, each of whose rows decodes, or Malformed; nothing else."""
    chance = random.Random(seed)
    spans_ = [
        span(trace_id(), span_id(), span_id(), job="job", openlineage__inputs=[{"name": "a"}])
        for _ in range(3)
    ]
    body = traces(*spans_, span(trace_id(), span_id()))
    document = as_json(
        {
            "trace": trace_id(),
            "own": span_id(),
            "parent": b"",
            "name": "n",
            "kind": 1,
            "start": 1,
            "end": 2,
            "flags": 0,
            "code": 0,
            "message": "",
            "attributes": {"openlineage.job.name": ["x", {"y": b"z"}]},
            "events": [],
            "links": [],
            "resource": {},
            "scope": ("", "", {}),
        }
    )
    for _ in range(1000):
        for original, encoding in ((body, "protobuf"), (document, "json")):
            try:
                kept = selected(mutated(original, chance), encoding)
            except Malformed:
                continue
            for row in kept.rows:
                decode.span(row.payload)


def mutated(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 20)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 40)]
            case 3:
                changed[at] ^= 1 << chance.randrange(8)
            case _:
                changed[at:at] = chance.randbytes(3)
    return bytes(changed)
