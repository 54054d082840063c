"""What is told of the project that has one of everything, on DuckDB."""

import pytest
from facts_told import Told, facts_of, names, shape
from tests.dbt.running import WINDOW, Project, require_dbt

pytestmark = pytest.mark.e2e

KEEP_STATE = "import shutil; shutil.copytree('target', 'state')"
TROUBLE = ("--vars", "{broken: true, bad_day: '2026-11-02'}")
COMMANDS = {
    "build": ("build", *WINDOW),
    "freshness": ("source", "freshness"),
    "operation": ("run-operation", "archive_orders", "--args", "{before: '2026-11-03'}"),
    "again": ("run", "--empty", "--select", "orders_log"),
    "state": ("python", KEEP_STATE),
    "clone": ("clone", "--target", "duckdb_dev", "--state", "state", "--select", "stg_orders"),
    "defer": ("run", "--target", "duckdb_dev", "--defer", "--state", "state", "--select", "customers_v2"),
    "favor": (
        *("run", "--target", "duckdb_dev", "--defer", "--favor-state", "--state", "state"),
        *("--select", "order_states"),
    ),
    "for_outputs": (
        "python",
        "os.environ.update(OTEL_BRIDGE_DBT_SQL='off', OTEL_BRIDGE_DBT_COLUMNS='outputs')",
    ),
    "outputs": ("run", "--select", "stg_orders"),
    "for_off": ("python", "os.environ.update(OTEL_BRIDGE_DBT_COLUMNS='off')"),
    "off": ("--log-path", "silent", "run", "--select", "stg_orders"),
    "for_unknown": ("python", "os.environ.update(OTEL_BRIDGE_DBT_COLUMNS='all'); columns._ASKING.clear()"),
    "unknown": ("--log-path", "asked", "run", "--select", "stg_orders"),
    "for_trouble": ("python", "os.environ.pop('OTEL_BRIDGE_DBT_SQL')"),
    "trouble": ("run", *TROUBLE, *WINDOW, "--select", "broken", "after_broken", "clicks_by_day"),
    "retry": ("retry",),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    require_dbt()
    return Project.copy("everything", tmp_path_factory.mktemp("facts"))


@pytest.fixture(scope="module")
def told(project: Project) -> dict[str, Told]:
    return facts_of(project, COMMANDS)


@pytest.fixture(scope="module")
def build(told: dict[str, Told]) -> Told:
    return told["build"]


def test_the_invocation_says_where_it_ran_and_how(build: Told, project: Project):
    said = build.of("invocation")
    assert said["dbt.kind"] == "invocation"
    assert (said["dbt.command"], said["dbt.project"], said["dbt.target"]) == ("build", "everything", "duckdb")
    assert said["dbt.connection"]["path"] == str((project.folder / "everything.duckdb").absolute())
    assert said["dbt.connection"]["type"] == "duckdb"
    assert said["dbt.flags"]["event_time_start"].startswith("2026-11-01")
    assert said["dbt.flags"]["threads"] == 1
    assert "dbt.retry_of" not in said


def test_its_end_counts_how_its_nodes_ended(build: Told):
    result = build.of("invocation_end")["dbt.result"]
    assert result["status"] == "error"
    assert result["counts"].items() >= {"fail": 1, "skipped": 1, "warn": 2}.items()


def test_its_end_says_how_the_lookups_went(told: dict[str, Told]):
    lookups = told["build"].of("invocation_end")["dbt.result"]["lookups"]
    assert lookups["asked"] > 15
    assert "given_up" not in lookups
    assert "lookups" not in told["off"].of("invocation_end")["dbt.result"]


def test_nothing_was_unreadable(told: dict[str, Told]):
    assert [
        said["dbt.unread"] for one in told.values() for _, said in one.moments if "dbt.unread" in said
    ] == []


def test_times_have_a_zone(build: Told):
    timing = {step["name"]: step for step in build.node("orders")["dbt.result"]["timing"]}
    assert timing["execute"]["started_at"].endswith("+00:00")
    assert timing["execute"]["completed_at"] > timing["compile"]["started_at"]


def test_every_node_repeats_what_the_invocation_is(build: Told):
    said = build.of("invocation")
    shared = {name: value for name, value in said.items() if name != "dbt.kind"}
    assert all(
        facts.items() >= shared.items() for moment, facts in build.moments if moment in {"start", "end"}
    )


def test_a_table_has_its_parents_its_columns_and_its_sql(build: Told):
    said = build.node("customer_changes")
    assert (said["node_type"], said["materialization"]) == ("model", "table")
    assert names(said["dbt.inputs"]) == ["shop.customers_history"]
    output = said["dbt.output"]
    assert names([output]) == ["shop.customer_changes"]
    assert output["quoted"] == {"database": True, "schema": True, "identifier": True}
    assert (output["columns_from"], output["columns_complete"]) == ("live", True)
    assert shape(output) == {"customer_id": "INTEGER", "email": "VARCHAR", "changed_at": "TIMESTAMP"}
    assert 'from "everything"."shop"."customers_history"' in said["openlineage.sql"]
    assert said["openlineage.sql.dialect"] == "duckdb"


def test_what_is_known_at_the_start_is_told_then(build: Told):
    said = build.node("customer_changes", "start")
    assert names(said["dbt.inputs"]) == ["shop.customers_history"]
    assert said["dbt.output"]["identifier"] == "customer_changes"
    assert "openlineage.sql" not in said
    assert "dbt.result" not in said


def test_an_ephemeral_model_is_passed_through_and_writes_nothing(build: Told):
    assert sorted(names(build.node("orders")["dbt.inputs"])) == ["shop.stg_customers", "shop.stg_orders"]
    assert "dbt.output" not in build.node("clean_orders")


def test_a_contract_counts_before_the_model_is_built(build: Told):
    promised = build.node("orders", "start")["dbt.output"]
    assert (promised["columns_from"], promised["columns_complete"]) == ("contract", True)
    assert shape(promised)["customer_name"] == "varchar(99)"
    built = build.node("orders")
    assert built["dbt.output"]["columns"][0] == {
        "name": "order_id",
        "type": "INTEGER",
        "description": "Number of the order.",
        "constraints": [{"type": "not_null"}],
    }
    assert built["dbt.node"]["contract"]["enforced"] is True


def test_what_the_project_says_of_a_model_is_told(build: Told):
    said = build.node("orders")["dbt.node"]
    assert said["description"] == "Orders that count."
    assert said["tags"] == ["everything", "finance"]
    assert said["meta"] == {"tier": "gold"}
    assert said["owner"] == {"name": "Sales", "email": "sales@shop.example", "group": "sales"}
    assert build.node("orders_log")["dbt.node"]["access"] == "private"
    version = build.node("customers.v2")
    assert (version["dbt.node"]["version"], version["dbt.node"]["latest_version"]) == (2, 2)
    assert version["dbt.output"]["identifier"] == "customers_v2"


def test_all_that_uses_a_model_is_told(build: Told):
    consumers = {found["type"]: found for found in build.node("orders")["dbt.consumers"]}
    assert set(consumers) == {"exposure", "metric", "saved_query", "semantic_model"}
    assert (
        consumers["exposure"].items()
        >= {
            "name": "sales_board",
            "kind": "dashboard",
            "url": "https://boards.shop.example/sales",
            "owner": {"name": "Sales", "email": "sales@shop.example"},
            "maturity": "high",
        }.items()
    )
    assert "dbt.consumers" not in build.node("orders_log")


def test_a_seed_reads_its_file(build: Told, project: Project):
    said = build.node("raw_orders")
    (file,) = said["dbt.inputs"]
    assert file["resource_type"] == "file"
    assert file["path"] == str((project.folder / "seeds/raw_orders.csv").absolute())
    assert list(shape(file)) == ["id", "customer_id", "ordered_on", "amount", "status"]
    assert shape(said["dbt.output"])["ordered_on"] == "DATE"
    assert said["rows_affected"] == 5
    before = build.node("raw_orders", "start")["dbt.output"]
    assert (before["columns_from"], before["columns_complete"]) == ("file", True)
    assert shape(before)["ordered_on"] == "date"


def test_a_source_is_named_by_its_identifier(build: Told):
    (source,) = build.node("stg_clicks")["dbt.inputs"]
    assert names([source]) == ["landing.clicks_v3"]
    assert source["resource_type"] == "source"
    assert source["description"] == "Clicks, third layout."
    assert list(shape(source)) == ["click_id", "customer_id", "clicked_at", "note", "loaded_at"]
    assert source["columns"][0]["description"] == "Number of the click."


def test_columns_that_dbt_adds_to_a_snapshot_are_marked(build: Told):
    said = build.node("customers_history")
    generated = [column["name"] for column in said["dbt.output"]["columns"] if column.get("generated")]
    assert generated == ["dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"]
    assert said["dbt.node"]["config"].items() >= {"strategy": "check", "check_cols": ["email"]}.items()


def test_an_incremental_model_is_no_input_of_its_own(told: dict[str, Told]):
    said = told["again"].node("orders_log")
    assert 'from "everything"."shop"."orders_log"' in said["openlineage.sql"]
    assert names(said["dbt.inputs"]) == ["shop.stg_orders"]
    assert said["dbt.node"]["config"]["incremental_strategy"] == "append"
    assert said["dbt.flags"]["empty"] is True
    config = told["build"].node("daily_totals")["dbt.node"]["config"]
    assert (config["unique_key"], config["on_schema_change"]) == ("ordered_on", "append_new_columns")


def test_batches_have_windows_and_their_model_has_them_all(build: Told):
    batches = build.nodes("clicks_by_day", kind="batch")
    assert [found["dbt.batch"]["index"] for found in batches] == [0, 1, 2]
    assert (
        batches[1]["dbt.batch"].items()
        >= {
            "id": "20261102",
            "count": 3,
            "start": "2026-11-02T00:00:00+00:00",
            "end": "2026-11-03T00:00:00+00:00",
        }.items()
    )
    whole = build.node("clicks_by_day")
    assert whole["dbt.result"]["batches"] == {"successful": 3, "failed": 0}
    assert list(shape(whole["dbt.output"])) == ["click_id", "customer_id", "score", "clicked_at"]
    assert "stg_clicks" in whole["openlineage.sql"]


def test_a_python_model_has_its_source_and_no_sql(build: Told):
    said = build.node("order_scores")
    assert "def model(dbt, session):" in said["dbt.code"]
    assert "openlineage.sql" not in said
    assert names(said["dbt.inputs"]) == ["shop.stg_orders"]
    assert shape(said["dbt.output"]) == {"order_id": "INTEGER", "score": "INTEGER"}


def test_a_custom_materialization_has_its_own_columns(build: Told):
    said = build.node("stamped_customers")
    assert said["materialization"] == "stamped"
    assert list(shape(said["dbt.output"])) == ["customer_id", "spent", "stamp"]


def test_a_test_says_what_it_asserts_and_only_reads(build: Told):
    said = next(
        facts
        for moment, facts in build.moments
        if moment == "end"
        and facts.get("name") == "relationships_customers_v2_customer_id__customer_id__ref_stg_customers_"
    )
    assert sorted(names(said["dbt.inputs"])) == ["shop.customers_v2", "shop.stg_customers"]
    assert "dbt.output" not in said
    assert "rows_affected" not in said
    assert (
        said["dbt.node"]["test"].items()
        >= {
            "kind": "generic",
            "name": "relationships",
            "column": "customer_id",
            "attached_node": "model.everything.customers.v2",
            "severity": "ERROR",
        }.items()
    )


def named(told: Told, name: str) -> dict[str, object]:
    (found,) = [facts for moment, facts in told.moments if moment == "end" and facts.get("name") == name]
    return found


def test_a_test_that_fails_says_how_many_rows(build: Told):
    said = named(build, "amount_is_round")
    assert said["node_outcome"] == "fail"
    assert said["dbt.result"]["failures"] == 3
    assert said["dbt.result"]["message"] == "Got 3 results, configured to fail if != 0"


def test_failures_that_are_stored_are_a_table(build: Told):
    said = named(build, "amount_is_large")
    assert said["node_outcome"] == "warn"
    assert names([said["dbt.output"]]) == ["shop_dbt_test__audit.amount_is_large"]
    assert shape(said["dbt.output"]) == {"amount": "INTEGER"}


def test_a_test_of_a_source_is_attached_to_it(build: Told):
    test = named(build, "source_not_null_landing_clicks_click_id")["dbt.node"]["test"]
    assert test["attached_node"] == "source.everything.landing.clicks"


def test_a_singular_test_has_no_column(build: Told):
    test = named(build, "no_negative_amounts")["dbt.node"]["test"]
    assert test["kind"] == "singular"
    assert "column" not in test


def test_a_unit_test_touches_no_data(build: Told):
    said = named(build, "orders_get_the_name_of_their_customer")
    assert not {"dbt.inputs", "dbt.output"} & set(said)
    assert (
        said["dbt.node"]["test"].items()
        >= {"kind": "unit", "attached_node": "model.everything.orders"}.items()
    )


def test_a_skipped_node_names_what_failed(told: dict[str, Told]):
    by_test = told["build"].node("order_report")["dbt.result"]
    assert by_test["status"] == "skipped"
    assert by_test["skip_cause"]["status"] == "fail"
    assert by_test["skip_cause"]["unique_id"].startswith("test.everything.amount_is_round.")
    by_model = told["trouble"].node("after_broken")["dbt.result"]
    assert by_model["skip_cause"] == {"unique_id": "model.everything.broken", "status": "error"}


def test_a_failed_model_has_the_message(told: dict[str, Told]):
    said = told["trouble"].node("broken")
    assert said["node_outcome"] == "error"
    assert 'Referenced column "no_such_column" not found' in said["dbt.result"]["message"]
    assert said["openlineage.sql"]


def test_a_batch_that_fails_leaves_the_others(told: dict[str, Told]):
    said = told["trouble"].node("clicks_by_day")
    assert said["node_outcome"] == "partial success"
    batches = said["dbt.result"]["batches"]
    assert (batches["successful"], batches["failed"]) == (2, 1)
    assert batches["failed_windows"][0][0].startswith("2026-11-03")


def test_a_retry_says_of_what(told: dict[str, Told]):
    first, second = told["trouble"].of("invocation"), told["retry"].of("invocation")
    assert second["dbt.retry_of"] == first["dbt.invocation_id"]
    assert second["dbt.command"] == "run"


def test_freshness_has_age_and_criteria(told: dict[str, Told]):
    said = told["freshness"].node("landing.parcels")
    assert said["dbt.command"] == "source freshness"
    assert names(said["dbt.inputs"]) == ["landing.parcels"]
    assert "dbt.output" not in said
    freshness = said["dbt.result"]["freshness"]
    assert freshness["status"] == "warn"
    assert freshness["max_loaded_at"] == "2020-01-01T00:00:00+00:00"
    assert freshness["age"] > 86400
    assert freshness["criteria"] == {"warn_after": {"count": 1, "period": "day"}}


def test_an_operation_tells_its_arguments_by_name_alone(told: dict[str, Told]):
    said = told["operation"].of("operation")
    assert said["dbt.operation"] == {"macro": "archive_orders", "arguments": ["before"]}
    assert "2026-11-03" not in str(said)


def test_a_clone_reads_the_state(told: dict[str, Told]):
    said = told["clone"].node("stg_orders")
    (source,) = said["dbt.inputs"]
    assert names([source, said["dbt.output"]]) == ["shop.stg_orders", "dev.stg_orders"]
    assert source["deferred"] is True
    assert shape(source) == shape(said["dbt.output"])
    assert said["openlineage.sql"] == 'select * from "everything"."shop"."stg_orders"'


def test_a_deferred_parent_is_where_ref_resolved_to(told: dict[str, Told]):
    found = {
        names([r])[0]: r.get("deferred", False) for r in told["defer"].node("customers.v2")["dbt.inputs"]
    }
    # the clone has made one of the two, through an ephemeral model, in the target's own schema
    assert found == {"shop.stg_customers": True, "dev.stg_orders": False}
    favored = told["favor"].node("order_states")["dbt.inputs"]
    assert names(favored) == ["shop.stg_orders"]


def test_settings_leave_sql_and_the_columns_of_inputs_out(told: dict[str, Told]):
    said = told["outputs"].node("stg_orders")
    assert "openlineage.sql" not in said
    assert said["dbt.inputs"][0]["columns_from"] == "file"
    assert said["dbt.output"]["columns_from"] == "live"
    assert "columns" not in told["off"].node("stg_orders")["dbt.output"]


def test_an_adapter_that_is_not_known_is_asked_without_a_word(told: dict[str, Told], project: Project):
    said = told["unknown"].node("stg_orders")
    assert shape(said["dbt.output"])["order_id"] == "INTEGER"
    asked, silent = (
        [
            line
            for line in (project.folder / name / "dbt.log").read_text().splitlines()
            if "stg_orders" in line
        ]
        for name in ("asked", "silent")
    )
    assert len(asked) == len(silent) > 5
