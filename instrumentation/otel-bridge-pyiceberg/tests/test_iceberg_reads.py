"""Every scan is told, whoever asks for it, with its snapshot, columns and filter."""

import pytest
from iceberg_told import Told, told

pytestmark = pytest.mark.e2e

READS = """
from otel_lineage import lineage_run
orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
orders.append(rows(0, 10)); orders.append(rows(10, 30, "fr"))
first = orders.history()[0].snapshot_id
def reading(name, read):
    with lineage_run(name):
        read()
reading("arrow", lambda: orders.scan(row_filter="country = 'de' and id >= 2", selected_fields=("id",), limit=3).to_arrow())
reading("pandas", lambda: orders.scan(snapshot_id=first).to_pandas())
reading("duckdb", lambda: orders.scan().to_duckdb("orders").execute("select count(*) from orders").fetchall())
reading("batches", lambda: orders.scan().to_arrow_batch_reader().read_all())
reading("count", lambda: orders.scan().count())
reading("empty", lambda: catalog.create_table("shop.empty", schema=rows(0, 1).schema).scan().to_arrow())
if hasattr(orders, "incremental_append_scan"):
    reading("incremental", lambda: orders.incremental_append_scan(from_snapshot_id_exclusive=first).to_arrow())
try:
    import polars
except ImportError:
    pass
else:
    reading("polars", lambda: polars.scan_iceberg(orders).filter(polars.col("id") > 20).select("country").collect())
def copied():
    def batches():
        yield from orders.scan().to_arrow_batch_reader()
    catalog.create_table("shop.copy", schema=rows(0, 1).schema).append(pa.Table.from_batches(batches()))
reading("copied", copied)
"""


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told(READS, tmp_path_factory.mktemp("reads"))


def scans(reads: Told, run: str) -> list[dict]:
    run_id = next((span.get("run.id") for span in reads.spans if span.get("job.name") == run), None)
    if run_id is None:
        pytest.skip(f"this environment has no {run}")
    return [
        said
        for name in ("orders", "empty")
        for said in reads.named(f"scan.shop.{name}")
        if said["openlineage.run.id"] == run_id
    ]


def test_filter_columns_and_limit(reads: Told) -> None:
    (said,) = scans(reads, "arrow")
    assert (said["projection"], said["limit"]) == (["id"], 3)
    assert said["filter"]["type"] == "and"
    assert said["filter"]["left"] == {"type": "eq", "term": "country", "value": "de"}
    assert "rows.read" not in said


def test_an_older_snapshot(reads: Told) -> None:
    (said,) = scans(reads, "pandas")
    assert (said["rows.read"], said["scan.result.data_files"]) == (10, 1)
    assert said["snapshot.id"] == reads.named("append.shop.orders")[0]["snapshot.id"]


@pytest.mark.parametrize("reader", ["duckdb", "batches", "count"])
def test_whole_scans_know_their_rows(reads: Told, reader: str) -> None:
    (said,) = scans(reads, reader)
    assert (said["rows.read"], said["scan.result.data_files"]) == (30, 2)
    assert said["snapshot.id"] == reads.named("append.shop.orders")[1]["snapshot.id"]


def test_a_table_without_snapshot(reads: Told) -> None:
    (said,) = scans(reads, "empty")
    assert (said["rows.read"], said.get("snapshot.id")) == (0, None)


def test_an_incremental_scan_tells_where_it_begins(reads: Told) -> None:
    (said,) = scans(reads, "incremental")
    assert said["scan.from_snapshot_id"] == reads.named("append.shop.orders")[0]["snapshot.id"]
    assert said["rows.read"] == 20


def test_polars_reads_in_threads_without_the_context_of_the_run(reads: Told) -> None:
    (said,) = scans(reads, "polars")
    assert said["filter"] == {"type": "gt", "term": "id", "value": 20}
    assert (said["table.name"], said["catalog.name"]) == ("shop.orders", "lake")


def test_reading_one_table_while_another_is_written(reads: Told) -> None:
    assert len(scans(reads, "copied")) == 1
    assert reads.one("append.shop.copy")["rows.given"] == 30
