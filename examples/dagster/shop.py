"""A shop's refresh: a CSV file into an Iceberg table, from there into DuckDB, where dbt builds a mart.

    dagster job execute -f shop.py -j refresh

Nothing in here knows of lineage.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetSpec,
    Definitions,
    MaterializeResult,
    asset,
    asset_check,
    define_asset_job,
    in_process_executor,
)
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets
from dagster_duckdb_pandas import DuckDBPandasIOManager
from pyiceberg.catalog.sql import SqlCatalog

HERE = Path(__file__).parent.resolve()
PROJECT = DbtProject(project_dir=HERE / "dbt")
if not PROJECT.manifest_path.exists():
    PROJECT.preparer.prepare(PROJECT)

orders_csv = AssetSpec("orders_csv", metadata={"dagster/uri": (HERE / "data/orders.csv").as_uri()})


def lake() -> SqlCatalog:
    """An Iceberg catalog on SQLite, its tables in files beside it."""
    folder = HERE / "lake"
    folder.mkdir(exist_ok=True)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())
    catalog.create_namespace_if_not_exists("shop")
    return catalog


@asset(deps=[orders_csv], owners=["team:sales"], kinds={"iceberg"})
def lake_orders() -> MaterializeResult:
    """Every order, as the shop exports them."""
    rows = pa.Table.from_pandas(pd.read_csv(HERE / "data/orders.csv"), preserve_index=False)
    table = lake().create_table_if_not_exists("shop.orders", schema=rows.schema)
    table.append(rows)
    return MaterializeResult(metadata={"dagster/row_count": rows.num_rows})


@asset(deps=[lake_orders], kinds={"duckdb"})
def raw_orders() -> pd.DataFrame:
    """The orders where dbt finds them."""
    return lake().load_table("shop.orders").scan().to_pandas()


@asset_check(asset=raw_orders, description="No order twice")
def orders_are_unique(raw_orders: pd.DataFrame) -> AssetCheckResult:
    """Holds."""
    return AssetCheckResult(passed=bool(raw_orders.id.is_unique))


@dbt_assets(manifest=PROJECT.manifest_path)
def models(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """The dbt project; one of its tests fails."""
    yield from dbt.cli(["build"], context=context).stream()


defs = Definitions(
    assets=[orders_csv, lake_orders, raw_orders, models],
    asset_checks=[orders_are_unique],
    jobs=[define_asset_job("refresh")],
    resources={
        "io_manager": DuckDBPandasIOManager(database=str(HERE / "warehouse.duckdb"), schema="shop"),
        "dbt": DbtCliResource(PROJECT),
    },
    executor=in_process_executor,
)
