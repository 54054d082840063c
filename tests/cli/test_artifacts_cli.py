"""`otel-bridge artifacts` and `convert --dbt-artifacts` as a user meets them; with a running bridge: tests/acceptance."""

import json
import shutil
from pathlib import Path

from otel_bridge.journal import prepare
from otel_bridge.testing import Sink
from otel_bridge.testing.sink import Answer
from tests.cli.test_cli import run
from tests.dbt import recordings

BUILD = recordings.target("build")
NAMES = ("--set", f"dbt.namespaces={json.dumps(recordings.NAMESPACES)}")


def test_a_finished_run_gives_the_same_bytes_each_time(tmp_path: Path, openlineage_spec) -> None:
    words = ("convert", "--dbt-artifacts", str(BUILD), "--namespace", "floe.test.dbt", *NAMES)
    one, other = run(*words, cwd=tmp_path), run(*words, cwd=tmp_path)
    assert (one.returncode, one.stdout) == (0, other.stdout)
    events = [json.loads(line) for line in one.stdout.splitlines()]
    assert {e["job"]["namespace"] for e in events} == {"floe.test.dbt"}
    assert (len(events), events[0]["eventType"], events[-1]["eventType"]) == (72, "START", "FAIL")
    assert events[0]["run"]["facets"]["dbt_run"]["invocation_id"] == recordings.invocation_id("build")
    assert not any("otel_trace" in e["run"]["facets"] for e in events)
    for line in one.stdout.splitlines():
        openlineage_spec.check(line)


def test_without_a_namespace_it_is_that_of_the_template(tmp_path: Path) -> None:
    done = run(
        "convert", "--dbt-artifacts", str(BUILD), "--set", "namespace.defaults.domain=shop", cwd=tmp_path
    )
    assert json.loads(done.stdout.splitlines()[0])["job"]["namespace"] == "floe.dev.shop"


def test_spans_and_artifacts_together(tmp_path: Path) -> None:
    (tmp_path / "spans.json").write_bytes(recordings.spans("build"))
    done = run("convert", "spans.json", "--dbt-artifacts", str(BUILD), *NAMES, cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    orders = next(
        e for e in events if e["job"]["name"] == "model.everything.orders" and e["eventType"] == "COMPLETE"
    )
    assert {d["name"] for d in orders["inputs"]} == {
        "everything.shop.stg_orders",
        "everything.shop.stg_customers",
    }
    assert orders["run"]["facets"]["otel_trace"]["traceId"] == "0af7651916cd43dd8448eb211c80319c"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    for words, reason in (
        (("convert",), b"give FILES, or --dbt-artifacts DIR"),
        (("convert", "--dbt-artifacts", "."), b"has no manifest.json. Give dbt's target folder"),
        (("artifacts", "push", "."), b"has none of manifest.json"),
        (
            ("artifacts", "push", str(BUILD), "--url", "http://127.0.0.1:1", "--wait", "0s"),
            b"does not answer",
        ),
        (("artifacts", "list", "--data-dir", "nowhere"), b"does not exist"),
    ):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, reason in done.stderr) == (2, True), done.stderr


