"""The same dataset said by several spans inside one run: what is true of all of them together.

Counts add up, and are unknown if one of them is; a part of the dataset is all of the parts, and the whole dataset if one
of the spans had all of it; what a span made stays made.
"""

from collections.abc import Iterable, Mapping

from otel_bridge.model import Dataset, Value

COUNTS = ("row_count", "bytes", "file_count")
SUBSET = "subset"
SNAPSHOT = "otel_iceberg_snapshot"
SNAPSHOTS = "snapshots"
PARENT = "parentSnapshotId"
LIFECYCLE = "lifecycle"
ENDURING = ("DROP", "CREATE")
"""Changes that no later one of the same run makes less true, the strongest first."""
MOST_PARTS = 50

TABLE_LAYERS = frozenset({"iceberg", "delta", "hudi", "paimon"})
"""Storage layers whose tables are folders: files in them are no datasets of their own."""

Facets = Mapping[str, Value]


def counts(known: Dataset, found: Dataset) -> dict[str, Value]:
    """Sums; None in place of one that is not known of both, where both count at all."""
    sides = [dataset.values for dataset in (known, found) if _counts(dataset)]
    told: dict[str, Value] = {}
    for key in COUNTS:
        numbers = [n for values in sides if isinstance(n := values.get(key), int)]
        if any(key in values for values in sides):
            told[key] = sum(numbers) if len(numbers) == len(sides) else None
    return told


def lifecycle(known: Dataset, found: Dataset) -> dict[str, Value]:
    """The later change, unless the one before outlasts it."""
    changes = [dataset.values.get(LIFECYCLE) for dataset in (known, found)]
    lasting = next((change for change in ENDURING if change in changes), None)
    return {LIFECYCLE: lasting} if lasting else {}


def slot(known: Facets, found: Facets, *, both_count: bool) -> dict[str, Value]:
    """Facets of one slot: the later ones, but for those that are true of all spans only together."""
    facets = {**known, **found}
    if both_count and SUBSET in facets:
        part = _parts(known.get(SUBSET), found.get(SUBSET))
        facets = {**facets, SUBSET: part} if part else {k: v for k, v in facets.items() if k != SUBSET}
    if SNAPSHOT in known and SNAPSHOT in found:
        facets[SNAPSHOT] = _snapshots(known[SNAPSHOT], found[SNAPSHOT])
    return facets


def count_both(known: Dataset, found: Dataset) -> bool:
    """Whether both read or wrote data, not only said something of the dataset."""
    return _counts(known) and _counts(found)


def tables(datasets: Iterable[Dataset]) -> frozenset[tuple[str, str]]:
    """Those that are tables kept as folders."""
    found = ((d, storage) for d in datasets if isinstance(storage := d.values.get("storage"), dict))
    return frozenset((d.namespace, d.name) for d, storage in found if storage.get("layer") in TABLE_LAYERS)


def outside(tables: frozenset[tuple[str, str]], datasets: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    """Without the files of the tables, which clients of object stores tell beside them."""
    if not tables:
        return datasets
    return tuple(d for d in datasets if not any(_inside(d, *table) for table in tables))


def _inside(dataset: Dataset, namespace: str, folder: str) -> bool:
    return dataset.namespace == namespace and dataset.name.startswith(f"{folder}/")


def _counts(dataset: Dataset) -> bool:
    return any(key in dataset.values for key in COUNTS)


def _parts(known: Value, found: Value) -> Value:
    """One or the other condition; None where one of them is absent, or they become too many."""
    if not isinstance(known, dict) or not isinstance(found, dict) or known.keys() != found.keys():
        return None
    (direction, one), (_, other) = *known.items(), *found.items()
    if one == other or _said(one, other):
        return known
    if _size(one) >= MOST_PARTS:
        return None
    return {direction: {"type": "binary", "left": one, "right": other, "operator": "OR"}}


def _said(condition: Value, other: Value) -> bool:
    """Whether the other one is among those joined before."""
    while isinstance(condition, dict) and condition.get("operator") == "OR":
        if condition.get("right") == other:
            return True
        condition = condition.get("left")
        if condition == other:
            return True
    return False


def _size(condition: Value) -> int:
    size = 1
    while isinstance(condition, dict) and condition.get("operator") == "OR":
        size, condition = size + 1, condition.get("left")
    return size


def _snapshots(known: Value, found: Value) -> Value:
    """The later facet, with the snapshots of both; one that made none gives way to one that did."""
    if not isinstance(known, dict) or not isinstance(found, dict):
        return found
    before, after = known.get(SNAPSHOTS), found.get(SNAPSHOTS)
    if not isinstance(before, list):
        return found
    if not isinstance(after, list):
        return {**found, **known}
    joined = {**found, SNAPSHOTS: [*before, *(each for each in after if each not in before)]}
    return {k: v for k, v in {**joined, PARENT: known.get(PARENT)}.items() if v is not None}
