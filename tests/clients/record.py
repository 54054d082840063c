"""Records what pipelines send, as input of golden cases; run by the bridge's Python.

    python -m tests.clients.record psycopg tests/golden/database/recorded_psycopg

Ids, times, ports, folders and versions of the SDK are replaced, so that another recording differs where what is told does.
"""

import gzip
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.clients.running import run
from tests.clients.servers import environment
from tests.dbt.record_plugin import renumbered

_PORT = re.compile(r"(?:port=|127\.0\.0\.1:)(\d+)")


def main() -> None:
    name, case = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, environment(name, Path(folder)) as env:
        with receiving() as (endpoint, requests):
            run(name, endpoint, Path(folder), env)
        ports = [found for value in env.values() for found in _PORT.findall(value)]
        lines = [cleaned(line, folder, ports) for line in renumbered(requests)]
    Path(case).mkdir(parents=True, exist_ok=True)
    Path(case, "input.jsonl").write_text("\n".join(lines) + "\n")


@contextmanager
def receiving() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An OTLP endpoint, and the requests that it got."""
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
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", found
    server.shutdown()


def cleaned(line: str, folder: str, ports: list[str]) -> str:
    """Without what another run has otherwise, or another machine."""
    for port in ports:
        line = line.replace(f'"{port}"', '"5432"')
    return line.replace(folder, "/srv/data")


if __name__ == "__main__":
    main()
