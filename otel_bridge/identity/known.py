"""All that is known of names, kept up to date one statement at a time."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.claims import Claim, Said
from otel_bridge.identity.resolution import Block, Conflict, Contradiction, Resolution, resolve
from otel_bridge.identity.rules import Configured
from otel_bridge.settings import Identity

CONNECTED: Final = 1000
"""Statements that may connect names with each other; more are not believed, whatever they say. It bounds the work."""


class Why(StrEnum):
    """What decides that a name stands for another."""

    CONFIGURED = "identity.aliases"
    RULE = "identity.rules"
    CLAIMED = "symlinks"
    CONFLICT = "conflict"
    ALONE = "nothing"


class Explanation(msgspec.Struct, frozen=True):
    """Why a name is what it is: `claims` are the statements on it, believed or not; `rule` the number of a rule."""

    name: Name
    canonical: Name
    names: tuple[Name, ...]
    why: Why
    rule: int | None
    claims: tuple[Claim, ...]
    conflicts: tuple[Conflict, ...]


class Identities:
    """Names, and which of them stand for others.

    `learn` works on what the new statements are connected with, and nothing else. Look-ups are single reads, and may
    come from another thread.

    Raises:
        ValueError: what is configured can't work.
    """

    def __init__(self, identity: Identity, claims: Iterable[Claim] = (), most: int = CONNECTED) -> None:
        self._most = most
        self._configured = Configured(identity)
        self._claims: dict[Name, list[Claim]] = {}
        self._renames: dict[Name, list[Claim]] = {}
        self._configured_near: dict[Name, set[Name]] = {}
        self._blocks: dict[Name, Block] = {}
        self._conflicts: dict[Name, tuple[Conflict, ...]] = {}
        self._crowded: set[Name] = set()
        self._namespaces: frozenset[str] = frozenset()
        self._version = 0
        self._listed: tuple[int, list[Block], list[Conflict]] = (-1, [], [])
        self._connect(self._configured.aliases.items())
        self._connect((name, name) for name in self._configured.canonical)
        self._settle(set(self._configured_near))
        self.learn(claims)

    def learn(self, claims: Iterable[Claim]) -> None:
        """Take statements, each for the first time."""
        touched: set[Name] = set()
        for claim in claims:
            where = self._renames if claim.said is Said.RENAME else self._claims
            where.setdefault(claim.dataset, []).append(claim)
            where.setdefault(claim.alias, []).append(claim)
            if claim.said is Said.SYMLINK:
                ends = (claim.dataset, claim.alias)
                targets = ((end, self._configured.target(end)) for end in ends)
                self._connect(pair for pair in targets if pair[0] != pair[1])
                touched.update(ends)
        self._settle(touched)

    def canonical(self, name: Name) -> Name:
        """The name that stands for it; itself, unless something else is known."""
        block = self._blocks.get(name)
        if block is None:
            target = self._configured.target(name)
            block = self._blocks.get(target) if target != name else None
            return target if block is None else block.canonical
        return block.canonical

    def may_rename(self, namespace: str) -> bool:
        """Whether a name of this namespace may stand for another; a quick look that may say yes for nothing."""
        return namespace in self._namespaces or self._configured.may_touch(namespace)

    @property
    def renames_any(self) -> bool:
        """Whether anything is known at all."""
        return bool(self._namespaces) or bool(self._configured)

    def type_of(self, name: Name) -> str:
        """`type` that a symlink gave to this alias, "" if none did."""
        given = sorted(
            claim.type for claim in self._claims.get(name, ()) if claim.alias == name and claim.type
        )
        return given[0] if given else ""

    def datasets(self) -> list[Block]:
        """Datasets with several names, by their canonical ones."""
        return self._lists()[1]

    def conflicts(self) -> list[Conflict]:
        """Statements that are not believed, and that the configuration does not settle."""
        return self._lists()[2]

    def renames(self) -> list[Claim]:
        """What was said of former names."""
        return list(dict.fromkeys(claim for claims in list(self._renames.values()) for claim in claims))

    def explain(self, name: Name) -> Explanation:
        """Why a name stands for what it stands for."""
        canonical, block = self.canonical(name), self._blocks.get(name)
        names = (block or self._blocks.get(canonical) or Block(canonical, tuple({name, canonical}))).names
        claims = (*self._claims.get(name, ()), *self._renames.get(name, ()))
        near = self.conflicts() if name in self._crowded else self._conflicts.get(name, ())
        conflicts = tuple(one for one in near if name == one.alias or name in one.datasets)
        rule = None if name in self._configured.aliases else self._configured.rule_for(name)
        return Explanation(
            name,
            canonical,
            tuple(sorted({*names, name})),
            self._why(name, rule, names, conflicts),
            rule,
            claims,
            conflicts,
        )

    def _why(
        self, name: Name, rule: int | None, names: tuple[Name, ...], conflicts: tuple[Conflict, ...]
    ) -> Why:
        if name in self._configured.aliases or name in self._configured.canonical:
            return Why.CONFIGURED
        if rule is not None or any(self._configured.target(n) == name != n for n in names):
            return Why.RULE
        if len(names) > 1:
            return Why.CLAIMED
        return Why.CONFLICT if conflicts else Why.ALONE

    def _connect(self, pairs: Iterable[tuple[Name, Name]]) -> None:
        for one, other in pairs:
            self._configured_near.setdefault(one, set()).add(other)
            self._configured_near.setdefault(other, set()).add(one)

    def _lists(self) -> tuple[int, list[Block], list[Conflict]]:
        """Datasets and conflicts, made again only after something was learned."""
        if self._listed[0] != self._version:
            version = self._version
            self._listed = version, self._list_datasets(), self._list_conflicts()
        return self._listed

    def _list_datasets(self) -> list[Block]:
        blocks = {block.canonical: block for block in list(self._blocks.values()) if len(block.names) > 1}
        return [blocks[name] for name in sorted(blocks)]

    def _list_conflicts(self) -> list[Conflict]:
        connected = {id(many): many for many in list(self._conflicts.values())}
        found = [one for many in connected.values() for one in many if not one.settled]
        return sorted((*found, *self._crowds()), key=_place)

    def _crowds(self) -> Iterator[Conflict]:
        left = set(self._crowded)
        while left:
            names = reached(min(left), self._linked)
            left -= names
            claims = sorted(self._claims_on(names), key=lambda claim: (claim.dataset, claim.alias))
            yield Conflict(Contradiction.CROWD, tuple(sorted(names)), tuple(claims))

    def _linked(self, name: Name) -> Iterator[Name]:
        yield from list(self._configured_near.get(name, ()))
        for claim in list(self._claims.get(name, ())):
            yield claim.alias if claim.dataset == name else claim.dataset

    def _near(self, name: Name) -> Iterable[Name]:
        return () if name in self._crowded else self._linked(name)

    def _settle(self, touched: set[Name]) -> None:
        """Resolve again what the names are connected with."""
        done: set[Name] = set()
        renaming: set[str] = set()
        for name in touched:
            if name not in done:
                names = reached(name, self._near)
                done |= names
                claims = self._claims_on(names)
                if len(claims) > self._most or not self._crowded.isdisjoint(names):
                    self._crowd(names)
                else:
                    renaming |= self._put(names, resolve(claims, names, self._configured))
        if not renaming <= self._namespaces:
            self._namespaces |= renaming
        self._version += 1

    def _claims_on(self, names: set[Name]) -> set[Claim]:
        return {claim for name in names for claim in list(self._claims.get(name, ()))}

    def _crowd(self, names: set[Name]) -> None:
        """Believe nothing of what connects them. What is configured holds."""
        self._crowded |= names
        for name in names:
            self._blocks.pop(name, None)
            self._conflicts.pop(name, None)

    def _put(self, names: set[Name], found: Resolution) -> set[str]:
        renaming = set()
        for block in found.blocks:
            for name in block.names:
                self._blocks[name] = block
                if name != block.canonical:
                    renaming.add(name.namespace)
        for name in names:
            if found.conflicts:
                self._conflicts[name] = found.conflicts
            else:
                self._conflicts.pop(name, None)
        return renaming


def reached(start: Name, near: Callable[[Name], Iterable[Name]]) -> set[Name]:
    """All names that are connected with one."""
    found, waiting = {start}, [start]
    while waiting:
        for name in near(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _place(conflict: Conflict) -> tuple[str, Name, tuple[Name, ...]]:
    return conflict.reason, conflict.alias or Name("", ""), conflict.datasets
