"""One of everything that Dagster has, on DuckDB, dbt, Iceberg and files, small enough to run within seconds.

`defs` leaves out what its folder or environment lacks: dbt without a manifest, Iceberg without pyiceberg.
"""

from importlib.util import find_spec

from dagster import Definitions, PipesSubprocessClient, define_asset_job
from dagster_duckdb_pandas import DuckDBPandasIOManager

from everything import ops, partitioned, shop, trouble
from everything.places import MANIFEST, WAREHOUSE

PARTS = [shop, partitioned, trouble]
RESOURCES = {
    "io_manager": DuckDBPandasIOManager(database=str(WAREHOUSE), schema="shop"),
    "pipes": PipesSubprocessClient(),
}
if MANIFEST.exists():
    from everything import models

    PARTS.append(models)
    RESOURCES["dbt"] = models.DBT
if find_spec("pyiceberg"):
    from everything import lake

    PARTS.append(lake)

defs = Definitions(
    assets=[asset for part in PARTS for asset in part.ASSETS],
    asset_checks=[*shop.CHECKS, *trouble.CHECKS],
    jobs=[
        *ops.JOBS,
        *(define_asset_job(name, selection) for part in PARTS for name, selection in part.JOBS.items()),
    ],
    resources=RESOURCES,
)
