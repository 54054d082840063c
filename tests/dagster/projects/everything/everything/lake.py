"""Iceberg tables in a catalog on SQLite, by pyiceberg itself: no IO manager knows of them."""

import duckdb
import pyarrow as pa
from dagster import MaterializeResult, asset
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from everything.places import LAKE, WAREHOUSE


def catalog() -> SqlCatalog:
    """The catalog, with its namespace."""
    LAKE.mkdir(exist_ok=True)
    found = SqlCatalog("lake", uri=f"sqlite:///{LAKE}/catalog.db", warehouse=LAKE.as_uri())
    found.create_namespace_if_not_exists("shop")
    return found


def table(name: str, schema: pa.Schema) -> Table:
    """A table, made if need be."""
    lake = catalog()
    try:
        return lake.load_table(f"shop.{name}")
    except NoSuchTableError:
        return lake.create_table(f"shop.{name}", schema=schema)


@asset(deps=["orders"], kinds={"iceberg"})
def lake_orders() -> MaterializeResult:
    """From DuckDB into Iceberg: appended."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        rows = warehouse.sql("select id, region, amount from shop.orders").to_arrow_table()
    table("orders", rows.schema).append(rows)
    return MaterializeResult(metadata={"dagster/row_count": rows.num_rows})


@asset(deps=["lake_orders"], kinds={"iceberg"})
def lake_regions() -> None:
    """From Iceberg into Iceberg: overwritten."""
    rows = catalog().load_table("shop.orders").scan(selected_fields=("region", "amount")).to_arrow()
    sums = rows.group_by("region").aggregate([("amount", "sum")])
    table("regions", sums.schema).overwrite(sums)


ASSETS = [lake_orders, lake_regions]
JOBS = {"lake": ["lake_orders", "lake_regions"]}
