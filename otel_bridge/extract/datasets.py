"""Datasets as producers list them: maps, JSON texts of maps, `namespace|name`; one or many.

One wrong entry, or one wrong key of an entry, is left out alone.
"""

import difflib
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.values import (
    Attributes,
    flag,
    integer,
    kind_of,
    listing,
    mapping,
    structure,
    tags,
    text,
    text_or_mapping,
)
from otel_bridge.model import Dataset, LeftOut, Value

READERS: dict[str, Callable[[Value], Value]] = {
    "schema": listing,
    "schema_partial": flag,
    "logical": flag,
    "columns": mapping,
    "version": text,
    "row_count": integer,
    "bytes": integer,
    "file_count": integer,
    "partitions": listing,
    "documentation": text,
    "owners": listing,
    "tags": tags,
    "source": text_or_mapping,
    "symlinks": listing,
    "storage": mapping,
    "catalog": mapping,
    "lifecycle": text_or_mapping,
    "metrics": mapping,
    "assertions": listing,
}
"""How the value of each key of a dataset map is read."""

SLOTS = ("facets", "inputFacets", "outputFacets")
OTHER_KEYS = ("namespace", "name", *SLOTS)


def read_datasets(attributes: Attributes, name: str, wanted: AbstractSet[str]) -> tuple[Dataset, ...]:
    """The datasets that the attribute lists, each once. `wanted`: keys of custom facets."""
    entries = attributes.read(name, listing) or []
    found = [_entry(attributes, f"{name}[{i}]", value, wanted) for i, value in enumerate(entries)]
    return unite(dataset for dataset in found if dataset)


def read_dataset(attributes: Attributes, name: str, wanted: AbstractSet[str]) -> Dataset | None:
    """The one dataset that the attribute describes."""
    value = attributes.read(name, structure)
    return None if value is None else _entry(attributes, name, value, wanted)


def read_facets(attributes: Attributes, name: str) -> dict[str, Value]:
    """Facets in OpenLineage's own shape: a map of maps, each of them also as JSON text."""
    found = attributes.read(name, mapping)
    if not found:
        return {}
    part = Attributes(found)
    facets = {key: part.read(key, mapping) for key in found}
    attributes.omit_all(name, part)
    return {key: facet for key, facet in facets.items() if facet is not None}


def unite(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Each dataset once, in the order of first mention; values and facets of later mentions win."""
    united: dict[tuple[str, str], Dataset] = {}
    for dataset in datasets:
        key = (dataset.namespace, dataset.name)
        united[key] = _joined(united[key], dataset) if key in united else dataset
    return tuple(united.values())


def _joined(first: Dataset, second: Dataset) -> Dataset:
    return replace(
        first,
        values=first.values | second.values,
        facets=first.facets | second.facets,
        input_facets=first.input_facets | second.input_facets,
        output_facets=first.output_facets | second.output_facets,
    )


def _entry(attributes: Attributes, path: str, value: Value, wanted: AbstractSet[str]) -> Dataset | None:
    try:
        found = structure(value)
        return _from_map(attributes, path, found, wanted) if isinstance(found, dict) else _from_text(found)
    except LeftOut as left_out:
        attributes.omit(path, f"{left_out.reason}; the dataset is left out")
        return None


def _from_text(value: Value) -> Dataset:
    """Read `namespace|name`.

    >>> _from_text("postgres://db:5432|shop.public.orders").name
    'shop.public.orders'
    """
    namespace, _, name = value.partition("|") if isinstance(value, str) else ("", "", "")
    if not namespace.strip() or not name.strip():
        raise LeftOut(f"expected a map or `namespace|name`, got {kind_of(value)}")
    return Dataset(namespace.strip(), name.strip())


def _from_map(
    attributes: Attributes, path: str, entry: dict[str, Value], wanted: AbstractSet[str]
) -> Dataset | None:
    part = Attributes(entry)
    namespace, name = part.read("namespace", text), part.read("name", text)
    values: dict[str, Value] = {}
    for key, value in entry.items():
        if key in READERS:
            values[key] = part.read(key, READERS[key])
        elif key in wanted:
            values[key] = value
        elif key not in OTHER_KEYS:
            part.omit(key, _unknown(key))
    slots = [read_facets(part, slot) for slot in SLOTS]
    attributes.omit_all(path, part)
    if namespace is None or name is None:
        missing = "name" if name is None else "namespace"
        attributes.omit(f"{path}.{missing}", f"the dataset has no {missing}, so all of it is left out")
        return None
    return Dataset(namespace, name, {k: v for k, v in values.items() if v is not None}, *slots)


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, [*convention.DATASET_KEYS, *SLOTS], n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"is no key of a dataset and no configured custom facet takes it{hint}"
