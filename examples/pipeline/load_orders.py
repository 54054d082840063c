"""First step: a CSV file into the table raw_orders."""

import csv
import sys
from pathlib import Path

from otel_lineage import lineage_run
from shop import connect, table

ORDERS = "id,customer,day,amount\n1,ada,2026-11-01,30\n2,bob,2026-11-01,12\n3,ada,2026-11-02,8\n"


def main(folder: Path) -> None:
    source = folder / "orders.csv"
    source.write_text(ORDERS)
    with (
        lineage_run("load_orders", inputs=[{"namespace": "file", "name": str(source)}]) as run,
        connect(folder) as db,
    ):
        rows = list(csv.reader(source.read_text().splitlines()[1:]))
        db.execute("DROP TABLE IF EXISTS raw_orders")
        db.execute("CREATE TABLE raw_orders (id INTEGER, customer TEXT, day TEXT, amount INTEGER)")
        db.executemany("INSERT INTO raw_orders VALUES (?, ?, ?, ?)", rows)
        run.add_output(table(db, folder, "raw_orders") | {"row_count": len(rows)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
