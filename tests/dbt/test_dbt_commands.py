"""Every other command of dbt, one after the other by `dbtRunner` in one process, on the project that was built before."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.lineage import columns, ends, invocations, schema, static, story
from tests.dbt.running import WINDOW, Built, dangling, settled

pytest_plugins = ("tests.dbt.fixtures",)
pytestmark = pytest.mark.xdist_group("dbt")

DEV = ("--target", "duckdb_dev", "--state", "state")
BAD = ("--vars", "{broken: true, bad_day: '2026-11-03'}")
COMMANDS = {
    "retry": ["retry"],
    "freshness": ["source", "freshness"],
    "operation": ["run-operation", "archive_orders", "--args", "{before: 2026-11-02}"],
    "empty": ["run", "-s", "stg_orders", "daily_totals", "--empty", "--full-refresh", "--threads", "4"],
    "defer": ["run", "-s", "order_report", "--defer", *DEV],
    "clone": ["clone", "-s", "customer_changes", *DEV],
    "bad": ["run", "-s", "broken+", "orders_log", "clicks_by_day", "--full-refresh", *BAD, *WINDOW],
}
SILENT = [["parse", *BAD], ["compile", "-q", "-s", "orders", *BAD], ["show", "-q", "-s", "orders", *BAD]]
ROOTS = {
    "retry": "dbt-build-everything",
    "freshness": "dbt-source-freshness-everything",
    "operation": "dbt-run-operation-everything",
    "empty": "dbt-run-everything",
    "defer": "dbt-run-everything",
    "clone": "dbt-clone-everything",
    "bad": "dbt-run-everything",
}
"""Jobs of the commands; a retry is a run of the job that is tried again."""
SUCCEEDS = {"freshness", "operation", "defer", "clone", "empty"}


@dataclass(frozen=True, slots=True)
class Told:
    """What each command gave."""

    events: dict[str, Events]
    success: dict[str, bool]
    static: list[dict]
    built: Built


@pytest.fixture(scope="module")
def told(everything: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("commands")
    project = everything.project.copied(folder)
    shutil.copytree(project.folder / "target", project.folder / "state")
    with BridgeProcess(folder / "bridge") as bridge:
        results = project.invoke([*COMMANDS.values(), *SILENT], bridge)
        events = settled(bridge)
        each = invocations(events)
        assert [next(iter(one))["job"]["name"] for one in each] == [*ROOTS.values()]
        yield Told(
            dict(zip(COMMANDS, each, strict=True)),
            {name: result["success"] for name, result in zip(COMMANDS, results, strict=False)},
            static(events),
            Built(project, everything.outcome, events, bridge),
        )


def test_dbt_succeeds_and_fails_as_it_does_alone(told: Told) -> None:
    assert told.success == {name: name in SUCCEEDS for name in COMMANDS}
    assert dangling(told.built.events) == set()
    assert {name: ends(told.events[name])[job]["eventType"] for name, job in ROOTS.items()} == {
        name: "COMPLETE" if name in SUCCEEDS else "FAIL" for name in COMMANDS
    }


def test_retry_names_the_invocation_that_it_repeats(told: Told, everything: Built) -> None:
    found = ends(told.events["retry"])
    before = everything.project.artifact("run_results")["metadata"]["invocation_id"]
    assert before in str(found["dbt-build-everything"]["run"]["facets"])
    (test,) = [job for job in found if job.startswith("test.everything.amount_is_round")]
    assert story(found[test]) == ("TEST", "FAIL", {"shop.orders"}, set())
    assert found["model.everything.order_report"]["eventType"] == "ABORT"


def test_freshness_is_told_of_the_table_that_was_asked(told: Told) -> None:
    found = ends(told.events["freshness"])
    for name, table, status in (("clicks", "clicks_v3", "pass"), ("parcels", "parcels", "warn")):
        event = found[f"source.everything.landing.{name}"]
        assert story(event) == ("SOURCE_FRESHNESS", "COMPLETE", {f"landing.{table}"}, set())
        assert status in str(event["run"]["facets"])
    assert "2020-01-01" in str(found["source.everything.landing.parcels"])


def test_an_operation_reads_and_writes_what_its_statements_do(told: Told) -> None:
    found = ends(told.events["operation"])
    event = found["operation.everything.archive_orders"]
    assert story(event)[:2] == ("OPERATION", "COMPLETE")
    assert (
        told.events["operation"].parent_of("operation.everything.archive_orders")
        == "dbt-run-operation-everything"
    )


def test_a_deferred_parent_is_the_table_of_the_other_target(told: Told) -> None:
    event = ends(told.events["defer"])["model.everything.order_report"]
    assert story(event) == ("MODEL", "COMPLETE", {"shop.orders"}, {"dev.order_report"})
    assert columns(event)["ordered_on"] == {"orders.ordered_on"}


def test_a_clone_comes_from_the_table_that_it_copies(told: Told) -> None:
    event = ends(told.events["clone"])["model.everything.customer_changes"]
    assert (event["eventType"], *story(event)[2:]) == (
        "COMPLETE",
        {"shop.customer_changes"},
        {"dev.customer_changes"},
    )


def test_empty_runs_say_so_and_give_no_row_counts(told: Told) -> None:
    event = ends(told.events["empty"])["model.everything.daily_totals"]
    assert story(event) == ("MODEL", "COMPLETE", {"shop.stg_orders"}, {"shop.daily_totals"})
    (output,) = event["outputs"]
    assert "rowCount" not in output.get("outputFacets", {}).get("outputStatistics", {})
    assert [*schema(output)] == ["ordered_on", "amount"]
    assert "empty" in str(event["run"]["facets"])


def test_a_broken_model_fails_with_its_message_and_keeps_its_edges(told: Told) -> None:
    found = ends(told.events["bad"])
    event = found["model.everything.broken"]
    assert (event["eventType"], story(event)[2]) == ("FAIL", {"shop.stg_orders"})
    assert "no_such_column" in event["run"]["facets"]["errorMessage"]["message"]
    skipped = found["model.everything.after_broken"]
    assert skipped["eventType"] == "ABORT"
    assert "broken" in str(skipped["run"]["facets"])
    log = found["model.everything.orders_log"]
    assert story(log) == ("MODEL", "COMPLETE", {"shop.stg_orders"}, {"shop.orders_log"})


def test_a_batch_that_fails_fails_its_model(told: Told) -> None:
    events = told.events["bad"]
    model = "model.everything.clicks_by_day"
    types = [e["eventType"] for e in events.of(f"{model}.batch") if e["eventType"] != "START"]
    assert sorted(types) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert events.types(model) == ["START", "FAIL"]


def test_what_moves_no_data_makes_no_run(told: Told) -> None:
    """`compile` says what it knows of jobs, without runs."""
    named = {event["job"]["name"] for event in told.static if "job" in event}
    assert "model.everything.orders" in named


def test_tables_are_those_of_the_database(told: Told) -> None:
    """Of the outputs those that were made."""
    tables = told.built.project.tables("everything.duckdb")
    for event in (e for events in told.events.values() for e in ends(events).values()):
        made = event["outputs"] if event["eventType"] == "COMPLETE" else []
        named = {d["name"] for d in event["inputs"] + made if d["namespace"] != "file"}
        assert named - {"everything.shop.broken"} <= tables, event["job"]["name"]
