"""Whatever a producer sends, the event conforms and nothing raises."""

# ruff: noqa: E501 - lists of values
import os

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from otel_bridge import convention
from otel_bridge.model import (
    Dataset,
    DatasetDescribed,
    ErrorDetail,
    EventType,
    Evidence,
    JobDescribed,
    JobRef,
    RunRef,
)
from otel_bridge.openlineage import EventBuilder
from otel_bridge.openlineage.facets import FACETS
from otel_bridge.settings import CustomFacet, Settings, Trace
from tests.openlineage.transitions import RUN_ID, changed

BUILDER = EventBuilder(
    Settings(
        data_dir="",
        trace=Trace(url="http://jaeger/{trace_id}"),
        facets=tuple(
            CustomFacet(
                name="acme_x",
                slot=slot,
                fields={"x": "x", "y": "row_count"},
                schema={"properties": {"x": {"type": "string", "format": "uri"}}},
            )
            for slot in ("run", "job", "dataset", "input", "output")
        ),
    )
)
KEYS = sorted({f.key for f in FACETS})
NAMES = sorted({*convention.DATASET_KEYS, *(name for f in FACETS for name in f.values), "attributes", "x"})
WORDS = ["name", "type", "fields", "namespace", "field", "transformations", "uri", "url", "key", "value", "version", "runId", "run",
    "job", "change", "assertion", "success", "columns", "dimensions", "layer", "id", "source", "links", "flags", "traceId", "_producer",
    "_schemaURL", "_deleted", "inputCondition", "partitions", "query", "rowCount", "columnMetrics", "*", "", "\ud800"]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["", "a", "https://a.example", "no uri", "2026-11-23", "2026-11-23T00:00:00Z", RUN_ID, "partition", "DATASET", "BATCH", "\ud800", "ä", "\x00", "password='x'"]),
    st.text(max_size=8),
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.binary(max_size=4), st.sampled_from([2**63, 2**64, -(2**70), 1e308, 3.0])
)  # fmt: skip


def maps(keys, values):
    return st.dictionaries(keys, values, max_size=5)


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), maps(st.sampled_from(WORDS), inner)),
    max_leaves=12,
)


@st.composite
def bent(draw, example):
    """A right value with something in it replaced, dropped or added."""
    if isinstance(example, dict) and example:
        found = dict(example)
        key = draw(st.sampled_from(sorted(found)))
        action = draw(st.sampled_from(["into", "into", "replace", "drop", "add", "keep"]))
        if action == "into":
            found[key] = draw(bent(found[key]))
        elif action == "replace":
            found[key] = draw(VALUES)
        elif action == "drop":
            del found[key]
        elif action == "add":
            found[draw(st.sampled_from(WORDS))] = draw(VALUES)
        return found
    if isinstance(example, list) and example:
        return [draw(bent(example[0])), *example[1:]]
    return draw(st.one_of(st.just(example), VALUES))


SHORT = st.one_of(
    maps(st.sampled_from(NAMES), VALUES),
    st.sampled_from([f.example for f in FACETS if f.build]).flatmap(bent),
)
EXAMPLES = {f.key: f.example for f in FACETS if not f.build}
GIVEN = st.one_of(
    maps(st.one_of(st.sampled_from(KEYS), TEXTS, st.just("acme_x")), VALUES),
    st.sampled_from(sorted(EXAMPLES)).flatmap(
        lambda key: bent(EXAMPLES[key]).map(lambda facet: {key: facet})
    ),
)
DATASETS = st.lists(st.builds(Dataset, TEXTS, TEXTS, SHORT, GIVEN, GIVEN, GIVEN), max_size=2).map(tuple)
JOBS = st.builds(JobRef, TEXTS, TEXTS)
PARENTS = st.none() | st.builds(RunRef, st.just(RUN_ID) | TEXTS, JOBS)
TIMES = st.integers(0, 2**64 - 1)
EXAMPLES_TRIED = int(os.environ.get("HOSTILE_EXAMPLES", "200"))
THOROUGH = hypothesis_settings(
    deadline=None, max_examples=EXAMPLES_TRIED, suppress_health_check=list(HealthCheck)
)


@THOROUGH
@given(
    event_type=st.sampled_from(EventType),
    job=JOBS,
    parent=PARENTS,
    root=PARENTS,
    error=st.none() | st.builds(ErrorDetail, TEXTS, TEXTS, st.none() | TEXTS),
    inputs=DATASETS,
    outputs=DATASETS,
    run_values=SHORT,
    run_facets=GIVEN,
    job_values=SHORT,
    job_facets=GIVEN,
)
def test_runs(openlineage_spec, event_type, **run) -> None:
    event = BUILDER.build(changed(event_type, **run))
    openlineage_spec.check(event.body)
    assert all(omission.path and omission.reason for omission in event.omissions)
    again = EventBuilder(Settings(data_dir="", trace=Trace(url="http://jaeger/{trace_id}")))
    assert again.build(changed(event_type, **run)) == again.build(changed(event_type, **run))


@THOROUGH
@given(data=DATASETS, at_ns=TIMES, job=JOBS, values=SHORT, facets=GIVEN)
def test_static_metadata(openlineage_spec, data, at_ns, job, values, facets) -> None:
    evidence = Evidence("", "", "test")
    for described in data:
        openlineage_spec.check(BUILDER.build(DatasetDescribed(evidence, at_ns, described)).body)
    made = BUILDER.build(JobDescribed(evidence, at_ns, job, data, data, values, facets))
    openlineage_spec.check(made.body)
