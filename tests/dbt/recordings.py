"""What dbt-core 1.12.6 left of three commands on the project `everything` (`record.py`): its own spans, its artifacts."""

import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RECORDED = Path(__file__).parent / "recorded"
INVOCATION = "dbt.invocation"
WAREHOUSE = "duckdb:///projects/everything/everything.duckdb"
NAMESPACES = {"everything": WAREHOUSE}
"""For `dbt.namespaces`: artifacts do not tell where a DuckDB file is."""


def target(command: str) -> Path:
    """The target folder after `build`, `docs` or `freshness`."""
    return RECORDED / command / "target"


def artifact(command: str, name: str) -> Any:
    """An artifact, decoded."""
    return json.loads((target(command) / f"{name}.json").read_bytes())


def invocation_id(command: str) -> str:
    """Of the recorded invocation."""
    found: str = artifact(command, "manifest")["metadata"]["invocation_id"]
    return found


def spans(command: str) -> bytes:
    """All spans as one OTLP/JSON request."""
    return (RECORDED / command / "spans.json").read_bytes()


def requests(command: str) -> dict[str, bytes]:
    """Binary requests: `nodes` has all spans but that of the invocation, which is `invocation`."""
    whole = json.loads(spans(command))
    return {
        "nodes": _request(whole, lambda name: name != INVOCATION),
        "invocation": _request(whole, lambda name: name == INVOCATION),
    }


def _request(whole: Any, wanted: Any) -> bytes:
    part = json.loads(json.dumps(whole))
    for scoped in part["resourceSpans"][0]["scopeSpans"]:
        scoped["spans"] = [span for span in scoped["spans"] if wanted(span["name"])]
        for span in scoped["spans"]:
            _in_base64(span)
    encoded: bytes = ParseDict(part, ExportTraceServiceRequest()).SerializeToString()
    return encoded


def _in_base64(span: Any) -> None:
    """OTLP/JSON has ids in hex, protobuf's own JSON wants base64."""
    from base64 import b64encode

    for one in (span, *span.get("links", [])):
        for name in ("traceId", "spanId", "parentSpanId"):
            if one.get(name):
                one[name] = b64encode(bytes.fromhex(one[name])).decode()
