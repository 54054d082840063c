"""A Collector for tests: OTLP over HTTP and gRPC on free ports, with a temper that a test chooses."""

import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def plain(value):
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


def attributes(message):
    return {item.key: plain(item.value) for item in message.attributes}


class Item:
    """A received span or log record: the message, its attributes, its resource's."""

    def __init__(self, message, resource, scope):
        self.message = message
        self.attributes = attributes(message)
        names = (
            getattr(message, "event_name", ""),
            getattr(message, "name", ""),
            self.attributes.get("event.name"),
        )
        self.name = next(filter(None, names), "")
        self.resource = attributes(resource)
        self.scope = scope.name
        self.trace_id = message.trace_id.hex()
        self.span_id = message.span_id.hex()

    def __getitem__(self, key):
        return self.attributes[f"openlineage.{key}"]

    def get(self, key):
        return self.attributes.get(f"openlineage.{key}")

    def __repr__(self):
        return f"<{self.name} {self.attributes}>"


class Collector:
    """`temper`: "ok", a status code to answer, or "hang"."""

    def __init__(self):
        self.temper = "ok"
        self.spans = []
        self.logs = []
        self.requests = []
        self._arrived = threading.Condition()

    def take(self, signal, body):
        with self._arrived:
            if signal == "traces":
                for rs in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for ss in rs.scope_spans:
                        self.spans += [Item(span, rs.resource, ss.scope) for span in ss.spans]
            else:
                for rl in ExportLogsServiceRequest.FromString(body).resource_logs:
                    for sl in rl.scope_logs:
                        self.logs += [Item(record, rl.resource, sl.scope) for record in sl.log_records]
            self._arrived.notify_all()

    def wait(self, ready, timeout=20):
        """Wait until `ready(self)`; the limit only guards against hanging."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: ready(self), timeout), (self.spans, self.logs)

    @property
    def lineage(self):
        """Spans that stand for runs by job name, first received first; a copy before the span that it is one of."""
        runs = [s for s in reversed(self.spans) if s.get("job.name") and s.get("export") != "partial"]
        return {s["job.name"]: s for s in sorted(runs, key=lambda s: s.get("export") == "lineage")}

    @property
    def starts(self):
        return {r["job.name"]: r for r in self.logs if r.name == "openlineage.run.start"}


class HttpCollector(Collector):
    """`closes`: it closes each connection after an answer and does not say so."""

    protocol = "http/protobuf"

    def __init__(self, port=0):
        super().__init__()
        self.connections = 0
        self.closes = False
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                collector.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                temper = collector.temper
                collector.requests.append((self.path, dict(self.headers), len(body)))
                if temper == "hang":
                    collector.released.wait(30)
                    self.close_connection = True
                    return
                status = 200
                if callable(temper):
                    status = temper(self.path, body)
                elif temper != "ok":
                    status = temper
                if status == 200:
                    collector.take(self.path.rsplit("/", 1)[1], body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
                self.close_connection = collector.closes

            def log_message(self, *args):
                pass

        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class GrpcCollector(Collector):
    protocol = "grpc"

    def __init__(self, port=0, *, address=None, credentials=None):
        super().__init__()
        self.peers = set()
        self._server = grpc.server(ThreadPoolExecutor(8))
        for signal, service in (("traces", "trace.v1.TraceService"), ("logs", "logs.v1.LogsService")):
            method = grpc.unary_unary_rpc_method_handler(self._handler(signal))
            name = f"opentelemetry.proto.collector.{service}"
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(name, {"Export": method}),)
            )
        place = address or f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(place)
        else:
            self.port = self._server.add_secure_port(place, credentials)
        scheme = "http" if credentials is None else "https"
        self.endpoint = address or f"{scheme}://127.0.0.1:{self.port}"
        self._server.start()

    def _handler(self, signal):
        def export(body, context):
            self.peers.add(context.peer())
            self.requests.append((signal, dict(context.invocation_metadata()), len(body)))
            if self.temper == "hang":
                while context.is_active() and self.temper == "hang":
                    time.sleep(0.02)
            if isinstance(self.temper, grpc.StatusCode):
                context.abort(self.temper, "as the test wants")
            self.take(signal, body)
            return b""

        return export

    def close(self):
        self.temper = "ok"
        self._server.stop(0).wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
