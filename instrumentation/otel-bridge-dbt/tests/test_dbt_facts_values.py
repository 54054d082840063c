"""Facts that need no dbt: what is told of credentials and values, and what never is."""

import doctest
import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from dbt_otel_bridge.columns import FREE_S, SLOWEST_S, Columns, mode_from_environment
from dbt_otel_bridge.facts.columns import known_columns
from dbt_otel_bridge.facts.connection import connection, database_path
from dbt_otel_bridge.facts.inputs import _is_named
from dbt_otel_bridge.facts.nodes import _read
from dbt_otel_bridge.facts.scope import Scope
from dbt_otel_bridge.facts.values import compact, message, part, plain, to_json

SECRETS = {
    "user": "ada",
    "password": "hush-1",
    "pass": "hush-2",
    "token": "hush-3",
    "keyfile": "/home/ada/hush-4.json",
    "keyfile_json": {"private_key": "hush-5"},
    "private_key": "hush-6",
    "private_key_passphrase": "hush-7",
    "client_secret": "hush-8",
    "refresh_token": "hush-9",
    "connection_parameters": {"password": "hush-10"},
    "settings": {"motherduck_token": "hush-11"},
    "secrets": [{"secret": "hush-12"}],
    "sslkey": "hush-13",
    "aws_secret_access_key": "hush-14",
}


def credentials(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(**SECRETS, **fields)


@pytest.mark.parametrize(
    "module", ["connection", "values", "consumers", "flags", "relations", "node", "results"]
)
def test_examples_in_the_docstrings_hold(module: str):
    found = doctest.testmod(importlib.import_module(f"dbt_otel_bridge.facts.{module}"))
    assert found.failed == 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"type": "postgres", "host": "db", "port": 5432, "database": "shop", "schema": "main"},
            {"host": "db", "port": 5432, "database": "shop", "schema": "main"},
        ),
        (
            {
                "type": "snowflake",
                "account": "org-shop",
                "database": "SHOP",
                "schema": "MAIN",
                "warehouse": "BIG",
            },
            {"account": "org-shop", "database": "SHOP", "schema": "MAIN"},
        ),
        (
            {
                "type": "bigquery",
                "project": "p",
                "dataset": "d",
                "location": "EU",
                "database": "p",
                "schema": "d",
            },
            {"project": "p", "dataset": "d", "region": "EU", "database": "p", "schema": "d"},
        ),
        (
            {
                "type": "redshift",
                "host": "c.abc.eu-west-1.redshift.amazonaws.com",
                "port": 5439,
                "cluster_id": "c",
            },
            {"host": "c.abc.eu-west-1.redshift.amazonaws.com", "port": 5439, "cluster": "c"},
        ),
        (
            {
                "type": "databricks",
                "host": "dbc.example",
                "catalog": "main",
                "schema": "s",
                "http_path": "/sql/1",
            },
            {"host": "dbc.example", "catalog": "main", "schema": "s"},
        ),
        ({"type": "sqlserver", "server": "ms.example", "port": 1433}, {"host": "ms.example", "port": 1433}),
        (
            {"type": "athena", "region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "s"},
            {"region": "eu-west-1", "database": "awsdatacatalog", "schema": "s"},
        ),
    ],
)
def test_of_a_connection_only_what_names_it_is_told(fields: dict[str, object], told: dict[str, object]):
    found = connection(credentials(**fields), "1.2.3")
    assert found == {"type": fields["type"], "version": "1.2.3", **told}
    assert "hush" not in to_json(found)
    assert "ada" not in to_json(found)


def test_a_duckdb_file_is_absolute_and_what_is_attached_has_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    attach = [
        SimpleNamespace(path="other/../lake.duckdb", alias="lake", type=None, options=None),
        {
            "path": "host=pg port=5433 dbname=crm user=ada password='hush 15'",
            "alias": "crm",
            "type": "postgres",
        },
        {"path": "postgres://ada:hush-16@pg:5432/crm?sslmode=on", "alias": "crm2", "type": "postgres"},
        {"path": "md:shared?motherduck_token=hush-17", "alias": "shared"},
        {
            "path": "warehouse",
            "alias": "ice",
            "type": "iceberg",
            "options": {
                "endpoint": "https://ada:hush-18@catalog.example/v1?token=hush-19",
                "secret": "hush-20",
            },
        },
    ]
    found = connection(credentials(type="duckdb", path="shop.duckdb", attach=attach))
    assert found["path"] == str(tmp_path / "shop.duckdb")
    assert found["attached"] == [
        {"alias": "lake", "path": str(tmp_path / "lake.duckdb")},
        {"alias": "crm", "type": "postgres", "host": "pg", "port": "5433", "database": "crm"},
        {"alias": "crm2", "type": "postgres", "path": "postgres://pg:5432/crm"},
        {"alias": "shared", "path": "md:shared"},
        {"alias": "ice", "type": "iceberg", "path": "warehouse", "endpoint": "https://catalog.example/v1"},
    ]
    assert "hush" not in to_json(found)
    assert database_path(":memory:") == ":memory:"


def test_a_message_has_neither_colours_nor_dbts_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBT_ENV_SECRET_PASSWORD", "hush-21")
    assert message("\x1b[31mno\x1b[0m way in with hush-21") == "no way in with *****"
    assert len(message("x" * 1_000_000) or "") < 100_000


