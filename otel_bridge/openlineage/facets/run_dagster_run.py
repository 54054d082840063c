"""dagster_run: the run, step or asset of Dagster that a run is."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dagster import Partitions
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Whole

KEY: Final = "dagster_run"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/DagsterRunRunFacet.json#/$defs/DagsterRunRunFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "run_id": "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11",
    "kind": "step",
    "job_name": "nightly",
    "code_location": "shop",
    "step_key": "orders",
    "attempt": 2,
}


class RetryOf(Part, frozen=True, kw_only=True, rename=named):
    """What is tried again."""

    run_id: Annotated[str | Maybe, told("Of a run the Dagster run, of a step the lineage run.")] = UNSET
    root_run_id: Annotated[str | Maybe, told("The first Dagster run of all that try it again.")] = UNSET
    strategy: Annotated[str | Maybe, told("FROM_FAILURE or ALL_STEPS.")] = UNSET
    attempt: Annotated[Whole | Maybe, told("Of a step: the attempt before.")] = UNSET


class DagsterRun(Shape, frozen=True, kw_only=True, rename=named):
    """Where in Dagster the run is, and how it ended there."""

    run_id: Annotated[str, told("Dagster's id of the run.")]
    kind: Annotated[str | Maybe, told("run, step or asset.")] = UNSET
    job_name: Annotated[str | Maybe, told("Dagster's name of the job.")] = UNSET
    code_location: Annotated[str | Maybe, told("Name of the code location.")] = UNSET
    repository: Annotated[str | Maybe, told("Name of the repository in it.")] = UNSET
    deployment: Annotated[str | Maybe, told("Name of the deployment.")] = UNSET
    url: Annotated[str | Maybe, told("The run's page.")] = UNSET
    step_key: Annotated[str | Maybe, told("Key of the step.")] = UNSET
    op_name: Annotated[str | Maybe, told("Name of the op's definition.")] = UNSET
    attempt: Annotated[Whole | Maybe, told("Attempt of the step; 1 for the first.")] = UNSET
    partitions: Annotated[Partitions | Maybe, told("Partitions that the run is for.")] = UNSET
    backfill_id: Annotated[str | Maybe, told("The backfill that the run belongs to.")] = UNSET
    launched_by: Annotated[
        dict[str, Any] | Maybe, told("The schedule, sensor, automation, user or backfill that launched it.")
    ] = UNSET
    retry_of: Annotated[RetryOf | Maybe, told("What is tried again.")] = UNSET
    status: Annotated[str | Maybe, told("success, failure, skipped, canceled or up_for_retry.")] = UNSET
    counts: Annotated[dict[str, Any] | Maybe, told("Of a run: how many steps ended how.")] = UNSET
    never_reached: Annotated[list[str] | Maybe, told("Assets that were planned and not made.")] = UNSET


SHAPE: Final = DagsterRun


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url, KEY, "DagsterRunRunFacet", SLOT, fields_of(SHAPE, "The run, step or asset of Dagster.")
    )
