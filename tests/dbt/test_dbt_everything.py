"""`dbt build` of a project that has one of everything, through a real bridge: what each thing becomes."""

import re
from pathlib import Path

import pytest

from otel_bridge.openlineage.validate import Validator
from tests.dbt.lineage import assertions, columns, datasets, ends, schema, story, subtypes
from tests.dbt.running import NAMESPACE, Built, dangling

pytest_plugins = ("tests.dbt.fixtures",)
pytestmark = pytest.mark.xdist_group("dbt")

ROOT_JOB = "dbt-build-everything"
NONE: set[str] = set()

MODELS = {
    "stg_customers": ({"shop.raw_customers"}, "shop.stg_customers"),
    "stg_orders": ({"shop.raw_orders"}, "shop.stg_orders"),
    "stg_clicks": ({"landing.clicks_v3"}, "shop.stg_clicks"),
    "orders": ({"shop.stg_orders", "shop.stg_customers"}, "shop.orders"),
    "customers.v1": ({"shop.stg_customers"}, "shop.customers_v1"),
    "customers.v2": ({"shop.stg_customers", "shop.stg_orders"}, "shop.customers_v2"),
    "orders_log": ({"shop.stg_orders"}, "shop.orders_log"),
    "daily_totals": ({"shop.stg_orders"}, "shop.daily_totals"),
    "order_states": ({"shop.stg_orders"}, "shop.order_states"),
    "clicks_by_day": ({"shop.stg_clicks"}, "shop.clicks_by_day"),
    "customer_changes": ({"shop.customers_history"}, "shop.customer_changes"),
    "stamped_customers": ({"shop.customers_v2"}, "shop.stamped_customers"),
    "order_scores": ({"shop.stg_orders"}, "shop.order_scores"),
    "metricflow_time_spine": (NONE, "shop.metricflow_time_spine"),
}
"""Model -> what it reads, through the ephemeral one, and the relation that it makes."""

TESTS = {
    "not_null_raw_orders_id": ("COMPLETE", {"shop.raw_orders"}),
    "unique_raw_orders_id": ("COMPLETE", {"shop.raw_orders"}),
    "source_not_null_landing_clicks_click_id": ("COMPLETE", {"landing.clicks_v3"}),
    "not_null_orders_order_id": ("COMPLETE", {"shop.orders"}),
    "unique_orders_order_id": ("COMPLETE", {"shop.orders"}),
    "at_least_orders_amount__10": ("COMPLETE", {"shop.orders"}),
    "amount_is_large": ("COMPLETE", {"shop.orders"}),
    "amount_is_round": ("FAIL", {"shop.orders"}),
    "no_negative_amounts": ("COMPLETE", {"shop.orders"}),
    "relationships_customers_v1_customer_id__customer_id__ref_stg_customers_": (
        "COMPLETE", {"shop.customers_v1", "shop.stg_customers"}
    ),
    "relationships_customers_v2_customer_id__customer_id__ref_stg_customers_": (
        "COMPLETE", {"shop.customers_v2", "shop.stg_customers"}
    ),
}  # fmt: skip

