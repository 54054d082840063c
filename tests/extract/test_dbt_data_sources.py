"""Names of datasets by data source, against OpenLineage's naming specification and what its producers write."""

import pytest

from otel_bridge.extract.data_sources import (
    Attached,
    Connection,
    Name,
    Parts,
    dialect_of,
    named,
    namespace_of,
    symlinks_of,
)

ALL = Parts("shop", "marts", "orders")
UNQUOTED = Parts("Shop", "Marts", "Orders", (False, False, False))
QUOTED = Parts("Shop", "Marts", "Orders", (True, True, True))

CASES = {
    "postgres": ({"host": "db.example", "port": 5433}, "postgres://db.example:5433", "shop.marts.orders"),
    "postgres without port": ({"host": "db.example"}, "postgres://db.example:5432", "shop.marts.orders"),
    "alloydb": ({"host": "db.example"}, "postgres://db.example:5432", "shop.marts.orders"),
    "redshift cluster": (
        {"host": "wh.abc123.eu-west-1.redshift.amazonaws.com", "port": 5439},
        "redshift://wh.eu-west-1:5439",
        "shop.marts.orders",
    ),
    "redshift serverless": (
        {"host": "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com"},
        "redshift://wg.us-east-1:5439",
        "shop.marts.orders",
    ),
    "redshift by another name": ({"host": "dwh.example"}, "redshift://dwh.example:5439", "shop.marts.orders"),
    "snowflake": ({"account": "acme-prod"}, "snowflake://acme-prod", "shop.marts.orders"),
    "snowflake with a region": ({"account": "acme-prod.eu-central-1"}, "snowflake://acme-prod", "shop.marts.orders"),
    "snowflake locator": ({"account": "xy12345"}, "snowflake://xy12345.us-west-1.aws", "shop.marts.orders"),
    "snowflake locator and region": (
        {"account": "xy12345.eu-central-1"},
        "snowflake://xy12345.eu-central-1.aws",
        "shop.marts.orders",
    ),
    "snowflake locator, region and cloud": (
        {"account": "xy12345.west-europe.azure"},
        "snowflake://xy12345.west-europe.azure",
        "shop.marts.orders",
    ),
    "snowflake by private link": ({"account": "acme-prod.privatelink"}, "snowflake://acme-prod", "shop.marts.orders"),
    "bigquery": ({"project": "shop"}, "bigquery", "shop.marts.orders"),
    "databricks": ({"host": "https://dbc-1.cloud.example/"}, "databricks://dbc-1.cloud.example", "shop.marts.orders"),
    "spark thrift": ({"host": "spark.example", "method": "thrift"}, "spark://spark.example:10001", "marts.orders"),
    "spark http": ({"host": "spark.example", "method": "http"}, "spark://spark.example:443", "marts.orders"),
    "fabricspark": ({"host": "fs.example"}, "fabricspark://fs.example", "shop.marts.orders"),
    "trino": ({"host": "trino.example", "port": 443}, "trino://trino.example:443", "shop.marts.orders"),
    "starburst": ({"host": "trino.example"}, "trino://trino.example:8080", "shop.marts.orders"),
    "presto": ({"host": "presto.example"}, "presto://presto.example:8080", "shop.marts.orders"),
    "clickhouse": ({"host": "ch.example", "port": 8443}, "clickhouse://ch.example:8443", "marts.orders"),
    "dremio": ({"host": "dremio.example", "port": 9047}, "dremio://dremio.example:9047", "shop.marts.orders"),
    "fabric": ({"host": "ep.fabric.example"}, "fabric-warehouse://ep.fabric.example", "shop.marts.orders"),
    "fabric with port": ({"host": "ep.example", "port": 1433}, "fabric-warehouse://ep.example:1433", "shop.marts.orders"),
    "sqlserver": ({"host": "sql.example"}, "mssql://sql.example:1433", "shop.marts.orders"),
    "synapse": ({"host": "syn.example", "port": 1433}, "sqlserver://syn.example:1433", "marts.orders"),
    "athena": ({"region": "eu-west-1"}, "awsathena://athena.eu-west-1.amazonaws.com", "shop.marts.orders"),
    "glue": ({"region": "eu-west-1", "account": "123456789012"}, "arn:aws:glue:eu-west-1:123456789012", "table/marts/orders"),
    "mysql": ({"host": "my.example"}, "mysql://my.example:3306", "marts.orders"),
    "mariadb": ({"host": "my.example", "port": 3307}, "mysql://my.example:3307", "marts.orders"),
    "oracle": ({"host": "ora.example"}, "oracle://ora.example:1521", "shop.marts.orders"),
    "teradata": ({"host": "td.example"}, "teradata://td.example:1025", "marts.orders"),
    "starrocks": ({"host": "sr.example"}, "starrocks://sr.example:9030", "shop.marts.orders"),
    "hive": ({"host": "hive.example"}, "hive://hive.example:10000", "marts.orders"),
    "duckdb": ({"path": "/srv/shop.duckdb"}, "duckdb:///srv/shop.duckdb", "shop.marts.orders"),
    "duckdb in memory": ({"path": ":memory:"}, "inmemory://", "shop.marts.orders"),
    "duckdb of MotherDuck": ({"path": "md:shop"}, "motherduck://", "shop.marts.orders"),
    "duckdb of a DuckLake": ({"path": "ducklake:/srv/lake.ducklake"}, "ducklake:///srv/lake.ducklake", "shop.marts.orders"),
    "sqlite": ({"path": "/srv/shop.db"}, "sqlite:///srv/shop.db", "shop.marts.orders"),
    "vertica": ({"host": "v.example"}, "vertica://v.example:5433", "shop.marts.orders"),
    "nobody_knows": ({"host": "new.example", "port": 7}, "nobody_knows://new.example:7", "shop.marts.orders"),
    "without_port": ({"host": "new.example"}, "without_port://new.example", "shop.marts.orders"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_by_adapter(case: str) -> None:
    fields, namespace, name = CASES[case]
    connection = Connection(type=case.partition(" ")[0], **fields)
    assert namespace_of(connection) == namespace
    quoted = Parts(*ALL[:3], (True, True, True))
    assert named(connection, quoted) == Name(namespace, name)


@pytest.mark.parametrize(
    "connection",
    [
        Connection(),
        Connection(type="postgres"),
        Connection(type="snowflake"),
        Connection(type="glue", region="eu-west-1"),
        Connection(type="athena"),
        Connection(type="spark", method="session"),
        Connection(type="spark", host="NA", method="session"),
        Connection(type="databricks"),
        Connection(type="fabric"),
        Connection(type="duckdb"),
        Connection(type="sqlite"),
        Connection(type="trino", host="http://[::1"),
    ],
)
def test_what_does_not_tell_has_no_namespace(connection: Connection) -> None:
    assert namespace_of(connection) is None
    assert named(connection, ALL) is None
    assert named(connection, ALL, "given://here").namespace == "given://here"


@pytest.mark.parametrize(
    ("kind", "parts", "name"),
    [
        ("snowflake", UNQUOTED, "SHOP.MARTS.ORDERS"),
        ("snowflake", QUOTED, "Shop.Marts.Orders"),
        ("snowflake", Parts("shop", "marts", "Orders", (False, False, True)), "SHOP.MARTS.Orders"),
        ("snowflake", Parts("shop", "marts", "orders"), "SHOP.MARTS.ORDERS"),
        ("oracle", UNQUOTED, "SHOP.MARTS.ORDERS"),
        ("postgres", UNQUOTED, "shop.marts.orders"),
        ("postgres", QUOTED, "Shop.Marts.Orders"),
        ("postgres", Parts("Shop", "Marts", "Orders"), "Shop.Marts.Orders"),
        ("bigquery", UNQUOTED, "Shop.Marts.Orders"),
        ("duckdb", UNQUOTED, "shop.marts.orders"),
        ("duckdb", QUOTED, "shop.marts.orders"),
    ],
)
def test_case(kind: str, parts: Parts, name: str) -> None:
    connection = Connection(type=kind, host="h.example", account="acme-prod", path="/srv/x.duckdb")
    assert named(connection, parts).name == name


def test_parts_that_are_not_there() -> None:
    connection = Connection(type="postgres", host="db.example")
    assert named(connection, Parts("", "marts", "orders")).name == "marts.orders"
    assert named(connection, Parts("shop", "marts", "")) is None
    athena = Connection(type="athena", region="eu-west-1")
    assert named(athena, Parts("", "marts", "orders")).name == "awsdatacatalog.marts.orders"


LAKE = Connection(
    type="duckdb",
    path="/srv/shop.duckdb",
    attached=(
        Attached(alias="lake", type="iceberg", path="warehouse", endpoint="https://catalog.example/v1"),
        Attached(alias="pg", type="postgres", host="db.example", port=5433, database="crm"),
        Attached(alias="my", type="mysql", host="my.example", database="crm"),
        Attached(alias="old", path="/srv/old.duckdb"),
        Attached(alias="lite", type="sqlite", path="/srv/lite.db"),
    ),
)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (Parts("shop", "main", "orders"), Name("duckdb:///srv/shop.duckdb", "shop.main.orders")),
        (Parts("LAKE", "marts", "orders"), Name("https://catalog.example/v1", "marts.orders")),
        (Parts("pg", "public", "people"), Name("postgres://db.example:5433", "crm.public.people")),
        (Parts("my", "crm", "people"), Name("mysql://my.example:3306", "crm.people")),
        (Parts("old", "main", "orders"), Name("duckdb:///srv/old.duckdb", "old.main.orders")),
        (Parts("lite", "main", "orders"), Name("sqlite:///srv/lite.db", "orders")),
    ],
)
def test_attached_databases(parts: Parts, name: Name) -> None:
    assert named(LAKE, parts) == name


def test_databricks_is_known_to_spark_by_its_catalog() -> None:
    connection = Connection(type="databricks", host="dbc-1.cloud.example")
    assert symlinks_of(connection, ALL) == (Name("unitycatalog://dbc-1.cloud.example", "shop.marts.orders"),)
    assert symlinks_of(Connection(type="postgres", host="db.example"), ALL) == ()


def test_sql_dialects() -> None:
    assert [dialect_of(k) for k in ("fabricspark", "sqlserver", "postgres", "")] == [
        "spark",
        "tsql",
        "postgres",
        "",
    ]
