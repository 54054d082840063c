"""`python -m tests.dagster.record`: runs the project `everything`, and writes what was sent as golden cases.

Each case is `tests/golden/dagster_recorded/<case>/input.jsonl`; `UPDATE_GOLDEN=1 pytest tests/golden` writes what comes of
it. Paths of this machine are replaced and the resource is cut down to what names it; nothing else is changed.
"""

import json
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge.testing import Sink
from otel_bridge.testing.sink import Answer, Request
from tests.dagster.cases import CASES, ORDERS
from tests.dagster.comparing import placeless
from tests.dagster.running import SENDING, Project, run_id

GOLDEN = Path(__file__).parents[1] / "golden/dagster_recorded"
RESOURCE = {"service.name", "service.namespace", "deployment.environment.name", "telemetry.sdk.language"}
MESSAGES = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
SHAPES = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        sink.behave(lambda _: Answer(200))
        project = Project.copy("everything", Path(folder))
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        spool = {"OTEL_LINEAGE_SPOOL_DIR": str(Path(folder) / "spool")}
        outcome = project.drive(ORDERS, env=SENDING | endpoint | spool)
        print(*(line for line in outcome.output.splitlines() if line.startswith("@@")), sep="\n")
        requests = [decoded(request) for request in sink.requests if request.path.startswith("/v1/")]
        for case, orders in CASES.items():
            traces = set(_traces(requests, {run_id(order.number) for order in orders}))
            lines = [json.dumps(part) for request in requests if (part := of(request, traces))]
            text = placeless("".join(f"{line}\n" for line in lines), project.folder, project.python)
            assert folder not in text
            (GOLDEN / case).mkdir(parents=True, exist_ok=True)
            (GOLDEN / case / "input.jsonl").write_text(text)


def decoded(request: Request) -> dict[str, Any]:
    """A request as OTLP/JSON, ids in hex."""
    message = MESSAGES[request.path.rpartition("/")[2]].FromString(request.body)
    found: dict[str, Any] = MessageToDict(message)
    for _, _, _, item in items(found):
        for one in (item, *item.get("links", ())):
            for name in ("traceId", "spanId", "parentSpanId"):
                if one.get(name):
                    one[name] = b64decode(one[name]).hex()
    return found


def items(request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]]:
    """(resource, scope, name of the list, span or record)."""
    for resources, scopes, name in SHAPES:
        for resource in request.get(resources, ()):
            for scope in resource[scopes]:
                for item in scope[name]:
                    yield resource, scope, name, item


def _traces(requests: list[dict[str, Any]], run_ids: set[str]) -> Iterator[str]:
    """Traces in which one of these runs is."""
    for request in requests:
        for _, _, _, item in items(request):
            values = {each["value"].get("stringValue") for each in item.get("attributes", ())}
            if values & run_ids:
                yield item["traceId"]


def of(request: dict[str, Any], traces: set[str]) -> dict[str, Any]:
    """A request with the spans and records of some traces only; {} if there are none."""
    kept = json.loads(json.dumps(request))
    for resources, scopes, name in SHAPES:
        for resource in kept.get(resources, ()):
            attributes = resource["resource"]["attributes"]
            resource["resource"]["attributes"] = [each for each in attributes if each["key"] in RESOURCE]
            for scope in resource[scopes]:
                scope[name] = [item for item in scope[name] if item["traceId"] in traces]
            resource[scopes] = [scope for scope in resource[scopes] if scope[name]]
        if resources in kept:
            kept[resources] = [resource for resource in kept[resources] if resource[scopes]]
    return kept if any(kept.get(resources) for resources, _, _ in SHAPES) else {}


if __name__ == "__main__":
    main()
