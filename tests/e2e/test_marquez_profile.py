"""The rules of the marquez profile, each against a real Marquez: with it Marquez holds what is true."""

import http.client
import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from otel_bridge.testing import BridgeProcess
from tests.otlp import Exporter, span, span_id, trace_id
from tests.parts.marquez import Marquez

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

LEVELS = ("dag", "task", "sub")
FULL = {"dag": "dag", "task": "dag.task", "sub": "dag.task.sub"}


class Pipelines:
    """A bridge before a Marquez that does not wait long for parents, and runs that name their parents."""

    def __init__(self, bridge: BridgeProcess, marquez: Marquez) -> None:
        self.bridge = bridge
        self.marquez = marquez
        self._events = 0

    def run(self, namespace: str, order: tuple[str, ...], at_s: float = 0) -> dict[str, str]:
        """Three levels with plain names, whose spans arrive in this order; run ids by name."""
        ids = {name: str(uuid.uuid4()) for name in LEVELS}
        for name in order:
            self._arrive(namespace, ids, name, at_s)
        return ids

    def _arrive(self, namespace: str, ids: dict[str, str], name: str, at_s: float) -> None:
        above = {"task": "dag", "sub": "task"}.get(name)
        attributes: dict[str, Any] = {"job__namespace": namespace, "run__id": ids[name]}
        for who, job in (("parent", above), ("root", above and "dag")):
            if job:
                ref = {"run__id": ids[job], "job__namespace": namespace, "job__name": job}
                attributes |= {f"{who}__{key}": value for key, value in ref.items()}
        if name == "sub":
            attributes |= {
                f"{side}puts": [{"namespace": "db", "name": f"{namespace}.{side}"}] for side in ("in", "out")
            }
        spelled = {f"openlineage__{key}": value for key, value in attributes.items()}
        sent = span(trace_id(), span_id(), job=name, start_s=at_s, end_s=at_s + 5, **spelled)
        Exporter(self.bridge.endpoints.http).traces(sent)
        self.settled(2)

    def post(self, *events: dict[str, Any]) -> None:
        """Events of another producer."""
        for event in events:
            with closing(http.client.HTTPConnection(self.bridge.endpoints.api, timeout=30)) as connection:
                connection.request(
                    "POST", "/api/v1/lineage", json.dumps(event), {"Content-Type": "application/json"}
                )
                assert connection.getresponse().status == 201
        self.settled(len(events))

    def settled(self, events: int) -> None:
        """Wait until so many more events are delivered or skipped; none may be dead."""
        self._events += events

        def arrived() -> bool:
            one = self.bridge.health()["destinations"][0]
            assert one["dead"] == 0, one
            return bool(one["delivered"] + one["skipped"] == self._events)

        self.bridge.wait(arrived, f"settles {self._events} events", 60)

    def jobs(self, namespace: str) -> dict[str, dict[str, Any]]:
        """What Marquez holds."""
        found = self.marquez.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/jobs?limit=100")
        return {job["name"]: job for job in found["jobs"]}

    def runs(self, namespace: str, job: str) -> dict[str, str]:
        """Run id -> state."""
        found = self.marquez.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/jobs/{job}/runs?limit=100")
        return {run["id"]: run["state"] for run in found["runs"]}


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory, marquez: Marquez) -> Iterator[Pipelines]:
    destination = {"name": "marquez", "type": "http", "profile": "marquez", "url": marquez.endpoint}
    folder: Path = tmp_path_factory.mktemp("profile")
    with BridgeProcess(folder, [destination], {"runs": {"parent_wait": "50ms"}}) as bridge:
        yield Pipelines(bridge, marquez)


@pytest.mark.parametrize("order", list(itertools.permutations(LEVELS)), ids="-".join)
def test_three_levels_in_any_order_and_again(pipelines: Pipelines, order: tuple[str, ...]) -> None:
    """marquez.parent-path: the jobs are those three, each with its two runs and no other, in one graph."""
    namespace = f"floe.test.{uuid.uuid4().hex[:8]}"
    first = pipelines.run(namespace, order)
    again = pipelines.run(namespace, tuple(reversed(order)), at_s=100)
    jobs = pipelines.jobs(namespace)
    assert set(jobs) == set(FULL.values())
    parents = {name: job["parentJobName"] for name, job in jobs.items()}
    assert parents == {"dag": None, "dag.task": "dag", "dag.task.sub": "dag.task"}
    for plain, full in FULL.items():
        states = pipelines.runs(namespace, full)
        assert states == {first[plain]: "COMPLETED", again[plain]: "COMPLETED"}
    graph = pipelines.marquez.get(f"/api/v1/lineage?nodeId={quote(f'dataset:db:{namespace}.in', safe='')}")
    assert {node["id"] for node in graph["graph"]} == {
        f"dataset:db:{namespace}.in",
        f"dataset:db:{namespace}.out",
        f"job:{namespace}:dag.task.sub",
    }


