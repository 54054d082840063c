"""A real Marquez shows one graph of Dagster, Iceberg and dbt: from the file to the mart, each dataset once."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dagster.running import Project, require_dagster
from tests.dbt.lineage import ends
from tests.dbt.running import settled
from tests.parts.marquez import Marquez

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
DOMAIN = f"d{uuid.uuid4().hex[:8]}"
NAMESPACE = f"floe.test.{DOMAIN}"
STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What was sent, and the Marquez that shows it."""

    events: Events
    marquez: Marquez
    folder: Path

    @property
    def data(self) -> str:
        """Namespace of the tables."""
        return f"duckdb://{self.folder / 'warehouse.duckdb'}"

    @property
    def revenue(self) -> str:
        """Node of the mart."""
        return f"dataset:{self.data}:warehouse.shop.revenue"


@pytest.fixture(scope="module")
def shown(marquez: Marquez, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The example, run as `make demo` does."""
    python = require_dagster()
    folder = tmp_path_factory.mktemp("shown")
    project = Project(Path(shutil.copytree(ROOT / "examples/dagster", folder / "dagster")))
    project.home.mkdir()
    archive = {"name": "archive", "type": "file", "path": str(folder / "bridge/events.ndjson")}
    to_marquez = {
        "name": "marquez", "type": "http", "url": marquez.endpoint, "profile": "marquez", "canonical_names": True,
    }  # fmt: skip
    with BridgeProcess(folder / "bridge", [archive, to_marquez]) as bridge:
        path = f"{python.parent}:{bridge.program_env()['PATH']}"
        named = {"OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={DOMAIN},deployment.environment.name=test"}
        done = project.dagster(
            "job", "execute", "-f", "shop.py", "-j", "refresh", bridge=bridge, env={"PATH": path} | named
        )
        assert done.code == 1, done.output
        events = settled(bridge, 60)
        assert [destination["dead"] for destination in bridge.health()["destinations"]] == [0, 0]
        yield Shown(events, marquez, project.folder.resolve())


def test_the_graph_leads_from_the_file_to_the_mart(shown: Shown) -> None:
    nodes = shown.marquez.graph(shown.revenue)
    reached = upstream(nodes, shown.revenue)
    assert f"dataset:file:{shown.folder}/data/orders.csv" in reached
    assert any(f"dataset:file:{shown.folder}/lake/" in node for node in reached), "the Iceberg table"
    assert f"dataset:{shown.data}:warehouse.shop.raw_orders" in reached


def upstream(nodes: dict[str, Any], start: str) -> set[str]:
    """All nodes from which edges lead to one."""
    found, waiting = set[str](), [start]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [edge["origin"] for edge in nodes[node]["inEdges"]]
    return found


def test_each_dataset_is_there_once(shown: Shown) -> None:
    """Four real ones; none by its asset key alone, none in two namespaces."""
    nodes = [node for node in shown.marquez.graph(shown.revenue) if node.startswith("dataset:")]
    names = sorted(node.rpartition(":")[2].rpartition("/")[2] for node in nodes)
    assert len(nodes) == 4, nodes
    assert {"orders.csv", "warehouse.shop.raw_orders", "warehouse.shop.revenue"} < set(names)
    assert not [node for node in nodes if "dagster://" in node]


def test_every_job_has_the_state_of_its_run(shown: Shown) -> None:
    found = {
        job["latestRun"]["id"]: job["latestRun"]["state"] for job in shown.marquez.jobs(NAMESPACE).values()
    }
    expected = {event["run"]["runId"]: STATES[event["eventType"]] for event in ends(shown.events).values()}
    assert found == expected
