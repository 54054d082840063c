"""Namespaces that a consumer knows by another name: renamed wherever an event names one."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from otel_bridge.openlineage.profiles.draft import (
    Draft,
    Members,
    changed,
    raw,
    remembering,
    rewritten,
    text_of,
)
from otel_bridge.openlineage.profiles.rules import NamespaceCharacters, Rule

REFERRING: Final = frozenset(
    {"parent", "parentRun", "jobDependencies", "symlinks", "columnLineage", "lineage", "lifecycleStateChange"}
)
"""Facets that name other jobs and datasets by their namespaces."""

_ESCAPED: Final = re.compile(rb"\\[/u]")
"""A namespace may be written in other characters than ours."""


class Renaming:
    """Compiled for one consumer. `touches` is a quick look that may say yes for nothing."""

    def __init__(self, names: Mapping[str, str], rules: tuple[Rule, ...]) -> None:
        self._names = dict(names)
        self._forbidden = [re.compile(f"[^{r.allowed}]") for r in rules if isinstance(r, NamespaceCharacters)]
        allowed = [r.allowed for r in rules if isinstance(r, NamespaceCharacters)]
        self._suspicious = re.compile(
            rb'"namespace"\s*:\s*"' + (f'[{allowed[0]}]*[^"{allowed[0]}]'.encode() if allowed else b".")
        )
        self._needles = [msgspec.json.encode(name) for name in names]
        self._facet = remembering(self._renamed_facet)
        self.new_name: Callable[[str], str] = lru_cache(4096)(self._new_name)

    def __bool__(self) -> bool:
        return bool(self._needles or self._forbidden)

    def touches(self, body: bytes) -> bool:
        """Whether an event may name a namespace that is to be renamed."""
        if not self:
            return False
        if _ESCAPED.search(body) or any(needle in body for needle in self._needles):
            return True
        return bool(self._forbidden) and self._suspicious.search(body) is not None

    def apply(self, draft: Draft) -> None:
        """Rename them all."""
        self._node(draft, draft.job)
        for _, dataset in draft.datasets:
            self._node(draft, dataset)
        for _, facets in draft.facet_slots():
            for key in REFERRING & facets.keys():
                renamed = self._facet(raw(facets[key]))
                if renamed is not None:
                    draft.put(facets, key, renamed)

    def _node(self, draft: Draft, node: Members) -> None:
        old = text_of(node, "namespace")
        if old and self.new_name(old) != old:
            draft.put(node, "namespace", self.new_name(old))

    def _new_name(self, namespace: str) -> str:
        name = self._names.get(namespace, namespace)
        for forbidden in self._forbidden:
            name = forbidden.sub("_", name)
        return name

    def _renamed_facet(self, facet: bytes) -> Raw | None:
        """A facet with its namespaces renamed, None if there is none to rename."""
        return changed(facet, rewritten(msgspec.json.decode(facet), self._renamed_node))

    def _renamed_node(self, node: Members) -> Members:
        old: Any = node.get("namespace")
        return {**node, "namespace": self.new_name(old)} if isinstance(old, str) else node
