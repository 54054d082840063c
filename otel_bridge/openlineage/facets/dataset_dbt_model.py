"""dbt_model: what the project says about a relation. Fields of openlineage-dbt's facet, and more of them."""

from typing import Annotated, Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "dbt_model"
SLOT: Final = "dataset"
SCHEMA_URL: Final = "/facets/1-0-0/DbtModelDatasetFacet.json#/$defs/DbtModelDatasetFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {
    "config": {"materialized": "incremental", "incremental": {"strategy": "merge", "unique_key": ["id"]}}
}


class PartitionBy(Part, frozen=True, kw_only=True):
    """Of an incremental model, in one of two forms."""

    field: Annotated[str | Maybe, told("BigQuery: the column.")] = UNSET
    data_type: Annotated[str | Maybe, told("BigQuery: its type.")] = UNSET
    granularity: Annotated[str | Maybe, told("BigQuery: hour, day, month or year.")] = UNSET
    columns: Annotated[list[str] | Maybe, told("Others: the columns.")] = UNSET


class Incremental(Part, frozen=True, kw_only=True):
    """How an incremental model is brought up to date."""

    strategy: Annotated[str | Maybe, told("Absent: the adapter's default.")] = UNSET
    unique_key: Annotated[list[str] | Maybe, told("Columns that tell rows apart.")] = UNSET
    incremental_predicates: Annotated[
        list[str] | Maybe, told("Conditions on the rows that are looked at.")
    ] = UNSET
    on_schema_change: Annotated[str | Maybe, told("What happens when columns change.")] = UNSET
    event_time: Annotated[str | Maybe, told("Microbatch: the column of the time.")] = UNSET
    batch_size: Annotated[str | Maybe, told("Microbatch: hour, day, month or year.")] = UNSET
    begin: Annotated[str | Maybe, told("Microbatch: the first batch.")] = UNSET
    lookback: Annotated[int | Maybe, told("Microbatch: earlier batches that are done again.")] = UNSET
    partition_by: Annotated[PartitionBy | Maybe, told("How the relation is partitioned.")] = UNSET
    full_refresh: Annotated[bool | Maybe, told("The model's own full_refresh.")] = UNSET


class Config(Part, frozen=True, kw_only=True):
    """Resolved configuration."""

    materialized: Annotated[str | Maybe, told("Materialization.")] = UNSET
    access: Annotated[str | Maybe, told("public, protected or private.")] = UNSET
    owner: Annotated[str | Maybe, told("Owner of the group.")] = UNSET
    group: Annotated[str | Maybe, told("Group.")] = UNSET
    incremental: Annotated[Incremental | Maybe, told("Only of incremental models.")] = UNSET


class Contract(Part, frozen=True, kw_only=True):
    """An enforced contract."""

    constraints: Annotated[list[Any] | Maybe, told("Constraints of the relation, as in the project.")] = UNSET
    columns: Annotated[dict[str, list[Any]] | Maybe, told("Constraints by column.")] = UNSET


class DbtModel(Shape, frozen=True, kw_only=True, rename=named):
    """The node behind a relation."""

    config: Annotated[Config | Maybe, told("Resolved configuration of the node.")] = UNSET
    unique_id: Annotated[str | Maybe, told("dbt's id of the node.")] = UNSET
    resource_type: Annotated[str | Maybe, told("model, seed, snapshot or source.")] = UNSET
    version: Annotated[str | Maybe, told("Version of the model.")] = UNSET
    latest_version: Annotated[str | Maybe, told("Latest version of the model.")] = UNSET
    contract: Annotated[Contract | Maybe, told("Present if a contract is enforced.")] = UNSET
    constraints: Annotated[
        dict[str, list[Any]] | Maybe, told("Constraints by column, without a contract.")
    ] = UNSET
    columns_from: Annotated[str | Maybe, told("Where the columns in the schema facet come from.")] = UNSET
    deferred: Annotated[
        bool | Maybe, told("The relation of another environment stands for the node (--defer, clone).")
    ] = UNSET


SHAPE: Final = DbtModel


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(
        url,
        KEY,
        "DbtModelDatasetFacet",
        SLOT,
        fields_of(SHAPE, "What the dbt project says about the relation."),
    )
