"""Real Dagster runs the project that has one of everything: its events are those of the recorded spans, row by row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dagster.cases import CASES, ORDERS, roots
from tests.dagster.comparing import below, differences, placeless
from tests.dagster.running import Project, require_dagster, run_id
from tests.dbt.running import settled

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dagster-everything")]
GOLDEN = Path(__file__).parents[1] / "golden/dagster_recorded"


@dataclass(frozen=True, slots=True)
class Done:
    """The project after all runs, and what the bridge made of them."""

    project: Project
    events: Events

    def placeless(self, events: Events) -> Events:
        """Copies without this machine's paths."""
        text = "\n".join(json.dumps(event) for event in events)
        return Events.from_ndjson(placeless(text, self.project.folder, self.project.python))

    def of(self, number: int) -> Events:
        """Events of one Dagster run and of all below it."""
        return below(self.events, {run_id(number)})

    def end(self, number: int, job: str) -> dict[str, Any]:
        """The last event of a job in a Dagster run."""
        return self.of(number).of(job).all[-1]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    require_dagster()
    folder = tmp_path_factory.mktemp("dagster")
    project = Project.copy("everything", folder)
    with BridgeProcess(folder / "bridge") as bridge:
        outcome = project.drive(ORDERS, bridge=bridge)
        assert outcome.code == 0, outcome.output
        yield Done(project, settled(bridge, 60))


@pytest.mark.parametrize("case", CASES)
def test_events_are_those_of_the_recorded_spans(case: str, done: Done) -> None:
    expected = Events.from_ndjson((GOLDEN / case / "events.ndjson").read_bytes())
    found = below(done.events, roots(case))
    assert differences(done.placeless(found), expected) == []


def test_every_run_starts_once_and_ends_once(done: Done) -> None:
    assert {
        run: types for run, types in done.events.runs().items() if (types[0], len(types)) != ("START", 2)
    } == {}
    assert below(done.events, {run_id(order.number) for order in ORDERS}).runs() == done.events.runs()


def facet(dataset: dict[str, Any], name: str) -> Any:
    slots = (dataset.get(slot, {}) for slot in ("facets", "inputFacets", "outputFacets"))
    return next((slot[name] for slot in slots if name in slot), None)


def named(event: dict[str, Any], side: str, name: str) -> dict[str, Any]:
    """The only dataset on a side whose name ends so."""
    (found,) = [dataset for dataset in event[side] if dataset["name"].endswith(name)]
    return found


def test_assets_read_and_write_tables_and_files(done: Done) -> None:
    """Physical names, also for `deps=` assets, which load nothing; the asset key is a symlink."""
    edges = done.of(1).edges()
    for edge in (
        ("everything.shop.customers", "customer_orders"), ("everything.shop.orders", "customer_orders"),
        ("customer_orders", "everything.shop.customer_orders"), ("everything.shop.customer_orders", "best"),
        ("everything.shop.best", "report"), ("everything.shop.worst", "report"),
        (f"{done.project.folder}/data/customers.csv", "customers"),
        ("report", f"{done.project.folder}/reports/report.json"),
    ):  # fmt: skip
        assert edge in edges
    (link,) = facet(named(done.end(1, "orders"), "outputs", "orders"), "symlinks")["identifiers"]
    assert (link["namespace"], link["name"]) == ("dagster://default", "orders")


def test_steps_are_below_runs_and_assets_below_steps(done: Done) -> None:
    events = done.of(1)
    assert (events.parent_of("best"), events.parent_of("shop.ends_of_the_list")) == (
        "shop.ends_of_the_list",
        "shop",
    )
    assert events.parent_of("shop") is None
    assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in events}) == 1


