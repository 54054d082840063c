"""Ids that processes derive by themselves: what they are good for."""

import uuid

import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from otel_bridge_dagster import ids

RUN = "a1b2c3d4-1111-4222-8333-444455556666"


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_ratio_samplers_keep_their_ratio(ratio):
    sampler, count = TraceIdRatioBased(ratio), 4000
    traces = (ids.trace_id(str(uuid.UUID(int=number * 2**64 + 2**127, version=4))) for number in range(count))
    kept = sum(
        sampler.should_sample(None, trace, "run").decision is Decision.RECORD_AND_SAMPLE for trace in traces
    )
    assert abs(kept / count - ratio) < 0.03


def test_a_trace_begins_like_its_run():
    assert f"{ids.trace_id(RUN):032x}".startswith("a1b2c3d411114222")


def test_every_part_of_a_run_has_an_id_of_its_own():
    spans = {
        ids.run_span_id(RUN),
        *(ids.step_span_id(RUN, step, attempt) for step in ("a", "a[1]") for attempt in (1, 2)),
        *(ids.asset_span_id(RUN, step, "a", attempt) for step in ("a", "b") for attempt in (1, 2)),
    }
    runs = {
        str(ids.run_uuid(RUN)),
        ids.step_run_id(RUN, "a", 1),
        ids.step_run_id(RUN, "a", 2),
        ids.asset_run_id(RUN, "a", "a", 1),
    }
    assert (len(spans), len(runs)) == (9, 4)
    assert all(0 < span < 2**64 for span in spans)


def test_an_id_of_a_run_that_is_no_uuid():
    assert ids.run_uuid("mine") == ids.run_uuid("mine") != ids.run_uuid("yours")
    assert 0 < ids.trace_id("mine") < 2**128
