"""Facets of the configuration."""

# ruff: noqa: E501 - recorded messages

import json
from dataclasses import replace
from typing import Any

import pytest
from inline_snapshot import snapshot

from otel_bridge.openlineage import EventBuilder, check_custom_facets, facet_schemas
from otel_bridge.openlineage.facets import OWN
from otel_bridge.openlineage.validate import Validator
from otel_bridge.settings import CustomFacet, Settings
from tests.openlineage.conftest import Build
from tests.openlineage.transitions import dataset

COST = CustomFacet(
    name="acme_cost",
    slot="run",
    fields={"usd": "acme.cost.usd", "center": "acme.cost.center"},
    required=("usd",),
    schema={
        "type": "object",
        "properties": {"usd": {"type": "number"}},
        "additionalProperties": {"type": "string"},
    },
)
URL = "http://127.0.0.1:4319/facets/1-0-0/AcmeCostRunFacet.json"


def with_facets(settings: Settings, *facets: CustomFacet) -> Settings:
    return replace(settings, facets=facets)


@pytest.fixture
def checked(settings: Settings, openlineage_spec) -> Any:
    """A validator that knows every schema that the bridge serves, and accepts no other."""

    def checked(event: dict[str, Any], *facets: CustomFacet) -> None:
        served = facet_schemas(with_facets(settings, *facets))
        for name in OWN:
            served.pop(name)
        Validator.official(served.values(), known_only=True).check(event)

    return checked


def test_from_attributes(build: Build, settings: Settings, checked) -> None:
    values = {"attributes": {"acme.cost.usd": 1.25, "acme.cost.center": "sales", "other": 1}}
    event, omissions = build(settings=with_facets(settings, COST), run_values=values)
    assert omissions == []
    assert event["run"]["facets"]["acme_cost"] == {
        "_producer": "https://example.org/etl",
        "_schemaURL": f"{URL}#/$defs/AcmeCostRunFacet",
        "usd": 1.25,
        "center": "sales",
    }
    checked(event, COST)


def test_a_facet_that_does_not_fit_is_left_out(build: Build, settings: Settings) -> None:
    values = {"attributes": {"acme.cost.usd": "a lot"}}
    event, omissions = build(settings=with_facets(settings, COST), run_values=values)
    assert "acme_cost" not in event["run"]["facets"]
    assert omissions == snapshot(
        [
            'openlineage.run.facets.acme_cost: does not fit the schema of acme_cost: acme_cost.usd: "a lot" is not of type "number"'
        ]
    )


@pytest.mark.parametrize("attributes", [{}, {"acme.cost.center": "sales"}, {"acme.cost.usd": None}], ids=str)
def test_without_what_is_required_there_is_no_facet(build: Build, settings: Settings, attributes) -> None:
    event, omissions = build(settings=with_facets(settings, COST), run_values={"attributes": attributes})
    assert "acme_cost" not in event["run"]["facets"]
    assert omissions == []


def test_every_slot(build: Build, settings: Settings, checked) -> None:
    facets = [
        CustomFacet(name="acme_x", slot=slot, fields={"value": "x"})
        for slot in ("run", "job", "dataset", "input", "output")
    ]
    event, _ = build(
        settings=with_facets(settings, *facets),
        run_values={"attributes": {"x": 1}},
        job_values={"attributes": {"x": 2}},
        inputs=(dataset({"x": 3}),),
        outputs=(dataset({"x": [4]}),),
    )
    found = [
        event["run"]["facets"],
        event["job"]["facets"],
        event["inputs"][0]["facets"],
        event["inputs"][0]["inputFacets"],
        event["outputs"][0]["facets"],
        event["outputs"][0]["outputFacets"],
    ]
    assert [facets["acme_x"]["value"] for facets in found] == [1, 2, 3, 3, [4], [4]]
    checked(event, *facets)


def test_a_given_facet_wins_and_must_fit_too(build: Build, settings: Settings) -> None:
    configured = with_facets(settings, COST)
    values = {"attributes": {"acme.cost.usd": 1}}
    event, _ = build(settings=configured, run_values=values, run_facets={"acme_cost": {"usd": 2}})
    assert event["run"]["facets"]["acme_cost"]["usd"] == 2
    event, omissions = build(settings=configured, run_values=values, run_facets={"acme_cost": {"usd": "two"}})
    assert event["run"]["facets"]["acme_cost"]["usd"] == 1
    assert omissions == snapshot(
        [
            'openlineage.run.facets.acme_cost: does not fit the schema of acme_cost: acme_cost.usd: "two" is not of type "number"'
        ]
    )


