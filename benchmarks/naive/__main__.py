"""`python -m benchmarks.naive SINK_URL`: OTLP over gRPC and HTTP in, OpenLineage over HTTP out.

The generated gRPC servicer parses every span of a request, each span's attributes become a dictionary, a span
with a job name becomes two events of openlineage-python, and its HTTP transport sends them before the request
is answered. It prints its gRPC and HTTP ports.
"""

import gzip
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from openlineage.client import OpenLineageClient
from openlineage.client.transport.http import HttpConfig, HttpTransport
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.naive.events import Spans, events_of

JOB_NAME = "openlineage.job.name"
THREADS = 4
LARGEST = 64 * 1024**2


class Bridge:
    """What both doors do with a request."""

    def __init__(self, url: str) -> None:
        self._client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=url)))

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Send the events of all lineage spans."""
        runs: Spans = {span.span_id: (span, about) for span, about in _spans(request) if JOB_NAME in about}
        for span, about in runs.values():
            for event in events_of(span, about, runs):
                self._client.emit(event)


def _spans(request: ExportTraceServiceRequest) -> Iterator[tuple[Span, dict[str, Any]]]:
    for resource_spans in request.resource_spans:
        resource = {a.key: _value(a.value) for a in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield span, resource | {a.key: _value(a.value) for a in span.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


class Servicer(service.TraceServiceServicer):
    """The gRPC door."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - as generated
        """Answer when everything is sent."""
        self._bridge.take(request)
        return ExportTraceServiceResponse()


def handler(bridge: Bridge) -> type[BaseHTTPRequestHandler]:
    """The HTTP door."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            bridge.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def main() -> None:
    """Serve until killed."""
    bridge = Bridge(sys.argv[1])
    options = [("grpc.max_receive_message_length", LARGEST)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
    service.add_TraceServiceServicer_to_server(Servicer(bridge), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(bridge)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        print(port, http.server_port, flush=True)
        server.wait_for_termination()


if __name__ == "__main__":
    main()
