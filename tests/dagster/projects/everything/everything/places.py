"""Where things are, all below the project's folder."""

from pathlib import Path

FOLDER = Path(__file__).parents[1]
DATA = FOLDER / "data"
WAREHOUSE = FOLDER / "everything.duckdb"
DBT_PROJECT = FOLDER / "dbt"
MANIFEST = DBT_PROJECT / "target/manifest.json"
LAKE = FOLDER / "lake"
REPORTS = FOLDER / "reports"
