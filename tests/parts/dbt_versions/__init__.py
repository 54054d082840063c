"""Further versions of dbt, each an environment of its own: the oldest that is supported, the first with spans of its
own, and openlineage-dbt. Ours are not in them; `PYTHONPATH` brings them from the checkout (`WITH_PLUGIN`).

    DBT_1_8.installed() / "bin/python"

dbt-core 1.12 depends on a package that is downloaded from elsewhere while it is built, and that is needed for one
experimental flag only: its list is without it.
"""

from pathlib import Path

from tests.parts._environment import environment, on_path

HERE = Path(__file__).parent
WITH_PLUGIN = on_path("otel-lineage", "otel-bridge-dbt")
"""What makes the plugin part of an environment in which it is not installed."""

DBT_1_8 = environment("dbt_1_8", HERE / "dbt-1.8.txt", "dbt-core")
DBT_1_12 = environment("dbt_1_12", HERE / "dbt-1.12.txt", "dbt-core")
OPENLINEAGE_DBT = environment("openlineage_dbt", HERE / "openlineage-dbt.txt", "openlineage-dbt")
