"""Real pyiceberg in a process of its own, over a SQL catalog on SQLite and a warehouse of files; a Collector beside it."""

import json
import os
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lineage_collector import HttpCollector

ROOT = Path(__file__).parents[3]
PACKAGES = [ROOT / "instrumentation/otel-bridge-pyiceberg", ROOT / "instrumentation/otel-lineage"]
PYTHON = Path(os.environ.get("OTEL_BRIDGE_DAGSTER_PYTHON") or ROOT / ".venv-dagster/bin/python")
WITHIN_S = 120

BEFORE = """
import os, warnings
warnings.simplefilter("ignore")
if os.environ.get("INSTRUMENTED", "1") == "1":
    import otel_bridge_pyiceberg
    otel_bridge_pyiceberg.instrument()
    import sys
    assert "pyiceberg" not in sys.modules
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

HERE = os.getcwd()
secret = {"s3.secret-access-key": "unspoken"}
catalog = SqlCatalog("lake", uri=f"sqlite:///{HERE}/catalog.db", warehouse=f"file://{HERE}/lake", **secret)
catalog.create_namespace("shop")

def rows(first, last, country="de"):
    ids, amounts = range(first, last), [float(i) for i in range(first, last)]
    countries = [country for _ in ids]
    return pa.table({"id": pa.array(ids, pa.int64()), "country": countries, "amount": amounts})

"""
"""What a script finds: `catalog` with the namespace `shop`, and `rows(first, last)`."""


@dataclass
class Told:
    """What one program told: its spans in the order of their ends, each once."""

    spans: list[Any]
    output: str
    errors: str

    def named(self, name: str) -> list[dict[str, Any]]:
        """Attributes of the spans of an operation on a table, `append shop.orders`."""
        return [
            _read(s.attributes)
            for s in self.spans
            if s.name.removeprefix("iceberg.").replace(" ", ".", 1) == name
        ]

    def one(self, name: str) -> dict[str, Any]:
        """Attributes of the only such span."""
        (found,) = self.named(name)
        return found


def _read(attributes: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in attributes.items():
        nested = isinstance(value, str) and value[:1] in "[{" and key.startswith("iceberg.")
        found[key.removeprefix("iceberg.")] = json.loads(value) if nested else value
    return found


def require_pyiceberg() -> None:
    """Skip where there is no environment with pyiceberg."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing: make .venv-dagster, or set OTEL_BRIDGE_DAGSTER_PYTHON")


def run(
    script: str, folder: Path, collector: HttpCollector | None = None, code: int = 0, **more: str
) -> Told:
    """Run a script with pyiceberg and take what it tells."""
    require_pyiceberg()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(BEFORE + textwrap.dedent(script))
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OTEL_", "OPENLINEAGE_", "TRACE", "PYICEBERG_"))
    }
    environ = kept | {
        "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)),
        "OTEL_LINEAGE_SPOOL_DIR": str(folder / "spool"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if collector is not None:
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
    done = subprocess.run(
        [str(PYTHON), "program.py"],
        cwd=folder,
        env=environ | more,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    seen = {span.span_id: span for span in (collector.spans if collector else ())}
    spans = sorted(seen.values(), key=lambda span: span.message.end_time_unix_nano)
    return Told(spans, done.stdout, done.stderr)


def told(script: str, folder: Path, **more: str) -> Told:
    """Run a script beside a Collector of its own."""
    require_pyiceberg()
    collector = HttpCollector()
    try:
        return run(script, folder, collector, **more)
    finally:
        collector.close()
