"""Whatever attributes say, the dialect of dbt raises nothing, and what it makes of them can be stored."""

import json
from pathlib import Path

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.extract import Wanted, extract
from otel_bridge.extract.data_sources import Connection
from otel_bridge.extract.dialects.dbt import attributes as names
from otel_bridge.extract.dialects.dbt import mapping
from otel_bridge.extract.dialects.dbt.facts import Node, Result
from otel_bridge.model import LogEvent, Resource, Run, RunObserved, Scope, Span, Status
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Namespace

NAMES = Namespaces(Namespace())
TRACE, SPAN, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b" * 16, "c" * 16
TABLE = yaml.safe_load((Path(__file__).parents[2] / "convention" / "dbt.yaml").read_text())


def span(attributes=None, name="x", **said) -> Span:
    place = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": ABOVE, "start_ns": 100, "end_ns": 200}
    return Span(**(place | said), name=name, attributes=attributes or {})


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
keys = st.sampled_from(
    [*names.RELATION_KEYS, *Node.__struct_fields__, *Result.__struct_fields__, *Connection.__struct_fields__]
)
maps = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
)
anything = scalars | maps | maps.map(json.dumps)
said_names = st.sampled_from([row["name"] for row in TABLE["attributes"]])
theirs = st.sampled_from([
    "node_test_detail", "node_freshness_outcome", "node_skip_upstream_detail", "node_cache_detail", "eval_args", "metrics",
    "process_info", "raw_command", "hook_type", "hook_index", "hook_outcome", "last_phase", "in_selection", "sql", "sql_hash",
    "phase", "invocation_id", "command", "dbt_core_event_code", "node_skip_reason",
])  # fmt: skip


@given(st.dictionaries(said_names | theirs, anything, max_size=8), st.sampled_from(Status), st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_value_raises_and_all_that_is_said_can_be_stored(attributes, status, ours):
    found = []
    for scope in (Scope("dbt.runner"), Scope("dbt-fusion")):
        for name in ("dbt.invocation", "model.shop.orders", "x"):
            found += extract(span(attributes, name=name, scope=scope, status=status), NAMES)
    more = attributes | {"dbt.convention": 1} | ({"openlineage.job.name": "job"} if ours else {})
    found += extract(span(more, status=status), NAMES)
    for name in ("openlineage.run.start", "openlineage.job"):
        found += extract(LogEvent(name, TRACE, SPAN, attributes=more, resource=Resource()), NAMES)
    msgspec.msgpack.encode(found)
    for run in found:
        if isinstance(run, RunObserved) and mapping.TOLD in run.run_values:
            as_run = Run(
                run.run_id, run.job, run.span, run.started_ns, run_values=run.run_values, state=run.state
            )
            msgspec.msgpack.encode(mapping.completed(as_run, mapping.told_of(as_run), NAMES, Wanted()))
