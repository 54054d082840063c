"""Second step: revenue per day, with the columns that each column comes from."""

import sys
from pathlib import Path

from otel_lineage import lineage_run
from shop import connect, table

SQL = "CREATE TABLE daily_revenue AS SELECT day, sum(amount) AS revenue FROM raw_orders GROUP BY day"


def main(folder: Path) -> None:
    with lineage_run("daily_revenue", job_type="MODEL") as run, connect(folder) as db:
        raw = table(db, folder, "raw_orders")
        run.add_input(raw)
        run.set_sql(SQL, dialect="sqlite")
        db.execute("DROP TABLE IF EXISTS daily_revenue")
        db.execute(SQL)
        (rows,) = db.execute("SELECT count(*) FROM daily_revenue").fetchone()
        source = {"namespace": raw["namespace"], "name": "raw_orders"}
        columns = {"day": [source | {"field": "day"}], "revenue": [source | {"field": "amount"}]}
        run.add_output(table(db, folder, "daily_revenue") | {"row_count": rows, "columns": columns})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