def test_other_characters_in_namespaces(pipelines: Pipelines) -> None:
    """marquez.namespace-characters: the parent has one run, and datasets are taken."""
    unique = uuid.uuid4().hex[:8]
    ids = pipelines.run(f"my team #{unique}", LEVELS)
    for plain, full in FULL.items():
        assert pipelines.runs(f"my_team__{unique}", full) == {ids[plain]: "COMPLETED"}
    source = {"namespace": f"db#{unique}", "name": "in", "schema": [{"name": "a", "type": "int"}]}
    made = source | {
        "name": "out",
        "columns": {"a": [{"namespace": f"db#{unique}", "name": "in", "field": "a"}]},
    }
    Exporter(pipelines.bridge.endpoints.http).traces(
        span(trace_id(), span_id(), job=unique, openlineage__inputs=[source], openlineage__outputs=[made])
    )
    pipelines.settled(2)
    found = pipelines.marquez.get(
        f"/api/v1/column-lineage?nodeId={quote(f'dataset:db_{unique}:out', safe='')}"
    )
    assert {node["id"] for node in found["graph"]} == {
        f"datasetField:db_{unique}:in:a",
        f"datasetField:db_{unique}:out:a",
    }


def event(kind: str, run: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": f"2026-11-24T10:00:{second:02d}.000Z",
        "producer": "https://example.org/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": {}},
        "job": {"namespace": "floe.test.others", "name": run, "facets": {}},
        "inputs": [],
        "outputs": [],
        **more,
    }


def facet(**fields: Any) -> dict[str, Any]:
    return {
        "_producer": "https://example.org/spark",
        "_schemaURL": "https://example.org/facet.json",
        **fields,
    }


def symlink(**fields: str) -> dict[str, Any]:
    return facet(identifiers=[{"namespace": "n", "name": "x", "type": "TABLE"} | fields])


def columns(**field: Any) -> dict[str, Any]:
    return {"columnLineage": facet(fields={"a": field})}


FIELD = facet(fields=[{"name": "a", "type": "int"}])
NESTED = f"struct<{','.join(f'f{uuid.uuid4().hex}:int' for _ in range(400))}>"


def test_names_that_begin_with_a_parent_that_has_a_parent(pipelines: Pipelines) -> None:
    """marquez.parent-path: `sched` starts `dag`, whose tasks are called `dag.task` as Airflow does."""
    namespace = f"floe.test.{uuid.uuid4().hex[:8]}"
    ids = {name: str(uuid.uuid4()) for name in ("sched", "dag", "dag.task")}
    above = {"dag": "sched", "dag.task": "dag"}

    def said(kind: str, name: str, second: int) -> dict[str, Any]:
        made = event(kind, ids[name], second, job={"namespace": namespace, "name": name, "facets": {}})
        if parent := above.get(name):
            job = {"namespace": namespace, "name": parent}
            made["run"]["facets"]["parent"] = facet(run={"runId": ids[parent]}, job=job)
        return made

    pipelines.post(*(said("START", name, 1) for name in ids), *(said("COMPLETE", name, 2) for name in ids))
    jobs = {name: job["parentJobName"] for name, job in pipelines.jobs(namespace).items()}
    assert jobs == {"sched": None, "sched.dag": "sched", "sched.dag.task": "sched.dag"}


def test_running_and_other_do_not_move_the_start(pipelines: Pipelines) -> None:
    """marquez.types"""
    run = str(uuid.uuid4())
    steps = ((1, "START"), (5, "RUNNING"), (6, "OTHER"), (9, "COMPLETE"))
    pipelines.post(*(event(kind, run, second) for second, kind in steps))
    latest = pipelines.jobs("floe.test.others")[run]["latestRun"]
    assert (latest["state"], latest["durationMs"]) == ("COMPLETED", 8000)
    skipped = pipelines.bridge.health()["destinations"][0]["skipped_reasons"]
    assert {"RUNNING events are not wanted": 1, "OTHER events are not wanted": 1}.items() <= skipped.items()


