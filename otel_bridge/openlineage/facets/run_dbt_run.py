"""dbt_run: the dbt command that a run belongs to. Fields of openlineage-dbt's facet, and more of them."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "dbt_run"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/DbtRunRunFacet.json#/$defs/DbtRunRunFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "invocation_id": "1f4e3a9c-0b7e-4d5f-8a3f-2f6f3f1c9d10",
    "project_name": "shop",
    "command": "build",
}


class DbtRun(Shape, frozen=True, kw_only=True, rename=named):
    """One dbt command."""

    invocation_id: Annotated[str, told("dbt's id of the invocation.")]
    project_name: Annotated[str | Maybe, told("Name of the root project.")] = UNSET
    dbt_runtime: Annotated[str | Maybe, told("core for dbt-core, fusion for dbt v2.")] = UNSET
    profile_name: Annotated[str | Maybe, told("Name of the profile.")] = UNSET
    full_refresh: Annotated[bool | Maybe, told("Whether --full-refresh was given.")] = UNSET
    command: Annotated[str | Maybe, told("The command: build, run, test and so on.")] = UNSET
    target: Annotated[str | Maybe, told("Name of the target.")] = UNSET
    adapter: Annotated[str | Maybe, told("Type of the adapter.")] = UNSET
    dbt_version: Annotated[str | Maybe, told("Version of dbt.")] = UNSET
    retry_of: Annotated[str | Maybe, told("The invocation that dbt retry tries again.")] = UNSET
    empty: Annotated[bool | Maybe, told("--empty: relations were made without rows.")] = UNSET
    sample: Annotated[str | Maybe, told("--sample: only a part of the rows was read.")] = UNSET
    defer: Annotated[
        bool | Maybe, told("--defer: references may lead to the state of another environment.")
    ] = UNSET
    flags: Annotated[dict[str, Any] | Maybe, told("Flags that were set, as dbt names them.")] = UNSET


SHAPE: Final = DbtRun


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url, KEY, "DbtRunRunFacet", SLOT, fields_of(SHAPE, "The dbt command that the run belongs to.")
    )
