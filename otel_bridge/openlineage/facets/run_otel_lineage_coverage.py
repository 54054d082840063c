"""otel_lineage_coverage: how complete the column lineage from SQL is. The bridge's own facet, not OpenLineage's."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.documents import facet_document
from otel_bridge.openlineage.reading import Fields, listing, text, whole
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Whole

KEY: Final = "otel_lineage_coverage"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/OtelLineageCoverageRunFacet.json#/$defs/OtelLineageCoverageRunFacet"
VALUES: Final[dict[str, str]] = {"column_lineage_coverage": "the analysis of the run's SQL"}
EXAMPLE: Final = {
    "column_lineage_coverage": {
        "columns": 7,
        "resolved": 6,
        "gaps": [{"column": "total", "dataset": "shop.public.daily", "reason": "`amount` is ambiguous"}],
        "found": [["postgres://db.example:5432", "shop.public.rates"]],
    }
}


class Reason(Part, frozen=True, kw_only=True):
    """Without `column` it is about a condition that concerns all rows; `*` stands for all other columns."""

    dataset: str
    reason: str
    column: str | Maybe = UNSET


class Found(Part, frozen=True, kw_only=True):
    """A dataset that only the SQL names."""

    namespace: str
    name: str


class Coverage(Shape, frozen=True, kw_only=True):
    """`columns` of outputs, and of how many of them it is known what they come from."""

    columns: Whole
    resolved: Whole
    reasons: list[Reason]
    tables: list[Found] | Maybe = UNSET


SHAPE: Final = Coverage


def build(values: Mapping[str, Value]) -> Coverage:
    """From `{columns, resolved, gaps, found}`."""
    fields = Fields(values["column_lineage_coverage"], "the coverage")
    return Coverage(
        columns=whole(fields.get("columns"), "`columns`"),
        resolved=whole(fields.get("resolved"), "`resolved`"),
        reasons=[_reason(Fields(gap, "gap", i)) for i, gap in enumerate(fields.listing("gaps"), 1)],
        tables=[_found(entry) for entry in fields.listing("found")] or UNSET,
    )


def _reason(gap: Fields) -> Reason:
    return Reason(
        dataset=gap.need("dataset"), reason=mask_text(gap.need("reason")), column=gap.text("column")
    )


def _found(entry: Value) -> Found:
    parts = listing(entry, "a table")
    if len(parts) != 2:
        raise LeftOut("a table needs a namespace and a name")
    return Found(namespace=text(parts[0], "a namespace"), name=text(parts[1], "a name"))


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(url, KEY, "OtelLineageCoverageRunFacet", SLOT, _FACET)


def _described(kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, **more}


_FACET: dict[str, Any] = {
    "type": "object",
    "description": "How complete the column lineage is that the bridge derived from the run's SQL.",
    "required": ["columns", "resolved", "reasons"],
    "properties": {
        "columns": _described(
            "integer", "Columns of the outputs; columns that are not known by name count as one.", minimum=0
        ),
        "resolved": _described(
            "integer", "Those of them of which it is known what they come from.", minimum=0
        ),
        "reasons": {
            "type": "array",
            "description": "Why the others have no lineage; the first 100.",
            "items": {
                "type": "object",
                "required": ["dataset", "reason"],
                "properties": {
                    "column": _described(
                        "string",
                        "The column; `*` for all that are not named here, absent for a condition on all rows.",
                    ),
                    "dataset": _described("string", "Name of the output."),
                    "reason": _described("string", "Why nothing is said about it."),
                },
            },
        },
        "tables": {
            "type": "array",
            "description": "Inputs and outputs that the run did not list and the SQL names; the first 100.",
            "items": {
                "type": "object",
                "required": ["namespace", "name"],
                "properties": {
                    "namespace": _described("string", "Namespace of the dataset."),
                    "name": _described("string", "Name of the dataset."),
                },
            },
        },
    },
}