def test_what_the_definitions_say(done: Done) -> None:
    table = named(done.end(1, "customers"), "outputs", "customers")
    assert facet(table, "outputStatistics")["rowCount"] == 4
    assert [(f["name"], f["type"]) for f in facet(table, "schema")["fields"]] == [
        ("id", "BIGINT"), ("name", "VARCHAR"), ("region", "VARCHAR"),
    ]  # fmt: skip
    said = str(done.end(1, "customers"))
    for word in ("ada@example.com", "team:shop", "duckdb", "All customers."):
        assert word in said, word
    assert done.of(1).column_edges() >= {
        ("everything.shop.customers.name", "everything.shop.customer_orders.name"),
        ("everything.shop.orders.amount", "everything.shop.customer_orders.amount"),
    }


def assertions(event: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Check -> (passed, severity), of assets that the run reads."""
    found = [
        one
        for dataset in event["inputs"]
        for one in (facet(dataset, "dataQualityAssertions") or {}).get("assertions", ())
    ]
    return {one["assertion"]: (one["success"], one["severity"]) for one in found}


def verdicts(event: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Check -> (status, severity), also of assets that the run writes."""
    return {one["name"]: (one["status"], one["severity"]) for one in event["run"]["facets"]["test"]["tests"]}


def test_checks_with_their_severity(done: Done) -> None:
    assert assertions(done.end(1, "shop.customers_have_names"))["have_names"] == (True, "error")
    assert assertions(done.end(1, "shop.customer_orders_spend_a_lot"))["spend_a_lot"] == (False, "warn")
    assert verdicts(done.end(1, "orders")) == {
        "orders:some": ("pass", "error"),
        "orders:no_returns": ("fail", "error"),
    }


def partitions(dataset: dict[str, Any], side: str) -> Any:
    return facet(dataset, "subset")[f"{side}Condition"]


def keys(dataset: dict[str, Any], side: str) -> list[str]:
    return [each["identifier"] for each in partitions(dataset, side)["partitions"]]


def nominal(event: dict[str, Any]) -> tuple[str, str]:
    found = event["run"]["facets"]["nominalTime"]
    return found["nominalStartTime"][:10], found["nominalEndTime"][:10]


def test_partitions(done: Done) -> None:
    """One, a range, seven for a week, the day before, two dimensions, static, dynamic."""
    one, many = done.end(3, "daily_orders"), done.end(4, "daily_orders")
    assert (keys(one["outputs"][0], "output"), nominal(one)) == (["2026-11-02"], ("2026-11-02", "2026-11-03"))
    assert nominal(many) == ("2026-11-01", "2026-11-15")
    assert "2026-11-14" in str(partitions(many["outputs"][0], "output"))
    weekly = done.end(5, "weekly_orders")
    assert keys(weekly["inputs"][0], "input") == [f"2026-11-0{day}" for day in range(1, 8)]
    assert (keys(weekly["outputs"][0], "output"), nominal(weekly)) == (
        ["2026-11-01"],
        ("2026-11-01", "2026-11-08"),
    )
    assert keys(done.end(6, "compared")["inputs"][0], "input") == ["2026-11-02", "2026-11-03"]
    regional = done.end(7, "regional_orders")
    assert keys(regional["inputs"][0], "input") == ["2026-11-02"]
    (cell,) = partitions(regional["outputs"][0], "output")["partitions"]
    assert cell["dimensions"] == {"day": "2026-11-02", "region": "eu"}
    assert keys(done.end(8, "managers")["outputs"][0], "output") == ["eu"]
    assert keys(done.end(9, "campaigns")["outputs"][0], "output") == ["xmas"]
    assert "2026-11-14" in str(partitions(done.end(10, "all_orders")["inputs"][0], "input"))


def test_a_retry_is_a_run_of_its_own_that_names_the_first(done: Done) -> None:
    events = done.of(13).of("trouble.flaky")
    assert [e["eventType"] for e in events if e["eventType"] != "START"] == ["FAIL", "COMPLETE"]
    first, second = (e["run"] for e in events if e["eventType"] != "START")
    assert "ConnectionError" in first["facets"]["errorMessage"]["message"]
    assert first["runId"] in str(second["facets"]["jobDependencies"])
    assert second["facets"]["dagster_run"]["attempt"] == 2


def test_failures_have_the_real_error(done: Done) -> None:
    for job in ("broken", "trouble.broken", "trouble"):
        error = done.end(13, job)["run"]["facets"]["errorMessage"]
        assert error["message"] == "ValueError: there is no column nothing"
        if job != "trouble":
            assert "in broken" in error["stackTrace"]
            assert "KeyError" in error["stackTrace"], "its cause"
    broken = done.end(13, "broken")
    assert [d["name"] for d in broken["inputs"]] == ["everything.shop.flaky"]
    assert [d["name"] for d in broken["outputs"]] == ["everything.shop.broken"]


def test_what_was_never_reached_is_aborted(done: Done) -> None:
    for number, job in ((13, "after_broken"), (14, "after_halves")):
        assert done.end(number, job)["eventType"] == "ABORT"
    assert done.of(13).state_of("trouble") == "FAIL"


def test_a_blocking_check_fails_the_step_and_not_the_table(done: Done) -> None:
    assert done.end(14, "halves")["eventType"] == "COMPLETE"
    assert done.end(14, "blocked.halves")["eventType"] == "FAIL"
    assert verdicts(done.end(14, "halves")) == {"halves:whole": ("fail", "error")}


def test_ops_without_assets(done: Done) -> None:
    """A dynamic step is one job, with a run for each of its mapping keys; tags that look like secrets are not told."""
    events = done.of(15)
    assert len([e for e in events.of("arithmetic.square") if e["eventType"] == "COMPLETE"]) == 3
    assert events.state_of("arithmetic") == "COMPLETE"
    assert '"team"' in str(done.end(15, "arithmetic")).replace("'", '"')
    assert "t0p-s3cret" not in str(done.events.all)


def test_a_program_that_pipes_start_is_below_its_step(done: Done) -> None:
    events = done.of(16)
    assert events.parent_of("outside.load") == "through_pipes.outside"
    assert events.state_of("outside.load") == "COMPLETE"


def test_dbt_is_one_tree_with_dagster(done: Done) -> None:
    """One trace; dbt's runs own the edges, the same table is one dataset whoever names it, with the asset as symlink."""
    events = done.of(11)
    assert events.parent_of("dbt-build-everything") == "models.dbt_models"
    assert len({e["run"]["facets"]["otel_trace"]["traceId"] for e in events}) == 1
    assert "stg_orders" not in {job.rpartition("/")[2] for job in events.jobs()}
    model = done.end(11, "model.everything.by_region")
    assert [d["name"] for d in model["outputs"]] == ["everything.shop_models.by_region"]
    (link,) = facet(model["outputs"][0], "symlinks")["identifiers"]
    assert (link["namespace"], link["name"]) == ("dagster://default", "marts/by_region")
    tables = {(d["namespace"], d["name"]) for e in done.events for d in (*e["inputs"], *e["outputs"])}
    assert len(
        [name for _, name in tables if name.endswith("orders") and "stg" not in name and "/" not in name]
    ) == len(
        {name for _, name in tables if name.endswith("orders") and "stg" not in name and "/" not in name}
    ), "a table in two namespaces"


def test_iceberg_is_read_and_written_by_snapshots(done: Done) -> None:
    """The asset that calls pyiceberg itself has the table's identity from its I/O."""
    written = named(done.end(12, "lake_orders"), "outputs", "orders")
    assert written["name"].startswith(f"{done.project.folder}/lake/")
    assert facet(written, "outputStatistics")["rowCount"] == 7
    inputs = done.end(12, "lake_regions")["inputs"]
    (read,) = [dataset for dataset in inputs if dataset["name"] == written["name"]]
    assert facet(read, "version")["datasetVersion"] == facet(written, "version")["datasetVersion"]
    assert facet(written, "storage")["storageLayer"] == "iceberg"
