"""One OTLP request to the Collector, over HTTP (protobuf) or gRPC, and what its answer means for the data."""

import gzip
import http.client
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_lineage.network import dial, dial_unix, proxy_authorization, proxy_for, tls_context
from otel_lineage.settings import Settings, Target
from otel_lineage.trouble import warn_once

if TYPE_CHECKING:
    from otel_lineage.rpc import Connection, Reply

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
    """The sender for the configured protocol. ImportError if gRPC is asked for and h2 is not there."""
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
        proxy = proxy_for(url)
        via = proxy or url
        host, port = via.hostname or "", via.port
        allowed = {} if proxy is None else proxy_authorization(proxy)
        if url.scheme == "https":
            tls = http.client.HTTPSConnection(
                host, port, timeout=timeout_s, context=tls_context(self._settings)
            )
            if proxy is not None:
                tls.set_tunnel(url.hostname or "", url.port, allowed)
            return tls
        if proxy is not None:
            self._path = f"http://{url.netloc.rpartition('@')[2]}{self._path}"
            self._headers.update(allowed)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)


class GrpcSender:
    """OTLP/gRPC, over one connection that is kept. Proxies are those of the environment."""

    def __init__(self, settings: Settings, target: Target) -> None:
        from otel_lineage import rpc  # only where it is asked for: h2 is an extra of this package

        self._rpc = rpc
        self._settings = settings
        self._url = server_url(settings, target)
        signal = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs"}[target.signal]
        self._method = f"/opentelemetry.proto.collector.{signal}Service/Export"
        self._metadata = [("user-agent", USER_AGENT), *((k.lower(), v) for k, v in target.headers.items())]
        if settings.gzip:
            self._metadata.append(("grpc-encoding", "gzip"))
        self._connection: Connection | None = None
        self._shown = target.shown

    def send(self, body: bytes) -> Answer:
        """See Sender."""
        packed = gzip.compress(body, 1) if self._settings.gzip else body
        try:
            reply = self._call(self._rpc.frame(packed, compressed=self._settings.gzip))
        except OSError as error:
            self.close()
            return Answer(Verdict.LATER, f"{self._shown}: {str(error) or type(error).__name__}")
        if reply.code == "OK":
            _note_partial(reply.message)
            return SENT
        too_large = reply.code == "RESOURCE_EXHAUSTED" and "larger than" in reply.details
        refused = reply.code == "INVALID_ARGUMENT" or too_large
        verdict = Verdict.REFUSED if refused else Verdict.LATER
        return Answer(verdict, f"{self._shown} answered {reply.code} {reply.details}".strip())

    def close(self) -> None:
        """See Sender."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _call(self, message: bytes) -> "Reply":
        """Over the connection that there is; if the server has closed it meanwhile, over a new one."""
        timeout_s = self._settings.timeout_s
        if self._connection is not None and self._connection.usable:
            try:
                return self._connection.call(self._method, message, self._metadata, timeout_s)
            except TimeoutError:
                raise
            except OSError:
                pass
        self.close()
        self._connection = self._connect()
        return self._connection.call(self._method, message, self._metadata, timeout_s)

    def _connect(self) -> "Connection":
        url, timeout_s = self._url, self._settings.timeout_s
        if url.scheme == "unix":
            return self._rpc.Connection(dial_unix(url.path, timeout_s), "localhost", "http")
        tls = tls_context(self._settings) if url.scheme == "https" else None
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
        return self._rpc.Connection(dial(url, tls, timeout_s), url.netloc.rpartition("@")[2], url.scheme)


def server_url(settings: Settings, target: Target) -> SplitResult:
    """The server of a gRPC target: `http://` is without TLS, `https://` with, else the variable decides.

    >>> from otel_lineage.settings import Settings
    >>> def shown(endpoint):
    ...     settings = Settings.read({"OTEL_LINEAGE_PROTOCOL": "grpc", "OTEL_LINEAGE_ENDPOINT": endpoint})
    ...     return server_url(settings, settings.logs).geturl()
    >>> shown("http://collector:4317"), shown("collector:4317"), shown("dns:///collector:4317")
    ('http://collector:4317', 'https://collector:4317', 'https://collector:4317')
    >>> shown("unix:///run/otel.sock").endswith("/run/otel.sock")
    True
    """
    parts = urlsplit(target.url)
    if parts.scheme in {"http", "https"} and parts.netloc:
        return parts
    if parts.scheme == "unix":
        return SplitResult("unix", "", parts.path, "", "")
    server = target.url.removeprefix("dns:").rpartition("/")[2]
    return SplitResult("http" if settings.insecure else "https", server, "", "", "")


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
