"""Column lineage from SQL, seen from outside: spans with statements and schemas in, events out."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from otel_bridge.testing import BridgeProcess
from tests import otlp

DB = "postgres://db.example:5432"
ORDERS = {"namespace": DB, "name": "shop.public.orders", "schema": [
    {"name": "id", "type": "integer"}, {"name": "day", "type": "date"},
    {"name": "amount", "type": "numeric"}, {"name": "state", "type": "text"},
]}  # fmt: skip
DAILY = {"namespace": DB, "name": "shop.public.daily", "schema": [{"name": "day"}, {"name": "revenue"}]}
SQL = """
with paid as (select * from public.orders where state = 'paid')
select day, sum(amount) as revenue from paid group by day
"""


def source(field: str, *transformations: str) -> dict[str, Any]:
    parts = [dict(zip(("type", "subtype"), t.split(":"), strict=True)) for t in transformations]
    return {"namespace": DB, "name": "shop.public.orders", "field": field, "transformations": parts}


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    with BridgeProcess(tmp_path_factory.mktemp("columns")) as running:
        yield running


def send(
    bridge: BridgeProcess, job: str, sql: str, inputs: Any = (ORDERS,), outputs: Any = (DAILY,), **more: Any
) -> Any:
    """The job's last event."""
    span = otlp.span(
        otlp.trace_id(), otlp.span_id(), job=job, openlineage__sql=sql,
        openlineage__inputs=json.dumps(list(inputs)), openlineage__outputs=json.dumps(list(outputs)), **more,
    )  # fmt: skip
    otlp.Exporter(bridge.endpoints.http).traces(span)
    bridge.wait(lambda: last(bridge, job), f"has the last event of {job}")
    return last(bridge, job)


def last(bridge: BridgeProcess, job: str) -> Any:
    lines = bridge.events_file.read_bytes().splitlines(keepends=True) if bridge.events_file.exists() else []
    events = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return next((e for e in events if e["job"]["name"] == job and e["eventType"] != "START"), None)


def lineage(event: Any) -> Any:
    return event["outputs"][0]["facets"].get("columnLineage")


def coverage(event: Any) -> Any:
    return event["run"]["facets"].get("otel_lineage_coverage")


def test_columns_of_a_query(bridge: BridgeProcess, openlineage_spec: Any) -> None:
    event = send(bridge, "daily", SQL)
    openlineage_spec.check(event)
    found = lineage(event)
    assert found["fields"] == {
        "day": {"inputFields": [source("day", "DIRECT:IDENTITY")]},
        "revenue": {"inputFields": [source("amount", "DIRECT:AGGREGATION")]},
    }
    assert sorted(found["dataset"], key=lambda one: one["field"]) == [
        source("day", "INDIRECT:GROUP_BY"), source("state", "INDIRECT:FILTER")
    ]  # fmt: skip
    assert (coverage(event)["columns"], coverage(event)["resolved"]) == (2, 2)
    assert "schema" in event["inputs"][0]["facets"]
    assert "schema" in event["outputs"][0]["facets"]


def test_the_facet_has_a_schema_that_is_served(bridge: BridgeProcess) -> None:
    url = coverage(send(bridge, "served", SQL))["_schemaURL"]
    with urllib.request.urlopen(f"{bridge.api_url}{urlsplit(url).path}") as answer:
        assert json.load(answer)["$id"] == url.partition("#")[0]


@pytest.mark.parametrize(
    "own",
    [
        {"columns": {"day": [{"namespace": DB, "name": "own", "field": "x"}]}},
        {
            "facets": {
                "columnLineage": {
                    "fields": {"day": {"inputFields": [{"namespace": DB, "name": "own", "field": "x"}]}}
                }
            }
        },
    ],
    ids=["short", "facet"],
)
def test_what_the_producer_says_wins(bridge: BridgeProcess, own: Any) -> None:
    event = send(bridge, f"own {len(own)} {next(iter(own))}", SQL, outputs=[DAILY | own])
    assert [f["name"] for f in lineage(event)["fields"]["day"]["inputFields"]] == ["own"]
    assert coverage(event) is None


def test_the_connection_tells_tables_that_the_run_does_not_list(
    bridge: BridgeProcess, openlineage_spec: Any
) -> None:
    over = {
        "db.system.name": "postgresql", "server.address": "db.example", "server.port": 5432, "db.namespace": "shop|public"
    }  # fmt: skip
    sql = "insert into audit (day) with gone as (select day from orders) select day from gone"
    event = send(bridge, "audit", sql, inputs=[], outputs=[], **over)
    openlineage_spec.check(event)
    assert [(d["namespace"], d["name"]) for d in event["inputs"]] == [(DB, "shop.public.orders")]
    assert [(d["namespace"], d["name"]) for d in event["outputs"]] == [(DB, "shop.public.audit")]
    assert lineage(event)["fields"]["day"]["inputFields"] == [source("day", "DIRECT:IDENTITY")]
    assert [t["name"] for t in coverage(event)["tables"]] == ["shop.public.orders", "shop.public.audit"]


