"""What an answer must be, whatever the request was: well-formed OTLP, permanent for bad requests, never 5xx."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PERMANENT = {400: 3, 401: 16, 404: 5, 405: 12, 413: 8, 415: 3, 431: 3}
"""HTTP statuses that a hostile request may get, and the code in their `google.rpc.Status`."""
MESSAGE_CODES = {0, 3, 8}
"""gRPC codes that a call with one whole message may get."""
FRAMING_CODES = {0, 1, 3, 4, 8, 12, 13}
"""gRPC codes that a call may get whose framing is wrong; INTERNAL is what gRPC says of its own framing."""
_RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_ENCODINGS = {"application/x-protobuf": "protobuf", "application/json": "json"}


class Answer(NamedTuple):
    """An HTTP answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def last(self) -> bool:
        """Whether the connection ends with it."""
        return self.headers.get("connection") == "close"


def first_of(buffer: bytes, head_only: bool = False) -> tuple[Answer, int] | None:
    """The first answer in what was received, and its size; None if it is not whole.

    Raises:
        ValueError: this is no HTTP answer.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if buffer and not buffer[:9].startswith(b"HTTP/1.1 "[: len(buffer[:9])]):
            raise ValueError(f"no HTTP answer: {buffer[:60]!r}")
        return None
    line, *lines = buffer[:end].decode("latin-1").split("\r\n")
    version, status, *_ = line.split(" ")
    if version != "HTTP/1.1" or not status.isdigit():
        raise ValueError(f"no HTTP answer: {line[:60]!r}")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    size = 0 if head_only or status in {"100", "204"} else int(headers.get("content-length", 0))
    if len(buffer) < end + 4 + size:
        return None
    return Answer(int(status), headers, buffer[end + 4 : end + 4 + size]), end + 4 + size


def complaint(answer: Answer, signal: str, head_only: bool = False) -> str:
    """What is wrong with an HTTP answer to a hostile request; "" if nothing is."""
    encoding = _ENCODINGS.get(answer.headers.get("content-type", ""), "")
    if answer.status != 200 and answer.status not in PERMANENT:
        return f"status {answer.status}: {answer.body[:200]!r}"
    if not encoding:
        return f"content type {answer.headers.get('content-type')!r}"
    if head_only:
        return ""
    try:
        return _of_body(answer, signal, encoding)
    except (ValueError, DecodeError, KeyError, TypeError) as error:
        return f"body of {answer.status} can't be read: {error!r}: {answer.body[:100]!r}"


def _of_body(answer: Answer, signal: str, encoding: str) -> str:
    if answer.status == 200:
        return _of_success(answer.body, signal, encoding)
    if encoding == "json":
        said = json.loads(answer.body)
        code, message = said["code"], said["message"]
    else:
        status = Status.FromString(answer.body)
        code, message = status.code, status.message
    if code != PERMANENT[answer.status] or not message:
        return f"status {answer.status} with code {code} and message {message!r}"
    return ""


def _of_success(body: bytes, signal: str, encoding: str) -> str:
    if body in {b"", b"{}"}:
        return ""
    if encoding == "json":
        partial = json.loads(body)["partialSuccess"]
        rejected, message = (
            int(next(v for k, v in partial.items() if k.startswith("rejected"))),
            partial["errorMessage"],
        )
    else:
        said = _RESPONSES[signal].FromString(body).partial_success
        rejected = said.rejected_spans if signal == "traces" else said.rejected_log_records
        message = said.error_message
    return "" if rejected > 0 and message else f"partial success that rejects {rejected}: {message!r}"
