"""A real Marquez shows what `dbt build` of everything did: jobs, runs, datasets with fields, the graph, its columns."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.lineage import columns, ends, schema
from tests.dbt.running import WINDOW, Project, require_dbt, settled
from tests.parts.marquez import Marquez

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

ROOT_JOB = "dbt-build-everything"
DOMAIN = f"d{uuid.uuid4().hex[:8]}"
NAMESPACE = f"floe.test.{DOMAIN}"
"""Of this module alone: the same Marquez also gets the golden events of other tests."""
STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What was sent, and the Marquez that shows it."""

    events: Events
    marquez: Marquez
    data_at: str


@pytest.fixture(scope="module")
def shown(marquez: Marquez, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    require_dbt()
    folder = tmp_path_factory.mktemp("shown")
    project = Project.copy("everything", folder)
    archive = {"name": "archive", "type": "file", "path": str(folder / "bridge/events.ndjson")}
    to_marquez = {"name": "marquez", "type": "http", "url": marquez.endpoint, "profile": "marquez"}
    with BridgeProcess(folder / "bridge", [archive, to_marquez]) as bridge:
        named = {"OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={DOMAIN},deployment.environment.name=test"}
        assert project.dbt("build", *WINDOW, bridge=bridge, env=named).code == 1
        events = settled(bridge, 60)
        assert [destination["dead"] for destination in bridge.health()["destinations"]] == [0, 0]
    yield Shown(events, marquez, f"duckdb://{(project.folder / 'everything.duckdb').resolve()}")


def stored(events: Events, job: str) -> str:
    """The name under which Marquez stores a job: below that of its parent, unless it begins with it."""
    parent = events.parent_of(job)
    if parent is None:
        return job
    above = stored(events, parent)
    return job if job.startswith(f"{above}.") else f"{above}.{job.removeprefix(f'{parent}.')}"


def test_every_job_with_the_state_of_its_run(shown: Shown) -> None:
    jobs = shown.marquez.jobs(NAMESPACE)
    found = {stored(shown.events, job): event for job, event in ends(shown.events).items()}
    assert jobs.keys() == found.keys()
    assert {name: job["latestRun"]["state"] for name, job in jobs.items()} == {
        name: STATES[event["eventType"]] for name, event in found.items()
    }


def test_every_job_with_its_parent(shown: Shown) -> None:
    jobs = shown.marquez.jobs(NAMESPACE)
    parents = {job: shown.events.parent_of(job) for job in ends(shown.events)}
    assert {name: job["parentJobName"] for name, job in jobs.items()} == {
        stored(shown.events, job): parent and stored(shown.events, parent) for job, parent in parents.items()
    }


def test_every_job_with_what_it_reads_and_writes(shown: Shown) -> None:
    jobs = shown.marquez.jobs(NAMESPACE)
    for name, event in ends(shown.events).items():
        shown_job = jobs[stored(shown.events, name)]
        for side in ("inputs", "outputs"):
            assert {each["name"] for each in shown_job[side]} == {each["name"] for each in event[side]}, name


def test_every_table_with_its_columns(shown: Shown) -> None:
    tables = shown.marquez.datasets(shown.data_at)
    written = {
        d["name"]: d for e in ends(shown.events).values() for d in e["outputs"] if "schema" in d["facets"]
    }
    assert {
        f"everything.shop.{name}" for name in ("orders", "customers_v2", "clicks_by_day")
    } <= written.keys()
    columns_of = {name: {field["name"] for field in tables[name]["fields"]} for name in written}
    assert columns_of == {name: {*schema(dataset)} for name, dataset in written.items()}


def test_the_graph_hangs_together(shown: Shown) -> None:
    """From the file of a seed to the tests of the last mart."""
    nodes = shown.marquez.graph(f"job:{NAMESPACE}:{ROOT_JOB}.model.everything.orders")
    named = {node.rpartition(":")[2].removeprefix(f"{ROOT_JOB}.") for node in nodes}
    assert {
        "seed.everything.raw_orders", "everything.shop.raw_orders", "model.everything.stg_orders",
        "everything.shop.stg_orders", "everything.shop.orders", "model.everything.customers.v2",
        "everything.shop.customers_v2", "model.everything.stamped_customers", "everything.shop.stamped_customers",
        "snapshot.everything.customers_history", "everything.shop.customer_changes", "model.everything.order_scores",
    } <= named  # fmt: skip
    for node in nodes.values():
        assert node["inEdges"] or node["outEdges"], node["id"]


@pytest.mark.parametrize("model", ["stg_orders", "orders", "customers.v2", "stamped_customers"])
def test_columns_lead_to_where_they_come_from(shown: Shown, model: str) -> None:
    event = ends(shown.events)[f"model.everything.{model}"]
    (output,) = event["outputs"]
    nodes = shown.marquez.graph(f"dataset:{shown.data_at}:{output['name']}", "column-lineage")
    prefix = f"datasetField:{shown.data_at}:"
    edges = {(e["destination"], e["origin"]) for node in nodes.values() for e in node["inEdges"]}
    into: dict[str, set[str]] = {}
    for source, target in edges:
        table, _, column = target.removeprefix(prefix).rpartition(":")
        if table == output["name"]:
            into.setdefault(column, set()).add(source.removeprefix(prefix).replace(":", ".").split(".", 2)[2])
    direct = columns(event)
    assert into.keys() >= direct.keys()
    for column, sources in direct.items():
        assert sources <= into[column], column


def test_one_name_for_all_commands_makes_one_job_of_a_model(marquez: Marquez, tmp_path: Path) -> None:
    """Marquez puts the parent's name before a job's: by default `dbt run` and `dbt build` make two (docs/dbt.md)."""
    require_dbt()
    project = Project.copy("shop", tmp_path)
    to_marquez = {"name": "marquez", "type": "http", "url": marquez.endpoint, "profile": "marquez"}
    models: dict[str, set[str]] = {}
    with BridgeProcess(tmp_path / "bridge", [to_marquez]) as bridge:
        for name in ("", "dbt-shop"):
            domain = f"d{uuid.uuid4().hex[:8]}"
            named = {
                "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={domain},deployment.environment.name=test",
                "OPENLINEAGE_DBT_JOB_NAME": name,
            }
            for command in ("build", "run"):
                project.dbt(command, bridge=bridge, env=named)
            settled(bridge, 60)
            jobs = marquez.jobs(f"floe.test.{domain}")
            models[name] = {job for job in jobs if job.endswith("model.shop.orders")}
    assert models == {
        "": {f"dbt-{command}-shop.model.shop.orders" for command in ("build", "run")},
        "dbt-shop": {"dbt-shop.model.shop.orders"},
    }