def test_the_served_schema(settings: Settings) -> None:
    assert facet_schemas(with_facets(settings, COST))["AcmeCostRunFacet"] == snapshot(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "http://127.0.0.1:4319/facets/1-0-0/AcmeCostRunFacet.json",
            "$defs": {
                "AcmeCostRunFacet": {
                    "type": "object",
                    "allOf": [
                        {"$ref": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet"},
                        {
                            "type": "object",
                            "properties": {"usd": {"type": "number"}},
                            "additionalProperties": {"type": "string"},
                        },
                    ],
                }
            },
            "type": "object",
            "properties": {"acme_cost": {"$ref": "#/$defs/AcmeCostRunFacet"}},
        }
    )


def test_a_schema_from_a_file_with_references(build: Build, settings: Settings, checked, tmp_path) -> None:
    file = tmp_path / "cost.json"
    schema = {
        "properties": {"usd": {"$ref": "#/$defs/money"}},
        "$defs": {"money": {"type": "number", "minimum": 0}},
    }
    file.write_text(json.dumps(schema))
    facet = replace(COST, schema=str(file))
    assert check_custom_facets(with_facets(settings, facet)) == []
    event, _ = build(settings=with_facets(settings, facet), run_values={"attributes": {"acme.cost.usd": 1}})
    checked(event, facet)
    _, omissions = build(
        settings=with_facets(settings, facet), run_values={"attributes": {"acme.cost.usd": -1}}
    )
    assert len(omissions) == 1


def test_a_document_as_openlineage_writes_them(build: Build, settings: Settings, checked) -> None:
    core = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://acme.example/1-2-0/Cost.json",
        "$defs": {
            "Cost": {
                "allOf": [{"$ref": f"{core}#/$defs/RunFacet"}, {"properties": {"usd": {"type": "number"}}}]
            }
        },
        "properties": {"acme_cost": {"$ref": "#/$defs/Cost"}},
    }
    facet = replace(COST, schema=document)
    event, _ = build(settings=with_facets(settings, facet), run_values={"attributes": {"acme.cost.usd": 1}})
    assert (
        event["run"]["facets"]["acme_cost"]["_schemaURL"]
        == "https://acme.example/1-2-0/Cost.json#/$defs/Cost"
    )
    assert facet_schemas(with_facets(settings, facet))["AcmeCostRunFacet"] == document
    checked(event, facet)


def test_no_further_fields(build: Build, settings: Settings, checked) -> None:
    facet = replace(COST, schema={"properties": {"usd": {"type": "number"}}, "additionalProperties": False})
    event, _ = build(settings=with_facets(settings, facet), run_values={"attributes": {"acme.cost.usd": 1}})
    checked(event, facet)
    values = {"attributes": {"acme.cost.usd": 1, "acme.cost.center": "sales"}}
    _, omissions = build(settings=with_facets(settings, facet), run_values=values)
    assert omissions == snapshot(
        [
            "openlineage.run.facets.acme_cost: does not fit the schema of acme_cost: acme_cost: Additional properties are not allowed ('center' was unexpected)"
        ]
    )


def test_a_class(build: Build, settings: Settings, openlineage_spec) -> None:
    cost = replace(COST, schema=None, python_class="tests.openlineage.acme_facets:AcmeCostRunFacet")
    plain = CustomFacet(
        name="acme_level",
        slot="input",
        fields={"level": "level"},
        python_class="tests.openlineage.acme_facets:PlainInputFacet",
    )
    configured = with_facets(settings, cost, plain)
    assert check_custom_facets(configured) == []
    event, omissions = build(
        settings=configured,
        run_values={"attributes": {"acme.cost.usd": 1.25}},
        inputs=(dataset({"level": "gold"}), dataset({"level": ""})),
    )
    openlineage_spec.check(event)
    assert omissions == []
    assert event["run"]["facets"]["acme_cost"] == {
        "_producer": "https://example.org/etl",
        "_schemaURL": "https://acme.example/schemas/1-0-0/AcmeCostRunFacet.json",
        "usd": 1.25,
    }
    assert event["inputs"][0]["inputFacets"]["acme_level"]["level"] == "gold"
    assert set(facet_schemas(configured)) == set(OWN)


