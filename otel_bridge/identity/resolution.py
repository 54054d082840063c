"""Which names are one dataset, which of them stands for it, and which statements contradict each other.

A function of the set of statements and of the configuration alone: any order of arrival gives the same answer.

1. What is configured is one, whatever events say.
2. An alias that two datasets claim, each of which would have a place or a table of its own, belongs to neither.
3. What is left is united. Where that would give one dataset two places, two tables or two configured names after all,
   none of the statements that led there is believed.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.claims import Claim
from otel_bridge.identity.naming import Kind, kind_of, spelled
from otel_bridge.identity.rules import Configured
from otel_bridge.identity.union import Union

_EACH: Final = tuple({kind} for kind in Kind)
_PHYSICAL: Final = ({Kind.LOCATION, Kind.TABLE}, {Kind.LOGICAL})
"""A table has a place of its own; but what a tool knows under one name may be a file here and a table there."""
_Linked = dict[Name, list[Name]]
"""What each dataset says of its other names."""


class Contradiction(StrEnum):
    """How statements contradict each other."""

    SHARED = "alias_of_several"
    CHAIN = "several_in_a_chain"
    CROWD = "too_many_in_a_chain"


class Conflict(msgspec.Struct, frozen=True):
    """Statements that are not believed. `alias` is what they share, None for a chain or crowd of them.

    `datasets` are the names that would have become one. `settled`: the configuration decides, so nobody has to.
    """

    reason: Contradiction
    datasets: tuple[Name, ...]
    claims: tuple[Claim, ...]
    alias: Name | None = None
    settled: bool = False


class Block(msgspec.Struct, frozen=True):
    """One dataset: its names, sorted, and the one that stands for it."""

    canonical: Name
    names: tuple[Name, ...]


class Resolution(msgspec.Struct, frozen=True):
    """What becomes of names that statements connect."""

    blocks: tuple[Block, ...]
    conflicts: tuple[Conflict, ...]


def resolve(claims: Iterable[Claim], names: Iterable[Name], configured: Configured) -> Resolution:
    """Resolve statements (symlinks), and names that are of interest without any."""
    return _Resolving(sorted(set(claims), key=_place), names, configured).resolution()


class _Resolving:
    def __init__(self, claims: Sequence[Claim], names: Iterable[Name], configured: Configured) -> None:
        self._configured = configured
        self._owners = {claim.dataset for claim in claims}
        self._names = {*names, *self._owners, *(claim.alias for claim in claims)}
        self._names |= {configured.target(name) for name in self._names}
        self._fixed = Union()
        for name in self._names:
            self._fixed.unite(name, configured.target(name))
        self._targets = {to for name in self._names if (to := configured.target(name)) != name}
        self._identities = self._owners | (configured.canonical & self._names)
        """Names that are known to be a dataset's own."""
        self._own: dict[Name, set[Name]] = {}
        for name in self._identities:
            self._own.setdefault(self._fixed.root(name), set()).add(name)
        self._claims = [c for c in claims if not self._fixed.same(c.dataset, c.alias)]

    def resolution(self) -> Resolution:
        shared = self._shared(self._claims)
        left = [claim for claim in self._claims if claim not in shared]
        again = self._shared(left)
        left = [claim for claim in left if claim not in again]
        chains = self._chains(left)
        left = [claim for claim in left if claim not in chains]
        conflicts = [*self._of_aliases({*shared, *again}), *self._of_chains(chains)]
        blocks = self._united(left).blocks(self._names)
        return Resolution(tuple(map(self._block, blocks)), tuple(conflicts))

    def _shared(self, claims: Sequence[Claim]) -> set[Claim]:
        """Statements on aliases that several datasets claim."""
        linked = _linked(claims)
        found: set[Claim] = set()
        for root, ones in self._by_alias(claims).items():
            aliases = {claim.alias for claim in ones}
            inside = self._own.get(root, set()) - aliases
            logical = any(kind_of(alias) is Kind.LOGICAL for alias in aliases)
            if self._differ(
                {claim.dataset for claim in ones} | inside, linked, _PHYSICAL if logical else _EACH
            ):
                found.update(ones)
        return found

    def _by_alias(self, claims: Iterable[Claim]) -> dict[Name, list[Claim]]:
        found: dict[Name, list[Claim]] = {}
        for claim in claims:
            found.setdefault(self._fixed.root(claim.alias), []).append(claim)
        return found

    def _chains(self, claims: Sequence[Claim]) -> set[Claim]:
        linked, united = _linked(claims), self._united(claims)
        torn = {
            united.root(block[0])
            for block in united.blocks(self._names)
            if self._differ(self._identities.intersection(block), linked, _EACH)
        }
        return {claim for claim in claims if united.root(claim.dataset) in torn}

    def _differ(self, names: set[Name], linked: _Linked, kinds: Sequence[Collection[Kind]]) -> bool:
        """Whether there are two of a kind among them of which nobody says that they are one."""
        canonical = {self._fixed.root(name) for name in names & self._configured.canonical}
        return len(canonical) > 1 or any(
            self._several({name for name in names if kind_of(name) in kind}, linked) for kind in kinds
        )

    def _several(self, names: set[Name], linked: _Linked) -> bool:
        if len(names) < 2:
            return False
        same = Union()
        first: dict[tuple[str, Name], Name] = {}
        for name in sorted(names):
            for like in (("configured", self._fixed.root(name)), ("spelled", spelled(name))):
                same.unite(name, first.setdefault(like, name))
        for name in names:
            for other in linked.get(name, ()):
                if other in names:
                    same.unite(name, other)
        return len(same.blocks(names)) > 1

    def _united(self, claims: Iterable[Claim]) -> Union:
        united = Union()
        for name in self._names:
            united.unite(name, self._configured.target(name))
        for claim in claims:
            united.unite(claim.dataset, claim.alias)
        return united

    def _of_aliases(self, claims: set[Claim]) -> Iterator[Conflict]:
        for root, ones in sorted(self._by_alias(claims).items()):
            inside = self._own.get(root, set())
            aliases = {claim.alias for claim in ones}
            datasets = ({claim.dataset for claim in ones} | inside) - aliases
            for alias in sorted(aliases):
                mine = tuple(sorted((claim for claim in ones if claim.alias == alias), key=_place))
                yield Conflict(
                    Contradiction.SHARED, tuple(sorted(datasets)), mine, alias, self._settled(alias)
                )

    def _of_chains(self, claims: set[Claim]) -> Iterator[Conflict]:
        united = self._united(claims)
        by_root: dict[Name, list[Claim]] = {}
        for claim in sorted(claims, key=_place):
            by_root.setdefault(united.root(claim.dataset), []).append(claim)
        for ones in by_root.values():
            datasets = tuple(sorted({claim.dataset for claim in ones}))
            yield Conflict(
                Contradiction.CHAIN, datasets, tuple(ones), None, all(map(self._settled, datasets))
            )

    def _settled(self, name: Name) -> bool:
        return name in self._configured.aliases or name in self._configured.canonical

    def _block(self, names: Sequence[Name]) -> Block:
        return Block(min(names, key=self._rank), tuple(names))

    def _rank(self, name: Name) -> tuple[int, int, bool, bool, Kind, Name]:
        """The lowest stands for the others."""
        configured, kind = self._configured, kind_of(name)
        if name in configured.canonical:
            given = 0
        elif configured.target(name) != name:
            given = 3
        else:
            given = 1 if name in self._targets else 2
        logical, mentioned = kind is Kind.LOGICAL, name not in self._owners
        return given, configured.preference(name), logical, mentioned, kind, name


def _linked(claims: Iterable[Claim]) -> _Linked:
    found: _Linked = {}
    for claim in claims:
        found.setdefault(claim.dataset, []).append(claim.alias)
    return found


def _place(claim: Claim) -> tuple[Name, Name, str, str]:
    return claim.dataset, claim.alias, claim.said, claim.type
