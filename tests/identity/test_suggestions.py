"""What doctor would ask about: told once, with its evidence, and only what is not known."""

import pytest

from otel_bridge.identity import Claim, Identities, Name, Said
from otel_bridge.identity.suggestions import Looks, Sightings, suggestions
from otel_bridge.settings import AliasGroup, DatasetName, Identity
from tests.identity.named import body, dataset

FIELDS = "id day amount"


def found(*events, known=None):
    seen = Sightings()
    for seq, (inputs, outputs) in enumerate(events, 1):
        seen.see(seq, "run", body(inputs, outputs))
    return suggestions(seen.all(), known or Identities(Identity()))


def name(text):
    namespace, _, rest = text.rpartition(" ")
    return Name(namespace, rest)


@pytest.mark.parametrize(
    ("looks", "canonical", "alias"),
    [
        (Looks.SPELLING, "s3://lake raw/orders", "s3a://lake raw/orders"),
        (Looks.SPELLING, "s3://lake raw/orders", "s3://lake raw/orders/"),
        (Looks.HOST, "postgres://db:5432 shop.public.a", "postgres://db shop.public.a"),
        (Looks.HOST, "postgres://127.0.0.1:5432 shop.public.a", "postgres://localhost shop.public.a"),
        (Looks.CASE, "snowflake://acme SHOP.RAW.ORDERS", "snowflake://acme shop.raw.orders"),
        (Looks.PATH, "duckdb:///data/shop.duckdb shop.main.orders", "duckdb://shop.duckdb shop.main.orders"),
        (
            Looks.PATH,
            "duckdb:///data/shop.duckdb shop.main.orders",
            "duckdb://data/shop.duckdb SHOP.main.orders",
        ),
    ],
)
def test_what_looks_alike_by_its_name(looks, canonical, alias):
    (one,) = found(([dataset(name(canonical))], []), ([dataset(name(alias))], []))
    assert (one.looks, one.canonical, one.alias) == (looks, name(canonical), name(alias))
    assert one.events == (1, 2)


def test_an_asset_and_a_table_of_one_run():
    table, asset = name("duckdb:///shop.duckdb shop.raw.orders"), name("dagster://prod raw/orders")
    (one,) = found(([], [dataset(table), dataset(asset)]))
    assert (one.looks, one.canonical, one.alias) == (Looks.RUN, table, asset)
    assert found(([dataset(asset)], [dataset(table)])) == [], "one reads the other"


def test_the_same_fields_under_the_same_last_parts_in_another_namespace():
    one, other = name("postgres://db:5432 shop.public.orders"), name("mysql://db:3306 public.orders")
    (same,) = found(([dataset(one, fields=FIELDS)], [dataset(other, fields=FIELDS.upper())]))
    assert same.looks is Looks.SCHEMA
    assert found(([dataset(one, fields=FIELDS)], [dataset(other, fields="id day price")])) == []
    assert found(([dataset(one, fields="id")], [dataset(other, fields="id")])) == [], "too little to tell"


def test_a_rename_is_asked_about():
    old, new = name("postgres://db:5432 shop.public.a"), name("postgres://db:5432 shop.public.b")
    (one,) = found(known=Identities(Identity(), [Claim(new, old, said=Said.RENAME)]))
    assert (one.looks, one.canonical, one.alias) == (Looks.RENAME, new, old)


def test_namespaces_that_are_one_are_told_once():
    tables = [("postgres://db:5432", "postgres://db")] * 3
    events = [([dataset(Name(ns, f"shop.public.t{i}")) for ns in both], []) for i, both in enumerate(tables)]
    (one,) = found(*events)
    assert one.whole
    assert one.names == 3


def test_what_is_known_or_different_is_not_asked_about():
    table, asset = name("duckdb:///shop.duckdb shop.raw.orders"), name("dagster://prod raw/orders")
    known = Identities(Identity(), [Claim(table, asset)])
    assert found(([], [dataset(table), dataset(asset)]), known=known) == []
    group = AliasGroup(
        canonical=DatasetName(namespace="s3://lake", name="a"),
        aliases=(DatasetName(namespace="s3a://lake", name="a"),),
    )
    settled = Identities(Identity(aliases=(group,)))
    assert found(([dataset(name("s3://lake a")), dataset(name("s3a://lake a"))], []), known=settled) == []
    assert found(([dataset(name("postgres://a:1 x.y")), dataset(name("postgres://b:1 x.y"))], [])) == []
