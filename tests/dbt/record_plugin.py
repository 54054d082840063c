"""Records what otel-bridge-dbt sends, as input of the golden cases `recorded_*`; run by the bridge's Python.

    python -m tests.dbt.record_plugin tests/golden/dbt/recorded_build build --event-time-start 2026-11-01 ...

runs dbt on a copy of the project `everything` before a server of our own, and writes the requests, log events of starts
included, in the order of their arrival, one a line. Ids, times, the invocation id, versions of the SDK and folders are
replaced, so that another recording differs where what is told does.
"""

import gzip
import json
import re
import sys
import tempfile
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge.model import run_id_of
from tests.dbt.running import Project

TRACE = "0af7651916cd43dd8448eb211c80319c"
FOLDER = "/srv/everything"
INVOCATION = "1f4e3a9c-0b7e-4d5f-8a3f-000000000001"
FIRST_NS = 1_790_000_000_000_000_000
VOLATILE = {"service.instance.id", "telemetry.sdk.version"}
_SECONDS = re.compile(r'(\\"(?:execution_time|elapsed|age)\\": )[0-9.e-]+')
_ISO = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:\+00:00|Z)?")
_THREAD = re.compile(r"Thread-\d+(?: \(worker\))?")


def main() -> None:
    case, *words = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        project = Project.copy("everything", Path(folder).resolve())
        requests = received(project, words)
        lines = [cleaned(line, project.folder) for line in renumbered(requests)]
    Path(case).mkdir(exist_ok=True)
    Path(case, "input.jsonl").write_text("\n".join(lines) + "\n")


def received(project: Project, words: list[str]) -> list[dict[str, Any]]:
    """The requests that a command of dbt sends."""
    found: list[dict[str, Any]] = []

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kind: Any = ExportLogsServiceRequest if self.path.endswith("logs") else ExportTraceServiceRequest
            found.append(MessageToDict(kind.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    print(project.dbt(*words, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}).output)
    server.shutdown()
    return found


def renumbered(requests: list[dict[str, Any]]) -> Iterator[str]:
    """With ids counted through, and a second between the starts of runs."""
    items = [item for request in requests for item in _items(request)]
    starts = sorted({int(item["startTimeUnixNano"]) for item in items if "startTimeUnixNano" in item})
    begun = {start: FIRST_NS + place * 10**9 for place, start in enumerate(starts)}
    spans = sorted((i for i in items if "startTimeUnixNano" in i), key=lambda i: int(i["startTimeUnixNano"]))
    ids = {_hex(span["spanId"]): f"{place:016x}" for place, span in enumerate(spans, 2)}
    trace, at = _hex(spans[0]["traceId"]), {i["spanId"]: int(i["startTimeUnixNano"]) for i in spans}
    for item in items:
        _place(item, ids, begun[at[item["spanId"]]])
    runs = {run_id_of(trace, old): run_id_of(TRACE, new) for old, new in ids.items()}
    for request in requests:
        for each in (*request.get("resourceSpans", []), *request.get("resourceLogs", [])):
            said = each["resource"]["attributes"]
            each["resource"]["attributes"] = [a for a in said if a["key"] not in VOLATILE]
        line = json.dumps(request)
        for old, new in (*runs.items(), *ids.items()):
            line = line.replace(old, new)
        yield line


def _items(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Spans and log records."""
    for each in request.get("resourceSpans", []):
        for scoped in each["scopeSpans"]:
            yield from scoped["spans"]
    for each in request.get("resourceLogs", []):
        for scoped in each["scopeLogs"]:
            yield from scoped["logRecords"]


def _place(item: dict[str, Any], ids: dict[str, str], begun_ns: int) -> None:
    for one in (item, *item.get("links", [])):
        one["traceId"], one["spanId"] = TRACE, ids[_hex(one["spanId"])]
    if item.get("parentSpanId"):
        above = _hex(item["parentSpanId"])  # a span that was not sent, perhaps
        item["parentSpanId"] = ids.setdefault(above, f"{len(ids) + 2:016x}")
    item.pop("events", None)
    if "startTimeUnixNano" in item:
        item["startTimeUnixNano"], item["endTimeUnixNano"] = str(begun_ns), str(begun_ns + 900_000_000)
    else:
        item["timeUnixNano"] = item["observedTimeUnixNano"] = str(begun_ns)


def _hex(raw: str) -> str:
    return b64decode(raw).hex()


def cleaned(line: str, folder: Path) -> str:
    """Without what another run has otherwise, or another machine."""
    given = re.search(r'"dbt\.invocation_id", "value": \{"stringValue": "([0-9a-f-]{36})"', line)
    line = line.replace(given[1], INVOCATION) if given else line
    line = _SECONDS.sub(r"\g<1>0.5", line)
    line = _THREAD.sub("Thread-1", _ISO.sub("2026-11-25T08:00:00.000000Z", line))
    return line.replace(str(folder), FOLDER)


if __name__ == "__main__":
    main()
