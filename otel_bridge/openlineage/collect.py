"""The facets of one run, job or dataset, collected from what was given and what is built.

A facet given in OpenLineage's own shape goes before the short form of the same facet, and both before custom
facets.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from otel_bridge import convention
from otel_bridge.model import LeftOut, Omission, Value
from otel_bridge.openlineage.core import NAMES, SLOT_NAMES, SLOTS_OF, Position
from otel_bridge.openlineage.custom import Custom
from otel_bridge.openlineage.facets import (
    BY_KEY,
    DATASET_VALUES,
    Facet,
    dataset_column_lineage,
    dataset_schema,
)
from otel_bridge.openlineage.fragments import Fragments
from otel_bridge.openlineage.shapes import Shape
from otel_bridge.settings import Slot

OF_NO_FACET = frozenset({"logical", "schema_partial"})
"""Keys of a dataset map that say how others are to be read."""

_SCHEMA = BY_KEY["dataset", dataset_schema.KEY]
_COLUMN_LINEAGE = BY_KEY["dataset", dataset_column_lineage.KEY]


class _Moved(msgspec.Struct):
    """A given facet that stands in the wrong slot, and where it goes."""

    slot: Slot
    key: str
    value: Value
    path: str
    values: Mapping[str, Value]


class Collector:
    """What is known of facets, the same for all events."""

    def __init__(self, fragments: Fragments, customs: Iterable[Custom]) -> None:
        self.fragments = fragments
        self.customs: dict[Slot, list[Custom]] = {slot: [] for slot in SLOT_NAMES}
        for custom in customs:
            self.customs[custom.slot].append(custom)
        self.by_key: dict[tuple[Slot, str], Custom] = {
            (c.slot, c.key): c for f in self.customs.values() for c in f
        }
        self.slots_of_key: dict[str, set[Slot]] = {}
        for slot, key in (*BY_KEY, *self.by_key):
            self.slots_of_key.setdefault(key, set()).add(slot)

    def entity(self, position: Position, omissions: list[Omission]) -> "Entity":
        """An empty collection; omissions are added to the list."""
        return Entity(self, position, omissions)


class Entity:
    """The facets of one thing, by slot."""

    __slots__ = ("_collector", "_moved", "_omissions", "_position", "facets")

    def __init__(self, collector: Collector, position: Position, omissions: list[Omission]) -> None:
        self._collector = collector
        self._position = position
        self._omissions = omissions
        self._moved: list[_Moved] = []
        self.facets: dict[Slot, dict[str, Raw]] = {slot: {} for slot in SLOTS_OF[position]}

    def given(self, slot: Slot, facets: Mapping[str, Value], path: str, values: Mapping[str, Value]) -> None:
        """Take facets that stand in this slot; `values` are short forms that some facets merge with."""
        for key, value in facets.items():
            if value is None:
                continue
            where = f"{path}.{key.encode('utf-8', 'replace').decode()}"
            try:
                target = self._slot_for(slot, key)
                if target == slot:
                    self._take(target, key, value, values)
                else:
                    self._moved.append(_Moved(target, key, value, where, values))
            except LeftOut as left_out:
                self._omissions.append(Omission(where, left_out.reason))

    def settle(self) -> None:
        """Take the facets that stood in the wrong slot, unless the right one has them already."""
        for moved in self._moved:
            if moved.key in self.facets[moved.slot]:
                reason = f"is given under {SLOT_NAMES[moved.slot]} too, where it belongs"
                self._omissions.append(Omission(moved.path, reason))
                continue
            try:
                self._take(moved.slot, moved.key, moved.value, moved.values)
            except LeftOut as left_out:
                self._omissions.append(Omission(moved.path, left_out.reason))

    def _slot_for(self, slot: Slot, key: str) -> Slot:
        known = self._collector.slots_of_key.get(key)
        if not key or (not key.isascii() and key.encode("utf-8", "replace").decode() != key):
            raise LeftOut("the key of a facet must be Unicode text that is not empty")
        if slot in self.facets and (known is None or slot in known):
            return slot
        if known is None:
            raise LeftOut(f"{NAMES[self._position]} has no {SLOT_NAMES[slot]}")
        if len(possible := [s for s in self.facets if s in known]) == 1:
            return possible[0]
        places = " or ".join(sorted(SLOT_NAMES[s] for s in known))
        raise LeftOut(f"is no facet of {NAMES[self._position]}; it belongs under {places}")

    def _take(self, slot: Slot, key: str, value: Value, values: Mapping[str, Value]) -> None:
        fragments = self._collector.fragments
        if (facet := BY_KEY.get((slot, key))) is not None:
            self.facets[slot][key] = fragments.given(facet, _merged(facet, value, values))
        elif (custom := self._collector.by_key.get((slot, key))) is not None:
            self.facets[slot][key] = custom.checked(fragments, value)
        else:
            self.facets[slot][key] = fragments.unknown(slot, value)

    def built(self, facets: Iterable[Facet], values: Mapping[str, Value]) -> None:
        """Build those of the facets that there are values for."""
        always = self._position == "run"
        for facet in facets:
            if facet.key in self.facets[facet.slot]:
                continue
            if (facet.always and always) or not facet.values.keys().isdisjoint(values):
                self._build(facet, values, "")

    def built_dataset(self, values: Mapping[str, Value], path: str) -> None:
        """Build facets of the values that a dataset map has."""
        claims, done = DATASET_VALUES[self._position], set()
        for name in values:
            facet = claims.get(name)
            if facet is None:
                if name in convention.DATASET_KEYS and name not in OF_NO_FACET:
                    self._omissions.append(
                        Omission(f"{path}.{name}", f"has no place on {NAMES[self._position]}")
                    )
            elif facet.key not in done and not any(facet.key in found for found in self.facets.values()):
                done.add(facet.key)
                self._build(facet, values, f"{path}.")

    def _build(self, facet: Facet, values: Mapping[str, Value], prefix: str) -> None:
        built: Raw | None
        try:
            built = self._built(facet, values)
        except LeftOut:
            built = self._without_bad(facet, values, prefix)
        if built is not None:
            self.facets[facet.slot][facet.key] = built

    def _built(self, facet: Facet, values: Mapping[str, Value]) -> Raw:
        assert facet.build is not None
        return self._collector.fragments.built(facet, facet.build(values))

    def _without_bad(self, facet: Facet, values: Mapping[str, Value], prefix: str) -> Raw | None:
        """Build from the values that are right: they are added one by one, the main one first."""
        good: dict[str, Value] = {}
        built = self._built(facet, good) if facet.always else None
        for name in [n for n in facet.values if n in values]:
            try:
                built = self._built(facet, {**good, name: values[name]})
                good[name] = values[name]
            except LeftOut as left_out:
                self._omissions.append(Omission(prefix + facet.values[name], left_out.reason))
        return built

    def custom(self, slot: Slot, source: Mapping[str, Value], path: str) -> None:
        """Build the configured facets of this slot."""
        for custom in self._collector.customs[slot]:
            if custom.key in self.facets[slot]:
                continue
            try:
                built = custom.built(self._collector.fragments, source)
            except LeftOut as left_out:
                self._omissions.append(Omission(f"{path}.{custom.key}", left_out.reason))
            else:
                if built is not None:
                    self.facets[slot][custom.key] = built

    def complete_schema(self) -> None:
        """Name the fields of column lineage in a schema: consumers drop lineage of fields that have none."""
        lineage = self.facets["dataset"].get(_COLUMN_LINEAGE.key)
        if lineage is None:
            return
        found = _COLUMN_LINEAGE.decode(lineage)
        names = list(found.fields) if isinstance(found, dataset_column_lineage.ColumnLineage) else []
        if names:
            schema: Shape = dataset_schema.of_names(names)
            self.facets["dataset"][_SCHEMA.key] = self._collector.fragments.built(_SCHEMA, schema)


def _merged(facet: Facet, value: Value, values: Mapping[str, Value]) -> Value:
    """The given facet with what short forms add to it, for facets that are lists."""
    if facet.merge is None or facet.build is None or not isinstance(value, Mapping):
        return value
    if facet.values.keys().isdisjoint(values):
        return value
    try:
        return facet.merge(value, facet.build(values))
    except LeftOut:
        return value