COLUMNS = {
    "stg_customers": {
        "customer_id": {"raw_customers.id"},
        "customer_name": {"raw_customers.first_name", "raw_customers.last_name"},
        "email": {"raw_customers.email"},
    },
    "stg_orders": {
        "order_id": {"raw_orders.id"},
        "customer_id": {"raw_orders.customer_id"},
        "ordered_on": {"raw_orders.ordered_on"},
        "amount": {"raw_orders.amount"},
        "status": {"raw_orders.status"},
    },
    "stg_clicks": {
        "click_id": {"clicks_v3.click_id"},
        "customer_id": {"clicks_v3.customer_id"},
        "clicked_at": {"clicks_v3.clicked_at"},
        "note": {"clicks_v3.note"},
    },
    "orders": {
        "order_id": {"stg_orders.order_id"},
        "customer_name": {"stg_customers.customer_name"},
        "ordered_on": {"stg_orders.ordered_on"},
        "amount": {"stg_orders.amount"},
    },
    "customers.v1": {
        "customer_id": {"stg_customers.customer_id"},
        "customer_name": {"stg_customers.customer_name"},
    },
    "customers.v2": {
        "customer_id": {"stg_customers.customer_id"},
        "customer_name": {"stg_customers.customer_name"},
        "orders": {"stg_orders.order_id"},
        "spent": {"stg_orders.amount"},
    },
    "orders_log": {"order_id": {"stg_orders.order_id"}, "amount": {"stg_orders.amount"}},
    "daily_totals": {"ordered_on": {"stg_orders.ordered_on"}, "amount": {"stg_orders.amount"}},
    "order_states": {"order_id": {"stg_orders.order_id"}, "status": {"stg_orders.status"}},
    "customer_changes": {
        "customer_id": {"customers_history.id"},
        "email": {"customers_history.email"},
        "changed_at": {"customers_history.dbt_valid_from"},
    },
    "stamped_customers": {"customer_id": {"customers_v2.customer_id"}, "spent": {"customers_v2.spent"}},
    "metricflow_time_spine": {},
    "order_scores": {},
}
"""Model -> column -> what it is made of."""


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_a_run_from_its_physical_parents_to_its_relation(everything: Built, model: str) -> None:
    inputs, output = MODELS[model]
    event = ends(everything.events)[f"model.everything.{model}"]
    assert story(event) == ("MODEL", "COMPLETE", inputs, {output})
    assert {d["namespace"] for d in event["inputs"] + event["outputs"]} <= {everything.data_at}


@pytest.mark.parametrize("model", COLUMNS)
def test_columns_come_from_columns(everything: Built, model: str) -> None:
    assert columns(ends(everything.events)[f"model.everything.{model}"]) == COLUMNS[model]


@pytest.mark.parametrize("name", TESTS)
def test_a_test_reads_and_writes_nothing_but_its_failures(everything: Built, name: str) -> None:
    state, inputs = TESTS[name]
    (event,) = [
        e for job, e in ends(everything.events).items() if re.match(rf"test\.everything\.{name}(\.|$)", job)
    ]
    stored = {f"shop_dbt_test__audit.{name}"} if name == "amount_is_large" else NONE
    assert story(event) == ("TEST", state, inputs, stored)


def test_seeds_read_their_files(everything: Built) -> None:
    found = ends(everything.events)
    for name, rows in (("raw_customers", 3), ("raw_orders", 5)):
        event = found[f"seed.everything.{name}"]
        assert story(event) == ("SEED", "COMPLETE", {f"{name}.csv"}, {f"shop.{name}"})
        (file,) = event["inputs"]
        assert (file["namespace"], Path(file["name"])) == (
            "file", (everything.project.folder / f"seeds/{name}.csv").resolve()
        )  # fmt: skip
        assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == rows


def test_a_snapshot_has_columns_that_its_sql_does_not_name(everything: Built) -> None:
    event = ends(everything.events)["snapshot.everything.customers_history"]
    assert story(event) == ("SNAPSHOT", "COMPLETE", {"shop.raw_customers"}, {"shop.customers_history"})
    assert [*schema(event["outputs"][0])][:3] == ["id", "email", "first_name"]
    assert {"dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"} <= {
        *schema(event["outputs"][0])
    }
    assert columns(event) == {
        "id": {"raw_customers.id"},
        "email": {"raw_customers.email"},
        "first_name": {"raw_customers.first_name"},
    }


def test_batches_are_children_of_their_model(everything: Built) -> None:
    model = "model.everything.clicks_by_day"
    ends_of_batches = [e for e in everything.events.of(f"{model}.batch") if e["eventType"] != "START"]
    assert {(e["eventType"], e["job"]["facets"]["jobType"]["jobType"]) for e in ends_of_batches} == {
        ("COMPLETE", "BATCH")
    }
    windows = [e["run"]["facets"]["nominalTime"] for e in ends_of_batches]
    assert sorted((w["nominalStartTime"][:10], w["nominalEndTime"][:10]) for w in windows) == [
        ("2026-11-01", "2026-11-02"), ("2026-11-02", "2026-11-03"), ("2026-11-03", "2026-11-04")
    ]  # fmt: skip
    assert everything.events.parent_of(f"{model}.batch") == model
    assert everything.events.types(model) == ["START", "COMPLETE"]


