"""One OTLP request to the Collector, over HTTP (protobuf) or gRPC, and what its answer means for the data."""

import base64
import gzip
import http.client
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_lineage.settings import Settings, Target
from otel_lineage.trouble import warn_once

# The data itself is refused: sending it again would not help.
REFUSALS = frozenset({400, 413, 415, 422})
USER_AGENT = "otel-lineage"
MAX_ANSWER = 65536


class Verdict(Enum):
    """SENT: it has it. LATER: keep it and try again. REFUSED: it will never take it."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True)
class Answer:
    """The verdict on one request, with the reason for the log."""

    verdict: Verdict
    reason: str = ""


SENT = Answer(Verdict.SENT)


class Sender(Protocol):
    """Sends requests of one signal. Not for several threads at once."""

    def send(self, body: bytes) -> Answer:
        """Send one encoded export request and wait for the answer."""

    def close(self) -> None:
        """Give up connections."""


def open_sender(settings: Settings, target: Target) -> Sender:
    """The sender for the configured protocol. ImportError if gRPC is asked for and grpcio is not there."""
    return GrpcSender(settings, target) if settings.protocol == "grpc" else HttpSender(settings, target)


class HttpSender:
    """OTLP/HTTP with protobuf, over one connection that is kept. Proxies are those of the environment."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target
        self._headers = {"content-type": "application/x-protobuf", "user-agent": USER_AGENT, **target.headers}
        if settings.gzip:
            self._headers["content-encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None
        self._path = ""

    def send(self, body: bytes) -> Answer:
        """See Sender."""
        try:
            status, text = self._post(gzip.compress(body, 1) if self._settings.gzip else body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(Verdict.LATER, f"{self._target.shown}: {str(error) or type(error).__name__}")
        if 200 <= status < 300:
            _note_partial(text)
            return SENT
        said = text[:300].decode("utf-8", "replace").strip()
        verdict = Verdict.REFUSED if status in REFUSALS else Verdict.LATER
        return Answer(verdict, f"{self._target.shown} answered {status} {said}".strip())

    def close(self) -> None:
        """See Sender."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _post(self, data: bytes) -> tuple[int, bytes]:
        """Over the connection that there is; if the server has closed it meanwhile, over a new one."""
        if self._connection is not None:
            try:
                return self._exchange(self._connection, data)
            except TimeoutError:
                raise
            except (OSError, http.client.BadStatusLine):
                self.close()
        self._connection = self._connect()
        return self._exchange(self._connection, data)

    def _exchange(self, connection: http.client.HTTPConnection, data: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, data, self._headers)
        response = connection.getresponse()
        text = response.read(MAX_ANSWER)
        if not response.isclosed():  # more than we want to read
            self.close()
        return response.status, text

    def _connect(self) -> http.client.HTTPConnection:
        url, timeout_s = urlsplit(self._target.url), self._settings.timeout_s
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        proxy = _proxy(url)
        via = proxy or url
        host, port = via.hostname or "", via.port
        allowed = {} if proxy is None else _proxy_authorization(proxy)
        if url.scheme == "https":
            tls = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=_tls(self._settings))
            if proxy is not None:
                tls.set_tunnel(url.hostname or "", url.port, allowed)
            return tls
        if proxy is not None:
            self._path = f"http://{url.netloc.rpartition('@')[2]}{self._path}"
            self._headers.update(allowed)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)


class GrpcSender:
    """OTLP/gRPC. The channel is opened by the first request."""

    def __init__(self, settings: Settings, target: Target) -> None:
        import grpc  # only where it is asked for: an extra of this package

        self._grpc: Any = grpc
        self._settings = settings
        self._address, self._secure = _address(settings, target)
        self._metadata = tuple((key.lower(), value) for key, value in target.headers.items())
        signal = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs"}[target.signal]
        self._method = f"/opentelemetry.proto.collector.{signal}Service/Export"
        self._channel: Any = None
        self._call: Callable[..., bytes] | None = None

    def send(self, body: bytes) -> Answer:
        """See Sender."""
        try:
            call = self._call or self._open()
            _note_partial(call(body, timeout=self._settings.timeout_s, metadata=self._metadata))
        except self._grpc.RpcError as error:
            return self._failure(error)
        return SENT

    def close(self) -> None:
        """See Sender."""
        if self._channel is not None:
            self._channel.close()
        self._channel = self._call = None

    def _open(self) -> Callable[..., bytes]:
        options = [("grpc.primary_user_agent", USER_AGENT), ("grpc.initial_reconnect_backoff_ms", 500)]
        compression = self._grpc.Compression.Gzip if self._settings.gzip else None
        if self._secure:
            credentials = _channel_credentials(self._grpc, self._settings)
            self._channel = self._grpc.secure_channel(self._address, credentials, options, compression)
        else:
            self._channel = self._grpc.insecure_channel(self._address, options, compression)
        call: Callable[..., bytes] = self._channel.unary_unary(
            self._method, request_serializer=bytes, response_deserializer=bytes
        )
        self._call = call
        return call

    def _failure(self, error: Any) -> Answer:
        code, details = error.code(), error.details() or ""
        self.close()  # a channel in back-off would make the next attempt fail at once
        codes = self._grpc.StatusCode
        too_large = code is codes.RESOURCE_EXHAUSTED and "larger than" in details
        refused = code is codes.INVALID_ARGUMENT or too_large
        verdict = Verdict.REFUSED if refused else Verdict.LATER
        return Answer(verdict, f"{self._address} answered {code.name} {details}".strip())


def _note_partial(body: bytes) -> None:
    """Warn of a partial success. The responses of traces and logs have the same wire form."""
    if not body:
        return
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # noqa: BLE001  it was accepted; an odd body changes nothing
        return
    if partial.rejected_spans or partial.error_message:
        warn_once(
            "partial success",
            "otel-lineage: the Collector rejected %d items for good: %s",
            partial.rejected_spans,
            partial.error_message,
        )


def _proxy(url: SplitResult) -> SplitResult | None:
    """The proxy for this URL: `http_proxy`, `https_proxy` and `no_proxy`, as urllib reads them."""
    found = urllib.request.getproxies().get(url.scheme)
    if not found or urllib.request.proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.client_cert_file:
        context.load_cert_chain(settings.client_cert_file, settings.client_key_file)
    return context


def _channel_credentials(grpc: Any, settings: Settings) -> Any:
    return grpc.ssl_channel_credentials(
        _content(settings.ca_file), _content(settings.client_key_file), _content(settings.client_cert_file)
    )


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _address(settings: Settings, target: Target) -> tuple[str, bool]:
    """Server and whether to use TLS: `http://` no, `https://` yes, else the variable decides."""
    parts = urlsplit(target.url)
    if parts.scheme in {"http", "https"} and parts.netloc:
        return parts.netloc, parts.scheme == "https"
    return target.url, not settings.insecure
