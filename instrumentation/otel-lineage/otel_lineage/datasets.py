"""Datasets as a run names them: the value class, the forms it can be given in, and merging."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from otel_lineage.trouble import warn_once
from otel_lineage.values import to_json, to_text

Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Dataset:
    """A dataset (namespace of the data source, name in it) with what is known about it.

    Short forms are those of the attribute convention; `facets`, `input_facets` and `output_facets` are in
    OpenLineage's own shape. Two are the same dataset when namespace and name are.

    >>> Dataset("postgres://db:5432", "shop.public.orders", row_count=3).as_map()
    {'namespace': 'postgres://db:5432', 'name': 'shop.public.orders', 'row_count': 3}
    """

    namespace: str
    name: str
    schema: Iterable[Values] | Mapping[str, str] | None = None
    """List of `{name, type, description, fields}`, or a map of name to type."""
    columns: Mapping[str, Iterable[Values]] | None = None
    """Output column to a list of `{namespace, name, field, transformations}`."""
    version: str | None = None
    row_count: int | None = None
    bytes: int | None = None
    file_count: int | None = None
    partitions: Iterable[Values] | None = None
    documentation: str | None = None
    owners: Iterable[str | Values] | None = None
    tags: Values | Iterable[str | Values] | None = None
    source: str | Values | None = None
    symlinks: Iterable[Values] | None = None
    storage: Values | None = None
    catalog: Values | None = None
    lifecycle: str | Values | None = None
    metrics: Values | None = None
    assertions: Iterable[Values] | None = None
    schema_partial: bool | None = None
    """Whether `schema` lacks columns."""
    logical: bool | None = None
    """Whether the name is no name of storage: the one dataset that a span inside the run writes is this one."""
    facets: Values | None = None
    input_facets: Values | None = None
    output_facets: Values | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Its identity."""
        return self.namespace, self.name

    def as_map(self) -> dict[str, Any]:
        """The dataset map of the attribute convention, without what is not known."""
        known = {name: getattr(self, name) for name in FIELDS}
        return {
            MAP_KEYS.get(name, name): _shape(name, value)
            for name, value in known.items()
            if value is not None
        }

    def merged(self, newer: "Dataset") -> "Dataset":
        """This with what the newer one knows; facets are united."""
        changes: dict[str, Any] = {}
        for name in FIELDS[2:]:
            value, old = getattr(newer, name), getattr(self, name)
            if value is not None:
                changes[name] = {**old, **value} if name.endswith("facets") and old else value
        return replace(self, **changes) if changes else self

    def __hash__(self) -> int:
        return hash(self.key)


FIELDS = tuple(field.name for field in fields(Dataset))
MAP_KEYS = {"input_facets": "inputFacets", "output_facets": "outputFacets"}
FIELD_OF = {key: name for name, key in MAP_KEYS.items()} | {name: name for name in FIELDS}

DatasetLike: TypeAlias = Dataset | str | tuple[str, str] | Values
"""A Dataset, `"namespace|name"`, `(namespace, name)`, or a dataset map of the convention."""


def dataset_of(value: DatasetLike, name: str | None = None, **values: Any) -> Dataset:
    """Read any accepted form; with `name`, `value` is the namespace. ValueError if it names no dataset."""
    if isinstance(value, Dataset):
        dataset = value
    elif isinstance(value, Mapping):
        values = {**value, **values}
        dataset = _named(values.pop("namespace", None), values.pop("name", None))
    elif isinstance(value, str) and name is None:
        namespace, _, rest = value.partition("|")
        dataset = _named(namespace, rest)
    else:
        dataset = _named(*((value, name) if name is not None else value))
    known = {FIELD_OF[key]: item for key, item in values.items() if key in FIELD_OF}
    for key in values.keys() - FIELD_OF.keys():
        warn_once(
            f"dataset value {key}",
            "otel-lineage: a dataset has no value %r; it was left out. Known: %s",
            key,
            ", ".join(FIELDS[2:]),
        )
    return dataset.merged(replace(dataset, **known)) if known else dataset


def datasets_json(datasets: Iterable[Dataset]) -> str:
    """The value of `openlineage.inputs` and `openlineage.outputs`."""
    return to_json([dataset.as_map() for dataset in datasets])


def _named(namespace: object, name: object) -> Dataset:
    if not namespace or not name:
        raise ValueError(f"{namespace!r} and {name!r} name no dataset: give a namespace and a name")
    return Dataset(to_text(namespace), to_text(name))


def _shape(name: str, value: Any) -> Any:
    if name == "schema" and isinstance(value, Mapping):
        return [{"name": column, "type": kind} for column, kind in value.items()]
    if isinstance(value, str | int | float | Mapping):
        return value
    return list(value)
