"""Files into tables, tables into tables: IO managers, `deps`, a multi-asset, metadata, observations and checks."""

import pandas as pd
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetObservation,
    AssetOut,
    AssetSpec,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    Output,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
    asset,
    asset_check,
    multi_asset,
    observable_source_asset,
)

from everything.places import DATA, REPORTS

SOURCES = [
    AssetSpec(["files", name], metadata={"dagster/uri": (DATA / f"{name}.csv").as_uri()}, kinds={"csv"})
    for name in ("customers", "orders")
]


def columns(**types: str) -> TableSchema:
    """A schema of columns and their types."""
    return TableSchema(columns=[TableColumn(name, kind) for name, kind in types.items()])


@asset(
    deps=[["files", "customers"]],
    group_name="raw",
    owners=["ada@example.com", "team:shop"],
    kinds={"duckdb", "python"},
    tags={"domain": "sales"},
    code_version="3",
    metadata={"dagster/column_schema": columns(id="BIGINT", name="VARCHAR", region="VARCHAR")},
)
def customers() -> Output[pd.DataFrame]:
    """All customers."""
    frame = pd.read_csv(DATA / "customers.csv")
    return Output(frame, metadata={"dagster/row_count": len(frame)})


@asset(
    deps=[["files", "orders"]],
    group_name="raw",
    check_specs=[
        AssetCheckSpec("some", asset="orders", blocking=True),
        AssetCheckSpec("no_returns", asset="orders", description="Nobody sends goods back"),
    ],
)
def orders():
    """All orders."""
    frame = pd.read_csv(DATA / "orders.csv")
    yield Output(frame, metadata={"dagster/row_count": len(frame)})
    yield AssetCheckResult(check_name="some", passed=len(frame) > 0, metadata={"rows": len(frame)})
    returns = int((frame.amount < 0).sum())
    yield AssetCheckResult(check_name="no_returns", passed=returns == 0, metadata={"returns": returns})


@asset(ins={"purchases": AssetIn("orders", metadata={"columns": ["customer_id", "amount"]})})
def customer_orders(
    context: AssetExecutionContext, customers: pd.DataFrame, purchases: pd.DataFrame
) -> pd.DataFrame:
    """What each customer spent."""
    spent = purchases.groupby("customer_id", as_index=False).amount.sum()
    frame = customers.merge(spent, left_on="id", right_on="customer_id")[["id", "name", "amount"]]
    lineage = {
        "name": [TableColumnDep(AssetKey("customers"), "name")],
        "amount": [TableColumnDep(AssetKey("orders"), "amount")],
    }
    context.add_output_metadata(
        {
            "dagster/column_lineage": TableColumnLineage(lineage),
            "dagster/column_schema": columns(id="BIGINT", name="VARCHAR", amount="BIGINT"),
            "dagster/row_count": len(frame),
        }
    )
    return frame


@multi_asset(outs={"best": AssetOut(), "worst": AssetOut(group_name="shame")})
def ends_of_the_list(customer_orders: pd.DataFrame):
    """Two tables of one step."""
    ordered = customer_orders.sort_values("amount")
    return ordered.tail(1), ordered.head(1)


@asset(deps=["best", "worst", "customers"], kinds={"json"})
def report() -> MaterializeResult:
    """A file, which no IO manager knows."""
    REPORTS.mkdir(exist_ok=True)
    file = REPORTS / "report.json"
    file.write_text("{}")
    return MaterializeResult(metadata={"dagster/uri": file.as_uri(), "note": MetadataValue.md("*short*")})


@asset(deps=["customer_orders"])
def announced(context: AssetExecutionContext) -> None:
    """An asset of which nothing but the key is known, and an observation of another one."""
    context.log_event(AssetObservation("report", metadata={"size": 2}))


@observable_source_asset
def weather() -> DataVersion:
    """Somebody else's."""
    return DataVersion("sunny")


@asset_check(asset="customers", description="Everybody has a name")
def have_names(customers: pd.DataFrame) -> AssetCheckResult:
    """Passes."""
    return AssetCheckResult(passed=bool(customers.name.notna().all()), metadata={"nameless": 0})


@asset_check(asset="customer_orders")
def spend_a_lot(customer_orders: pd.DataFrame) -> AssetCheckResult:
    """Warns."""
    poor = int((customer_orders.amount < 100).sum())
    return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN, metadata={"poor": poor})


ASSETS = [*SOURCES, customers, orders, customer_orders, ends_of_the_list, report, announced, weather]
CHECKS = [have_names, spend_a_lot]
JOBS = {
    "shop": ["customers", "orders", "customer_orders", "best", "worst", "report", "announced"],
    "look": ["weather"],
}