def test_hooks_are_runs_of_their_own(everything: Built) -> None:
    found = ends(everything.events)
    assert story(found["model.everything.orders.post-hook.0"]) == (
        "HOOK", "COMPLETE", {"shop.orders"}, {"shop.audit"}
    )  # fmt: skip
    assert everything.events.parent_of("model.everything.orders.post-hook.0") == "model.everything.orders"
    hooks = {job for job in found if re.search(r"\.(on-run-\w+|pre-hook|post-hook)\.\d$", job)}
    assert hooks == {
        f"{ROOT_JOB}.on-run-start.0",
        f"{ROOT_JOB}.on-run-end.0",
        f"{ROOT_JOB}.on-run-end.1",
        "model.everything.orders.pre-hook.0",
        "model.everything.orders.post-hook.0",
        "model.everything.orders.post-hook.1",
    }
    assert story(found[f"{ROOT_JOB}.on-run-end.1"])[3] == {"shop.finished"}


def test_a_unit_test_touches_no_data(everything: Built) -> None:
    event = ends(everything.events)["unit_test.everything.orders.orders_get_the_name_of_their_customer"]
    assert story(event) == ("UNIT_TEST", "COMPLETE", NONE, NONE)


def test_what_is_skipped_says_why(everything: Built) -> None:
    event = ends(everything.events)["model.everything.order_report"]
    assert story(event)[:2] == ("MODEL", "ABORT")
    assert "amount_is_round" in str(event["run"]["facets"])


def test_nothing_is_a_run_that_moves_no_data(everything: Built) -> None:
    named = " ".join(everything.events.jobs())
    for word in ("clean_orders", "sales_board", "revenue_by_day", "metric."):
        assert word not in named
    assert not [name for _, name in datasets(everything.events) if "clean_orders" in name]


def test_an_incremental_model_does_not_feed_itself(everything: Built) -> None:
    for model in ("orders_log", "daily_totals", "order_states"):
        event = ends(everything.events)[f"model.everything.{model}"]
        assert not {d["name"] for d in event["inputs"]} & {d["name"] for d in event["outputs"]}


def test_each_dataset_exists(everything: Built) -> None:
    """No table that only a template knows, no alias, no CTE: the database has it, or the file is there.

    What a model would have made that was skipped is named, so that its job keeps its place in the graph.
    """
    tables = everything.project.tables("everything.duckdb")
    assert "everything.shop.order_report" not in tables
    for namespace, name in datasets(everything.events) - {
        (everything.data_at, "everything.shop.order_report")
    }:
        if namespace == "file":
            assert Path(name).is_file()
        else:
            assert (namespace, name in tables) == (everything.data_at, True), name


def test_one_trace_one_root(everything: Built) -> None:
    assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in everything.events if "run" in e}) == 1
    roots = {job for job in everything.events.jobs() if everything.events.parent_of(job) is None}
    assert roots == {ROOT_JOB}
    parents = {everything.events.parent_of(job) for job in everything.events.jobs() - {ROOT_JOB}}
    assert parents == {ROOT_JOB, "model.everything.orders", "model.everything.clicks_by_day"}
    assert {e["job"]["namespace"] for e in everything.events} == {NAMESPACE}


def test_the_invocation_fails_as_dbt_does(everything: Built) -> None:
    assert everything.outcome.code == 1, everything.outcome.output
    event = ends(everything.events)[ROOT_JOB]
    assert story(event) == ("JOB", "FAIL", NONE, NONE)
    assert event["run"]["facets"]["processing_engine"]["name"] == "dbt"
    invocation = everything.project.artifact("run_results")["metadata"]["invocation_id"]
    assert event["run"]["facets"]["dbt_run"]["invocation_id"] == invocation


def test_every_run_starts_once_and_ends_once(everything: Built) -> None:
    assert dangling(everything.events) == set()
    for types in everything.events.runs().values():
        assert (types[0], len(types)) == ("START", 2)


def test_runs_are_the_nodes_that_dbt_counts(everything: Built) -> None:
    """And hooks, batches, and the invocation itself."""
    results = {r["unique_id"]: r["status"] for r in everything.project.artifact("run_results")["results"]}
    nodes = {
        name: status
        for name, status in results.items()
        if not name.startswith(("exposure.", "saved_query.", "operation."))
    }
    state = {
        "success": "COMPLETE",
        "pass": "COMPLETE",
        "warn": "COMPLETE",
        "fail": "FAIL",
        "skipped": "ABORT",
    }
    found = ends(everything.events)
    assert {job: found[job]["eventType"] for job in found if job in nodes} == {
        name: state[status] for name, status in nodes.items()
    }
    others = found.keys() - nodes.keys()
    assert {re.sub(r".*\.(?=(batch|[a-z-]+\.\d)$)", "", job) for job in others} == {
        ROOT_JOB, "batch", "on-run-start.0", "on-run-end.0", "on-run-end.1", "pre-hook.0", "post-hook.0", "post-hook.1"
    }  # fmt: skip


