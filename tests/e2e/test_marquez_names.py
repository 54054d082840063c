"""A table that two producers name differently is one node in Marquez, with the names written canonically."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.identity import Name
from tests.acceptance.test_foreign_events import deliver
from tests.e2e.marquez_line import Line, line_to
from tests.identity.named import body, dataset
from tests.otlp import span, span_id, trace_id
from tests.parts.marquez import Marquez

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.mark.parametrize("canonical", [True, False])
def test_one_table_by_two_names(marquez: Marquez, tmp_path: Path, canonical: bool) -> None:
    with line_to(marquez, tmp_path, canonical_names=canonical) as line:
        asset = Name(f"dagster://{line.domain}", "orders")
        report(line, asset)
        load(line, asset)
        report(line, asset)
        edges = line.edges("load") | line.edges("report")
        assert {("file", "load"), ("load", "orders"), ("report", "totals")} <= edges
        joined = ("orders", "report") in edges
        assert joined == canonical
        if canonical:
            assert {"file", "orders", "totals"} == set(marquez.datasets(line.data_at))
            facets: dict[str, Any] = marquez.datasets(line.data_at)["orders"]["facets"]
            assert {one["namespace"] for one in facets["symlinks"]["identifiers"]} == {asset.namespace}


def load(line: Line, asset: Name) -> None:
    """Ours: it writes the table, and says which asset that is."""
    table = line.table("orders", id="INTEGER") | {"symlinks": [{**asset._asdict(), "type": "ASSET"}]}
    tables = {
        "openlineage__inputs": json.dumps([line.table("file")]),
        "openlineage__outputs": json.dumps([table]),
    }
    line.send(span(trace_id(), span_id(), job="load", **tables))


def report(line: Line, asset: Name) -> None:
    """Of another producer, which only knows the asset."""
    job = {"namespace": line.jobs_at, "name": "report", "facets": {}}
    totals = Name(line.data_at, "totals")
    deliver(line.bridge, body([dataset(asset)], [dataset(totals)], str(uuid.uuid4()), job=job))
    line.wait_for(1)
