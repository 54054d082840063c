"""What is told of assets: definitions, inputs, outputs, checks and observations."""

import pytest
from dagster_told import Told, by_key, facts_of

pytestmark = pytest.mark.e2e

SCRIPT = """
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

@asset(key_prefix="raw", description="All orders.", group_name="raw", owners=["ann@example.com", "team:data"],
       tags={"tier": "1", "db_password": "hidden"}, kinds={"python", "duckdb"}, code_version="7",
       metadata={"dagster/code_references": CodeReferencesMetadataValue(code_references=[
           LocalFileCodeReference(file_path="/code/shop.py", line_number=12)])})
def orders() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "amount": [1.5, 2.5, 3.5]})

@asset
def settings():
    return MaterializeResult(metadata={"dagster/uri": "s3://key:secret@lake/settings?X-Amz-Signature=1"})

@asset(key_prefix="marts", ins={"orders": AssetIn(key=["raw", "orders"])}, deps=[settings, "external"],
       check_specs=[AssetCheckSpec("positive", asset=["marts", "totals"], blocking=True)])
def totals(orders: pd.DataFrame):
    lineage = TableColumnLineage({"total": [TableColumnDep(AssetKey(["raw", "orders"]), "amount")]})
    schema = TableSchema([TableColumn("total", "DOUBLE", description="The sum.")])
    yield Output(pd.DataFrame({"total": [orders.amount.sum()]}),
                 metadata={"dagster/column_lineage": lineage, "dagster/column_schema": schema})
    yield AssetCheckResult(check_name="positive", passed=True, severity=AssetCheckSeverity.WARN, description="Fine.",
                           metadata={"rows": 1, "column": "total", "api_token": "hidden", "page": "https://u:p@h/x?t=1"})

@asset(deps=[["raw", "orders"], totals])
def report(context):
    context.log_event(AssetMaterialization("archive", metadata={"path": "/data/archive.csv"}))
    context.log_event(AssetObservation("prices", metadata={"dagster/row_count": 9}, tags={"dagster/data_version": "v9"}))
    return MaterializeResult(metadata={"dagster/table_name": "shop.reports.daily", "dagster/storage_kind": "snowflake"})

@asset_check(asset=totals)
def few(totals: pd.DataFrame):
    return AssetCheckResult(passed=len(totals) > 5, metadata={"rows": len(totals)})

@observable_source_asset
def stock():
    return DataVersion("stock-1")

@asset(deps=[stock], io_manager_key="files")
def stocked():
    return {"a": 1}

@multi_asset(specs=[AssetSpec("a", skippable=True), AssetSpec("b", deps=["a"], skippable=True),
                    AssetSpec("c", deps=["b", "stocked"], skippable=True)])
def several():
    yield MaterializeResult(asset_key="a", metadata={"dagster/row_count": 3})
    yield MaterializeResult(asset_key="b", data_version=DataVersion("b-1"))

@asset(metadata={"dagster/table_name": "shop.public.defined", "dagster/storage_kind": "postgres",
                 "dagster/column_schema": TableSchema([TableColumn("id", "int")])})
def defined() -> None:
    pass

@asset(deps=[defined])
def over_defined() -> None:
    pass

every = [orders, settings, totals, report, few, stock, stocked, several, defined, over_defined]
resources = {"io_manager": DuckDBPandasIOManager(database="shop.duckdb"), "files": FilesystemIOManager(base_dir="store")}
instance = DagsterInstance.ephemeral()

def make(*keys):
    materialize(every, instance=instance, resources=resources, selection=AssetSelection.assets(*keys))

for made in (["raw/orders"], ["settings"], ["marts/totals"], ["report"], ["stock"], ["stocked"],
             ["a", "b", "c"], ["defined"], ["over_defined"]):
    make(*(AssetKey.from_user_string(key) for key in made))

from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.dagster_dbt_translator import DbtManifestWrapper
from otel_bridge_dagster.facts.dbt_nodes import unique_id

def node(name):
    return {"resource_type": "model", "name": name, "alias": f"{name}_v1", "unique_id": f"model.shop.{name}", "config": {}}

manifest = {"nodes": {f"model.shop.{name}": node(name) for name in ("customers", "orders")}}
said = {"dagster_dbt/manifest": DbtManifestWrapper(manifest=manifest), "dagster_dbt/dagster_dbt_translator": DagsterDbtTranslator()}
tell("nodes", {
    "told": unique_id(AssetKey("orders"), said | {"dagster_dbt/unique_id": "model.shop.told"}),
    "found": unique_id(AssetKey("orders"), said),
    "none": unique_id(AssetKey(["other", "orders_v1"]), said),
})
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return facts_of(SCRIPT, tmp_path_factory.mktemp("assets"))


def test_an_asset_is_told_as_its_definition_has_it(told: Told) -> None:
    assert told.asset("raw/orders", "asset_start")["dagster.asset"] == {
        "key": ["raw", "orders"],
        "description": "All orders.",
        "group": "raw",
        "owners": ["ann@example.com", "team:data"],
        "kinds": ["duckdb", "python"],
        "tags": {"tier": "1"},
        "code_version": "7",
        "code_source": {"file": "/code/shop.py", "line": 12},
    }


def test_the_table_of_an_io_manager_is_an_output_with_its_file(told: Told) -> None:
    output = told.output("raw/orders")
    version, path = output["data_version"], output["connection"]["path"]
    assert path.startswith("/")
    assert path.endswith("/shop.duckdb")
    assert output == {
        "asset_key": ["raw", "orders"],
        "data_version": version,
        "connection": {"type": "duckdb", "path": path},
        "relation": {"database": "shop", "schema": "raw", "identifier": "orders"},
        "found_by": "io_manager",
        "io_manager": "DuckDBIOManager",
        "schema": [{"name": "id", "type": "int64"}, {"name": "amount", "type": "float64"}],
        "row_count": 3,
        "description": "All orders.",
    }


def test_what_was_loaded_is_an_input_with_the_version_and_run_it_comes_from(told: Told) -> None:
    read, made = told.inputs("marts/totals")["raw/orders"], told.output("raw/orders")
    assert read["data_version"] == made["data_version"]
    assert (read["connection"], read["relation"], read["found_by"]) == (
        made["connection"], made["relation"], "io_manager",
    )  # fmt: skip
    maker = told.asset("raw/orders")
    assert read["produced_by"] == {"run_id": maker["dagster.run_id"], "step_key": maker["dagster.step_key"]}


def test_assets_of_which_nothing_is_loaded_are_inputs_too(told: Told) -> None:
    inputs = told.inputs("marts/totals")
    assert set(inputs) == {"raw/orders", "settings", "external"}
    assert inputs["external"] == {"asset_key": ["external"]}
    assert inputs["settings"]["location"] == "s3://lake/settings"
    assert inputs["settings"]["found_by"] == "metadata"


def test_an_upstream_table_that_is_not_loaded_is_known_by_its_last_event(told: Told) -> None:
    inputs = told.inputs("report")
    for key in ("raw/orders", "marts/totals"):
        made = told.output(key)
        assert (inputs[key]["connection"], inputs[key]["relation"]) == (made["connection"], made["relation"])
        assert inputs[key]["found_by"] == "metadata"
        assert inputs[key]["data_version"] == made["data_version"]


def test_columns_and_their_lineage_come_from_the_metadata(told: Told) -> None:
    output = told.output("marts/totals")
    assert output["schema"] == [{"name": "total", "type": "DOUBLE", "description": "The sum."}]
    assert output["columns"] == {"total": [{"asset_key": ["raw", "orders"], "column": "amount"}]}


def test_a_check_of_the_asset_s_own_step_belongs_to_the_asset(told: Told) -> None:
    (check,) = told.asset("marts/totals")["dagster.checks"]
    # it is told from 1.9 on
    assert check.get("blocking", True)
    assert {name: value for name, value in check.items() if name != "blocking"} == {
        "asset_key": ["marts", "totals"],
        "name": "positive",
        "passed": True,
        "severity": "WARN",
        "description": "Fine.",
        "metadata": {"rows": 1, "column": "total", "page": "https://h/x"},
        "column": "total",
    }


def test_a_step_of_a_check_reads_the_asset_that_it_checks(told: Told) -> None:
    step = told.step("marts__totals_few")
    (check,) = step["dagster.checks"]
    assert (check["name"], check["passed"], check["severity"]) == ("few", False, "ERROR")
    read = by_key(step["dagster.inputs"])["marts/totals"]
    assert read["relation"] == {"database": "shop", "schema": "marts", "identifier": "totals"}
    assert "dagster.outputs" not in step


def test_what_a_step_logs_of_other_assets_is_the_step_s(told: Told) -> None:
    step = told.step("report")
    assert step["dagster.outputs"] == [
        {"asset_key": ["archive"], "location": "/data/archive.csv", "found_by": "metadata"}
    ]
    assert step["dagster.observations"] == [{"asset_key": ["prices"], "data_version": "v9", "row_count": 9}]
    assert "dagster.observations" not in told.asset("report")


def test_a_table_named_by_metadata_alone_has_what_they_say(told: Told) -> None:
    output = told.output("report")
    assert output["connection"] == {"type": "snowflake"}
    assert output["relation"] == {"database": "shop", "schema": "reports", "identifier": "daily"}


def test_an_observed_source_is_read_and_not_made(told: Told) -> None:
    assert told.step("stock")["dagster.observations"] == [{"asset_key": ["stock"], "data_version": "stock-1"}]
    assert not [a for a in told.of("asset_start") if a["dagster.asset"]["key"] == ["stock"]]
    read = told.inputs("stocked")["stock"]
    assert read == {"asset_key": ["stock"], "data_version": "stock-1"}


def test_a_file_is_told_by_its_absolute_path(told: Told) -> None:
    output = told.output("stocked")
    assert output["location"].startswith("/")
    assert output["location"].endswith("/store/stocked")
    assert (output["format"], output["found_by"]) == ("pickle", "io_manager")


def test_the_assets_of_one_step_have_the_inputs_of_their_own(told: Told) -> None:
    assert "dagster.inputs" not in told.asset("a")
    assert told.inputs("b")["a"]["data_version"] == told.output("a")["data_version"]
    assert set(told.inputs("c")) == {"b", "stocked"}
    assert told.output("b")["data_version"] == "b-1"


def test_an_asset_that_was_left_out_is_skipped(told: Told) -> None:
    assert told.asset("a")["dagster.result"] == {"status": "success"}
    assert told.asset("c")["dagster.result"] == {"status": "skipped"}


def test_a_definition_names_the_table_where_nothing_else_does(told: Told) -> None:
    table = {"database": "shop", "schema": "public", "identifier": "defined"}
    for dataset in (told.output("defined"), told.inputs("over_defined")["defined"]):
        assert dataset["relation"] == table
        assert dataset["connection"] == {"type": "postgres"}
        assert dataset["found_by"] == "definition"
        assert dataset["schema"] == [{"name": "id", "type": "int"}]


def test_a_dbt_asset_is_found_in_its_manifest_where_its_node_is_not_told(told: Told) -> None:
    assert told.of("nodes") == [{"told": "model.shop.told", "found": "model.shop.orders", "none": None}]


def test_nothing_was_unread(told: Told) -> None:
    assert [said["dagster.unread"] for _, said in told.moments if "dagster.unread" in said] == []


def test_no_secret_is_told(told: Told) -> None:
    shown = str(told.moments)
    for secret in ("hidden", "secret", "Signature", "u:p"):
        assert secret not in shown
