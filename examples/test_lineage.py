"""A test of lineage as a user's project has it: `pytest examples/test_lineage.py`, wherever otel-bridge is installed."""

from pathlib import Path

import otel_lineage
from otel_lineage import lineage_run

from otel_bridge.testing import BridgeProcess, Sink


def load_orders() -> None:
    with lineage_run("load_orders", inputs=["file|orders.csv"]) as run:
        run.add_output("postgres://db.example:5432", "shop.public.orders", row_count=3)


def test_load_orders(lineage_bridge: BridgeProcess, lineage_sink: Sink, tmp_path: Path) -> None:
    otel_lineage.configure(endpoint=lineage_bridge.http_url, spool_dir=tmp_path / "spool")
    load_orders()
    events = lineage_sink.wait_for(2)
    assert events.types("load_orders") == ["START", "COMPLETE"]
    assert events.edges() == {("orders.csv", "load_orders"), ("load_orders", "shop.public.orders")}
    assert events.dataset_facet("shop.public.orders", "outputStatistics")["rowCount"] == 3
