"""What pyiceberg writes is told once for each operation of the program, with its snapshots."""

import pytest
from iceberg_told import Told, told

pytestmark = pytest.mark.e2e

WRITES = """
import pyarrow.parquet as pq
from pyiceberg.types import LongType
orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
orders.append(rows(0, 100))
orders.overwrite(rows(0, 50))
orders.delete("id < 5")
orders.upsert(rows(48, 52).set_column(2, "amount", pa.array([0.0] * 4)), join_cols=["id"])
with orders.transaction() as transaction:
    transaction.set_properties(owner="ada")
    transaction.append(rows(100, 110))
    transaction.delete("id = 100")
with orders.update_schema() as schema:
    schema.add_column("quantity", LongType())
    schema.rename_column("amount", "total")
try:
    orders.append(pa.table({"nope": [1]}))
except ValueError as error:
    print(type(error).__name__)
with catalog.create_table_transaction("shop.totals", schema=rows(0, 1).schema) as transaction:
    transaction.append(rows(0, 7))
totals = catalog.load_table("shop.totals")
pq.write_table(rows(50, 60), f"{HERE}/more.parquet")
totals.add_files([f"{HERE}/more.parquet"])
totals.delete()
catalog.create_table_if_not_exists("shop.totals", schema=rows(0, 1).schema)
catalog.create_table_if_not_exists("shop.new", schema=rows(0, 1).schema)
catalog.rename_table("shop.totals", "shop.sums")
catalog.drop_table("shop.sums")
"""


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told(WRITES, tmp_path_factory.mktemp("writes"))


def test_an_append_tells_its_rows_and_its_snapshot(writes: Told) -> None:
    said = writes.named("append.shop.orders")[0]
    assert said["rows.given"] == said["commit.records.added"] == 100
    assert [each["operation"] for each in said["snapshots"]] == ["append"]
    assert said["snapshots"][0]["snapshot_id"] == said["snapshot.id"]
    assert said["commit.attempts"] == 1
    assert "snapshot.parent_id" not in said


def test_the_table_is_told_with_its_catalog_schema_and_place(writes: Told) -> None:
    said = writes.named("append.shop.orders")[0]
    fields = [(f["id"], f["name"], f["type"]) for f in said["schema"]]
    assert fields == [
        (1, "id", "long"),
        (2, "country", "string"),
        (3, "amount", "double"),
    ]
    assert (said["catalog.name"], said["catalog.type"]) == ("lake", "sql")
    assert said["table.location"].startswith(said["catalog.warehouse"] + "/shop")
    assert said["table.file_format"] == "parquet"
    assert said["engine.name"] == "pyiceberg"


def test_an_overwrite_makes_several_snapshots_in_one_operation(writes: Told) -> None:
    said = writes.one("overwrite.shop.orders")
    assert [each["operation"] for each in said["snapshots"]] == ["delete", "append"]
    assert said["snapshot.parent_id"] == said["snapshots"][0]["parent_snapshot_id"]
    assert said["lifecycle"] == "OVERWRITE"
    assert said["rows.given"] == 50


def test_a_delete_rewrites_what_it_keeps_and_tells_its_filter(writes: Told) -> None:
    said = writes.one("delete.shop.orders")
    assert said["filter"] == {"type": "lt", "term": "id", "value": 5}
    assert said["commit.records.added"] == 45
    assert "rows.given" not in said


def test_an_upsert_is_one_operation_and_reads_nothing(writes: Told) -> None:
    said = writes.one("upsert.shop.orders")
    assert (said["rows.given"], said["rows.inserted"], said["rows.updated"]) == (4, 2, 2)
    assert len(said["snapshots"]) >= 2
    assert not [span for span in writes.spans if ".scan" in span.name]


def test_a_transaction_is_told_when_it_is_committed(writes: Told) -> None:
    said = writes.one("transaction.shop.orders")
    assert said["operations"] == ["append", "delete"]
    assert said["changes"]["properties"] == {"set": ["owner"]}
    assert [each["operation"] for each in said["snapshots"]] == ["append", "overwrite"]


def test_changes_of_the_schema_are_told_by_column(writes: Told) -> None:
    changed = writes.one("alter.shop.orders")["changes"]["schema"]
    assert changed["added"] == ["quantity"]
    assert changed["renamed"] == {"amount": {"from": "amount", "to": "total"}}


