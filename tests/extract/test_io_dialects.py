"""Spans of clients of databases, brokers and object stores, by the attributes that instrumentations give them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.extract import Wanted, extract, markers, sql_context
from otel_bridge.extract.dialects import database, messaging, objectstore
from otel_bridge.extract.object_urls import accessed
from otel_bridge.model import IoObserved, Span, SpanSeen, Status
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dialects, Namespace

NAMES = Namespaces(Namespace())
RUN = {"openlineage.run.id": "6f1c0e0e-0f0a-5b3c-9d52-0d1f6f9e5a11"}
ALL = Dialects(database="all", messaging="all", objectstore="all")
OFF = Dialects(database="off", messaging="off", objectstore="off")


def observed(said: dict[str, Any], dialects: Dialects = Dialects(), **span: Any) -> Any:  # noqa: B008
    item = Span(trace_id="0" * 31 + "1", span_id="0" * 15 + "2", end_ns=5, attributes=said, **span)
    [found] = extract(item, NAMES, Wanted(dialects=dialects))
    return found


def read_and_written(said: dict[str, Any], **span: Any) -> tuple[list[str], list[str]]:
    found = observed({**RUN, **said}, **span)
    assert isinstance(found, IoObserved)
    return tuple([f"{d.namespace} {d.name}" for d in side] for side in (found.inputs, found.outputs))


def context(said: dict[str, Any], dialects: Dialects = Dialects()) -> dict[str, Any]:  # noqa: B008
    [statement] = observed({**RUN, "db.query.text": "select 1", **said}, dialects).statements
    return statement["context"]


CLIENTS = [
    {"db.system": "postgresql", "db.statement": "select 1"},
    {"messaging.system": "kafka"},
    {"aws.s3.bucket": "lake"},
]


class TestWhichSpans:
    @pytest.mark.parametrize("said", CLIENTS)
    def test_marked_ones(self, said):
        assert isinstance(observed(said), SpanSeen)
        assert isinstance(observed({**RUN, **said}), IoObserved)

    @pytest.mark.parametrize("said", CLIENTS)
    def test_all(self, said):
        found = observed(said, ALL)
        assert isinstance(found, IoObserved)
        assert found.enclosing_run_id is None

    @pytest.mark.parametrize("said", CLIENTS)
    def test_a_span_that_its_run_waits_for_is_heard_of_even_if_nobody_reads_it(self, said):
        found = observed({**RUN, **said}, OFF)
        assert isinstance(found, IoObserved)
        assert (found.inputs, found.outputs, found.statements) == ((), (), ())
        assert isinstance(observed(said, OFF), SpanSeen)

    def test_nothing_else_is_looked_for_unless_all_are_wanted(self):
        assert markers() == markers(OFF)
        assert set(markers(ALL)) - set(markers()) >= {b"db.system", b"messaging.system", b"aws.s3."}

    @pytest.mark.parametrize("said", CLIENTS)
    def test_a_run_is_more_than_its_input_and_output(self, said):
        assert observed({**RUN, **said, "openlineage.job.name": "etl"}).evidence.rule == "bridge.span"

    @pytest.mark.parametrize("said", CLIENTS)
    def test_a_copy_that_is_cut_says_nothing(self, said):
        found = observed({**RUN, **said, "openlineage.export": "partial"}, ALL)
        assert (found.inputs, found.outputs, found.statements) == ((), (), ())


class TestConnections:
    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (
                {"db.system": "postgresql", "db.name": "shop", "net.peer.name": "db", "net.peer.port": 5433},
                ("postgres://db:5433", "shop", "public", "postgres", 3),
            ),
            (
                {"db.system.name": "postgresql", "db.namespace": "shop|sales", "server.address": "db"},
                ("postgres://db:5432", "shop", "sales", "postgres", 3),
            ),
            (
                {"db.system.name": "microsoft.sql_server", "db.namespace": "inst|shop", "server.address": "db"},
                ("mssql://db:1433", "shop", "dbo", "tsql", 3),
            ),
            (
                {"db.system": "mysql", "db.name": "shop", "network.peer.address": "10.0.0.7"},
                ("mysql://10.0.0.7:3306", "", "shop", "mysql", 2),
            ),
            (
                {"db.system.name": "snowflake", "db.namespace": "SHOP|RAW", "server.address": "acme-prod.snowflakecomputing.com"},
                ("snowflake://acme-prod", "SHOP", "RAW", "snowflake", 3),
            ),
            ({"db.system": "sqlite", "db.name": "/data/shop.db"}, ("sqlite:///data/shop.db", "", "", "sqlite", 1)),
            ({"db.system": "sqlite", "db.name": "shop.db"}, ("", "", "", "sqlite", 1)),
            ({"db.system": "sqlite", "db.name": ":memory:"}, ("", "", "", "sqlite", 1)),
            (
                {"db.system": "duckdb", "db.name": "/data/shop.duckdb"},
                ("duckdb:///data/shop.duckdb", "shop", "main", "duckdb", 3),
            ),
            (
                {"db.system": "postgresql", "db.name": "shop", "net.peer.name": "/var/run/postgresql"},
                ("", "shop", "public", "postgres", 3),
            ),
            ({"db.system": "oracle", "db.name": "XE", "server.address": "db"}, ("oracle://db:1521", "XE", "", "oracle", 3)),
        ],
    )  # fmt: skip
    def test_by_their_attributes(self, said, told):
        found = context(said)
        assert tuple(found[key] for key in ("namespace", "database", "schema", "dialect", "parts")) == told

    def test_what_the_settings_add(self):
        given = Dialects(namespaces={"postgresql": "postgres://main:5432"}, schemas={"postgres": "app"})
        found = context({"db.system": "postgresql", "db.name": "shop"}, given)
        assert (found["namespace"], found["schema"]) == ("postgres://main:5432", "app")
        told = context({"db.system": "postgresql", "db.name": "shop|own", "server.address": "db"}, given)
        assert (told["namespace"], told["schema"]) == ("postgres://db:5432", "own")

    def test_a_statement_that_failed_says_so(self):
        said = {**RUN, "db.system": "mysql", "db.statement": "select 1"}
        [statement] = observed(said, status=Status.ERROR).statements
        assert statement["failed"] is True


POSTGRES = {"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "db"}
MONGO = {"db.system": "mongodb", "db.name": "shop", "net.peer.name": "m", "net.peer.port": 27017}


class TestCollections:
    @pytest.mark.parametrize(
        ("said", "reads", "writes"),
        [
            ({"db.operation": "find", "db.mongodb.collection": "orders"}, ["mongodb://m:27017 shop.orders"], []),
            ({"db.operation": "insert", "db.mongodb.collection": "orders"}, [], ["mongodb://m:27017 shop.orders"]),
            ({"db.operation": "getMore", "db.mongodb.collection": "orders"}, [], []),
            ({"db.operation": "find"}, [], []),
        ],
    )  # fmt: skip
    def test_of_mongodb(self, said, reads, writes):
        assert read_and_written({**MONGO, **said}) == (reads, writes)

    @pytest.mark.parametrize(
        ("said", "reads", "writes"),
        [
            ({"db.operation.name": "SELECT", "db.collection.name": "orders"}, ["orders"], []),
            ({"db.operation": "INSERT", "db.sql.table": "Sales.Orders"}, [], ["sales.orders"]),
            ({"db.operation": "UPDATE", "db.sql.table": '"Orders"'}, [], ["Orders"]),
            ({"db.operation": "COPY", "db.sql.table": "orders"}, [], []),
            ({"db.query.summary": "SELECT orders rates"}, ["orders", "rates"], []),
            ({"db.query.summary": "INSERT daily SELECT orders"}, ["orders"], ["daily"]),
            ({"db.query.summary": "WITH x SELECT orders SELECT x"}, [], []),
            ({"db.query.summary": "INSERT daily SELECT a SELECT b"}, [], []),
            ({"db.query.summary": "CALL refresh"}, [], []),
        ],
    )
    def test_of_sql_databases_without_a_statement(self, said, reads, writes):
        def whole(names):
            return [f"postgres://db:5432 shop.{n if '.' in n else 'public.' + n}" for n in names]

        assert read_and_written({**POSTGRES, **said}) == (whole(reads), whole(writes))

    def test_of_others(self):
        cosmos = {
            "db.system.name": "azure.cosmosdb",
            "db.namespace": "shop",
            "server.address": "acme.documents.azure.com",
        }
        said = {"db.operation.name": "upsert_item", "db.collection.name": "orders"}
        assert read_and_written({**cosmos, **said})[1] == [
            "azurecosmos://acme.documents.azure.com/dbs/shop colls/orders"
        ]
        ring = {
            "db.system": "cassandra",
            "db.name": "shop",
            "net.peer.name": "c1",
            "db.cassandra.table": "orders",
        }
        assert read_and_written({**ring, "db.operation": "SELECT"})[0] == ["cassandra://c1:9042 shop.orders"]
        search = {
            "db.system": "elasticsearch",
            "server.address": "e",
            "db.operation": "search",
            "db.collection.name": "orders",
        }
        assert read_and_written(search)[0] == ["elasticsearch://e:9200 orders"]  # fmt: skip

    def test_keys_of_a_cache_are_no_datasets(self):
        assert read_and_written({"db.system": "redis", "db.statement": "GET ?", "net.peer.name": "r"}) == (
            [],
            [],
        )

    @pytest.mark.parametrize(
        "said",
        [
            {"server.address": ""},
            {"db.collection.name": "f(x)"},
            {"db.collection.name": "a.b.c.d"},
            {"db.collection.name": "orders", "db.namespace": ""},
        ],
    )
    def test_what_is_not_told_is_left_out_with_its_reason(self, said):
        given = {**RUN, **POSTGRES, "db.operation.name": "SELECT", "db.collection.name": "orders", **said}
        found = observed(given)
        assert found.inputs == ()
        assert len(found.omissions) == 1

    def test_a_failed_operation_did_nothing(self):
        said = {**MONGO, "db.operation": "find", "db.mongodb.collection": "orders"}
        assert read_and_written(said, status=Status.ERROR) == ([], [])


SEND, RECEIVE = {"messaging.operation.type": "send"}, {"messaging.operation.type": "receive"}
KAFKA = {"messaging.system": "kafka", "messaging.destination.name": "orders", "server.address": "k"}


class TestTopics:
    @pytest.mark.parametrize(
        ("said", "namespace"),
        [
            ({"server.port": 9093}, "kafka://k:9093"),
            ({}, "kafka://k:9092"),
            ({"server.address": '["k1:9093", "k2:9093"]'}, "kafka://k1:9093"),
            ({"server.address": "", "messaging.url": '["k1:9093"]'}, "kafka://k1:9093"),
            ({"server.address": "", "net.peer.name": "k3", "net.peer.port": 19092}, "kafka://k3:19092"),
            ({"server.address": "k1:9093,k2:9093"}, "kafka://k1:9093"),
            ({"server.address": "[::1]:9093"}, "kafka://[::1]:9093"),
        ],
    )
    def test_of_kafka(self, said, namespace):
        assert read_and_written({**KAFKA, **SEND, **said}) == ([], [f"{namespace} orders"])
        assert read_and_written({**KAFKA, **RECEIVE, **said}) == ([f"{namespace} orders"], [])

    def test_by_the_kind_of_the_span_where_the_operation_is_missing_or_wrong(self):
        old = {"messaging.system": "kafka", "messaging.destination": "orders", "server.address": "k"}
        assert read_and_written(old, kind=4) == ([], ["kafka://k:9092 orders"])
        assert read_and_written({**old, "messaging.operation": "receive"}, kind=4)[1]
        assert read_and_written(old, kind=5) == (["kafka://k:9092 orders"], [])
        assert read_and_written(old, kind=1) == ([], [])

    @pytest.mark.parametrize("operation", ["settle", "ack", "commit"])
    def test_what_moves_no_message(self, operation):
        assert read_and_written({**KAFKA, "messaging.operation.name": operation}, kind=5) == ([], [])

    def test_of_pubsub(self):
        said = {
            "messaging.system": "gcp_pubsub",
            "messaging.destination.name": "orders",
            "gcp.project_id": "shop",
        }
        assert read_and_written(said, kind=4) == ([], ["pubsub topic:shop:orders"])
        assert read_and_written(said, kind=5) == (["pubsub subscription:shop:orders"], [])
        whole = {
            "messaging.system": "gcp_pubsub",
            "messaging.destination.name": "projects/shop/topics/orders",
        }
        assert read_and_written(whole, kind=4)[1] == ["pubsub topic:shop:orders"]

    @pytest.mark.parametrize("system", ["rabbitmq", "aws_sqs", "servicebus", "pulsar", "nats", "kafka"])
    def test_without_a_name(self, system):
        said = {**RUN, "messaging.system": system, "messaging.destination.name": "orders", **SEND}
        found = observed(said)
        assert found.outputs == ()
        assert system in found.omissions[0].reason
        given = Dialects(namespaces={system: f"{system}://main"})
        assert [d.namespace for d in observed(said, given).outputs] == [f"{system}://main"]


S3 = {"rpc.system": "aws-api", "rpc.service": "S3", "aws.s3.bucket": "lake", "aws.s3.key": "raw/a b.csv"}


class TestObjects:
    @pytest.mark.parametrize(
        ("said", "reads", "writes"),
        [
            ({"rpc.method": "GetObject"}, ["s3://lake raw/a b.csv"], []),
            ({"rpc.method": "S3/PutObject"}, [], ["s3://lake raw/a b.csv"]),
            ({"rpc.method": "UploadPart"}, [], ["s3://lake raw/a b.csv"]),
            (
                {"rpc.method": "CopyObject", "aws.s3.copy_source": "other/from%20here.csv?versionId=3"},
                ["s3://other from here.csv"],
                ["s3://lake raw/a b.csv"],
            ),
            ({"rpc.method": "ListObjectsV2"}, [], []),
            ({"rpc.method": "HeadObject"}, [], []),
            ({"rpc.method": "DeleteObject"}, [], []),
        ],
    )
    def test_of_s3(self, said, reads, writes):
        assert read_and_written({**S3, **said}) == (reads, writes)

    def test_that_are_not_told_are_left_out_with_the_reason(self):
        found = observed({**RUN, "rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "PutObject"})
        assert found.outputs == ()
        assert "bucket and key" in found.omissions[0].reason

    @pytest.mark.parametrize(
        ("name", "said", "reads", "writes"),
        [
            ("read", {"file.path": "/data/a.csv"}, ["file /data/a.csv"], []),
            ("LocalFileSystem.write", {"file.path": "/data/a.csv"}, [], ["file /data/a.csv"]),
            ("s3fs cat_file", {"url.full": "s3://lake/a.csv"}, ["s3://lake a.csv"], []),
            ("pipe_file", {"url.full": "gs://lake/a.csv"}, [], ["gs://lake a.csv"]),
            ("open", {"file.path": "/data/a.csv"}, [], []),
            ("read", {"file.path": "a.csv"}, [], []),
        ],
    )
    def test_files(self, name, said, reads, writes):
        assert read_and_written(said, name=name) == (reads, writes)

    def test_downloads_of_google_s_client(self):
        said = {
            "rpc.service": "CloudStorage", "gcp.client.service": "storage", "server.address": "storage.googleapis.com",
            "url.path": "/download/storage/v1/b/lake/o/raw%2Forders.csv", "http.request.method": "GET",
        }  # fmt: skip
        assert read_and_written(said) == (["gs://lake raw/orders.csv"], [])

    @pytest.mark.parametrize(
        ("method", "url", "location"),
        [
            ("PUT", "https://lake.s3.amazonaws.com/a.csv", "s3://lake a.csv"),
            ("PUT", "https://s3.eu-west-1.amazonaws.com/lake/a/b.csv?partNumber=1&uploadId=x", "s3://lake a/b.csv"),
            ("GET", "https://my.lake.s3.us-gov-west-1.amazonaws.com/a.csv", "s3://my.lake a.csv"),
            ("GET", "https://lake.s3.amazonaws.com/?list-type=2", None),
            ("GET", "https://lake.s3.amazonaws.com/a.csv?acl", None),
            ("HEAD", "https://lake.s3.amazonaws.com/a.csv", None),
            ("POST", "https://lake.s3.amazonaws.com/a.csv?uploads", None),
            ("GET", "https://sqs.eu-west-1.amazonaws.com/1/q", None),
            ("GET", "https://storage.googleapis.com/storage/v1/b/lake/o/a.csv", None),
            ("GET", "https://storage.googleapis.com/storage/v1/b/lake/o/a%2Fb.csv?alt=media", "gs://lake a/b.csv"),
            ("PUT", "https://storage.googleapis.com/lake/a/b.csv", "gs://lake a/b.csv"),
            ("PUT", "https://storage.googleapis.com/upload/storage/v1/b/lake/o?uploadType=resumable", None),
            ("PUT", "https://acme.blob.core.windows.net/lake/a.csv?comp=block&blockid=1", "wasbs://lake@acme.blob.core.windows.net /a.csv"),
            ("PUT", "https://acme.blob.core.windows.net/lake/a.csv?comp=metadata", None),
            ("PUT", "https://acme.blob.core.windows.net/lake?restype=container", None),
            ("GET", "https://acme.blob.core.windows.net/lake/a.csv", "wasbs://lake@acme.blob.core.windows.net /a.csv"),
            ("PATCH", "https://acme.dfs.core.windows.net/lake/a.csv?action=append", "abfss://lake@acme.dfs.core.windows.net /a.csv"),
            ("PUT", "https://acme.dfs.core.windows.net/lake/a.csv?resource=file", None),
            ("GET", "https://example.com/lake/a.csv", None),
            ("GET", "https://[bad", None),
        ],
    )  # fmt: skip
    def test_requests(self, method, url, location):
        found = accessed(method, url)
        assert (None if found is None else " ".join(found[0])) == location
        if found:
            assert found[1] == ("read" if method == "GET" else "write")


def constants(*modules: Any) -> list[str]:
    """All names of attributes that these modules read."""
    found: set[str] = set()
    for module in modules:
        for name, value in vars(module).items():
            each = value if isinstance(value, tuple) else (value,)
            found |= {v for v in each if name.isupper() and isinstance(v, str) and "." in v}
    return sorted(found)


READ = constants(database, messaging, objectstore, sql_context)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
    | st.sampled_from(["kafka", "postgresql", "mongodb", "S3", "GetObject", "insert", "https://lake.s3.amazonaws.com/a", "a|b", "["])
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner))


@given(
    st.dictionaries(st.sampled_from(READ), values, min_size=1, max_size=6),
    st.integers(0, 6),
    st.sampled_from(["", "read", "x.write"]),
)
def test_nothing_that_a_span_says_breaks_it(said, kind, name):
    found = observed({**RUN, **said}, kind=kind, name=name)
    for dataset in (*found.inputs, *found.outputs) if isinstance(found, IoObserved) else ():
        assert dataset.namespace
        assert dataset.name
