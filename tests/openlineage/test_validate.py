"""The strict validator: seeded faults are found, and where the schemas are looked for."""

import copy
import json
from typing import Any

import pytest

from otel_bridge.model import EventType
from otel_bridge.openlineage.validate import NotOpenLineage, SpecMissing, Validator
from tests.openlineage.conftest import Build
from tests.openlineage.transitions import PARENT, dataset

FACET = {"_producer": "https://a.example", "_schemaURL": "https://a.example/x.json"}
BASE = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"


@pytest.fixture
def good(build: Build) -> dict[str, Any]:
    event, _ = build(
        EventType.COMPLETE,
        parent=PARENT,
        inputs=(dataset({"schema": [{"name": "a"}], "row_count": 1}),),
        outputs=(dataset({"row_count": 1}),),
    )
    return event


FAULTS = {
    "no time": (lambda e: e.update(eventTime="2026-11-24"), "eventTime"),
    "time without zone": (lambda e: e.update(eventTime="2026-11-24T00:00:00"), "eventTime"),
    "type": (lambda e: e.update(eventType="DONE"), "eventType"),
    "no type": (lambda e: e.pop("eventType"), "eventType: missing"),
    "producer": (lambda e: e.update(producer="acme"), "producer"),
    "schemaURL": (lambda e: e.update(schemaURL=f"{BASE}/JobEvent"), "schemaURL: not that of a RunEvent"),
    "no job": (lambda e: e.pop("job"), "job"),
    "run id": (lambda e: e["run"].update(runId="7"), "run.runId"),
    "no run facets": (lambda e: e["run"].pop("facets"), "run.facets: missing"),
    "no dataset facets": (lambda e: e["inputs"][0].pop("facets"), "inputs[0].facets: missing"),
    "no outputs": (lambda e: e.pop("outputs"), "outputs: missing"),
    "facet without producer": (lambda e: e["run"]["facets"]["parent"].pop("_producer"), "_producer"),
    "facet's schema": (
        lambda e: e["run"]["facets"]["parent"].update(_schemaURL="x"),
        "run.facets.parent._schemaURL",
    ),
    "nested format": (
        lambda e: e["run"]["facets"]["parent"]["run"].update(runId="x"),
        "run.facets.parent.run.runId",
    ),
    "wrong type": (
        lambda e: e["inputs"][0]["inputFacets"]["inputStatistics"].update(rowCount="1"),
        "rowCount",
    ),
    "slot": (
        lambda e: e["inputs"][0]["facets"].update(inputStatistics=FACET),
        "inputs[0].facets.inputStatistics: belongs under inputFacets",
    ),
    "slot of another entity": (lambda e: e["job"]["facets"].update(schema=FACET), "belongs under facets"),
    "output's slot on an input": (
        lambda e: e["inputs"][0].update(outputFacets={}),
        "outputFacets: not allowed here",
    ),
    "input's slot on an output": (
        lambda e: e["outputs"][0].update(inputFacets={}),
        "inputFacets: not allowed here",
    ),
    "official but unknown": (
        lambda e: e["run"]["facets"].update(acme=FACET | {"_schemaURL": f"{BASE}/JobFacet"}),
        "run.facets.acme: no schema is known of it",
    ),
    "facet is no map": (lambda e: e["run"]["facets"].update(acme=7), "run.facets.acme"),
    "both conditions": (
        lambda e: e["inputs"][0]["inputFacets"].update(subset=FACET | {"outputCondition": {}}),
        "inputs[0].inputFacets.subset",
    ),
    "trace id": (
        lambda e: e["run"]["facets"]["otel_trace"].update(traceId="0AF7"),
        "run.facets.otel_trace.traceId",
    ),
}


def test_good(openlineage_spec, good) -> None:
    openlineage_spec.check(good)
    openlineage_spec.check(json.dumps(good))


@pytest.mark.parametrize("name", FAULTS)
def test_seeded_fault(openlineage_spec, good, name: str) -> None:
    seed, expected = FAULTS[name]
    bad = copy.deepcopy(good)
    seed(bad)
    problems = openlineage_spec.problems(bad)
    assert any(expected in problem for problem in problems), problems
    with pytest.raises(NotOpenLineage):
        openlineage_spec.check(bad)


def test_foreign_schemas(openlineage_spec, good) -> None:
    good["run"]["facets"]["acme"] = FACET
    openlineage_spec.check(good)
    strict = Validator.official(known_only=True)
    assert strict.problems(good) == [
        "run.facets.acme: no schema is known of it; its _schemaURL is https://a.example/x.json"
    ]


def test_static_events(openlineage_spec) -> None:
    event = {"eventTime": "2026-11-24T00:00:00Z", "producer": "https://a.example"}
    data = event | {
        "schemaURL": f"{BASE}/DatasetEvent",
        "dataset": {"namespace": "n", "name": "d", "facets": {}},
    }
    job = {"namespace": "n", "name": "j", "facets": {}}
    static = event | {"schemaURL": f"{BASE}/JobEvent", "job": job, "inputs": [], "outputs": []}
    openlineage_spec.check(data)
    openlineage_spec.check(static)
    data["dataset"]["inputFacets"] = {}
    assert openlineage_spec.problems(data) == ["dataset.inputFacets: not allowed here"]
    assert openlineage_spec.problems(event | {"schemaURL": "x"})
    assert openlineage_spec.problems("[]") == ["an event is a JSON object"]


def test_without_schemas(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("OPENLINEAGE_SPEC_DIR", str(tmp_path))
    with pytest.raises(SpecMissing, match="set OPENLINEAGE_SPEC_DIR"):
        Validator.official()