def test_facets_of_a_model_under_contract(everything: Built) -> None:
    event = ends(everything.events)["model.everything.orders"]
    (output,) = event["outputs"]
    assert schema(output) == {
        "order_id": "INTEGER", "customer_name": "VARCHAR", "ordered_on": "DATE", "amount": "INTEGER"
    }  # fmt: skip
    fields = {field["name"]: field for field in output["facets"]["schema"]["fields"]}
    assert fields["order_id"]["description"] == "Number of the order."
    assert output["facets"]["documentation"]["description"] == "Orders that count."
    assert [o["name"] for o in output["facets"]["ownership"]["owners"]] == ["Sales"]
    tags = {(tag["key"], tag["value"]) for tag in output["facets"]["tags"]["tags"]}
    assert {("everything", "true"), ("finance", "true"), ("tier", "gold")} <= tags
    assert "sales_board" in str(output["facets"]["dbt_exposures"])
    job = event["job"]["facets"]
    assert "join" in job["sql"]["query"]
    assert (job["jobType"]["integration"], job["jobType"]["processingType"]) == ("DBT", "BATCH")
    assert job["dbt_node"]["unique_id"] == "model.everything.orders"


def test_how_a_column_is_made(everything: Built) -> None:
    found = ends(everything.events)
    assert subtypes(found["model.everything.stg_orders"], "amount") == {
        ("raw_orders.amount", "DIRECT", "IDENTITY")
    }
    assert subtypes(found["model.everything.stg_customers"], "email") == {
        ("raw_customers.email", "DIRECT", "TRANSFORMATION")
    }
    assert subtypes(found["model.everything.customers.v2"], "spent") == {
        ("stg_orders.amount", "DIRECT", "AGGREGATION")
    }
    (output,) = found["model.everything.customers.v2"]["outputs"]
    indirect = {
        (d["field"], t["subtype"])
        for d in output["facets"]["columnLineage"]["dataset"]
        for t in d["transformations"]
    }
    assert {("status", "FILTER"), ("customer_id", "JOIN"), ("customer_name", "GROUP_BY")} <= indirect


def test_assertions_of_tests(everything: Built) -> None:
    found = ends(everything.events)

    def of(name: str) -> dict:
        (event,) = [e for job, e in found.items() if job.startswith(f"test.everything.{name}")]
        (one,) = assertions(event)
        return one

    assert (of("unique_orders_order_id")["success"], of("unique_orders_order_id")["column"]) == (
        True,
        "order_id",
    )
    failed = of("amount_is_round")
    assert (failed["success"], failed["column"], failed["severity"]) == (False, "amount", "error")
    warned = of("at_least_orders_amount__10")
    assert (warned["success"], warned["severity"]) == (False, "warn")
    (event,) = [e for job, e in found.items() if job.startswith("test.everything.amount_is_round")]
    assert event["run"]["facets"]["errorMessage"]["message"] == "Got 3 results, configured to fail if != 0"


def test_sources_say_what_the_project_says_of_them(everything: Built) -> None:
    (click,) = ends(everything.events)["model.everything.stg_clicks"]["inputs"]
    assert click["facets"]["documentation"]["description"] == "Clicks, third layout."
    assert [*schema(click)] == ["click_id", "customer_id", "clicked_at", "note", "loaded_at"]


def test_nothing_secret_is_sent(everything: Built) -> None:
    assert "no-password-shown" not in str(everything.events.all)


def test_every_event_is_valid(everything: Built, openlineage_spec: Validator) -> None:
    for event in everything.events:
        openlineage_spec.check(event)


def test_coverage_is_told(everything: Built) -> None:
    coverage = ends(everything.events)["model.everything.orders"]["run"]["facets"]["otel_lineage_coverage"]
    assert (coverage["columns"], coverage["resolved"]) == (4, 4)
