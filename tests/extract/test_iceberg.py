"""Iceberg's spans as datasets: what golden files show one of each, by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.extract import Wanted, extract
from otel_bridge.extract.dialects.iceberg import rows, subsets
from otel_bridge.extract.dialects.iceberg.facts import Told
from otel_bridge.extract.dialects.iceberg.naming import without_secrets
from otel_bridge.model import IoObserved, Resource, RunObserved, Span, SpanSeen, Status
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dialects, Namespace

RUN = "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11"
NAMES = Namespaces(Namespace())
TABLE = {"iceberg.table.name": "shop.orders", "iceberg.table.location": "s3://lake/shop/orders"}
VALUE = st.one_of(
    st.text(max_size=8),
    st.integers(-9, 2**60),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just("[{]"),
    st.just('[{"a": 1}]'),
)
NAME = st.sampled_from([
    "operation", "operations", "schema", "schema.id", "snapshot.id", "snapshots", "partition_spec", "changes", "files",
    "filter", "filter.text", "projection", "rows.given", "rows.inserted", "catalog.type", "catalog.uri", "lifecycle",
    "commit.records.added", "scan.file_size.bytes", "table.location", "table.name", "catalog.warehouse",
])  # fmt: skip


def span(status: Status = Status.UNSET, **said: object) -> Span:
    attributes = {**TABLE, **{k.replace("__", "."): v for k, v in said.items()}}
    return Span(
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id="",
        name="iceberg",
        start_ns=1,
        end_ns=2,
        status=status,
        attributes={k: v for k, v in attributes.items() if v is not None},
        resource=Resource({}),
    )


def read(item: Span, mode: str = "all") -> IoObserved | RunObserved | SpanSeen:
    (observed,) = extract(item, NAMES, Wanted(dialects=Dialects(iceberg=mode)))
    return observed


def test_only_marked_spans_are_read_unless_told_otherwise() -> None:
    unmarked = span(iceberg__operation="scan")
    marked = span(iceberg__operation="scan", openlineage__run__id=RUN)
    assert isinstance(read(unmarked, "marked"), SpanSeen)
    assert isinstance(read(unmarked, "all"), IoObserved)
    assert read(marked, "marked").inputs
    assert not read(marked, "off").inputs


def test_alone_it_is_a_run_of_its_own() -> None:
    alone = read(span(iceberg__operation="append")).alone
    assert alone.job.name == "iceberg.append.shop.orders"
    assert [d.name for d in alone.outputs] == ["shop/orders"]


def test_a_run_keeps_its_name_and_gets_its_table() -> None:
    run = read(span(iceberg__operation="scan", openlineage__job__name="mine", openlineage__run__id=RUN))
    assert (run.job.name, [d.namespace for d in run.inputs]) == ("mine", ["s3://lake"])


def test_what_failed_has_a_name_and_no_snapshot() -> None:
    (table,) = read(span(Status.ERROR, iceberg__operation="append", iceberg__snapshot__id=7)).outputs
    assert "version" not in table.values
    assert not table.output_facets
    assert not table.facets


def append(added: int, total: int, operation: str = "append", removed: int = 0) -> dict[str, object]:
    summary = {"added-records": str(added), "total-records": str(total), "deleted-records": str(removed)}
    return {"operation": operation, "summary": summary}


TOTAL = "iceberg.commit.records.total"
REWRITTEN = append(45, 45, "overwrite", removed=50)


@pytest.mark.parametrize(
    ("told", "written", "deleted"),
    [
        (Told(operation="append", rows_given=100, snapshots=(append(100, 100),), figures={TOTAL: 100}), 100, 0),
        (Told(operation="append", snapshots=(append(60, 60), append(40, 100)), figures={TOTAL: 100}), 100, 0),
        (Told(operation="delete", snapshots=(REWRITTEN,), figures={TOTAL: 45}), 0, 5),
        (Told(operation="upsert", rows_inserted=2, rows_updated=2, snapshots=(REWRITTEN, append(2, 52)), figures={TOTAL: 52}), 4, 0),
        (Told(operation="overwrite", rows_given=50, figures={"iceberg.commit.records.added": 50}), 50, None),
        (Told(operation="append", figures={"iceberg.commit.records.added": 120}), 120, None),
        (Told(operation="overwrite", figures={"iceberg.commit.records.added": 500}), None, None),
        (Told(operation="transaction", operations=("upsert", "append"), rows_inserted=1), None, None),
        (Told(operation="alter"), None, None),
    ],
)  # fmt: skip
def test_rows_are_those_that_the_table_has_from_it(
    told: Told, written: int | None, deleted: int | None
) -> None:
    assert (rows.written(told), rows.deleted(told)) == (written, deleted)


def test_a_part_of_an_and_is_still_true_and_of_an_or_is_not() -> None:
    known = {"type": "eq", "term": "a", "value": 1}
    unknown = {"type": "starts-with", "term": "b", "value": "x"}
    assert subsets.condition({"type": "and", "left": known, "right": unknown}) == subsets.condition(known)
    assert subsets.condition({"type": "or", "left": known, "right": unknown}) is None
    assert subsets.condition({"type": "not", "child": known}) is None


def test_a_list_of_values_is_one_or_the_other() -> None:
    found = subsets.condition({"type": "in", "term": "a", "values": [1, True]})
    assert found["operator"] == "OR"
    assert [found[side]["right"]["value"] for side in ("left", "right")] == ["1", "true"]
    assert subsets.condition({"type": "in", "term": "a", "values": list(range(51))}) is None


def test_endless_filters_end() -> None:
    deep: dict[str, object] = {"type": "eq", "term": "a", "value": 1}
    for _ in range(500):
        deep = {"type": "and", "left": deep, "right": {"type": "gt", "term": "b", "value": 2}}
    assert subsets.condition(deep)["type"] == "binary"


@pytest.mark.parametrize(
    "address",
    [
        "https://ada:pw@catalog:1/v1",
        "thrift://pw@catalog:1",
        "https://catalog/v1?token=pw",
        "s3://k:pw@lake/x",
    ],
)
def test_no_secret_leaves(address: str) -> None:
    assert "pw" not in without_secrets(address)


@given(st.dictionaries(NAME.map("iceberg.{}".format), VALUE, max_size=8))
def test_whatever_is_said_nothing_breaks(said: dict[str, object]) -> None:
    for observed in extract(span(**said), NAMES, Wanted(dialects=Dialects(iceberg="all"))):
        assert isinstance(observed, IoObserved | SpanSeen)
