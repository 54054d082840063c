"""The plugin and the bridge name dbt's jobs alike: one job, whoever tells of its run."""

from types import SimpleNamespace

import pytest
from otel_bridge.extract.dialects.dbt import jobs, states
from otel_bridge.extract.dialects.dbt.facts import Hook, Invocation, Kind, Node, Operation, Told

from dbt_otel_bridge import jobs as ours


def told(
    kind: Kind, unique_id: str = "", command: str = "build", project: str = "shop", **more: object
) -> str:
    """The bridge's name."""
    return jobs.name_of(
        Told(
            kind=kind,
            invocation=Invocation(command=command, project=project),
            node=Node(unique_id=unique_id),
            **more,
        )
    )


@pytest.mark.parametrize("project", ["shop", ""])
@pytest.mark.parametrize("command", sorted(ours.MOVING | ours.DESIGNING))
def test_commands(command: str, project: str) -> None:
    assert told(Kind.INVOCATION, command=command, project=project) == ours.invocation_name(command, project)


NODES = {
    "model.shop.orders": "shop",
    "model.shop.orders.v2": "shop",
    "seed.shop.raw": "shop",
    "snapshot.audit.log": "audit",
    "test.audit.not_null_log_id.3ec2a1": "audit",
    "unit_test.shop.orders.sums": "shop",
    "source.audit.landing.clicks": "audit",
}


@pytest.mark.parametrize(("unique_id", "package"), NODES.items())
def test_nodes(unique_id: str, package: str) -> None:
    name = ours.node_name(unique_id, package, "shop")
    assert told(Kind.NODE, unique_id) == name
    assert told(Kind.BATCH, unique_id) == ours.batch_name(name)
    for kind in ("pre-hook", "post-hook"):
        assert told(Kind.HOOK, unique_id, hook=Hook(kind, 1)) == ours.hook_name(name, kind, 1)


@pytest.mark.parametrize("kind", ["on-run-start", "on-run-end"])
def test_hooks_of_commands(kind: str) -> None:
    unique_id = f"operation.shop.shop-{kind}-0"
    expected = ours.hook_name(ours.invocation_name("build", "shop"), kind, 0)
    assert told(Kind.HOOK, unique_id, hook=Hook(kind, 0)) == expected


def test_operations() -> None:
    expected = ours.operation_name("shop", "archive")
    assert told(Kind.OPERATION, command="run-operation", operation=Operation(macro="archive")) == expected


def test_what_is_a_run() -> None:
    """`freshness` is how dbt itself calls `source freshness`; the plugin has translated it."""
    assert ours.MOVING | {"freshness"} == states.MOVING
    assert ours.NO_RUNS == states.NO_RUNS
    ephemeral = SimpleNamespace(resource_type="model", is_ephemeral_model=True)
    assert not ours.has_run(ephemeral)
    node = Node(unique_id="model.shop.orders", node_type="model", materialization="ephemeral")
    assert not states.is_run(Told(node=node))