@pytest.mark.parametrize("usd", [-1, "much", {}], ids=str)
def test_a_class_that_refuses(build: Build, settings: Settings, usd) -> None:
    cost = replace(COST, schema=None, python_class="tests.openlineage.acme_facets:AcmeCostRunFacet")
    event, omissions = build(
        settings=with_facets(settings, cost), run_values={"attributes": {"acme.cost.usd": usd}}
    )
    assert "acme_cost" not in event["run"]["facets"]
    assert "AcmeCostRunFacet refused its fields" in omissions[0]


PROBLEMS = [
    (
        replace(COST, name="acme cost"),
        snapshot(
            ["acme cost: the name must be letters, digits and _, beginning with a letter, such as acme_cost"]
        ),
    ),
    (
        replace(COST, name="tags"),
        snapshot(["tags: the bridge has this facet already; put a prefix of yours before the name"]),
    ),
    (
        replace(COST, fields={}, required=()),
        snapshot(["acme_cost: needs `fields`: the facet's fields and where each is taken from"]),
    ),
    (
        replace(COST, required=("euro",)),
        snapshot(["acme_cost: `required` names what is not in `fields`: euro"]),
    ),
    (
        replace(COST, schema={"type": "objekt"}),
        snapshot(
            ["acme_cost: \"objekt\" is not valid under any of the schemas listed in the 'anyOf' keyword"]
        ),
    ),
    (
        replace(COST, schema={"$ref": "https://acme.example/other.json"}),
        snapshot(
            [
                "acme_cost: Resource 'https://acme.example/other.json' is not present in a registry and retrieving it failed: ValueError: https://acme.example/other.json is not at hand; put what you need of it under $defs"
            ]
        ),
    ),
    (
        replace(COST, schema={"$ref": "#/$defs/nowhere"}),
        snapshot(["acme_cost: Pointer '/$defs/nowhere' does not exist"]),
    ),
    (
        replace(COST, schema={"$id": "relative.json"}),
        snapshot(["acme_cost: `$id` of the schema must be an absolute URI, not 'relative.json'"]),
    ),
    (
        replace(COST, schema="/no/such/file.json"),
        snapshot(
            ["acme_cost: the schema can't be read: [Errno 2] No such file or directory: '/no/such/file.json'"]
        ),
    ),
    (
        replace(COST, python_class="no.such.module:Class"),
        snapshot(
            ["acme_cost: can't import no.such.module:Class: No module named 'no'; write package.module:Class"]
        ),
    ),
    (
        replace(COST, python_class="tests.openlineage.acme_facets"),
        snapshot(
            [
                "acme_cost: can't import tests.openlineage.acme_facets: module 'tests.openlineage.acme_facets' has no attribute ''; write package.module:Class"
            ]
        ),
    ),
    (
        replace(COST, python_class="tests.openlineage.acme_facets:NOT_A_FACET"),
        snapshot(
            ["acme_cost: tests.openlineage.acme_facets:NOT_A_FACET must derive from openlineage's RunFacet"]
        ),
    ),
    (
        replace(COST, python_class="tests.openlineage.acme_facets:PlainInputFacet"),
        snapshot(
            [
                "acme_cost: tests.openlineage.acme_facets:PlainInputFacet must derive from openlineage's RunFacet"
            ]
        ),
    ),
    (
        replace(
            COST,
            fields={"euro": "x"},
            required=(),
            python_class="tests.openlineage.acme_facets:AcmeCostRunFacet",
        ),
        snapshot(["acme_cost: tests.openlineage.acme_facets:AcmeCostRunFacet takes no euro"]),
    ),
]


@pytest.mark.parametrize(("facet", "expected"), PROBLEMS)
def test_problems_are_found_at_the_start(settings: Settings, facet, expected) -> None:
    configured = with_facets(settings, facet)
    assert check_custom_facets(configured) == expected
    with pytest.raises(ValueError, match=r"\w"):
        EventBuilder(configured)


def test_all_problems_at_once(settings: Settings) -> None:
    configured = with_facets(settings, COST, COST, replace(COST, name="-"))
    assert check_custom_facets(configured) == snapshot(
        [
            "acme_cost: configured 2 times for run.facets; keep one",
            "-: the name must be letters, digits and _, beginning with a letter, such as acme_cost",
        ]
    )
