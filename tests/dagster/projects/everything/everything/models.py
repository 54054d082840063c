"""A dbt project on the tables of the IO manager."""

import sys
from pathlib import Path

from dagster import AssetExecutionContext
from dagster_dbt import DbtCliResource, dbt_assets

from everything.places import DBT_PROJECT, MANIFEST

DBT = DbtCliResource(
    project_dir=str(DBT_PROJECT),
    profiles_dir=str(DBT_PROJECT),
    dbt_executable=str(Path(sys.executable).with_name("dbt")),
)


@dbt_assets(manifest=MANIFEST)
def dbt_models(context: AssetExecutionContext, dbt: DbtCliResource):
    """Each model is an asset."""
    yield from dbt.cli(["build"], context=context).stream().fetch_column_metadata().fetch_row_counts()


ASSETS = [dbt_models]
JOBS = {"models": ["models/stg_orders", "models/stg_customers", "marts/by_region"]}
