"""What several spans say of one dataset is what is true of all of them."""

from otel_bridge.assemble import repeated
from otel_bridge.model import Dataset


def dataset(**values: object) -> Dataset:
    return Dataset("s3://lake", "orders", values)


def test_counts_add_up() -> None:
    assert repeated.counts(dataset(row_count=2, bytes=5), dataset(row_count=3, bytes=6)) == {
        "row_count": 5,
        "bytes": 11,
    }


def test_a_count_that_one_does_not_know_is_not_known() -> None:
    assert repeated.counts(dataset(bytes=5), dataset(row_count=3, bytes=6)) == {
        "row_count": None,
        "bytes": 11,
    }


def test_what_counts_nothing_does_not_count() -> None:
    assert repeated.counts(dataset(lifecycle="ALTER"), dataset(row_count=3)) == {"row_count": 3}


def test_what_was_created_stays_created_and_what_was_dropped_dropped() -> None:
    assert repeated.lifecycle(dataset(lifecycle="CREATE"), dataset(lifecycle="ALTER")) == {
        "lifecycle": "CREATE"
    }
    assert repeated.lifecycle(dataset(lifecycle="CREATE"), dataset(lifecycle="DROP")) == {"lifecycle": "DROP"}
    assert repeated.lifecycle(dataset(lifecycle="ALTER"), dataset(lifecycle="OVERWRITE")) == {}


ONE = {"inputCondition": {"type": "compare", "comparison": "EQUAL"}}
TWO = {"inputCondition": {"type": "compare", "comparison": "LESS_THAN"}}


def test_a_part_and_the_whole_are_the_whole() -> None:
    assert repeated.slot({"subset": ONE}, {}, both_count=True) == {}
    assert repeated.slot({}, {"subset": ONE}, both_count=True) == {}
    assert repeated.slot({"subset": ONE}, {}, both_count=False) == {"subset": ONE}


def test_two_parts_are_one_or_the_other_once() -> None:
    both = repeated.slot({"subset": ONE}, {"subset": TWO}, both_count=True)
    condition = both["subset"]["inputCondition"]
    assert (condition["operator"], condition["left"], condition["right"]) == (
        "OR",
        ONE["inputCondition"],
        TWO["inputCondition"],
    )
    for again in (ONE, TWO):
        assert repeated.slot(both, {"subset": again}, both_count=True) == both


def test_all_snapshots_are_kept_and_the_first_parent() -> None:
    first = {"snapshotId": "2", "parentSnapshotId": "1", "snapshots": [{"snapshotId": "2"}]}
    second = {"snapshotId": "3", "parentSnapshotId": "2", "snapshots": [{"snapshotId": "3"}]}
    found = repeated.slot({repeated.SNAPSHOT: first}, {repeated.SNAPSHOT: second}, both_count=True)[
        repeated.SNAPSHOT
    ]
    assert found["snapshots"] == [{"snapshotId": "2"}, {"snapshotId": "3"}]
    assert (found["snapshotId"], found["parentSnapshotId"]) == ("3", "1")
    altered = repeated.slot(
        {repeated.SNAPSHOT: first}, {repeated.SNAPSHOT: {"changes": {}}}, both_count=False
    )
    assert altered[repeated.SNAPSHOT] == {**first, "changes": {}}


def test_the_files_of_a_table_are_the_table() -> None:
    table = Dataset("s3://lake", "shop/orders", {"storage": {"layer": "iceberg"}})
    inside, beside = (
        Dataset("s3://lake", "shop/orders/data/1.parquet"),
        Dataset("s3://lake", "shop/orders_raw/1.csv"),
    )
    elsewhere = Dataset("s3://other", "shop/orders/data/1.parquet")
    tables = repeated.tables((table, inside, beside))
    assert repeated.outside(tables, (table, inside, beside, elsewhere)) == (table, beside, elsewhere)
    assert repeated.outside(frozenset(), (inside,)) == (inside,)
