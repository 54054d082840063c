"""The program is the same with us as without: results, errors, output, and what is in the catalog."""

import pytest
from iceberg_told import run, told

pytestmark = pytest.mark.e2e

PROGRAM = """
orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
orders.append(rows(0, 20))
orders.overwrite(rows(0, 15), overwrite_filter="id < 18")
print(orders.upsert(rows(14, 17), join_cols=["id"]))
print(sorted(orders.scan(row_filter="id > 12").to_arrow()["id"].to_pylist()))
for wrong in (
    lambda: orders.append(pa.table({"nope": [1]})),
    lambda: orders.scan(row_filter="nope = 1").to_arrow(),
    lambda: catalog.drop_table("shop.nope"),
):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, str(error).replace(HERE, ""))
print(catalog.list_tables("shop"))
for snapshot in orders.snapshots():
    print(snapshot.summary.operation, sorted(snapshot.summary.additional_properties.items()))
raise SystemExit(3)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run(PROGRAM, tmp_path_factory.mktemp("alone"), code=3, INSTRUMENTED="0").output


def without_sizes(output: str) -> str:
    """Parquet files hold their writer's ids, so that sizes may differ by bytes."""
    import re

    return re.sub(r"(files-size', ')\d+", r"\1n", output)


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BRIDGE_ICEBERG_DISABLED": "1"},
        {},
    ],
    ids=["collector away", "switched off", "no endpoint"],
)
def test_nothing_differs(alone: str, tmp_path, environ: dict[str, str]) -> None:
    found = run(PROGRAM, tmp_path, code=3, **environ)
    assert without_sizes(found.output) == without_sizes(alone)
    assert "Traceback" not in found.errors


def test_trouble_of_our_own_is_not_the_programs(alone: str, tmp_path) -> None:
    broken = """
from otel_bridge_pyiceberg import commits, expressions, tables
def broken(*args, **kwargs):
    raise RuntimeError("ours")
for module in (tables, commits, expressions):
    for name in ("of_table", "of_uuid", "of_metadata", "of_catalog", "named", "told", "landed", "location", "written", "everything"):
        if hasattr(module, name):
            setattr(module, name, broken)
expressions.remember = broken
"""
    found = run(broken + PROGRAM, tmp_path, code=3, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert without_sizes(found.output) == without_sizes(alone)


def test_ids_go_into_the_snapshot_if_asked_for(tmp_path) -> None:
    script = """
orders = catalog.create_table("shop.orders", schema=rows(0, 1).schema)
orders.append(rows(0, 20))
summary = orders.current_snapshot().summary.additional_properties
print(summary.get("otel-trace-id"), summary.get("openlineage-run-id"))
"""
    found = told(script, tmp_path / "on", OTEL_BRIDGE_ICEBERG_SNAPSHOT_IDS="1")
    span = next(span for span in found.spans if span.name == "iceberg.append.shop.orders")
    assert found.output.split() == [span.trace_id, span.get("run.id")]
    assert told(script, tmp_path / "off").output.split() == ["None", "None"]


def test_secrets_of_the_catalog_stay(tmp_path) -> None:
    found = told('catalog.create_table("shop.orders", schema=rows(0, 1).schema).append(rows(0, 2))', tmp_path)
    assert len(found.spans) == 2
    assert not [span for span in found.spans if "unspoken" in str(span.message)]


def test_switched_off_nothing_is_told(tmp_path) -> None:
    script = 'catalog.create_table("shop.orders", schema=rows(0, 1).schema).append(rows(0, 2))'
    for name in ("OTEL_BRIDGE_ICEBERG_DISABLED", "OTEL_BRIDGE_DISABLED"):
        assert told(script, tmp_path / name, **{name: "1"}).spans == []
    listed = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otel_bridge_pyiceberg"}
    assert told(script, tmp_path / "listed", **listed).spans == []