def test_a_table_of_an_unknown_namespace_is_no_input(bridge: BridgeProcess) -> None:
    event = send(
        bridge,
        "unknown",
        "select day from nowhere.orders",
        inputs=[],
        outputs=[DAILY | {"namespace": "file"}],
    )
    assert event["inputs"] == []
    assert lineage(event) is None
    assert coverage(event)["resolved"] == 0
    assert coverage(event)["reasons"]


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("this is no SQL at all (", ""),
        (SQL, "no such dialect"),
        ("select '" + "x" * 200_000 + "' as day", "postgres"),
    ],
    ids=["no SQL", "bad dialect", "200,000 characters"],
)
def test_whatever_the_statement_is_the_run_is_told(bridge: BridgeProcess, sql: str, dialect: str) -> None:
    job = f"whatever {len(sql)}"
    event = send(bridge, job, sql, openlineage__sql__dialect=dialect)
    assert event["eventType"] == "COMPLETE"
    assert coverage(event)["columns"] >= 1


def test_a_process_that_is_killed_costs_nothing(bridge: BridgeProcess) -> None:
    send(bridge, "before", SQL + "-- before")
    (worker,) = analysing(bridge.pid)
    os.kill(worker, signal.SIGKILL)
    event = send(bridge, "after", SQL + "-- after")
    assert coverage(event)["resolved"] == 2
    assert analysing(bridge.pid) != [worker]


def test_secrets_of_a_statement_are_nowhere(bridge: BridgeProcess) -> None:
    sql = "alter user etl password 'hunter2-geheim'; create secret s (key_id 'x', secret 'hunter2-geheim') ( broken"
    event = send(bridge, "secret", sql)
    assert coverage(event)["resolved"] == 0
    assert "geheim" not in json.dumps([event["run"], event["outputs"]])
    assert "geheim" not in bridge.log()


def test_a_secret_that_reads_as_a_name_is_not_quoted(bridge: BridgeProcess) -> None:
    sql = "select \"hunter2-geheim\" as day from orders where state = 'password=hunter2-geheim'"
    event = send(bridge, "secret name", sql)
    assert "no table here has a column ..." in [one["reason"] for one in coverage(event)["reasons"]]
    assert "geheim" not in json.dumps(event["run"])


def test_doctor_and_metrics_say_how_complete_it_is(bridge: BridgeProcess) -> None:
    send(bridge, "counted", SQL)
    send(bridge, "counted again", SQL)
    send(bridge, "not counted", "select nothing_like_it as day, amount as revenue from public.orders")
    figures = bridge.health()["column_lineage"]
    assert 0 < figures["resolved"] < figures["columns"]
    assert figures["columns"] == figures["resolved"] + sum(figures["gaps"].values())
    with urllib.request.urlopen(f"{bridge.api_url}/metrics") as answer:
        text = answer.read().decode()
    assert f"otel_bridge_column_lineage_columns_total {float(figures['columns'])}" in text
    assert 'otel_bridge_column_lineage_statements_total{outcome="remembered"}' in text
    command = [sys.executable, "-m", "otel_bridge", "doctor", "--data-dir", str(bridge.data_dir)]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    assert (
        f"Column lineage from SQL: {figures['resolved']} of {figures['columns']} columns of {figures['runs']} runs"
        in said
    )


def test_a_statement_that_takes_too_long_costs_its_own_lineage_alone(tmp_path: Path) -> None:
    with BridgeProcess(tmp_path, settings={"column_lineage": {"time_limit": "1ms"}}) as bridge:
        wide = "select " + ", ".join(f"amount + {n} as c{n}" for n in range(2000)) + " from orders"
        event = send(bridge, "wide", wide, outputs=[{"namespace": DB, "name": "shop.public.wide"}])
        assert lineage(event) is None
        assert "column_lineage.time_limit" in coverage(event)["reasons"][0]["reason"]
        assert event["job"]["facets"]["sql"]["query"] == wide
        assert send(bridge, "wide again", wide)["eventType"] == "COMPLETE"
        assert bridge.health()["column_lineage"]["statements"]["too_slow"] >= 1


def test_disabled_there_is_nothing_of_it(tmp_path: Path) -> None:
    with BridgeProcess(tmp_path, settings={"column_lineage": {"enabled": False}}) as bridge:
        event = send(bridge, "daily", SQL)
        assert (lineage(event), coverage(event)) == (None, None)
        assert analysing(bridge.pid) == []
        with urllib.request.urlopen(f"{bridge.api_url}/metrics") as answer:
            assert b"column_lineage" not in answer.read()


def test_it_ends_with_a_bridge_that_is_killed(tmp_path: Path) -> None:
    bridge = BridgeProcess(tmp_path).start()
    send(bridge, "daily", SQL)
    (worker,) = analysing(bridge.pid)
    bridge.kill()
    end = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_convert_says_the_same(bridge: BridgeProcess, tmp_path: Path) -> None:
    event = send(bridge, "offline", SQL)
    span = otlp.span(
        otlp.trace_id(), otlp.span_id(), job="offline", openlineage__sql=SQL,
        openlineage__inputs=json.dumps([ORDERS]), openlineage__outputs=json.dumps([DAILY]),
    )  # fmt: skip
    file = tmp_path / "traces.bin"
    file.write_bytes(otlp.traces(span))
    command = [sys.executable, "-m", "otel_bridge", "convert", str(file)]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
    assert lineage(json.loads(lines[-1])) == lineage(event)


def analysing(pid: int) -> list[int]:
    """The analysing processes below a bridge."""
    found, pids = [], [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
        words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        found += [parent] if b"otel_bridge.sql.worker" in words else []
    return found
