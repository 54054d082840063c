"""What is told of partitions: keys and ranges, windows of time, those of inputs."""

from typing import Any

import pytest
from dagster_told import Told, facts_of

pytestmark = pytest.mark.e2e

SCRIPT = """
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager
days = DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin", end_date="2026-07-01")
weeks = WeeklyPartitionsDefinition("2026-01-04", timezone="Europe/Berlin", end_date="2026-07-01")
regions = StaticPartitionsDefinition(["eu", "us"])
both = MultiPartitionsDefinition({"date": days, "region": regions})
many = StaticPartitionsDefinition([f"s{i:03}" for i in range(200)])
shops = DynamicPartitionsDefinition(name="shops")
one_run = BackfillPolicy.single_run()

@asset(partitions_def=days, metadata={"partition_expr": "day"}, backfill_policy=one_run)
def daily(context) -> pd.DataFrame:
    keys = context.partition_keys
    return pd.DataFrame({"day": pd.to_datetime(keys), "n": [1] * len(keys)})

@asset(partitions_def=weeks, metadata={"partition_expr": "week"})
def weekly(context, daily: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"week": pd.to_datetime([context.partition_key]), "n": [len(daily)]})

@asset(partitions_def=both, metadata={"partition_expr": {"date": "day", "region": "region"}}, deps=[daily])
def regional(context):
    return MaterializeResult(metadata={"dagster/partition_row_count": 4})

@asset(deps=[regional])
def over_regional() -> None: pass

@asset(partitions_def=days, deps=[AssetDep("before", partition_mapping=TimeWindowPartitionMapping(start_offset=-2, end_offset=-1))])
def before() -> None: pass

@asset(partitions_def=many, backfill_policy=one_run)
def static(context) -> None:
    if not hasattr(context, "add_asset_metadata"):
        return
    for number, key in enumerate(context.partition_keys):
        context.add_asset_metadata({"dagster/partition_row_count": number}, partition_key=key)

@asset(deps=[static])
def over_static() -> None: pass

@asset(partitions_def=shops, io_manager_key="files")
def shop(): return 1

@asset(partitions_def=shops, deps=[shop])
def shop_stats() -> None: pass

@asset(partitions_def=shops, io_manager_key="files")
def shop_sum(shop): return 1

@asset(deps=[shop])
def over_shops() -> None: pass

every = [daily, weekly, regional, over_regional, before, static, over_static, shop, shop_stats, shop_sum, over_shops]
resources = {"io_manager": DuckDBPandasIOManager(database="shop.duckdb", schema="main"), "files": FilesystemIOManager(base_dir="store")}
instance = DagsterInstance.ephemeral()
instance.add_dynamic_partitions("shops", [f"shop{i}" for i in range(60)])

def make(made, first=None, last=None, **more):
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last} if first else {}
    materialize(every, instance=instance, resources=resources, selection=AssetSelection.assets(made), tags=tags, **more)

make(daily, "2026-03-25", "2026-04-07")
make(weekly, partition_key="2026-03-29")
mark("multi")
make(regional, partition_key=MultiPartitionKey({"date": "2026-01-06", "region": "eu"}))
mark("others")
make(over_regional); make(before, partition_key="2026-01-05"); make(static, "s010", "s150"); make(over_static)
make(shop, partition_key="shop1"); make(shop_stats, partition_key="shop1"); make(shop_sum, partition_key="shop1"); make(over_shops)

mark("kept")
from otel_bridge_dagster.facts import partitions
every_other = [f"2026-01-{day:02}" for day in range(1, 31, 2)]
tell("map", {"gaps": partitions.of_keys(days, every_other)})
tell("map", {"box": partitions.of_keys(both, [f"2026-01-{d:02}|{r}" for d in range(1, 29) for r in ("eu", "us")])})
eu, us = [f"2026-01-{d:02}|eu" for d in range(1, 31)], [f"2026-02-{d:02}|us" for d in range(1, 25)]
tell("map", {"uneven": partitions.of_keys(both, eu + us)})
tell("map", {"two": partitions.of_subset(days, days.empty_subset().with_partition_keys(
    [f"2026-{m:02}-{d:02}" for m in (1, 3) for d in range(1, 29)]))})
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return facts_of(SCRIPT, tmp_path_factory.mktemp("partitions"))


def days(first: int, last: int, month: int) -> list[str]:
    return [f"2026-{month:02}-{day:02}" for day in range(first, last + 1)]


def test_a_range_in_one_run_is_one_window_in_the_definition_s_time_zone(told: Told) -> None:
    expected = {
        "keys": days(25, 31, 3) + days(1, 7, 4),
        "count": 14,
        "start": "2026-03-25T00:00:00+01:00",
        "end": "2026-04-08T00:00:00+02:00",
    }
    assert told.of("run_start")[0]["dagster.partitions"] == expected
    assert told.step("daily")["dagster.partitions"] == expected
    assert told.asset("daily")["dagster.partitions"] == expected
    assert told.output("daily")["partitions"] == expected | {"expression": "day"}
    assert told.output("daily")["row_count"] == 14


def test_partitions_of_another_length_are_mapped(told: Told) -> None:
    read = told.inputs("weekly")["daily"]["partitions"]
    assert read == {
        "keys": [*days(29, 31, 3), *days(1, 4, 4)],
        "count": 7,
        "start": "2026-03-29T00:00:00+01:00",
        "end": "2026-04-05T00:00:00+02:00",
        "expression": "day",
    }


def test_several_dimensions_are_told_each(told: Told) -> None:
    expected = {
        "keys": ["2026-01-06|eu"],
        "count": 1,
        "dimensions": [{"date": "2026-01-06", "region": "eu"}],
        "start": "2026-01-06T00:00:00+01:00",
        "end": "2026-01-07T00:00:00+01:00",
    }
    segment = told.after("multi")
    assert segment.of("run_start")[0]["dagster.partitions"] == expected
    output = told.output("regional")
    assert output["partitions"] == expected | {"expression": {"date": "day", "region": "region"}}
    assert output["row_count"] == 4
    assert told.asset("regional")["dagster.asset"]["partitioned_by"]["type"] == "multi"


def test_the_day_of_a_combination_is_read_where_nothing_is_loaded(told: Told) -> None:
    read = told.inputs("regional")["daily"]["partitions"]
    assert read["keys"] == ["2026-01-06"]


def test_all_partitions_are_ranges(told: Told) -> None:
    read = told.inputs("over_regional")["regional"]["partitions"]
    assert read["ranges"] == [{"first": "2026-01-01|eu", "last": "2026-06-30|us"}]
    assert read["count"] == 362
    assert "keys" not in read
    assert told.inputs("over_static")["static"]["partitions"] == {
        "count": 200,
        "ranges": [{"first": "s000", "last": "s199"}],
    }


def test_an_asset_may_read_its_own_days_before(told: Told) -> None:
    assert told.inputs("before")["before"]["partitions"]["keys"] == ["2026-01-03", "2026-01-04"]
    assert told.output("before")["partitions"]["keys"] == ["2026-01-05"]


def test_many_static_keys_are_a_range(told: Told) -> None:
    assert told.output("static")["partitions"] == {
        "count": 141,
        "ranges": [{"first": "s010", "last": "s150"}],
    }


def test_rows_of_partitions_add_up(told: Told) -> None:
    rows = told.output("static").get("row_count")
    # context.add_asset_metadata exists from 1.10 on
    assert rows in (None, sum(range(141)))


def test_dynamic_partitions_have_keys_and_no_order(told: Told) -> None:
    assert told.inputs("shop_stats")["shop"]["partitions"] == {"keys": ["shop1"], "count": 1}
    assert told.inputs("shop_sum")["shop"]["partitions"]["keys"] == ["shop1"]
    assert told.inputs("over_shops")["shop"]["partitions"] == {"count": 60}


def test_the_files_of_partitions_are_one_dataset(told: Told) -> None:
    assert told.output("shop")["location"].endswith("/store/shop")
    assert told.inputs("shop_sum")["shop"]["location"] == told.output("shop")["location"]


def test_gaps_leave_the_end_out(told: Told) -> None:
    maps: dict[str, Any] = {}
    for said in told.after("kept").of("map"):
        maps |= said
    assert "end" not in maps["gaps"]
    assert maps["gaps"]["start"] == "2026-01-01T00:00:00+01:00"
    assert maps["two"] == {
        "count": 56,
        "ranges": [{"first": f"2026-{m}-01", "last": f"2026-{m}-28"} for m in ("01", "03")],
        "start": "2026-01-01T00:00:00+01:00",
    }
    assert maps["box"]["ranges"] == [{"first": "2026-01-01|eu", "last": "2026-01-28|us"}]
    assert maps["uneven"]["ranges"] == [
        {"first": "2026-01-01|eu", "last": "2026-01-30|eu"},
        {"first": "2026-02-01|us", "last": "2026-02-24|us"},
    ]


def test_nothing_was_unread(told: Told) -> None:
    assert [said["dagster.unread"] for _, said in told.moments if "dagster.unread" in said] == []
