"""Third step: asks for a column that nobody loaded, and fails."""

import sys
from pathlib import Path

from otel_lineage import lineage_run
from shop import connect, table


def main(folder: Path) -> None:
    with lineage_run("customer_report") as run, connect(folder) as db:
        run.add_input(table(db, folder, "raw_orders"))
        run.add_output({"namespace": f"sqlite://{folder / 'shop.db'}", "name": "customer_report"})
        db.execute("CREATE TABLE customer_report AS SELECT customer, country FROM raw_orders")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
