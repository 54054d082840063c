"""Every executor tells the same: step processes by spawn and forkserver, and `dagster api execute_step`."""

import json
import subprocess
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dagster.cases import CASES, roots
from tests.dagster.comparing import below, differences, placeless
from tests.dagster.running import HERE, Order, Project, finished, require_dagster, run_id
from tests.dbt.running import settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
GOLDEN = Path(__file__).parents[1] / "golden/dagster_recorded"


def elsewhere(order: Order, executor: str) -> Order:
    return Order(order.job, order.number, executor, order.tags)


@pytest.mark.parametrize(("executor", "case"), [("spawn", "trouble"), ("forkserver", "ops")])
def test_step_processes_tell_the_same(executor: str, case: str, tmp_path: Path) -> None:
    require_dagster()
    project = Project.copy("everything", tmp_path)
    orders = [elsewhere(order, executor) for order in CASES[case]]
    with BridgeProcess(tmp_path / "bridge") as bridge:
        outcome = project.drive(orders, bridge=bridge)
        assert outcome.code == 0, outcome.output
        events = settled(bridge, 60)
    text = placeless("\n".join(map(json.dumps, below(events, roots(case)))), project.folder, project.python)
    expected = Events.from_ndjson((GOLDEN / case / "events.ndjson").read_bytes())
    assert differences(Events.from_ndjson(text), expected) == []
    assert {e["run"]["runId"] for e in events} == {e["run"]["runId"] for e in expected} or case == "ops"


def test_execute_step_as_executors_of_clusters_call_it(tmp_path: Path) -> None:
    """What k8s, docker and celery executors run in their pods: the same ids, so the same place in the tree."""
    require_dagster()
    project = Project.copy("everything", tmp_path)
    told = json.dumps(Order("shop", 1).told())
    made = subprocess.run(
        [str(project.python), str(HERE / "steps.py"), "everything", told, "customers", "orders"],
        cwd=project.folder, env=project.environment(None), capture_output=True, text=True, check=True,
    )  # fmt: skip
    with BridgeProcess(tmp_path / "bridge", settings={"runs": {"parent_wait": "2s"}}) as bridge:
        for command in json.loads(made.stdout.rpartition("@@")[2]):
            words = [str(project.python.with_name(command[0])), *command[1:]]
            assert finished(project.start(words, bridge=bridge)).code == 0
        bridge.wait(lambda: len(bridge.events()) == 8, "no longer waits for the run, which is nobody's here")
        events = bridge.events()
    expected = Events.from_ndjson((GOLDEN / "shop/events.ndjson").read_bytes())
    for job in ("shop.customers", "customers", "shop.orders", "orders"):
        assert events.types(job) == ["START", "COMPLETE"]
        mine, theirs = (each.one(job, "COMPLETE")["run"] for each in (events, expected))
        assert mine["runId"] == theirs["runId"]
        assert mine["facets"]["parent"]["run"] == theirs["facets"]["parent"]["run"]
        same = ("traceId", "spanId", "parentSpanId")
        assert [mine["facets"]["otel_trace"][name] for name in same] == [
            theirs["facets"]["otel_trace"][name] for name in same
        ]
    assert events.facet("shop.customers", "parent")["run"]["runId"] == run_id(1)
