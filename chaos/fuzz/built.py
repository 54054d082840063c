"""Requests that hypothesis builds: any attributes under any name, any times, ids of any length."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from chaos.fuzz.lineage import FACETS, INNER, KEYS, NAMES, pairs
from otel_bridge import convention

texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.sampled_from(NAMES) | texts
inner_names = st.sampled_from((*FACETS, *INNER, *KEYS)) | texts
scalars = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=20),
    st.none(),
    st.uuids().map(str),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(inner_names, inner, max_size=4),
    max_leaves=12,
)
ids = st.binary(min_size=8, max_size=8) | st.binary(max_size=20)
times = st.integers(0, 2**64 - 1)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A protobuf request of traces with one to three spans, which are runs most often."""
    spans = [_span(draw) for _ in range(draw(st.integers(1, 3)))]
    resource = Resource(attributes=pairs(draw(st.dictionaries(texts, values, max_size=3))))
    group = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])
    return TracesData(resource_spans=[group]).SerializeToString()


def _span(draw: st.DrawFn) -> Span:
    attributes: dict[str, Any] = draw(st.dictionaries(names, values, max_size=6))
    attributes[convention.JOB_NAME] = draw(st.just("job") | values)
    event = Span.Event(name="exception", attributes=pairs(draw(st.dictionaries(texts, values, max_size=2))))
    return Span(
        trace_id=draw(st.binary(min_size=16, max_size=16) | ids),
        span_id=draw(ids),
        parent_span_id=draw(st.just(b"") | ids),
        name=draw(texts),
        start_time_unix_nano=draw(times),
        end_time_unix_nano=draw(times),
        attributes=pairs(attributes),
        events=[event] if draw(st.booleans()) else [],
    )


def built(number: int, count: int = 400) -> list[bytes]:
    """So many of them, the same for the same seed."""
    found: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def collect(body: bytes) -> None:
        found.append(body)

    collect()
    return found