def test_results_of_another_invocation_are_no_run(tmp_path: Path) -> None:
    target = tmp_path / "target"
    shutil.copytree(BUILD, target)
    shutil.copy(recordings.target("docs") / "manifest.json", target)
    done = run("convert", "--dbt-artifacts", "target", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Give the folder as the run left it" in done.stderr
    assert recordings.invocation_id("build").encode() in done.stderr


def test_a_command_that_moved_no_data(tmp_path: Path) -> None:
    done = run("convert", "--dbt-artifacts", str(recordings.target("docs")), *NAMES, cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) > 20
    assert not any("eventType" in e or "run" in e for e in events)
    orders = next(e for e in events if e["job"]["name"] == "model.everything.orders")
    fields = [f["name"] for f in orders["outputs"][0]["facets"]["schema"]["fields"]]
    assert fields == ["order_id", "customer_name", "ordered_on", "amount"]
    assert "columnLineage" in orders["outputs"][0]["facets"]


def test_push_sends_what_is_read_with_the_manifest_last(tmp_path: Path) -> None:
    shutil.copytree(BUILD, tmp_path / "target")
    shutil.copy(recordings.target("docs") / "catalog.json", tmp_path / "target")
    with Sink() as sink:
        sink.behave(lambda _: Answer(201, b'{"invocation_id": "1f4e", "nodes": 7}'))
        done = run("artifacts", "push", "target", "--url", sink.url, "--api-key", "k" * 32, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        b"run_results.json",
        b"catalog.json",
        b"manifest.json",
    ]
    sent = [json.loads(request.body) for request in sink.requests]
    assert {request.headers["authorization"] for request in sink.requests} == {f"Bearer {'k' * 32}"}
    assert sent[1]["metadata"]["otel_bridge"]["invocation_id"] == recordings.invocation_id("build")
    assert "raw_code" not in sent[2]["nodes"]["model.everything.orders"]


def test_nothing_is_listed_where_nothing_is(tmp_path: Path) -> None:
    prepare(tmp_path)
    done = run("artifacts", "list", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")


def test_spans_of_dbt_v2_are_completed_too(tmp_path: Path) -> None:
    """Their trace id is the invocation id; what their queries say goes before the manifest."""
    model = {
        "unique_id": "model.shop.orders", "resource_type": "model", "name": "orders", "package_name": "shop",
        "alias": "orders", "relation_name": "SHOP.MARTS.ORDERS", "config": {"materialized": "table"}, "tags": ["gold"],
        "depends_on": {"nodes": ["source.shop.raw.orders"]}, "compiled_code": "select 1 as nothing",
    }  # fmt: skip
    source = {"resource_type": "source", "name": "orders", "relation_name": "SHOP.RAW.ORDERS_V3"}
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v20.json",
        "invocation_id": "019a1b2c-3d4e-7f80-a1b2-c3d4e5f60718",
        "project_name": "shop",
        "adapter_type": "snowflake",
    }
    manifest = {
        "metadata": metadata,
        "nodes": {"model.shop.orders": model},
        "sources": {"source.shop.raw.orders": source},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    spans = Path(__file__).parents[1] / "golden/dbt/fusion_build/input.jsonl"
    words = (
        "convert",
        str(spans),
        "--dbt-artifacts",
        ".",
        "--set",
        "dbt.namespaces={shop: 'snowflake://acme-prod'}",
    )
    events = [json.loads(line) for line in run(*words, cwd=tmp_path).stdout.splitlines()]
    [start, end] = [e for e in events if e["job"]["name"] == "model.shop.orders"]
    for event in (start, end):
        assert [(d["namespace"], d["name"]) for d in event["inputs"]] == [
            ("snowflake://acme-prod", "SHOP.RAW.ORDERS_V3")
        ]
        assert event["run"]["facets"]["parent"]["job"]["name"] == "dbt-build-shop"
    assert "nothing" not in end["job"]["facets"]["sql"]["query"]
    assert [(d["namespace"], d["name"]) for d in end["outputs"]] == [
        ("snowflake://acme-prod", "SHOP.MARTS.ORDERS")
    ]


def test_hooks_of_the_command_write_where_their_sql_says(tmp_path):
    """dbt keeps them as nodes with a model's defaults: they are none, but tell the database of the connection."""
    done = run("convert", "--dbt-artifacts", str(BUILD), *NAMES, cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {e["job"]["name"]: e for e in events if e["eventType"] == "COMPLETE"}
    for number in (0, 1):
        end = ends[f"dbt-build-everything.on-run-end.{number}"]
        assert [d["name"] for d in end["outputs"]] == ["everything.shop.finished"]
        told = end["job"]["facets"]["dbt_node"]
        assert told["resource_type"] == "operation"
        assert not {"materialization", "schema", "alias", "config"} & told.keys()
        assert "tags" not in end["run"]["facets"]