def test_a_failed_write_fails_its_span_and_the_program_sees_its_error(writes: Told) -> None:
    assert writes.output.split() == ["ValueError"]
    failed = [span for span in writes.spans if span.message.status.code == 2]
    assert [span.name for span in failed] == ["iceberg.append.shop.orders"]
    assert "snapshots" not in writes.named("append.shop.orders")[-1]


def test_a_table_that_is_created_with_its_data_is_one_operation(writes: Told) -> None:
    said = writes.one("create.shop.totals")
    assert said["operations"] == ["append"]
    assert said["rows.given"] == 7


def test_files_that_are_taken_over_are_named(writes: Told) -> None:
    said = writes.one("add_files.shop.totals")
    assert [path.rpartition("/")[2] for path in said["files"]] == ["more.parquet"]
    assert said["commit.records.added"] == 10


def test_deleting_all_rows_truncates(writes: Told) -> None:
    assert writes.one("delete.shop.totals")["lifecycle"] == "TRUNCATE"


def test_a_table_that_exists_is_not_created_again(writes: Told) -> None:
    assert len(writes.named("create.shop.totals")) == 1
    assert len(writes.named("create.shop.new")) == 1


def test_renamed_and_dropped_tables_keep_their_identity(writes: Told) -> None:
    renamed, dropped = writes.one("rename.shop.sums"), writes.one("drop.shop.sums")
    assert renamed["table.previous_name"] == "shop.totals"
    created = writes.one("create.shop.totals")
    for key in ("table.uuid", "table.location"):
        assert created[key] == renamed[key] == dropped[key]


def test_a_conflict_is_tried_again_by_pyiceberg_and_decided_once(tmp_path) -> None:
    found = told(
        """
        orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
        stale = catalog.load_table("shop.orders")
        orders.append(rows(0, 5))
        try:
            stale.append(rows(5, 9))
            print("again")
        except Exception as error:
            print(type(error).__name__)
        """,
        tmp_path,
    )
    span = [span for span in found.spans if span.name == "iceberg.append.shop.orders"][-1]
    said = found.named("append.shop.orders")[-1]
    if found.output.split() == ["again"]:
        assert (said["commit.attempts"], span.message.status.code, len(said["snapshots"])) == (2, 0, 1)
    else:  # before 0.12 the program has to try again
        assert (found.output.split(), said["commit.attempts"], span.message.status.code) == (
            ["CommitFailedException"],
            1,
            2,
        )


def test_inside_a_run_it_is_what_the_run_wrote(tmp_path) -> None:
    found = told(
        """
        from concurrent.futures import ThreadPoolExecutor
        from otel_lineage import lineage_run
        with lineage_run("load"):
            orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(orders.append, rows(0, 5)).result()
        """,
        tmp_path,
    )
    run = next(span for span in found.spans if span.get("job.name") == "load")
    written = [found.one("create.shop.orders"), found.one("append.shop.orders")]
    assert run.get("io.spans") == 2
    assert {said["openlineage.run.id"] for said in written} == {run.get("run.id")}
    assert not [span for span in found.spans if span.get("job.name") and span is not run]


def test_how_it_is_done_is_not_what_the_run_did(tmp_path) -> None:
    """Queries to the catalog's database and files of the table have spans of their own, which are the commit's."""
    found = told(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from otel_lineage import lineage_run
        trace.set_tracer_provider(TracerProvider())
        tracer, commit = trace.get_tracer("sqlalchemy"), SqlCatalog.commit_table
        def committing(*args, **kwargs):
            with tracer.start_as_current_span("UPDATE iceberg_tables", attributes={"db.system": "sqlite"}):
                with tracer.start_as_current_span("nested", attributes={"db.system": "sqlite"}):
                    return commit(*args, **kwargs)
        SqlCatalog.commit_table = committing
        orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
        with lineage_run("load"):
            orders.append(rows(0, 5))
            with tracer.start_as_current_span("SELECT", attributes={"db.system": "sqlite"}):
                pass
        """,
        tmp_path,
    )
    run = next(span for span in found.spans if span.get("job.name") == "load")
    assert run.get("io.spans") == 2
    inside = sorted(
        span.name for span in found.spans if span.get("run.id") == run.get("run.id") and span is not run
    )
    assert inside == ["SELECT", "iceberg.append shop.orders"]
