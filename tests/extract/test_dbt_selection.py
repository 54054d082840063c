"""Spans of dbt among others: all of dbt's scope are kept, and a run above is found through plain spans."""

import json

from otel_bridge.receive.jsonrequest import transcode
from otel_bridge.testing import InProcessBridge

TRACE = "0af7651916cd43dd8448eb211c80319c"
TASK, PLAIN, INVOCATION, NODE = (digit * 16 for digit in "abcd")


def request(scope: str, *spans: dict) -> bytes:
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}]}
    return transcode("traces", json.dumps(body).encode())


def span(span_id: str, parent: str, name: str, **said: str) -> dict:
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000",
        "attributes": [
            {"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in said.items()
        ],
    }


def test_dbts_own_spans_below_a_task_of_another_instrumentation() -> None:
    bridge = InProcessBridge()
    node = span(NODE, INVOCATION, "model.shop.orders", unique_id="model.shop.orders", node_outcome="success")
    bridge.receive("traces", request("http", span(PLAIN, TASK, "subprocess")))
    bridge.receive("traces", request("dbt.runner", node, span("e" * 16, INVOCATION, "metadata.setup")))
    invocation = span(INVOCATION, PLAIN, "dbt.invocation", command="build", version="1.12.6")
    bridge.receive("traces", request("dbt.runner", invocation))
    bridge.receive("traces", request("airflow", span(TASK, "", "task", openlineage__job__name="nightly")))
    events = bridge.settle()
    parents = {
        e["job"]["name"]: e["run"]["facets"].get("parent", {}).get("job", {}).get("name") for e in events
    }
    assert parents == {"nightly": None, "dbt-build": "nightly", "model.shop.orders": "dbt-build"}
