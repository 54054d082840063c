"""Events by canonical names: datasets, the fields that columns come from, and the former names as symlinks.

A dataset that an event names twice in one role becomes one. Every other facet stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.known import Identities
from otel_bridge.identity.naming import type_of
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.profiles.draft import (
    OURS,
    Draft,
    Members,
    opened,
    raw,
    text_of,
    value_of,
)

SYMLINKS_URL: Final = facet_url("SymlinksDatasetFacet", "1-0-1")
ROLES: Final = {"input": "inputs", "output": "outputs"}
SLOTS: Final = ("facets", "inputFacets", "outputFacets")

_NAMESPACES: Final = re.compile(rb'"namespace"\s*:\s*"([^"]*)')
_ESCAPED: Final = re.compile(rb"\\[/u]")
"""A namespace, or the word itself, may be written in other characters than ours."""


class Rewriting:
    """Rewrites by what `identities` knows at the moment."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def touches(self, body: bytes) -> bool:
        """Whether an event may have a name to rewrite; a quick look that may say yes for nothing."""
        known = self._identities
        if not known.renames_any:
            return False
        if _ESCAPED.search(body):
            return True
        found = set(_NAMESPACES.findall(body))
        return any(b"\\" in one or known.may_rename(one.decode("utf-8", "replace")) for one in found)

    def apply(self, draft: Draft) -> None:
        """Rewrite."""
        originals: dict[int, Name] = {}
        for _, dataset in draft.datasets:
            own = _name_of(dataset)
            originals[id(dataset)] = own
            self._rename(draft, dataset, own)
            self._rewrite_columns(draft, dataset)
        for role, key in ROLES.items():
            _unite(draft, key, [one for of, one in draft.datasets if of == role], originals)

    def _rename(self, draft: Draft, dataset: Members, own: Name) -> None:
        canonical = self._identities.canonical(own)
        if canonical == own:
            return
        draft.put(dataset, "namespace", canonical.namespace)
        draft.put(dataset, "name", canonical.name)
        facets = dataset["facets"] = opened(dataset, "facets")
        former = {**own._asdict(), "type": self._identities.type_of(own) or type_of(own)}
        given = value_of(facets, "symlinks")
        facet = given if isinstance(given, dict) else {"_producer": OURS, "_schemaURL": SYMLINKS_URL}
        links = [one for one in _identifiers(facet) if _named(one) not in (canonical, own)]
        draft.put(facets, "symlinks", {**facet, "identifiers": [former, *links]})

    def _rewrite_columns(self, draft: Draft, dataset: Members) -> None:
        facets = opened(dataset, "facets")
        if "columnLineage" not in facets or not self.touches(raw(facets["columnLineage"])):
            return
        facet = value_of(facets, "columnLineage")
        changed = [holder for holder, key in _origins(facet) if self._rewrite_list(holder, key)]
        if changed:
            draft.put(facets, "columnLineage", facet)

    def _rewrite_list(self, holder: Members, key: str) -> bool:
        """Rename where fields come from; a field that had two names comes once then."""
        known, renamed = self._identities, False
        for at, one in enumerate(holder[key]):
            own = _named(one)
            if own is not None and (canonical := known.canonical(own)) != own:
                holder[key][at] = {**one, **canonical._asdict()}
                renamed = True
        if renamed:
            holder[key] = _distinct(holder[key])
        return renamed


def _unite(draft: Draft, key: str, datasets: list[Members], originals: Mapping[int, Name]) -> None:
    """One dataset for each name; what came under that name counts more than what came under another."""
    by_name: dict[Name, list[Members]] = {}
    for dataset in datasets:
        by_name.setdefault(_name_of(dataset), []).append(dataset)
    renamed = [name for name, ones in by_name.items() if any(originals[id(one)] != name for one in ones)]
    if not any(len(by_name[name]) > 1 for name in renamed):
        return
    found = []
    for name, ones in by_name.items():
        if name in renamed:
            ranked = sorted(ones, key=lambda one: originals[id(one)] != name)
            found.append(_one_of(ranked))
        else:
            found += ones
    draft.replace(key, found)


def _one_of(ranked: list[Members]) -> Members:
    """A dataset with the members of several, the first one first."""
    if len(ranked) == 1:
        return ranked[0]
    found: Members = {}
    for one in ranked:
        found = {**one, **found}
    for slot in SLOTS:
        maps = [opened(one, slot) for one in ranked if slot in one]
        if maps:
            found[slot] = _facets_of(maps)
    return found


def _facets_of(maps: list[Members]) -> Members:
    found: Members = {}
    for facets in maps:
        found = {**facets, **found}
    for key, merged in (("symlinks", _all_symlinks), ("columnLineage", _all_columns)):
        several = [value for facets in maps if isinstance(value := value_of(facets, key), dict)]
        if len(several) > 1:
            found[key] = merged(several)
    return found


def _all_symlinks(facets: list[Members]) -> Members:
    links = {_named(one): one for facet in reversed(facets) for one in reversed(_identifiers(facet))}
    return {**facets[0], "identifiers": list(reversed(links.values()))}


def _all_columns(facets: list[Members]) -> Members:
    fields: dict[str, Any] = {}
    for facet in facets:
        given = facet.get("fields")
        for column, one in given.items() if isinstance(given, dict) else ():
            fields[column] = _both_origins(fields[column], one) if column in fields else one
    whole = [one for facet in facets for one in _list(facet.get("dataset"))]
    return {**facets[0], "fields": fields, **({"dataset": _distinct(whole)} if whole else {})}


def _both_origins(one: Any, other: Any) -> Any:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one
    origins = [*_list(one.get("inputFields")), *_list(other.get("inputFields"))]
    return {**one, "inputFields": _distinct(origins)}


def _origins(facet: Any) -> Iterator[tuple[Members, str]]:
    """The lists in a columnLineage facet that name fields of inputs, each by what holds it."""
    holders = [facet] if isinstance(facet, dict) else []
    fields = facet.get("fields") if holders else None
    holders += [one for one in (fields.values() if isinstance(fields, dict) else ()) if isinstance(one, dict)]
    for holder in holders:
        key = "dataset" if holder is facet else "inputFields"
        if isinstance(holder.get(key), list):
            yield holder, key


def _distinct(values: list[Any]) -> list[Any]:
    return list({msgspec.json.encode(one): one for one in values}.values())


def _identifiers(facet: Members) -> list[Any]:
    return _list(facet.get("identifiers"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name_of(dataset: Members) -> Name:
    return Name(text_of(dataset, "namespace"), text_of(dataset, "name"))


def _named(node: Any) -> Name | None:
    """The dataset that a plain object names, None if it names none."""
    if not isinstance(node, dict):
        return None
    namespace, name = node.get("namespace"), node.get("name")
    return Name(namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None
