"""`type: http`: POST each event to an OpenLineage endpoint, such as Marquez, DataHub or Datadog."""

import re
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from otel_bridge import __version__
from otel_bridge.deliver.http1 import Answer, ConnectFailed, ExchangeFailed, Origin, Pool
from otel_bridge.deliver.outcome import DELIVERED, Outcome, Rejected, Retry
from otel_bridge.deliver.retry import RetryOptions, retry_after_s
from otel_bridge.deliver.sender import Kind, Opening
from otel_bridge.model import Event
from otel_bridge.settings import STRICT, Duration, Secret

NAME = "http"

RETRIED = frozenset({408, 425, 429})
WHOLE = frozenset({429, 503})
GZIP_LEVEL = 3
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server proves who it is, and how we do."""

    __pydantic_config__ = STRICT

    ca: str | None = None
    """PEM file of the CAs that the server's certificate must come from. Default: those of the system."""
    cert: str | None = None
    """PEM file with our certificate, for servers that ask for one."""
    key: str | None = None
    """PEM file with the private key of `cert`. Default: it is in the same file."""
    verify: bool = True
    """Whether the server's certificate is checked."""

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            file = getattr(self, name)
            if file and not Path(file).is_file():
                raise ValueError(f"{name}: no such file: {file}")
        if self.key and not self.cert:
            raise ValueError("key is set without cert; set both")

    def context(self) -> ssl.SSLContext:
        """The client's side of TLS, with the files read."""
        context = ssl.create_default_context(cafile=self.ca)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """An OpenLineage HTTP endpoint."""

    __pydantic_config__ = STRICT

    url: str
    """Base URL, for instance `http://localhost:5000`."""
    endpoint: str = "api/v1/lineage"
    """Path below `url`; may be empty."""
    bearer_token: Secret | None = None
    """Sent as `Authorization: Bearer ...`; OpenLineage clients call it the API key."""
    headers: Mapping[str, Secret] = field(default_factory=dict)
    """Further request headers, for instance `X-Api-Key`. Their values are kept out of logs."""
    compression: Literal["none", "gzip"] = "none"
    """Compression of the request's body."""
    timeout: Duration = Duration(10)
    """Longest time to connect, and longest time to wait for an answer."""
    tls: Tls = field(default_factory=Tls)
    """TLS of an `https` URL."""
    concurrency: int = 8
    """Connections, and so events that are under way at once."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts."""

    def __post_init__(self) -> None:
        target(self.url, self.endpoint)
        if self.concurrency < 1:
            raise ValueError("concurrency must be 1 or more")
        if self.timeout <= 0:
            raise ValueError("timeout must be above 0")
        for name, value in self.headers.items():
            check_header(name, value.reveal())
        if self.bearer_token is not None:
            check_header("Authorization", self.bearer_token.reveal())


EXAMPLE = """\
- name: marquez
  type: http
  url: http://localhost:5000
  # endpoint: api/v1/lineage
  # bearer_token: <secret>
  # headers: {X-Api-Key: <secret>}
  # compression: gzip
  # timeout: 10s
  # tls: {ca: ca.pem, cert: client.pem, key: client.key}
  # concurrency: 8
  # retry: {first: 500ms, longest: 1m, max_attempts: 100, give_up_after: 1d}
"""


class Target(msgspec.Struct, frozen=True):
    """Where requests go: connection, Host header and request target."""

    host: str
    port: int
    secure: bool
    authority: str
    path: str


def target(url: str, endpoint: str) -> Target:
    """The endpoint below the base URL.

    Raises:
        ValueError: saying what is wrong with the URL.

    >>> target("https://lineage.example/base/", "/api/v1/lineage").path
    '/base/api/v1/lineage'
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("url must be an http or https URL with a host, for instance http://localhost:5000")
    if parts.username or parts.password:
        raise ValueError("url must not hold a user or password; use bearer_token or headers")
    path = f"{parts.path.rstrip('/')}/{endpoint.lstrip('/')}" if endpoint else parts.path or "/"
    path += f"?{parts.query}" if parts.query else ""
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise ValueError("url and endpoint must be percent-encoded")
    return Target(parts.hostname, _port(parts), parts.scheme == "https", parts.netloc, path)


def check_header(name: str, value: str) -> None:
    """ValueError unless it can be sent as a header."""
    if not TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of a header")
    if name.lower() in {"content-length", "transfer-encoding", "host", "content-encoding", "connection"}:
        raise ValueError(f"the header {name} is set by the bridge; leave it out")
    if not value.isprintable() or any(ord(c) > 255 for c in value):
        raise ValueError(f"the value of the header {name} holds characters that a header can't")


class HttpSender:
    """Sends events as `POST` requests. `authorize` gives the Authorization header anew for each request."""

    def __init__(
        self, options: Options, authorize: Callable[[], Awaitable[str | None]] | None = None
    ) -> None:
        self._options = options
        self._target = target(options.url, options.endpoint)
        self._authorize = authorize
        self._gzip = options.compression == "gzip"
        self._head = self._request_head().encode("latin-1")
        self._pool: Pool | None = None

    async def start(self) -> None:
        """Read the TLS files."""
        where = self._target
        tls = self._options.tls.context() if where.secure else None
        self._pool = Pool(Origin(where.host, where.port, tls), self._options.timeout)

    async def send(self, body: bytes, event: Event) -> Outcome:
        """One POST."""
        assert self._pool, "start was not called"
        try:
            return outcome(await self._pool.exchange(await self._request(body)), time.time())
        except ConnectFailed as error:
            return Retry(str(error), whole=True)
        except ExchangeFailed as error:
            return Retry(str(error))

    async def close(self) -> None:
        """Close the connections."""
        if self._pool:
            await self._pool.close()

    async def _request(self, body: bytes) -> bytes:
        if self._gzip:
            body = zlib.compress(body, GZIP_LEVEL, 31)
        authorization = b""
        if self._authorize and (value := await self._authorize()):
            authorization = b"Authorization: %b\r\n" % value.encode("latin-1")
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, authorization, len(body), body)

    def _request_head(self) -> str:
        options = self._options
        lines = {
            "Host": self._target.authority,
            "User-Agent": f"otel-bridge/{__version__}",
            "Content-Type": "application/json",
        }
        if self._gzip:
            lines["Content-Encoding"] = "gzip"
        if options.bearer_token is not None:
            lines["Authorization"] = f"Bearer {options.bearer_token.reveal()}"
        lines = {name.title(): value for name, value in lines.items()}
        lines |= {name.title(): value.reveal() for name, value in options.headers.items()}
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self._target.path} HTTP/1.1\r\n{text}"


def outcome(answer: Answer, now_s: float) -> Outcome:
    """What a status means: 2xx delivered; 408, 425, 429 and 5xx again; everything else never."""
    status = answer.status
    if 200 <= status < 300:
        return DELIVERED
    text = answer.body.decode("utf-8", "replace")
    if status in RETRIED or status >= 500:
        after = retry_after_s(answer.headers.get("retry-after", ""), now_s)
        return Retry(_reason(status, text), after, whole=status in WHOLE)
    if 300 <= status < 400:
        where = answer.headers.get("location", "nowhere")
        return Rejected(
            f"redirected ({status}) to {where}; put that URL into the configuration", status, text
        )
    return Rejected(_reason(status, text), status, text)


def _reason(status: int, text: str) -> str:
    said = " ".join(text.split())
    return f"HTTP {status}: {said[:200]}" if said else f"HTTP {status}"


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _open(options: Options, opening: Opening) -> HttpSender:
    return HttpSender(options)


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
