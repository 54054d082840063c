"""columnLineage: which fields of the inputs each field of an output comes from."""

from collections.abc import Mapping
from typing import Annotated, Final, cast

import msgspec
from msgspec import UNSET, Meta

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, listing, mapping, text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Text

KEY: Final = "columnLineage"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("ColumnLineageDatasetFacet", "1-2-0")
VALUES: Final[dict[str, str]] = {"columns": "columns"}
EXAMPLE: Final = {
    "columns": {
        "revenue": [
            {
                "namespace": "postgres://db.example:5432",
                "name": "shop.public.orders",
                "field": "amount",
                "transformations": ["DIRECT:AGGREGATION"],
            }
        ]
    }
}

WHOLE_DATASET: Final = "*"
"""Key of `columns` for fields that affect the whole output, such as a filter's: the facet's `dataset`."""


class Transformation(Part, frozen=True, kw_only=True):
    """`type`: DIRECT or INDIRECT; `masking`: the value can't be told from the result."""

    type: str
    subtype: str | Maybe = UNSET
    description: str | Maybe = UNSET
    masking: bool | Maybe = UNSET


class InputField(Part, frozen=True, kw_only=True):
    """A field of an input."""

    namespace: str
    name: str
    field: str
    transformations: list[Transformation] | Maybe = UNSET


class OutputField(Part, frozen=True, kw_only=True, rename="camel"):
    """Where one field comes from; the two texts are deprecated in OpenLineage."""

    input_fields: list[InputField]
    transformation_description: str | Maybe = UNSET
    transformation_type: str | Maybe = UNSET


class ColumnLineage(Shape, frozen=True, kw_only=True):
    """`dataset`: fields that affect the whole output."""

    fields: dict[str, OutputField]
    dataset: list[InputField] | Maybe = UNSET


SHAPE: Final = ColumnLineage


class PlainTransformation(Transformation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a map, with nothing to correct."""

    type: Text
    subtype: Text | Maybe = UNSET
    description: Text | Maybe = UNSET


class PlainInput(InputField, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input field with nothing to correct, as most are: read without looking at it in Python."""

    namespace: Text
    name: Text
    field: Text
    transformations: Annotated[list[PlainTransformation], Meta(min_length=1)] | Maybe = UNSET  # type: ignore[assignment]


def build(values: Mapping[str, Value]) -> ColumnLineage:
    """From a map of output field to a list of `{namespace, name, field, transformations}`.

    A transformation is `{type, subtype, description, masking}` or a text, `INDIRECT` or `INDIRECT:FILTER`.
    """
    columns: dict[str, list[InputField]] = _columns(values["columns"])
    whole = columns.pop(WHOLE_DATASET, UNSET)
    fields = {name: OutputField(input_fields=inputs) for name, inputs in columns.items()}
    return ColumnLineage(fields=fields, dataset=whole)


def _columns(value: Value) -> dict[str, list[InputField]]:
    try:
        return cast(dict[str, list[InputField]], msgspec.convert(value, dict[str, list[PlainInput]]))
    except (msgspec.ValidationError, UnicodeEncodeError):
        columns = mapping(value, "columns")
        return {
            name: _inputs(found, f"`{name}`")
            for name, found in columns.items()
            if found is not None or name != WHOLE_DATASET
        }


def _inputs(value: Value, what: str) -> list[InputField]:
    return [_input(entry, what, i) for i, entry in enumerate(listing(value, what), 1)]


def _input(entry: Value, what: str, number: int) -> InputField:
    fields = Fields(entry, f"{what}, input", number)
    found = fields.get("transformations")
    found = [found] if isinstance(found, str | Mapping) else fields.listing("transformations")
    return InputField(
        namespace=fields.need("namespace"),
        name=fields.need("name"),
        field=fields.need("field"),
        transformations=[_transformation(t, fields, i) for i, t in enumerate(found, 1)] if found else UNSET,
    )


def _transformation(value: Value, of: Fields, number: int) -> Transformation:
    if isinstance(value, str):
        kind, _, subtype = text(value, f"a transformation of {of.what}").partition(":")
        return Transformation(type=kind, subtype=subtype or UNSET)
    fields = Fields(value, "transformation", number)
    return Transformation(
        type=fields.need("type"),
        subtype=fields.text("subtype"),
        description=fields.text("description"),
        masking=fields.flag("masking"),
    )
