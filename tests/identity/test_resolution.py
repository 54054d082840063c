"""Which names are one, and which stands for them: the same whatever the order, never by guessing."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.identity import Claim, Contradiction, Identities, Name, Said, Why
from otel_bridge.identity.known import CONNECTED
from otel_bridge.identity.naming import Kind, kind_of, spelled
from otel_bridge.identity.telling import of_conflict
from otel_bridge.identity.union import Union
from otel_bridge.settings import AliasGroup, AliasRule, DatasetName, Identity, NamePattern, NameTemplate

PLACE = Name("s3://lake", "warehouse/shop/orders")
OTHER_PLACE = Name("s3://lake", "warehouse/shop/orders_2")
CATALOG = Name("http://catalog:8181", "shop.orders")
HIVE = Name("hive://metastore:9083", "shop.orders")
TABLE = Name("duckdb:///data/shop.duckdb", "shop.main.orders")
RELATIVE = Name("duckdb://shop.duckdb", "shop.main.orders")
ASSET = Name("dagster://prod", "shop/orders")


def claims(*pairs, kind="TABLE"):
    return [Claim(dataset, alias, kind) for dataset, alias in pairs]


def configured(*groups, rules=(), prefer=()):
    def named(name):
        return DatasetName(namespace=name.namespace, name=name.name)

    aliases = tuple(
        AliasGroup(canonical=named(first), aliases=tuple(map(named, rest))) for first, *rest in groups
    )
    return Identity(aliases=aliases, rules=rules, prefer=prefer)


def test_nothing_known_changes_nothing():
    known = Identities(Identity())
    assert known.canonical(TABLE) == TABLE
    assert not known.renames_any
    assert known.explain(TABLE).why is Why.ALONE


def test_a_symlink_makes_two_names_one_and_the_physical_one_stands_for_both():
    known = Identities(Identity(), claims((TABLE, ASSET)))
    assert known.canonical(ASSET) == known.canonical(TABLE) == TABLE
    known = Identities(Identity(), claims((ASSET, TABLE)))
    assert known.canonical(ASSET) == TABLE, "whoever says it"


def test_a_dataset_s_own_name_stands_before_a_mere_symlink_and_a_place_before_a_table():
    assert Identities(Identity(), claims((HIVE, PLACE))).canonical(PLACE) == HIVE
    assert Identities(Identity(), claims((HIVE, PLACE), (PLACE, HIVE))).canonical(HIVE) == PLACE


def test_what_is_preferred_and_what_is_configured_come_first():
    one = claims((PLACE, HIVE))
    assert Identities(configured(prefer=("hive", "s3")), one).canonical(PLACE) == HIVE
    assert Identities(configured((ASSET, HIVE)), one).canonical(PLACE) == ASSET


def test_names_are_joined_through_others():
    known = Identities(Identity(), claims((PLACE, CATALOG), (HIVE, CATALOG), (PLACE, ASSET)))
    assert {known.canonical(name) for name in (PLACE, CATALOG, HIVE, ASSET)} == {PLACE}
    assert [block.names for block in known.datasets()] == [tuple(sorted((PLACE, CATALOG, HIVE, ASSET)))]


def test_a_table_s_name_that_two_places_claim_belongs_to_neither():
    """Dropped, and made again elsewhere."""
    known = Identities(Identity(), claims((PLACE, CATALOG), (PLACE, ASSET), (OTHER_PLACE, CATALOG)))
    assert [known.canonical(name) for name in (PLACE, OTHER_PLACE, CATALOG)] == [PLACE, OTHER_PLACE, CATALOG]
    assert known.canonical(ASSET) == PLACE, "what is not in doubt stays"
    (conflict,) = known.conflicts()
    assert (conflict.reason, conflict.alias) == (Contradiction.SHARED, CATALOG)
    assert conflict.datasets == (PLACE, OTHER_PLACE)
    assert not conflict.settled
    assert known.explain(CATALOG).conflicts == (conflict,)
    assert known.explain(CATALOG).why is Why.CONFLICT


def test_an_asset_that_is_a_file_here_and_a_table_there_belongs_to_neither():
    known = Identities(Identity(), claims((PLACE, ASSET), (TABLE, ASSET), kind="ASSET"))
    assert known.canonical(ASSET) == ASSET
    assert len(known.conflicts()) == 1


def test_the_configuration_settles_a_conflict():
    both = claims((PLACE, CATALOG), (OTHER_PLACE, CATALOG))
    known = Identities(configured((OTHER_PLACE, CATALOG)), both)
    assert known.canonical(CATALOG) == OTHER_PLACE
    assert known.canonical(PLACE) == PLACE
    assert known.conflicts() == []
    assert known.explain(CATALOG).conflicts[0].settled
    one = Identities(configured((PLACE, OTHER_PLACE)), both)
    assert one.canonical(CATALOG) == one.canonical(OTHER_PLACE) == PLACE
    assert one.explain(CATALOG).conflicts == ()


def test_two_configured_datasets_never_become_one():
    known = Identities(configured((PLACE,), (HIVE,)), claims((PLACE, CATALOG), (HIVE, CATALOG)))
    assert (known.canonical(PLACE), known.canonical(HIVE)) == (PLACE, HIVE)


def test_two_places_are_not_joined_by_a_chain_either():
    chain = claims((PLACE, HIVE), (HIVE, CATALOG), (OTHER_PLACE, CATALOG))
    known = Identities(Identity(), chain)
    assert known.canonical(PLACE) != known.canonical(OTHER_PLACE)
    assert [conflict.reason for conflict in known.conflicts()] == [Contradiction.CHAIN]


def test_one_place_spelled_in_two_ways_is_no_conflict():
    spelled = Name("s3a://lake", "warehouse/shop/orders/")
    known = Identities(Identity(), claims((PLACE, CATALOG), (spelled, CATALOG)))
    assert known.canonical(spelled) == PLACE
    assert known.conflicts() == []


def test_names_that_producers_link_themselves_may_be_of_a_kind():
    known = Identities(Identity(), claims((TABLE, RELATIVE), (RELATIVE, ASSET)))
    assert known.canonical(ASSET) == TABLE
    assert known.conflicts() == []


def test_a_rename_makes_nothing_one():
    known = Identities(Identity(), [Claim(TABLE, RELATIVE, said=Said.RENAME)])
    assert known.canonical(RELATIVE) == RELATIVE
    assert [claim.alias for claim in known.renames()] == [RELATIVE]


def test_a_rule_names_what_no_event_spoke_of():
    rule = AliasRule(
        match=NamePattern(namespace="s3a://(?P<bucket>.+)"), to=NameTemplate(namespace="s3://{bucket}")
    )
    known = Identities(configured(rules=(rule,)), claims((PLACE, CATALOG)))
    spelled = Name("s3a://lake", PLACE.name)
    assert known.canonical(spelled) == PLACE
    assert known.canonical(Name("s3a://b", "x")) == Name("s3://b", "x")
    assert known.explain(spelled).why is Why.RULE
    assert known.explain(spelled).rule == 0
    known.learn(claims((spelled, HIVE)))
    assert known.canonical(HIVE) == known.canonical(CATALOG) == PLACE
    assert known.may_rename("s3a://anything")


def assets(number):
    return [Name("dagster://prod", f"shop/t{n}") for n in range(number)]


def test_more_names_than_a_dataset_can_have_are_not_believed():
    chain = [*itertools.pairwise(assets(CONNECTED + 2)), (TABLE, assets(1)[0])]
    known = Identities(configured((PLACE, TABLE)), claims(*chain[:CONNECTED]))
    assert len(known.datasets()) == 2
    known.learn(claims(*chain[CONNECTED:]))
    assert [known.canonical(name) for name in (assets(1)[0], TABLE)] == [assets(1)[0], PLACE]
    (conflict,) = known.conflicts()
    assert (conflict.reason, len(conflict.claims)) == (Contradiction.CROWD, CONNECTED + 2)
    assert known.explain(assets(5)[4]).conflicts == (conflict,)
    told = of_conflict(conflict)
    assert (len(told["statements"]), told["statements_total"]) == (100, CONNECTED + 2)


def test_the_work_grows_with_the_number_of_statements():
    """Parts of a second each; minutes, if one statement is compared with all others."""
    names = assets(5_000)
    for pairs in (
        list(itertools.pairwise(names)),
        list(zip(names[::2], names[1::2], strict=True)),
        [(names[n // 90], names[n]) for n in range(1, len(names))],
    ):
        known = Identities(Identity(), most=len(pairs))
        for at in range(0, len(pairs), 2500):
            known.learn(claims(*pairs[at : at + 2500]))
        assert not known.conflicts()
        assert known.canonical(names[1]) == names[0]


@pytest.mark.parametrize("name", [ASSET, CATALOG])
def test_the_reason_is_told(name):
    known = Identities(Identity(), claims((TABLE, ASSET), (PLACE, CATALOG)))
    told = known.explain(name)
    assert told.why is Why.CLAIMED
    assert [claim.alias for claim in told.claims] == [name]


NAMES = [
    Name(f"{scheme}://{host}", name)
    for scheme in ("s3", "s3a", "hive", "trino", "dagster")
    for host in ("a", "b")
    for name in ("x", "y")
]
some_claims = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1]),
    unique=True,
    max_size=12,
).map(lambda pairs: claims(*pairs))
some_groups = st.lists(st.sampled_from(NAMES), unique=True, max_size=6).flatmap(
    lambda names: st.integers(1, 3).map(
        lambda size: [names[i : i + size] for i in range(0, len(names), size)]
    )
)


@given(some_claims, some_groups, st.randoms(use_true_random=False), st.booleans(), st.integers(1, 12))
def test_any_order_and_any_pieces_give_the_same_answer(given_claims, groups, rng, by_rule, most):
    rule = AliasRule(
        match=NamePattern(namespace="s3a://(?P<b>.+)"), to=NameTemplate(namespace="s3://{b}", name=None)
    )
    identity = configured(*groups, rules=(rule,) if by_rule else ())
    known = Identities(identity, given_claims, most)
    shuffled = list(given_claims)
    rng.shuffle(shuffled)
    other = Identities(identity, (), most)
    while shuffled:
        size = rng.randint(1, 3)
        other.learn(shuffled[:size])
        shuffled = shuffled[size:]
    assert [known.canonical(name) for name in NAMES] == [other.canonical(name) for name in NAMES]
    assert known.conflicts() == other.conflicts()
    assert known.datasets() == other.datasets()


@given(some_claims, some_groups, st.integers(1, 12))
def test_what_is_configured_holds_and_a_canonical_name_is_its_own(given_claims, groups, most):
    known = Identities(configured(*groups), given_claims, most)
    for name in NAMES:
        assert known.canonical(known.canonical(name)) == known.canonical(name)
    for first, *rest in groups:
        assert {known.canonical(name) for name in (first, *rest)} == {first}


@given(some_claims)
def test_datasets_of_a_kind_are_one_only_if_producers_say_so(given_claims):
    known = Identities(Identity(), given_claims)
    owners = {claim.dataset for claim in given_claims}
    for block in known.datasets():
        for kind in Kind:
            ours = [name for name in block.names if name in owners and kind_of(name) is kind]
            said = Union()
            for claim in given_claims:
                if claim.dataset in ours and claim.alias in ours:
                    said.unite(claim.dataset, claim.alias)
            for one in ours:
                for other in ours:
                    if spelled(one) == spelled(other):
                        said.unite(one, other)
            assert len(said.blocks(ours)) <= 1


@given(some_claims, st.integers(1, 12))
def test_a_statement_is_believed_or_part_of_a_conflict(given_claims, most):
    known = Identities(Identity(), given_claims, most)
    doubted = {claim for conflict in known.conflicts() for claim in conflict.claims}
    for claim in given_claims:
        assert (known.canonical(claim.dataset) == known.canonical(claim.alias)) or claim in doubted
