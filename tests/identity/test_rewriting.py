"""Events by canonical names: only the names change, and what was two is one."""

import json

import msgspec
import pytest

from otel_bridge.identity import Claim, Identities, Name
from otel_bridge.identity.rewriting import Rewriting
from otel_bridge.openlineage.profiles import Preparation
from otel_bridge.settings import AliasRule, Consumer, Identity, NamePattern, NameTemplate
from tests.identity.named import FACET, body, dataset, event, symlink

TABLE = Name("duckdb:///data/shop.duckdb", "shop.main.orders")
ASSET = Name("dagster://prod", "shop/orders")
OTHER = Name("duckdb:///data/shop.duckdb", "shop.main.customers")
KNOWN = Identities(Identity(), [Claim(TABLE, ASSET, "ASSET")])


def prepared(content, known=KNOWN, **consumer):
    consumer = Consumer(**{"canonical_names": True, **consumer})
    return Preparation(consumer, Rewriting(known)).prepare(event(content))


def rewritten(content, known=KNOWN, **consumer):
    return json.loads(prepared(content, known, **consumer).body)


def columns(*inputs, column="id"):
    fields = [{**name._asdict(), "field": "id", "transformations": []} for name in inputs]
    return {**FACET, "fields": {column: {"inputFields": fields}}}


def test_what_names_nothing_that_changes_stays_the_bytes_that_it_was():
    content = body([dataset(TABLE)], [dataset(OTHER)]).replace(b": ", b" :   ")
    assert prepared(content).body is content
    assert prepared(body([dataset(ASSET)]), canonical_names=False).body == body([dataset(ASSET)])


def test_a_dataset_gets_its_canonical_name_and_keeps_the_other_one_as_a_symlink(openlineage_spec):
    found = rewritten(body([dataset(ASSET, fields="id day")], [dataset(OTHER)]))
    (one,) = found["inputs"]
    assert (one["namespace"], one["name"]) == TABLE
    assert one["facets"]["symlinks"]["identifiers"] == [symlink(ASSET, "ASSET")]
    assert one["facets"]["schema"] == dataset(ASSET, fields="id day")["facets"]["schema"]
    assert found["outputs"] == [dataset(OTHER)]
    openlineage_spec.check(found)


def test_symlinks_keep_every_other_name_but_the_one_that_it_now_has():
    further = Name("hive://m", "shop.orders")
    (one,) = rewritten(body([dataset(ASSET, TABLE, further)]))["inputs"]
    assert one["facets"]["symlinks"]["identifiers"] == [symlink(ASSET, "ASSET"), symlink(further)]


def test_columns_come_from_canonical_names_and_each_once():
    facet = columns(ASSET, TABLE, OTHER) | {"dataset": [{**ASSET._asdict(), "field": "day"}]}
    (one,) = rewritten(body([], [dataset(OTHER, columnLineage=facet)]))["outputs"]
    found = one["facets"]["columnLineage"]
    assert found == columns(TABLE, OTHER) | {"dataset": [{**TABLE._asdict(), "field": "day"}]}


def test_facets_of_others_stay_as_they_are_even_where_they_name_datasets():
    job = {"namespace": "jobs", "name": "load", "facets": {"acme": {**FACET, "from": ASSET._asdict()}}}
    found = rewritten(body([dataset(ASSET)], job=job))
    assert found["job"] == job


def test_a_dataset_that_is_named_twice_becomes_one():
    """What came under the canonical name counts more; everything else is added."""
    first = dataset(ASSET, fields="a", columnLineage=columns(OTHER, column="a"), tags={**FACET, "tags": []})
    second = dataset(TABLE, fields="b", columnLineage=columns(ASSET, column="b"))
    first["outputFacets"] = {"outputStatistics": {**FACET, "rowCount": 3}}
    found = rewritten(body([dataset(OTHER)], [first, dataset(OTHER), second]))
    one, other = found["outputs"]
    assert ((one["namespace"], one["name"]), other) == (TABLE, dataset(OTHER))
    assert one["outputFacets"] == first["outputFacets"]
    facets = one["facets"]
    assert facets["schema"] == second["facets"]["schema"]
    assert facets["tags"] == first["facets"]["tags"]
    assert facets["symlinks"]["identifiers"] == [symlink(ASSET, "ASSET")]
    assert set(facets["columnLineage"]["fields"]) == {"a", "b"}
    assert facets["columnLineage"]["fields"]["b"] == columns(TABLE, column="b")["fields"]["b"]


def test_what_a_producer_named_twice_itself_stays_twice():
    found = rewritten(body([dataset(ASSET), dataset(OTHER), dataset(OTHER)]))
    assert [one["name"] for one in found["inputs"]] == [TABLE.name, OTHER.name, OTHER.name]


def test_an_input_and_an_output_stay_two():
    found = rewritten(body([dataset(ASSET)], [dataset(TABLE)]))
    assert [one["name"] for one in (*found["inputs"], *found["outputs"])] == [TABLE.name] * 2


def test_an_event_of_a_dataset_gets_the_key_of_its_new_name():
    content = json.dumps({"eventTime": "x", "dataset": dataset(ASSET)}).encode()
    static = msgspec.structs.replace(
        event(content), type="DATASET", key=f"dataset:{ASSET.namespace}/{ASSET.name}"
    )
    found = Preparation(Consumer(canonical_names=True), Rewriting(KNOWN)).prepare(static)
    assert found.renamed.key == f"dataset:{TABLE.namespace}/{TABLE.name}"


def test_the_consumer_s_own_names_of_namespaces_come_after():
    found = rewritten(body([dataset(ASSET)]), namespaces={TABLE.namespace: "warehouse"})
    assert found["inputs"][0]["namespace"] == "warehouse"
    assert found["inputs"][0]["facets"]["symlinks"]["identifiers"][0]["namespace"] == ASSET.namespace


@pytest.mark.parametrize("spelled", [b'"namespace":"dagster:\\/\\/prod"', b'"namespace" :\n"dagster://prod"'])
def test_a_name_is_found_however_it_is_written(spelled):
    content = body([dataset(ASSET)]).replace(b'"namespace": "dagster://prod"', spelled)
    assert spelled in content
    assert rewritten(content)["inputs"][0]["name"] == TABLE.name


def test_a_name_with_a_backslash_is_found():
    windows = Name("duckdb://C:\\data\\shop.duckdb", "shop.main.orders")
    known = Identities(Identity(), [Claim(TABLE, windows)])
    assert rewritten(body([dataset(windows)]), known)["inputs"][0]["namespace"] == TABLE.namespace


def test_rules_rewrite_what_no_event_spoke_of():
    rule = AliasRule(match=NamePattern(namespace="s3a://(?P<b>.+)"), to=NameTemplate(namespace="s3://{b}"))
    known = Identities(Identity(rules=(rule,)))
    (one,) = rewritten(body([dataset(Name("s3a://lake", "raw"))]), known)["inputs"]
    assert (one["namespace"], one["name"]) == ("s3://lake", "raw")


@pytest.mark.parametrize(
    "facets", [None, {}, {"symlinks": None}, {"symlinks": {"identifiers": [3, None, {}]}}]
)
def test_odd_facets_are_no_obstacle(facets):
    (one,) = rewritten(body([{**ASSET._asdict(), "facets": facets, "inputFacets": None}] * 2))["inputs"]
    assert one["facets"]["symlinks"]["identifiers"][0] == symlink(ASSET, "ASSET")
