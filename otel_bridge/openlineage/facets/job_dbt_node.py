"""dbt_node: the node that a job runs. Fields of openlineage-dbt's facet, and more of them."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "dbt_node"
SLOT: Final = "job"
SCHEMA_URL: Final = "/facets/1-0-0/DbtNodeJobFacet.json#/$defs/DbtNodeJobFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "unique_id": "model.shop.orders",
    "alias": "orders",
    "schema": "marts",
    "materialization": "table",
}


class DbtNode(Shape, frozen=True, kw_only=True, rename=named):
    """As in manifest.json."""

    unique_id: Annotated[str | Maybe, told("dbt's id of the node.")] = UNSET
    original_file_path: Annotated[str | Maybe, told("The file, relative to its project.")] = UNSET
    database: Annotated[str | Maybe, told("Database of the node's relation.")] = UNSET
    schema: Annotated[str | Maybe, told("Schema of the node's relation.")] = UNSET
    alias: Annotated[str | Maybe, told("Name of the node's relation.")] = UNSET
    test_type: Annotated[str | Maybe, told("Of a test: generic, singular or unit.")] = UNSET
    name: Annotated[str | Maybe, told("Name of the node.")] = UNSET
    resource_type: Annotated[str | Maybe, told("model, seed, snapshot, test and so on.")] = UNSET
    package: Annotated[str | Maybe, told("Package that the node is in.")] = UNSET
    materialization: Annotated[str | Maybe, told("table, view, incremental and so on.")] = UNSET
    language: Annotated[str | Maybe, told("sql or python.")] = UNSET
    access: Annotated[str | Maybe, told("public, protected or private.")] = UNSET
    group: Annotated[str | Maybe, told("Group of the node.")] = UNSET
    version: Annotated[str | Maybe, told("Version of the model.")] = UNSET
    latest_version: Annotated[str | Maybe, told("Latest version of the model.")] = UNSET
    checksum: Annotated[str | Maybe, told("Checksum of the file.")] = UNSET
    contract: Annotated[bool | Maybe, told("Whether a contract is enforced.")] = UNSET
    config: Annotated[dict[str, Any] | Maybe, told("Configuration that shapes what is written.")] = UNSET
    hook_type: Annotated[str | Maybe, told("Of a hook: pre-hook, post-hook, on-run-start or on-run-end.")] = (
        UNSET
    )
    macro: Annotated[str | Maybe, told("Of a run-operation: its macro.")] = UNSET
    arguments: Annotated[list[str] | Maybe, told("Of a run-operation: names of its arguments.")] = UNSET


SHAPE: Final = DbtNode


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url, KEY, "DbtNodeJobFacet", SLOT, fields_of(SHAPE, "The dbt node that the job runs.")
    )
