"""OTLP requests by hand, and a sender that repeats like an exporter: for tests that look from outside."""

import http.client
import os
import time
from contextlib import closing
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

T0 = 1_790_000_000_000_000_000
RESOURCE = {"service.name": "shop", "service.namespace": "sales", "deployment.environment.name": "test"}


def trace_id() -> bytes:
    return os.urandom(16)


def span_id() -> bytes:
    return os.urandom(8)


def value(of: Any) -> AnyValue:
    match of:
        case bool():
            return AnyValue(bool_value=of)
        case int():
            return AnyValue(int_value=of)
        case float():
            return AnyValue(double_value=of)
        case str():
            return AnyValue(string_value=of)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(v) for v in of]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(of)))
    raise TypeError(of)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=k, value=value(v)) for k, v in attributes.items()]


def span(
    trace: bytes,
    own: bytes,
    parent: bytes = b"",
    *,
    job: str = "",
    error: str = "",
    start_s: float = 0,
    end_s: float = 10,
    **attributes: Any,
) -> Span:
    """A span; with `job` it is a run. Attribute names are given with `__` for dots."""
    named = {k.replace("__", "."): v for k, v in attributes.items()}
    if job:
        named["openlineage.job.name"] = job
    return Span(
        trace_id=trace, span_id=own, parent_span_id=parent, name=job or "work",
        start_time_unix_nano=T0 + round(start_s * 1e9), end_time_unix_nano=T0 + round(end_s * 1e9),
        attributes=pairs(named),
        status=Status(code=Status.STATUS_CODE_ERROR, message=error) if error else None,
    )  # fmt: skip


def traces(*spans: Span, resource: dict[str, Any] | None = None) -> bytes:
    scope = ScopeSpans(spans=spans)
    about = Resource(attributes=pairs(RESOURCE if resource is None else resource))
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=about, scope_spans=[scope])]
    ).SerializeToString()


def record(
    name: str, trace: bytes = b"", own: bytes = b"", *, at_s: float = 0, **attributes: Any
) -> LogRecord:
    named = {k.replace("__", "."): v for k, v in attributes.items()}
    return LogRecord(
        event_name=name,
        trace_id=trace,
        span_id=own,
        time_unix_nano=T0 + round(at_s * 1e9),
        attributes=pairs(named),
    )


def logs(*records: LogRecord, resource: dict[str, Any] | None = None) -> bytes:
    about = Resource(attributes=pairs(RESOURCE if resource is None else resource))
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=about, scope_logs=[ScopeLogs(log_records=records)])]
    ).SerializeToString()


class Refused(Exception):
    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:200]!r}")
        self.status = status


class Exporter:
    """Posts to a bridge, each request over a connection of its own."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def post(self, path: str, body: bytes) -> None:
        """One attempt; Refused, OSError or HTTPException if it is not acknowledged."""
        with closing(http.client.HTTPConnection(self._endpoint, timeout=10)) as connection:
            connection.request("POST", path, body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise Refused(answer.status, content)

    def traces(self, *spans: Span) -> None:
        self.post("/v1/traces", traces(*spans))

    def logs(self, *records: LogRecord) -> None:
        self.post("/v1/logs", logs(*records))

    def patiently(self, path: str, body: bytes, within_s: float = 30.0) -> None:
        """Repeat until it is acknowledged, as an exporter does."""
        end = time.monotonic() + within_s
        while True:
            try:
                return self.post(path, body)
            except (OSError, http.client.HTTPException, Refused) as error:
                retryable = not isinstance(error, Refused) or error.status in {429, 502, 503, 504}
                if not retryable or time.monotonic() > end:
                    raise
                time.sleep(0.05)
