"""Whatever producers send, and whatever an analysis says, the stage raises nothing and its answers make events."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model import Dataset, EventType, JobRef, Run, RunChanged, SpanRef, State
from otel_bridge.openlineage import EventBuilder
from otel_bridge.settings import Settings
from otel_bridge.sql import Analysis, TableColumns, Use, Written
from otel_bridge.sql.answers import answered
from otel_bridge.sql.questions import question

WORDS = st.sampled_from(
    ["orders", "public", "shop", "daily", "ID", "id", "*", "", "a.b", '"x"', "\x00", "\ud800"]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS, lambda inner: st.lists(inner, max_size=3)
)
FIELDS = st.lists(st.fixed_dictionaries({"name": WORDS | JUNK}, optional={"type": JUNK}) | JUNK, max_size=4)
NAMESPACES = st.sampled_from(["postgres://db:5432", "bigquery", "s3://lake", "file", "arn:aws:glue:x", ""])
NAMES = st.lists(WORDS, min_size=1, max_size=4)
DATASETS = st.builds(
    Dataset,
    NAMESPACES,
    NAMES.map(".".join),
    st.fixed_dictionaries({}, optional={"schema": FIELDS | JUNK, "schema_partial": JUNK, "columns": JUNK}),
    st.fixed_dictionaries({}, optional={"schema": st.fixed_dictionaries({"fields": FIELDS | JUNK}) | JUNK}),
)
TABLES = NAMES.map(tuple)
USES = st.lists(
    st.builds(Use, TABLES, WORDS, st.sampled_from(["IDENTITY", "FILTER", "WINDOW"]), st.booleans()),
    max_size=4,
)
PARTS = st.builds(
    TableColumns,
    TABLES,
    st.dictionaries(WORDS, USES.map(tuple), max_size=4),
    USES.map(tuple),
    st.dictionaries(WORDS, WORDS),
)
BY = st.sampled_from(["query", "create", "insert", "drop"])
CONTEXTS = (
    st.dictionaries(
        st.sampled_from(["namespace", "database", "schema", "dialect"]), WORDS | NAMESPACES | JUNK
    )
    | JUNK
)
VALUES = st.fixed_dictionaries(
    {"sql": st.just("select 1")},
    optional={"sql_context": CONTEXTS, "sql_dialect": JUNK, "type": st.sampled_from(["SNAPSHOT", "HOOK"])},
)
BUILDER = EventBuilder(Settings(data_dir=""))


@settings(max_examples=150, deadline=None)
@given(st.lists(DATASETS, max_size=3), st.lists(DATASETS, max_size=3), VALUES, st.data())
def test_anything(inputs: list[Dataset], outputs: list[Dataset], values: dict[str, Any], data: Any) -> None:
    run = Run(
        "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11", JobRef("n", "j"), SpanRef("0" * 31 + "1", "0" * 15 + "1"), 0,
        state=State.COMPLETE, inputs=tuple(inputs), outputs=tuple(outputs), job_values=values,
    )  # fmt: skip
    asked = question(run)
    if asked is None:
        return
    known = st.sampled_from(sorted(asked.datasets)) if asked.datasets else TABLES
    parts = data.draw(
        st.lists(
            PARTS.flatmap(lambda p: known.map(lambda t: msgspec.structs.replace(p, table=t))), max_size=3
        )
    )
    reads = data.draw(st.lists(TABLES | known, max_size=3))
    writes = data.draw(st.lists(st.builds(Written, TABLES | known, BY), max_size=2))
    told, coverage = answered(run, asked, Analysis(tuple(reads), tuple(writes), tuple(parts)))
    assert coverage.columns == coverage.resolved + sum(gap.columns for gap in coverage.gaps)
    assert len({(d.namespace, d.name) for d in told.outputs}) == len(told.outputs)
    event = BUILDER.build(RunChanged(EventType.COMPLETE, 0, told))
    assert msgspec.json.decode(event.body)["eventType"] == "COMPLETE"
