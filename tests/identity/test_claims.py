"""What is read off events: symlinks and renames, and what of them never counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.identity import Claim, Name, Refusal, Refused, Said, claims_of, may_claim
from tests.identity.named import FACET, body, dataset

TABLE = Name("duckdb:///data/shop.duckdb", "shop.main.orders")
ASSET = Name("dagster://prod", "shop/orders")
PLACE = Name("s3://lake", "shop/orders")
DAY = Name("s3://lake", "shop/orders/day=2026-01-01")


def renamed(name, before):
    change = {**FACET, "lifecycleStateChange": "RENAME", "previousIdentifier": before._asdict()}
    return dataset(name, lifecycleStateChange=change)


def test_symlinks_of_inputs_outputs_and_datasets_are_read_once_each():
    both = body(
        [dataset(TABLE, ASSET, kind="ASSET")], [dataset(TABLE, ASSET, kind="ASSET"), dataset(PLACE, TABLE)]
    )
    assert claims_of(both) == [Claim(TABLE, ASSET, "ASSET"), Claim(PLACE, TABLE)]
    alone = json.dumps({"eventTime": "x", "dataset": dataset(TABLE, ASSET)}).encode()
    assert claims_of(alone) == [Claim(TABLE, ASSET)]


def test_a_former_name_is_no_symlink():
    assert claims_of(body([], [renamed(TABLE, PLACE)])) == [Claim(TABLE, PLACE, said=Said.RENAME)]
    assert claims_of(body([], [renamed(TABLE, TABLE)])) == []


@pytest.mark.parametrize(
    ("name", "alias", "reason"),
    [
        (TABLE, Name("dagster://prod", ""), Refusal.NO_NAME),
        (TABLE, Name("", "orders"), Refusal.NO_NAME),
        (TABLE, Name("s3://lake", "/"), Refusal.NO_NAME),
        (TABLE, DAY, Refusal.PARTITION),
        (DAY, TABLE, Refusal.PARTITION),
        (PLACE, Name("inmemory://", "memory.main.orders"), Refusal.IN_MEMORY),
    ],
)
def test_what_never_makes_two_names_one(name, alias, reason):
    assert claims_of(body([dataset(name, alias)])) == [Refused(name, alias, reason)]


def test_a_name_beyond_all_measure_is_refused_and_not_kept():
    assert claims_of(body([dataset(TABLE, Name("x", "y" * 5000))])) == [
        Refused(TABLE, Name("", ""), Refusal.TOO_LONG)
    ]


def test_one_s_own_name_says_nothing():
    assert claims_of(body([dataset(TABLE, TABLE)])) == []


def test_a_quick_look_spares_the_rest():
    assert not may_claim(body([dataset(TABLE)], [dataset(PLACE)]))
    assert may_claim(body([dataset(TABLE, ASSET)]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "a", "symlinks", "TABLE"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["identifiers", "namespace", "name", "type", "previousIdentifier", "lifecycleStateChange"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, json_values)
def test_whatever_stands_in_the_facets_it_is_read_without_trouble(links, change):
    facets = {"symlinks": links, "lifecycleStateChange": change}
    for found in claims_of(body([{**TABLE._asdict(), "facets": facets}])):
        assert isinstance(found, Claim | Refused)
        assert found.dataset == TABLE


@pytest.mark.parametrize("junk", [b"", b"[]", b"{", b'{"inputs": 3}', b'{"inputs": [1]}', b"\xff"])
def test_what_is_no_event_says_nothing(junk):
    assert claims_of(junk) == []
