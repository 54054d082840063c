"""Partitions of every kind, and how they map to each other."""

import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetIn,
    BackfillPolicy,
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    WeeklyPartitionsDefinition,
    asset,
)

from everything.places import DATA

DAYS = DailyPartitionsDefinition("2026-11-01", end_date="2026-11-15")
WEEKS = WeeklyPartitionsDefinition("2026-11-01", end_date="2026-11-15")
REGIONS = StaticPartitionsDefinition(["eu", "us"])
CAMPAIGNS = DynamicPartitionsDefinition(name="campaigns")


def sold(regions: list[str], days: list[str]) -> pd.DataFrame:
    """Rows of the file, the day as a date."""
    frame = pd.read_csv(DATA / "orders.csv")
    frame = frame[frame.region.isin(regions) & frame.day.isin(days)]
    return frame.assign(day=pd.to_datetime(frame.day))


@asset(partitions_def=DAYS, metadata={"partition_expr": "day"}, backfill_policy=BackfillPolicy.single_run())
def daily_orders(context: AssetExecutionContext) -> pd.DataFrame:
    """One partition, or a range of them."""
    return sold(["eu", "us"], list(context.partition_keys))


@asset(partitions_def=WEEKS, metadata={"partition_expr": "week"})
def weekly_orders(context: AssetExecutionContext, daily_orders: pd.DataFrame) -> pd.DataFrame:
    """A week of seven days."""
    week = pd.Timestamp(context.partition_key)
    return pd.DataFrame({"week": [week], "amount": [int(daily_orders.amount.sum())]})


@asset(
    partitions_def=DAYS,
    metadata={"partition_expr": "day"},
    ins={
        "daily_orders": AssetIn(partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=0))
    },
)
def compared(context: AssetExecutionContext, daily_orders: pd.DataFrame) -> pd.DataFrame:
    """Reads the day before, too."""
    return pd.DataFrame(
        {"day": [pd.Timestamp(context.partition_key)], "amount": [int(daily_orders.amount.sum())]}
    )


@asset(
    partitions_def=MultiPartitionsDefinition({"date": DAYS, "region": REGIONS}),
    metadata={"partition_expr": {"date": "day", "region": "region"}},
)
def regional_orders(context: AssetExecutionContext, daily_orders: pd.DataFrame) -> pd.DataFrame:
    """Two dimensions from one."""
    key = context.partition_key
    assert isinstance(key, MultiPartitionKey)
    return daily_orders[daily_orders.region == key.keys_by_dimension["region"]]


@asset(partitions_def=REGIONS, metadata={"partition_expr": "region"})
def managers(context: AssetExecutionContext) -> pd.DataFrame:
    """Static keys."""
    return pd.DataFrame({"region": [context.partition_key], "manager": ["Eve"]})


@asset(partitions_def=CAMPAIGNS, metadata={"partition_expr": "campaign"})
def campaigns(context: AssetExecutionContext) -> pd.DataFrame:
    """Keys that are added while it runs."""
    return pd.DataFrame({"campaign": [context.partition_key], "budget": [100]})


@asset
def all_orders(daily_orders: pd.DataFrame) -> pd.DataFrame:
    """No partitions from all of them."""
    return daily_orders.groupby("region", as_index=False).amount.sum()


ASSETS = [daily_orders, weekly_orders, compared, regional_orders, managers, campaigns, all_orders]
JOBS = {
    "daily": ["daily_orders"],
    "weekly": ["weekly_orders"],
    "compare": ["compared"],
    "regional": ["regional_orders"],
    "managers_job": ["managers"],
    "campaigns_job": ["campaigns"],
    "everyone": ["all_orders"],
}
