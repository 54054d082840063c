"""Where IO managers keep things: databases, files, other people's own; and nothing that opens them."""

from pathlib import Path

import pytest
from dagster_told import Told, facts_of

pytestmark = pytest.mark.e2e

SCRIPT = """
from contextlib import contextmanager
from typing import Optional
from dagster import ConfigurableIOManager, ConfigurableIOManagerFactory
from dagster._core.storage.db_io_manager import DbClient, DbIOManager, DbTypeHandler
from own_managers import KeepingIOManager
from upath import UPath

class Handler(DbTypeHandler):
    supported_types = [dict]
    def handle_output(self, context, table_slice, obj, connection): return {"dagster/row_count": len(obj)}
    def load_input(self, context, table_slice, connection): return {}

class Client(DbClient):
    delete_table_slice = ensure_schema_exists = staticmethod(lambda *given: None)
    get_select_statement = staticmethod(lambda table_slice: "select 1")
    get_table_name = staticmethod(lambda s: f"{s.database}.{s.schema}.{s.table}")
    @staticmethod
    @contextmanager
    def connect(context, table_slice): yield None

class SnowflakeDbClient(Client): pass
class PostgresClient(Client): pass
class IcebergDbClient(Client): pass
class DeltaLakeDbClient(Client): pass

class Database(ConfigurableIOManagerFactory):
    database: str
    client: str
    account: str = ""
    host: str = ""
    port: Optional[int] = None
    user: str = "annabel"
    password: str = "hidden"
    root_uri: str = ""
    config: dict = {}
    def create_io_manager(self, context):
        return DbIOManager(type_handlers=[Handler()], db_client=globals()[self.client](), database=self.database, schema="main")

@asset(io_manager_key="snowflake")
def flakes() -> dict: return {"a": 1}
@asset(io_manager_key="snowflake", deps=[flakes])
def more_flakes() -> dict: return {}
@asset(io_manager_key="postgres", deps=[flakes])
def rows() -> dict: return {}
@asset(io_manager_key="iceberg")
def bergs() -> dict: return {}
@asset(io_manager_key="delta")
def deltas() -> dict: return {}
@asset(io_manager_key="memory_files")
def remote(deltas: dict): return 1
@asset(io_manager_key="own")
def owned(): return 1
@asset(io_manager_key="own_below")
def owned_below(owned): return 1
@asset(io_manager_key="mem")
def fleeting(): return 1
@asset(io_manager_key="files", partitions_def=StaticPartitionsDefinition(["x", "y"]))
def files(): return 1
@asset(io_manager_key="own", deps=[files])
def beside_files(): return 1
@asset(partitions_def=StaticPartitionsDefinition(["x", "y"]))
def written(context):
    return MaterializeResult(metadata={"path": f"/lake/written/{context.partition_key}.csv"})
@asset(io_manager_key="broken", deps=[written])
def odd(): return 1

class BelowIOManager(KeepingIOManager): pass
class BrokenIOManager(KeepingIOManager): pass

catalog = {"properties": {"type": "sql", "uri": "https://annabel:hidden@catalog/", "warehouse": "s3://lake/wh", "token": "hidden"}}
resources = {
    "snowflake": Database(database="SHOP", client="SnowflakeDbClient", account="org-shop"),
    "postgres": Database(database="shop", client="PostgresClient", host="db.example", port=5433),
    "iceberg": Database(database="lake", client="IcebergDbClient", config=catalog),
    "delta": Database(database="deltalake", client="DeltaLakeDbClient", root_uri="s3://annabel:hidden@lake/delta/"),
    "files": FilesystemIOManager(base_dir=os.path.abspath("store")),
    "memory_files": FilesystemIOManager(base_dir="memory://lake/files"),
    "own": KeepingIOManager(), "own_below": BelowIOManager(), "mem": mem_io_manager, "broken": BrokenIOManager(),
}
every = [flakes, more_flakes, rows, bergs, deltas, remote, owned, owned_below, fleeting, files, beside_files, written, odd]
instance = DagsterInstance.ephemeral()
for keys, more in (
    (["flakes", "more_flakes", "rows", "bergs", "deltas", "remote", "owned", "owned_below", "fleeting"], {}),
    (["files", "written"], {"partition_key": "y"}),
    (["beside_files", "odd"], {}),
):
    materialize(every, instance=instance, resources=resources, selection=AssetSelection.assets(*keys), **more)
"""

