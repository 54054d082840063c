"""HTTP/1.1 requests and responses of a door: what can be said without a connection.

A door has one of two services: OTLP, or what the API passes on, events of other producers and artifacts of dbt.
"""

import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import msgspec
from httptools import HttpParserInvalidURLError, parse_url

from otel_bridge.model import Refused, Unavailable, Unsupported
from otel_bridge.receive import inflate, status
from otel_bridge.receive.ack import Answer, Content, Encoding
from otel_bridge.receive.credentials import Tokens

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100

NO_CONTENT = 204
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_JSON = "application/json"
_MEDIA_TYPES: dict[str, Encoding] = {"application/x-protobuf": "protobuf", _JSON: "json"}
_CONTENT_TYPES = {encoding: media_type for media_type, encoding in _MEDIA_TYPES.items()}


class Service(msgspec.Struct, frozen=True):
    """What a door serves: its paths, the encodings of requests, and the status and body of its answers."""

    name: str
    paths: Mapping[bytes, Content]
    media_types: Mapping[str, Encoding]
    success: Callable[[str, Answer, Encoding], tuple[int, bytes]]
    refusal: Callable[[Refused, Encoding], bytes]


OTLP = Service(
    "an OTLP export request",
    {b"/v1/traces": "traces", b"/v1/logs": "logs", b"/v1/metrics": "metrics"},
    _MEDIA_TYPES,
    lambda signal, answer, encoding: (200, status.response_body(signal, answer, encoding)),
    status.status_body,
)
LINEAGE = Service(
    "OpenLineage events or artifacts of dbt",
    {
        b"/api/v1/lineage": "lineage",
        b"/api/v1/lineage/batch": "lineage",
        b"/api/v1/dbt/artifacts": "artifact",
    },
    {_JSON: "json"},
    lambda content, answer, _: (
        status.artifact_answer(answer) if content == "artifact" else status.events_answer(answer)
    ),
    lambda refused, _: status.error_json(status.message(refused)),
)
_KEPT = {b"content-type", b"content-encoding", b"content-length", b"authorization", b"expect"}


class Head:
    """Request line and headers, filled while they arrive."""

    __slots__ = ("_count", "_headers", "_size", "_target", "method")

    def __init__(self) -> None:
        self.method = b""
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._size = 0
        self._count = 0

    def add_target(self, part: bytes) -> None:
        """A part of the request target.

        Raises:
            Unsupported: 431, the head is over its limits.
        """
        self._target += part
        self.grow(len(part))

    def add_header(self, name: bytes, value: bytes) -> None:
        """One header.

        Raises:
            Unsupported: 431, the head is over its limits.
        """
        self._count += 1
        self.grow(len(name) + len(value))
        name = name.lower()
        if name in _KEPT:
            self._headers[name] = value

    def grow(self, size: int) -> None:
        """Count bytes of the head.

        Raises:
            Unsupported: 431, the head is over its limits.
        """
        self._size += size
        if self._size > MAX_HEAD_BYTES or self._count > MAX_HEADERS:
            raise Unsupported(
                f"more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes of them; send fewer", 431
            )

    @property
    def encoding(self) -> Encoding | None:
        """Protobuf or JSON by the content type; None for any other."""
        media_type = self._header(b"content-type").partition(";")[0].strip().lower()
        return _MEDIA_TYPES.get(media_type)

    @property
    def content_encoding(self) -> str:
        """The content encoding, in lower case."""
        return self._header(b"content-encoding").strip().lower()

    @property
    def content_length(self) -> int:
        """The announced size of the body, 0 if it is not announced; the parser checked the digits."""
        return int(self._headers.get(b"content-length", b"0") or 0)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return self._header(b"expect").strip().lower() == "100-continue"

    def _header(self, name: bytes) -> str:
        return self._headers.get(name, b"").decode("latin-1")

    def check(self, tokens: Tokens, limit: int, service: Service) -> Content:
        """The signal of a request.

        Raises:
            Refused: the request can't be served, whatever its body is.
        """
        signal = self._signal(service)
        tokens.check(self._headers.get(b"authorization", b""))
        if self.encoding not in service.media_types.values():
            accepted = " or ".join(service.media_types)
            raise Unsupported(f"the content type must be {accepted}; set it in what sends", 415)
        inflate.check_encoding(self.content_encoding)
        if self.content_length > limit:
            raise inflate.too_large(limit)
        return signal

    def _signal(self, service: Service) -> Content:
        signal = service.paths.get(_path(self._target))
        if signal is None:
            paths = ", ".join(path.decode() for path in service.paths)
            raise Unsupported(f"nothing is served under this path; send to one of {paths}", 404)
        if self.method != b"POST":
            raise Unsupported(f"only POST is served under this path; send {service.name}", 405)
        return signal


def _path(target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target.partition(b"?")[0]
    try:
        return parse_url(target).path or b""
    except HttpParserInvalidURLError:
        return b""


def success(service: Service, signal: str, answer: Answer, encoding: Encoding, close: bool) -> bytes:
    """The response to a request that was taken."""
    code, body = service.success(signal, answer, encoding)
    return _response(code, encoding, body, close)


def refusal(
    service: Service, refused: Refused, encoding: Encoding | None, close: bool, head_only: bool = False
) -> bytes:
    """The response to a request that was not taken; JSON if the request's encoding is not known."""
    code = status.http_status(refused)
    body = service.refusal(refused, encoding or "json")
    extra = _EXTRA.get(code, _no_extra)(refused)
    return _response(code, encoding or "json", body, close, extra=extra, head_only=head_only)


def _no_extra(_: Refused) -> str:
    return ""


def _retry_after(refused: Refused) -> str:
    seconds = refused.retry_after if isinstance(refused, Unavailable) else 1
    return f"Retry-After: {seconds}\r\n"


_EXTRA: dict[int, Callable[[Refused], str]] = {
    401: lambda _: 'WWW-Authenticate: Bearer realm="otel-bridge"\r\n',
    405: lambda _: "Allow: POST\r\n",
    415: lambda _: f"Accept-Encoding: {inflate.SUPPORTED}\r\n",
    503: _retry_after,
}


def _response(
    code: int, encoding: Encoding, body: bytes, close: bool, *, extra: str = "", head_only: bool = False
) -> bytes:
    content = f"Content-Type: {_CONTENT_TYPES[encoding]}\r\nContent-Length: {len(body)}\r\n"
    head = (
        f"{_status_line(code)}{'' if code == NO_CONTENT else content}"
        f"Date: {_date(int(time.time()))}\r\n{extra}{_CLOSE if close else ''}\r\n"
    ).encode("latin-1")
    return head if head_only else head + body


_CLOSE = "Connection: close\r\n"


@lru_cache(maxsize=32)
def _status_line(code: int) -> str:
    return f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n"


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)
