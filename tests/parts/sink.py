"""A recording end of an OTLP line: what arrived over HTTP (spans, logs, headers) or over gRPC (spans).

It answers 503 while `refusing` is set, as a bridge does that can't write.
"""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.parts._process import LOOPBACK


@dataclass(slots=True)
class Sink:
    """What arrived so far; `endpoint` is a URL for HTTP and `host:port` for gRPC."""

    endpoint: str = ""
    refusing: bool = False
    refused: int = 0
    """Requests answered with 503."""
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    """Headers of the HTTP requests, names in lower case."""

    @property
    def span_names(self) -> list[str]:
        """Names of the spans, sorted."""
        return sorted(span.name for span in self.spans)

    @property
    def event_names(self) -> list[str]:
        """Event names of the log records, sorted."""
        return sorted(record.event_name for record in self.logs)

    def take_traces(self, request: ExportTraceServiceRequest) -> None:
        """Record the spans of a request."""
        scopes = (scope for resource in request.resource_spans for scope in resource.scope_spans)
        self.spans += [span for scope in scopes for span in scope.spans]

    def take_logs(self, request: ExportLogsServiceRequest) -> None:
        """Record the log records of a request."""
        scopes = (scope for resource in request.resource_logs for scope in resource.scope_logs)
        self.logs += [record for scope in scopes for record in scope.log_records]


@contextmanager
def http_sink(tls: Any = None) -> Iterator[Sink]:
    """A sink for OTLP/HTTP protobuf; `tls` is an ssl.SSLContext for https."""
    sink = Sink()
    with ThreadingHTTPServer((LOOPBACK, 0), _handler(sink)) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        sink.endpoint = f"{'http' if tls is None else 'https'}://{LOOPBACK}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def grpc_sink() -> Iterator[Sink]:
    """A sink for spans over OTLP/gRPC."""
    sink = Sink()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(_Servicer(sink), server)  # type: ignore[no-untyped-call]
    sink.endpoint = f"{LOOPBACK}:{server.add_insecure_port(f'{LOOPBACK}:0')}"
    server.start()
    try:
        yield sink
    finally:
        server.stop(None).wait()


class _Servicer(TraceServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        self._sink.take_traces(request)
        return ExportTraceServiceResponse()


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self._answer(self._refuse() if sink.refusing else self._record(body))

        def _refuse(self) -> int:
            sink.refused += 1
            return 503

        def _record(self, body: bytes) -> int:
            sink.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                sink.take_traces(ExportTraceServiceRequest.FromString(body))
            else:
                sink.take_logs(ExportLogsServiceRequest.FromString(body))
            return 200

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
