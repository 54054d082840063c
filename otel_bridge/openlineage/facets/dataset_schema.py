"""schema: the fields of a dataset, nested as deep as they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, cast

import msgspec
from msgspec import UNSET, Meta

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import MAX_DEPTH, Fields, listing
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Text, Whole

KEY: Final = "schema"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("SchemaDatasetFacet", "1-2-0")
VALUES: Final[dict[str, str]] = {"schema": "schema"}
EXAMPLE: Final = {
    "schema": [
        {"name": "day", "type": "date"},
        {"name": "revenue", "type": "numeric", "description": "in EUR"},
    ]
}


class Column(Part, frozen=True, kw_only=True):
    """A field; `ordinal_position` counts from 1 or from 0, as its source does.

    `field_id` is Iceberg's, which survives renaming: the specification does not name it and allows it.
    """

    name: str
    type: str | Maybe = UNSET
    description: str | Maybe = UNSET
    ordinal_position: Whole | Maybe = UNSET
    field_id: Whole | Maybe = UNSET
    fields: list["Column"] | Maybe = UNSET


class Schema(Shape, frozen=True, kw_only=True):
    """Fields in their order."""

    fields: list[Column] | Maybe = UNSET


SHAPE: Final = Schema


class Plain(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field with nothing to correct, as most are: read without looking at it in Python."""

    name: Text
    type: Text | Maybe = UNSET
    description: Text | Maybe = UNSET
    field_id: Annotated[int, Meta(ge=0)] | Maybe = UNSET


def build(values: Mapping[str, Value]) -> Schema:
    """From a list of `{name, type, description, ordinal_position, field_id, fields}`; only the name is needed."""
    try:
        return Schema(fields=cast(list[Column], msgspec.convert(values["schema"], list[Plain])))
    except (msgspec.ValidationError, UnicodeEncodeError):
        return Schema(fields=_columns(listing(values["schema"], "the schema"), "field", MAX_DEPTH // 2))


def of_names(names: Iterable[str]) -> Schema:
    """A schema of which only the names are known."""
    return Schema(fields=[Column(name=name) for name in names])


def _columns(entries: Sequence[Value], what: str, depth: int) -> list[Column]:
    if not depth:
        raise LeftOut(f"the schema is nested more than {MAX_DEPTH // 2} levels deep")
    return [_column(Fields(entry, what, i), depth) for i, entry in enumerate(entries, 1)]


def _column(fields: Fields, depth: int) -> Column:
    nested = fields.listing("fields")
    return Column(
        name=fields.need("name"),
        type=fields.text("type"),
        description=fields.text("description"),
        ordinal_position=fields.whole("ordinal_position"),
        field_id=fields.whole("field_id"),
        fields=_columns(nested, f"{fields.what}, field", depth - 1) if nested else UNSET,
    )