def test_values_of_any_kind_become_json():
    class Odd:
        def __str__(self) -> str:
            return "odd"

    ring: dict[str, object] = {}
    ring["ring"] = ring
    assert plain({1: {2.5}, "odd": Odd(), "path": Path("x")}) == {"1": [2.5], "odd": "odd", "path": "x"}
    assert '"nan":null' in to_json(plain({"nan": float("nan")}))
    assert to_json(plain(ring))
    assert compact({"no": False, "zero": 0, "none": None}) == {"no": False, "zero": 0}


def test_an_object_that_raises_lacks_the_fact():
    class Angry:
        @property
        def name(self) -> str:
            raise RuntimeError

    assert part(Angry(), "name") is None


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ('select * from "db"."dev"."orders"', True),
        ('from (select * from "db"."dev"."orders" where false limit 0) as x', True),
        ('{"orders": "\\"db\\".\\"dev\\".\\"orders\\""}', True),
        ('select * from "db"."dev"."orders_2"', False),
        ('select * from "other"."db"."dev"."orders"', False),
        (None, False),
    ],
)
def test_a_relation_is_found_in_code_by_its_whole_name(code: str | None, named: bool):
    assert _is_named('"db"."dev"."orders"', code) is named


@pytest.mark.parametrize(
    ("code", "named"),
    [("from db.dev.orders o", True), ("from db.dev.orders.x", True), ("from xdb.dev.orders", False)],
)
def test_so_is_one_without_quotes(code: str, named: bool):
    assert _is_named("db.dev.orders", code) is named


@pytest.mark.parametrize(
    ("value", "mode"),
    [("", "all"), ("off", "off"), (" Outputs ", "outputs"), ("none", "off"), ("what", "all")],
)
def test_the_mode_is_one_of_three(value: str, mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_BRIDGE_DBT_COLUMNS", value)
    assert mode_from_environment() == mode


class Asked:
    """An adapter as far as a question goes, and a relation of it."""

    def __init__(self, kind: str, **connection: object) -> None:
        self.kind = kind
        self.connections = SimpleNamespace(get_if_exists=lambda: SimpleNamespace(**connection))

    def type(self) -> str:
        return self.kind

    def render(self) -> str:
        return "t"


def test_after_a_failure_nobody_is_asked():
    columns, asked = Columns("all"), Asked("exotic")
    columns.observe(asked, asked)
    assert columns.given_up == "failed"
    assert not columns.wants("other", output=True)


def test_where_a_failure_does_no_harm_three_are_borne():
    columns, asked = Columns("all"), Asked("duckdb", state="open", handle=None)
    for _ in range(2):
        columns.observe(asked, asked)
    assert columns.given_up is None
    columns.observe(asked, asked)
    assert columns.given_up == "failed"


def test_a_connection_that_is_not_open_is_left_alone():
    columns, asked = Columns("all"), Asked("duckdb", state="closed")
    columns.observe(asked, asked)
    assert columns.known("t") is None
    assert columns.given_up is None
    assert columns.wants("t", output=False)


def test_an_open_transaction_of_an_adapter_that_is_not_known_is_left_alone():
    columns, asked = Columns("all"), Asked("exotic", state="open", transaction_open=True)
    columns.observe(asked, asked)
    assert columns.known("t") is None
    assert columns.given_up is None


@pytest.mark.parametrize(("took_s", "given_up"), [(SLOWEST_S + 1, True), (FREE_S / 10, False)])
def test_questions_that_take_long_end(took_s: float, given_up: bool):
    columns, asked = Columns("all"), Asked("duckdb")
    columns._remember(asked, "t", [], took_s, failed=False)
    assert bool(columns.given_up) is given_up


def test_a_fact_that_raises_leaves_the_others():
    def wrong() -> None:
        raise KeyError("gone")

    found = _read({"dbt.node": lambda: {"alias": "x"}, "dbt.inputs": wrong, "dbt.output": dict})
    assert found == {"dbt.node": '{"alias":"x"}', "dbt.unread": '{"dbt.inputs":"KeyError: \'gone\'"}'}


@pytest.mark.parametrize(("mode", "source"), [("off", "catalog"), ("all", "yaml")])
def test_a_catalog_serves_where_nobody_is_asked_and_never_counts_as_all(
    tmp_path: Path, mode: str, source: str
):
    entry = {
        "columns": {
            "B": {"name": "B", "type": "INT", "index": 2},
            "A": {"name": "A", "type": "TEXT", "index": 1},
        }
    }
    (tmp_path / "catalog.json").write_text(to_json({"nodes": {"model.p.m": entry}, "sources": {}}))
    scope = Scope("id", SimpleNamespace(project_target_path=str(tmp_path)), None, None, Columns(mode))
    described = {"b": SimpleNamespace(name="b", description="Second.")}
    node = SimpleNamespace(unique_id="model.p.m", resource_type="model", columns=described)
    found = known_columns(scope, node, "m")
    assert (found["columns_from"], found["columns_complete"]) == (source, False)
    assert [column["name"] for column in found["columns"]] == (["A", "B"] if mode == "off" else ["b"])
    assert found["columns"][-1]["description"] == "Second."
