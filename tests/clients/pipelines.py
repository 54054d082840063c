"""Jobs over real clients with OpenTelemetry's instrumentations: `python pipelines.py NAME`, in the environment `clients`.

Each sets up an SDK and instruments its client as its documentation says, and is one run of otel-lineage.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from otel_lineage import lineage_run


def over_psycopg() -> None:
    """A report made of two tables by way of a temporary one, in PostgreSQL."""
    import psycopg
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    with psycopg.connect(os.environ["DSN"], autocommit=True) as setting_up:
        setting_up.execute("create schema raw")
        setting_up.execute("create table raw.orders (id int, day date, amount numeric, state text)")
        setting_up.execute("create table raw.rates (day date, rate numeric)")
        setting_up.execute("create table daily (day date, revenue numeric)")
    PsycopgInstrumentor().instrument()
    with lineage_run("daily_revenue"), psycopg.connect(os.environ["DSN"]) as connection:
        connection.execute("create temp table paid as select * from raw.orders where state = %s", ["paid"])
        connection.execute("delete from daily where day >= %(since)s", {"since": "2026-01-01"})
        connection.execute(
            "insert into daily (day, revenue) select p.day, sum(p.amount * r.rate) from paid p"
            " join raw.rates r on r.day = p.day group by p.day"
        )
        with connection.cursor() as cursor:
            cursor.executemany("insert into raw.rates (day, rate) values (%s, %s)", [("2026-01-01", 1.1)] * 2)
        try:
            with connection.transaction():
                connection.execute("insert into missing select * from raw.orders")
        except psycopg.errors.UndefinedTable:
            pass


def over_sqlite() -> None:
    """The same module that needs no server; its spans tell no file."""
    import sqlite3

    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    SQLite3Instrumentor().instrument()
    with lineage_run("report"):
        connection = sqlite3.connect(os.environ["FILE"])
        cursor = connection.cursor()
        cursor.execute("create table if not exists orders (id integer, amount real)")
        cursor.execute("insert into orders (id, amount) values (?, ?)", (1, 2.5))
        cursor.execute("create table totals as select id, sum(amount) as total from orders group by id")
        connection.commit()
        connection.close()


def over_sqlalchemy() -> None:
    """SQLite by SQLAlchemy, whose spans do tell the file."""
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select

    engine = create_engine(f"sqlite:///{os.environ['FILE']}")
    SQLAlchemyInstrumentor().instrument(engine=engine)
    tables = MetaData()
    orders = Table("orders", tables, Column("id", Integer), Column("amount", Integer))
    large = Table("large", tables, Column("id", Integer), Column("doubled", Integer))
    tables.create_all(engine)
    with lineage_run("large_orders"), engine.begin() as connection:
        picked = select(orders.c.id, orders.c.amount * 2).where(orders.c.amount > 100)
        connection.execute(insert(large).from_select(["id", "doubled"], picked))
        connection.execute(select(large)).all()


def over_kafka() -> None:
    """From one topic to another, by confluent-kafka; clients that are made after `instrument` tell their brokers."""
    import confluent_kafka
    from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor

    brokers = {"bootstrap.servers": os.environ["BROKERS"]}
    first = confluent_kafka.Producer(brokers)
    first.produce("orders", b"one")
    first.flush(20)
    ConfluentKafkaInstrumentor().instrument()
    producer: Any = confluent_kafka.Producer(brokers)
    group = {"group.id": "enrich", "auto.offset.reset": "earliest"}
    consumer: Any = confluent_kafka.Consumer({**brokers, **group})
    consumer.subscribe(["orders"])
    with lineage_run("enrich_orders", processing_type="STREAMING"):
        message = None
        while message is None:
            message = consumer.poll(1.0)
        producer.produce("enriched", message.value())
        producer.flush(20)
        consumer.close()


def over_s3() -> None:
    """A copy and a report in S3, by botocore; the hook tells bucket and key."""
    import botocore.session
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
    from otel_lineage.hooks import s3_objects

    BotocoreInstrumentor().instrument(request_hook=s3_objects)
    client = botocore.session.get_session().create_client(
        "s3", region_name="eu-west-1", endpoint_url=os.environ["S3"],
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    with lineage_run("report"):
        client.list_objects_v2(Bucket="lake", Prefix="raw/")
        rows = client.get_object(Bucket="lake", Key="raw/orders.csv")["Body"].read()
        client.put_object(Bucket="lake", Key="marts/report.csv", Body=rows)
        client.copy_object(
            Bucket="archive", Key="orders.csv", CopySource={"Bucket": "lake", "Key": "raw/orders.csv"}
        )


PIPELINES: dict[str, Callable[[], None]] = {
    "psycopg": over_psycopg,
    "sqlite": over_sqlite,
    "sqlalchemy": over_sqlalchemy,
    "kafka": over_kafka,
    "s3": over_s3,
}

if __name__ == "__main__":
    resource = Resource({"service.name": Path(sys.argv[0]).stem, "deployment.environment.name": "test"})
    trace.set_tracer_provider(TracerProvider(resource=resource))
    PIPELINES[sys.argv[1]]()