OWN = """
from dagster import ConfigurableIOManager

class KeepingIOManager(ConfigurableIOManager):
    def handle_output(self, context, obj): pass
    def load_input(self, context): return 1

def place(io_manager, context):
    return {"location": f"own://shelf/{context.asset_key.path[-1]}", "format": "csv", "password": "hidden"}

def fail(io_manager, context):
    raise ValueError("no place for https://annabel:hidden@h/x")
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("places")
    (folder / "own_managers.py").write_text(OWN)
    installed(
        folder, "own_managers.KeepingIOManager = own_managers:place\nBrokenIOManager = own_managers:fail"
    )
    return facts_of(SCRIPT, folder)


def installed(folder: Path, entry_points: str) -> None:
    """A distribution in the folder, as pip would leave it."""
    info = folder / "own_managers-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-managers\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[otel_bridge_dagster_io_managers]\n{entry_points}\n")


def test_a_warehouse_is_told_by_what_names_it(told: Told) -> None:
    assert told.output("flakes")["connection"] == {
        "type": "snowflake",
        "account": "org-shop",
        "database": "SHOP",
    }
    assert told.output("flakes")["relation"] == {"database": "SHOP", "schema": "main", "identifier": "flakes"}
    assert told.output("rows")["connection"] == {
        "type": "postgres", "host": "db.example", "port": 5433, "database": "shop",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["more_flakes", "rows"])
def test_an_upstream_table_that_is_not_loaded_has_the_connection_of_its_io_manager(
    told: Told, key: str
) -> None:
    read, made = told.inputs(key)["flakes"], told.output("flakes")
    assert (read["connection"], read["relation"]) == (made["connection"], made["relation"])
    assert read["found_by"] == "metadata"


def test_an_iceberg_table_is_told_with_its_catalog(told: Told) -> None:
    output = told.output("bergs")
    assert output["connection"] == {
        "type": "iceberg", "path": "https://catalog/", "warehouse": "s3://lake/wh", "database": "lake",
    }  # fmt: skip
    assert output["relation"] == {"database": "lake", "schema": "main", "identifier": "bergs"}


def test_a_delta_table_is_a_location(told: Told) -> None:
    output = told.output("deltas")
    assert (output["location"], output["format"]) == ("s3://lake/delta/main/deltas", "delta")
    assert "relation" not in output
    assert told.inputs("remote")["deltas"]["location"] == output["location"]


def test_files_on_any_file_system_are_told_by_their_uri(told: Told) -> None:
    assert told.output("remote")["location"] == "memory://lake/files/remote"


def test_somebody_s_own_io_manager_is_told_by_its_entry_point(told: Told) -> None:
    assert told.output("owned")["location"] == "own://shelf/owned"
    assert told.output("owned")["format"] == "csv"
    assert told.output("owned_below")["location"] == "own://shelf/owned_below", "holds for subclasses"
    assert told.inputs("owned_below")["owned"]["location"] == "own://shelf/owned"


def test_what_is_kept_in_memory_has_no_place(told: Told) -> None:
    output = told.output("fleeting")
    assert "found_by" not in output
    assert output["io_manager"] == "InMemoryIOManager"


def test_the_file_of_a_partition_is_the_folder_of_all(told: Told) -> None:
    assert told.output("files")["location"].endswith("/store/files")
    assert told.inputs("beside_files")["files"]["location"] == told.output("files")["location"]
    assert told.output("written")["location"] == "/lake/written"
    assert told.inputs("odd")["written"]["location"] == "/lake/written"


def test_what_an_io_manager_does_not_say_is_unread(told: Told) -> None:
    asset = told.asset("odd")
    assert asset["dagster.unread"] == {"output result": "ValueError: no place for https://h/x"}
    assert asset["dagster.result"] == {"status": "success"}


def test_no_secret_is_told(told: Told) -> None:
    assert "hidden" not in str(told.moments)
    assert "annabel" not in str(told.moments)
