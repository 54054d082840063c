"""What Dagster says of a model that it had dbt build: a further name of its table, owners, tags, and the partitions."""

from otel_bridge.extract.dialects.dagster import naming, partitions
from otel_bridge.extract.dialects.dagster.datasets import tags
from otel_bridge.extract.dialects.dagster.facets import asset_facet
from otel_bridge.extract.dialects.dagster.facts import Asset, Thing
from otel_bridge.extract.dialects.dbt.facts import DagsterAsset
from otel_bridge.extract.values import compact
from otel_bridge.model import Value


def with_asset(dataset: dict[str, Value], told: DagsterAsset) -> dict[str, Value]:
    """The output with what the asset adds; what the project of dbt says stands."""
    asset = Asset(
        key=told.asset_key,
        group=told.group,
        owners=told.owners,
        kinds=told.kinds,
        tags=told.tags,
        code_version=told.code_version,
    )
    name = naming.by_key(told.deployment, told.asset_key)
    link = {"namespace": name.namespace, "name": name.name, "type": naming.ASSET}
    facet = asset_facet(Thing(asset_key=told.asset_key), asset)
    added = {
        "documentation": dataset.get("documentation") or told.description,
        "owners": list(dict.fromkeys([*_listed(dataset, "owners"), *told.owners])),
        "tags": [*_listed(dataset, "tags"), *tags(asset)],
        "symlinks": [*_listed(dataset, "symlinks"), link],
        "facets": {**_mapped(dataset, "facets"), "dagster_asset": facet},
    }
    return compact({**dataset, **added, **_subset(told)})


def _subset(told: DagsterAsset) -> dict[str, Value]:
    if told.partitions is None:
        return {}
    if keys := partitions.listed(told.partitions):
        return {"partitions": keys}
    condition = partitions.condition(told.partitions)
    return {"outputFacets": {"subset": {"outputCondition": condition}}} if condition else {}


def _listed(dataset: dict[str, Value], key: str) -> list[Value]:
    found = dataset.get(key)
    return found if isinstance(found, list) else []


def _mapped(dataset: dict[str, Value], key: str) -> dict[str, Value]:
    found = dataset.get(key)
    return found if isinstance(found, dict) else {}
