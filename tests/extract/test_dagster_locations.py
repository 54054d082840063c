"""Names of files, folders and objects, against what OpenLineage's own producers write."""

import pytest

from otel_bridge.extract.data_sources import Name
from otel_bridge.extract.locations import file_named, location_named

STORAGE = "acme.dfs.core.windows.net"


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/data/orders.csv", Name("file", "/data/orders.csv")),
        ("/data/orders/", Name("file", "/data/orders")),
        ("/", Name("file", "/")),
        ("C:\\data\\orders.csv", Name("file", "C:\\data\\orders.csv")),
        ("file:///data/or%20ders.csv", Name("file", "/data/or ders.csv")),
        ("file:/data/orders.csv", Name("file", "/data/orders.csv")),
        ("file://host/data/orders.csv", Name("file://host", "/data/orders.csv")),
        ("s3://lake/raw/orders", Name("s3://lake", "raw/orders")),
        ("s3a://lake/raw/orders.parquet", Name("s3://lake", "raw/orders.parquet")),
        ("s3n://lake//raw//orders/", Name("s3://lake", "raw//orders")),
        ("s3://lake", Name("s3://lake", "/")),
        ("S3://lake/Raw", Name("s3://lake", "Raw")),
        ("s3://key:secret@lake/raw", Name("s3://lake", "raw")),
        ("gcs://lake/raw/*.parquet", Name("gs://lake", "raw/*.parquet")),
        (f"abfss://lake@{STORAGE}/raw/orders", Name(f"abfss://lake@{STORAGE}", "/raw/orders")),
        (f"abfs://lake@{STORAGE}/raw", Name(f"abfss://lake@{STORAGE}", "/raw")),
        ("hdfs://namenode:8020/raw/orders/", Name("hdfs://namenode:8020", "/raw/orders")),
        ("dbfs:/raw/orders", Name("dbfs", "/raw/orders")),
        ("dbfs://workspace/raw", Name("dbfs://workspace", "/raw")),
        ("https://user:pw@files.example/a.csv?token=x#top", Name("https://files.example", "/a.csv")),
        ("orders", None),
        ("data/orders.csv", None),
        ("s3:///raw", None),
        ("s3:raw", None),
        ("file:", None),
        ("hdfs:", None),
        (" /data", None),
        ("", None),
    ],
)
def test_locations(location: str, name: Name | None) -> None:
    assert location_named(location) == name


@pytest.mark.parametrize("location", ["read_csv('/data/orders.csv')", "s3://lake", "/", "orders"])
def test_what_is_no_file_of_dbt(location: str) -> None:
    assert file_named(location) is None


def test_files_of_dbt() -> None:
    assert file_named("s3://lake/raw/orders.parquet") == Name("s3://lake", "raw/orders.parquet")