@pytest.mark.parametrize(
    ("rule", "shed", "more"),
    [
        (
            "marquez.location",
            "job.sourceCodeLocation",
            {"job": {"sourceCodeLocation": facet(type="git", url=f"https://h/{'x' * 300}")}},
        ),
        (
            "marquez.field-name",
            "dataset.schema",
            {"output": {"schema": facet(fields=[{"name": "x" * 256, "type": "int"}])}},
        ),
        ("marquez.facet-name", f"run.{'x' * 256}", {"run": {"x" * 256: facet(a=1)}}),
        (
            "marquez.field-type",
            "dataset.schema",
            {"output": {"schema": facet(fields=[{"name": "a", "type": NESTED}])}},
        ),
        ("marquez.source-name", "dataset.dataSource", {"output": {"dataSource": facet(uri="postgres://db")}}),
        ("marquez.symlinks", "dataset.symlinks", {"output": {"symlinks": facet()}}),
        ("marquez.symlink-type", "dataset.symlinks", {"output": {"symlinks": symlink(type="x" * 65)}}),
        (
            "marquez.symlink-namespace",
            "dataset.symlinks",
            {"output": {"symlinks": symlink(namespace="x" * 1025)}},
        ),
        ("marquez.symlink-namespace", "dataset.symlinks", {"output": {"symlinks": symlink(namespace="")}}),
        (
            "marquez.lifecycle",
            "dataset.lifecycleStateChange",
            {"output": {"lifecycleStateChange": facet(lifecycleStateChange="x" * 64)}},
        ),
        (
            "marquez.transformation-type",
            "dataset.columnLineage",
            {"output": columns(inputFields=[], transformationType="x" * 256)},
        ),
        ("marquez.column-inputs", "dataset.columnLineage", {"output": columns()}),
        (
            "marquez.column-references",
            "dataset.columnLineage",
            {"output": {"schema": FIELD} | columns(inputFields=[{"namespace": "db", "name": "in"}])},
        ),
    ],
)
def test_what_it_can_not_store(
    pipelines: Pipelines, rule: str, shed: str, more: dict[str, dict[str, Any]]
) -> None:
    """The event goes without the facet, where Marquez would answer 500 each time, to this or to who asks for lists."""
    run = str(uuid.uuid4())
    ending = event(
        "COMPLETE", run, 2, inputs=[{"namespace": "db", "name": "in", "facets": {"schema": FIELD}}]
    )
    ending["run"]["facets"] |= more.get("run", {})
    ending["job"]["facets"] |= more.get("job", {})
    if "output" in more:
        ending["outputs"] = [{"namespace": "db", "name": run, "facets": more["output"]}]
    pipelines.post(event("START", run, 1), ending)
    assert pipelines.jobs("floe.test.others")[run]["latestRun"]["state"] == "COMPLETED"
    facets = pipelines.marquez.get(f"/api/v1/jobs/runs/{run}/facets?type=run")["facets"]
    assert facets["tags"]["tags"][0]["value"] == shed
    assert pipelines.bridge.health()["destinations"][0]["shed"][
        shed if len(shed) < 128 else shed[:125] + "..."
    ]
    for listed in ("namespaces", "namespaces/db/datasets"):
        pipelines.marquez.get(f"/api/v1/{listed}?limit=1000")


def test_nul_characters_and_what_columns_are_made_of(pipelines: Pipelines) -> None:
    """marquez.nul, marquez.transformations"""
    run = str(uuid.uuid4())
    source = {"namespace": "db", "name": f"{run}.in", "facets": {"schema": FIELD}}
    field = {"namespace": "db", "name": f"{run}.in", "field": "a"}
    same = field | {"transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]}
    made = {
        "namespace": "db",
        "name": f"{run}.out",
        "facets": {"schema": FIELD} | columns(inputFields=[same]),
    }
    job = {"namespace": "floe.test.others", "name": run, "facets": {"sql": facet(query="select '\0'")}}
    pipelines.post(event("COMPLETE", run, 2, job=job, inputs=[source], outputs=[made]))
    found = pipelines.marquez.get(f"/api/v1/column-lineage?nodeId={quote(f'dataset:db:{run}.out', safe='')}")
    [data] = [node["data"] for node in found["graph"] if node["data"]["dataset"] == f"{run}.out"]
    assert (data["transformationType"], data["transformationDescription"]) == ("IDENTITY", "DIRECT IDENTITY")
    assert pipelines.jobs("floe.test.others")[run]["facets"]["sql"]["query"] == "select '\ufffd'"
