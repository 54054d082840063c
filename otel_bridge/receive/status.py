"""What a refusal looks like on the wire: HTTP status, gRPC code, and `google.rpc.Status` in both encodings.

And the responses to what was taken: empty, or with `partial_success` if spans were rejected. Answers about
OpenLineage events are those of its own HTTP interface.
"""

from typing import Any

import msgspec
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_bridge.model import Invalid, Malformed, Refused, TooLarge, Unauthenticated, Unavailable, Unsupported
from otel_bridge.receive.ack import Answer, Encoding

MAX_MESSAGE = 1000
"""Characters of a message; a sender may read no more than 64 KiB of an answer."""

MAX_REASON = 300
"""Characters of the reason for one event of many."""

_RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_REJECTED = {"traces": "rejected_spans", "logs": "rejected_log_records"}
_REJECTED_JSON = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}
_TYPE_URL = "type.googleapis.com/google.rpc."
_UNSUPPORTED = {404: Code.NOT_FOUND, 405: Code.UNIMPLEMENTED, 415: Code.INVALID_ARGUMENT}


def http_status(refusal: Refused) -> int:
    """The HTTP status of a refusal. Only 503 is ever repeated by a sender."""
    match refusal:
        case Malformed():
            return 400
        case Unauthenticated():
            return 401
        case Invalid():
            return 422
        case TooLarge():
            return 413
        case Unsupported(status=status):
            return status
        case _:
            return 503


def code(refusal: Refused) -> int:
    """The gRPC code of a refusal."""
    return int(_code(refusal))


def _code(refusal: Refused) -> Any:
    match refusal:
        case Malformed() | Invalid():
            return Code.INVALID_ARGUMENT
        case Unauthenticated():
            return Code.UNAUTHENTICATED
        case TooLarge():
            return Code.RESOURCE_EXHAUSTED
        case Unsupported(status=status):
            return _UNSUPPORTED.get(status, Code.INVALID_ARGUMENT)
        case _:
            return Code.UNAVAILABLE


def message(refusal: Refused) -> str:
    """The text for the sender."""
    return str(refusal)[:MAX_MESSAGE]


def status_protobuf(refusal: Refused) -> bytes:
    """`google.rpc.Status` with BadRequest or RetryInfo where it applies."""
    status = Status(code=code(refusal), message=message(refusal))
    detail = _detail(refusal)
    if detail is not None:
        status.details.add().Pack(detail)
    encoded: bytes = status.SerializeToString()
    return encoded


def status_json(refusal: Refused) -> bytes:
    """The same in JSON."""
    status: dict[str, Any] = {"code": code(refusal), "message": message(refusal)}
    match _detail(refusal):
        case BadRequest():
            violation = {"field": "body", "description": message(refusal)}
            status["details"] = [{"@type": f"{_TYPE_URL}BadRequest", "fieldViolations": [violation]}]
        case RetryInfo() as retry:
            delay = f"{retry.retry_delay.seconds}s"
            status["details"] = [{"@type": f"{_TYPE_URL}RetryInfo", "retryDelay": delay}]
    return msgspec.json.encode(status)


def status_body(refusal: Refused, encoding: Encoding) -> bytes:
    """The body of an HTTP answer, in the encoding of the request."""
    return status_json(refusal) if encoding == "json" else status_protobuf(refusal)


def _detail(refusal: Refused) -> BadRequest | RetryInfo | None:
    match refusal:
        case Malformed():
            return BadRequest(field_violations=[{"field": "body", "description": message(refusal)}])
        case Unavailable(retry_after=seconds):
            retry = RetryInfo()
            retry.retry_delay.seconds = seconds
            return retry
        case _:
            return None


def response_body(signal: str, answer: Answer, encoding: Encoding) -> bytes:
    """The export response; `partial_success` stays unset when everything was taken."""
    if not answer.rejected:
        return b"{}" if encoding == "json" else b""
    text = answer.message[:MAX_MESSAGE]
    if encoding == "json":
        partial = {_REJECTED_JSON[signal]: str(answer.rejected), "errorMessage": text}
        return msgspec.json.encode({"partialSuccess": partial})
    response = _RESPONSES[signal]()
    setattr(response.partial_success, _REJECTED[signal], answer.rejected)
    response.partial_success.error_message = text
    encoded: bytes = response.SerializeToString()
    return encoded


def events_answer(answer: Answer) -> tuple[int, bytes]:
    """HTTP status and body about events: 201 or 422 for a single one, 204 or 200 with what failed for several."""
    if answer.array:
        return (200, _failed_events(answer)) if answer.failures else (204, b"")
    if not answer.failures:
        return 201, b""
    return 422, error_json(answer.message[:MAX_MESSAGE])


def artifact_answer(answer: Answer) -> tuple[int, bytes]:
    """HTTP status and body about an artifact: 201 with what was taken, or 422."""
    if answer.taken is None:
        return 422, error_json(answer.message[:MAX_MESSAGE])
    return 201, msgspec.json.encode(answer.taken)


def error_json(text: str) -> bytes:
    """As the API writes errors."""
    return msgspec.json.encode({"error": text})


def _failed_events(answer: Answer) -> bytes:
    failed = len(answer.failures)
    summary = {
        "received": answer.received,
        "successful": answer.received - failed,
        "failed": failed,
        "retriable": 0,
        "non_retriable": failed,
    }
    events = [
        {"index": each.index, "reason": each.reason[:MAX_REASON], "retriable": False}
        for each in answer.failures
    ]
    return msgspec.json.encode({"status": "partial_success", "summary": summary, "failed_events": events})
