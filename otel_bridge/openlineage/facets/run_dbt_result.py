"""dbt_result: how a run of dbt ended, in dbt's own words. The bridge's own facet."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "dbt_result"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/DbtResultRunFacet.json#/$defs/DbtResultRunFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "status": "fail",
    "message": "Got 3 results, configured to fail if != 0",
    "failures": 3,
}


class SkipCause(Part, frozen=True, kw_only=True):
    """Why dbt skipped the node."""

    unique_id: Annotated[str | Maybe, told("The node because of which this one was skipped.")] = UNSET
    status: Annotated[str | Maybe, told("How that node ended.")] = UNSET


class Batches(Part, frozen=True, kw_only=True):
    """Batches of a microbatch model."""

    successful: Annotated[int, told("Batches that succeeded.")]
    failed: Annotated[int, told("Batches that failed.")]


class Timing(Part, frozen=True, kw_only=True):
    """One phase."""

    name: Annotated[str, told("compile or execute.")]
    started_at: Annotated[str | Maybe, told("Start, ISO 8601.")] = UNSET
    completed_at: Annotated[str | Maybe, told("End, ISO 8601.")] = UNSET


class DbtResult(Shape, frozen=True, kw_only=True, rename=named):
    """As in run_results.json."""

    status: Annotated[str, told("dbt's status.")]
    message: Annotated[str | Maybe, told("dbt's message.")] = UNSET
    failures: Annotated[int | Maybe, told("Rows or records that failed a test.")] = UNSET
    thread: Annotated[str | Maybe, told("Thread of dbt that did it.")] = UNSET
    execution_time: Annotated[float | Maybe, told("Seconds.")] = UNSET
    rows_affected: Annotated[int | Maybe, told("Rows that the statement touched.")] = UNSET
    adapter_response: Annotated[
        dict[str, Any] | Maybe, told("What the adapter said about the statement.")
    ] = UNSET
    timing: Annotated[list[Timing] | Maybe, told("Phases.")] = UNSET
    batches: Annotated[Batches | Maybe, told("Of a microbatch model.")] = UNSET
    skip_cause: Annotated[SkipCause | Maybe, told("Of a skipped node.")] = UNSET
    counts: Annotated[dict[str, int] | Maybe, told("Of an invocation: results by status.")] = UNSET
    reused: Annotated[bool | Maybe, told("dbt took the relation as it was; nothing was written.")] = UNSET


SHAPE: Final = DbtResult


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in the message."""
    message = given.get("message")
    return {**given, "message": mask_text(message)} if isinstance(message, str) else dict(given)


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(url, KEY, "DbtResultRunFacet", SLOT, fields_of(SHAPE, "How a run of dbt ended."))
