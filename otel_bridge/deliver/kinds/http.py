"""`type: http`: POST events to an OpenLineage endpoint, such as Marquez, DataHub or Datadog; one by one, or those
that wait together.
"""

import dataclasses
import re
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
import structlog

from otel_bridge import __version__
from otel_bridge.deliver import batch_answer
from otel_bridge.deliver.batches import Batches, Halve
from otel_bridge.deliver.http1 import Answer, ConnectFailed, ExchangeFailed, Origin, Pool
from otel_bridge.deliver.outcome import ANSWER_LIMIT, DELIVERED, Outcome, Rejected, Retry
from otel_bridge.deliver.retry import RetryOptions, retry_after_s
from otel_bridge.deliver.sender import Kind, Opening
from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import PROFILES
from otel_bridge.settings import STRICT, Duration, Secret, Size
from otel_bridge.sockets import no_password

NAME = "http"

NOT_US = frozenset({401, 403, 407})
RETRIED = frozenset({408, 425, 429})
WHOLE = frozenset({429, 503})
GZIP_LEVEL = 3
ENDPOINT = "api/v1/lineage"
REQUESTS = 8
NO_BATCHES = frozenset({404, 405})
IN_DOUBT = frozenset({400, 422})
TOO_LARGE = 413
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

log = structlog.get_logger()


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
            context.load_cert_chain(self.cert, self.key, no_password)
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """An OpenLineage HTTP endpoint."""

    __pydantic_config__ = STRICT

    url: str
    """Base URL, for instance `http://localhost:5000`."""
    endpoint: str | None = None
    """Path below `url`; may be empty. Default: the profile's, `api/v1/lineage` for most."""
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
    batch: bool = False
    """Whether events that wait are sent together, to consumers that take batches; others get them one by one."""
    batch_endpoint: str | None = None
    """Path below `url` for batches. Default: `/batch` below `endpoint`, or the profile's."""
    batch_events: int = 100
    """Most events of a batch."""
    batch_bytes: Size = Size(1024**2)
    """Size, before compression, that a batch is not to exceed unless by a single event."""
    concurrency: int | None = None
    """Events under way at once, each on a connection, or those of a batch on one. Default: 8, or 8 batches."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts."""

    def __post_init__(self) -> None:
        for endpoint in (self.endpoint, self.batch_endpoint):
            target(self.url, ENDPOINT if endpoint is None else endpoint)
        if self.concurrency is None:
            object.__setattr__(self, "concurrency", REQUESTS * (self.batch_events if self.batch else 1))
        for name in ("concurrency", "batch_events", "batch_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more")
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
  # batch: true
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
        self._target = target(options.url, ENDPOINT if options.endpoint is None else options.endpoint)
        self._authorize = authorize
        self._gzip = options.compression == "gzip"
        self._head = self._request_head(self._target)
        self._keep = ANSWER_LIMIT
        self._pool: Pool | None = None

    async def start(self) -> None:
        """Read the TLS files."""
        where = self._target
        tls = self._options.tls.context() if where.secure else None
        self._pool = Pool(Origin(where.host, where.port, tls), self._options.timeout, self._keep)

    async def send(self, body: bytes, event: Event) -> Outcome:
        """One POST."""
        return await self._one(body)

    async def close(self) -> None:
        """Close the connections."""
        if self._pool:
            await self._pool.close()

    async def _one(self, body: bytes) -> Outcome:
        answer = await self._post(self._head, body)
        return outcome(answer, time.time()) if isinstance(answer, Answer) else answer

    async def _post(self, head: bytes, body: bytes) -> Answer | Retry:
        """The answer, or why there is none."""
        assert self._pool, "start was not called"
        try:
            return await self._pool.exchange(await self._request(head, body))
        except ConnectFailed as error:
            return Retry(str(error), whole=True)
        except ExchangeFailed as error:
            return Retry(str(error))

    async def _request(self, head: bytes, body: bytes) -> bytes:
        if self._gzip:
            body = zlib.compress(body, GZIP_LEVEL, 31)
        authorization = b""
        if self._authorize and (value := await self._authorize()):
            authorization = b"Authorization: %b\r\n" % value.encode("latin-1")
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, authorization, len(body), body)

    def _request_head(self, where: Target) -> bytes:
        options = self._options
        lines = {
            "Host": where.authority,
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
        return f"POST {where.path} HTTP/1.1\r\n{text}".encode("latin-1")


class BatchSender(HttpSender):
    """Sends events that wait together, to `options.batch_endpoint`, as `shape` says.

    A consumer that has no such endpoint gets them one by one for as long as this process lives.
    """

    def __init__(self, options: Options, shape: Literal["array", "events"]) -> None:
        super().__init__(options)
        assert options.batch_endpoint is not None
        assert options.concurrency
        self._together = self._request_head(target(options.url, options.batch_endpoint))
        self._frame = (b"[", b"]") if shape == "array" else (b'{"events":[', b"]}")
        self._keep = batch_answer.LIMIT
        self._singly = False
        lanes = -(-options.concurrency // options.batch_events)
        self._batches = Batches(self._attempt, lanes, options.batch_events, options.batch_bytes)

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Send it with others that wait."""
        return await self._batches.put(body, event.key)

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        await self._batches.close()
        await super().close()

    async def _attempt(self, bodies: Sequence[bytes]) -> Sequence[Outcome] | Halve:
        if not self._singly:
            begin, end = self._frame
            answer = await self._post(self._together, begin + b",".join(bodies) + end)
            if isinstance(answer, Retry):
                return [answer] * len(bodies)
            if answer.status not in NO_BATCHES:
                return _of_batch(answer, len(bodies))
            self._fall_back(answer.status)
        if len(bodies) > 1:
            return Halve.SINGLY
        return [await self._one(bodies[0])]

    def _fall_back(self, status: int) -> None:
        if not self._singly:
            self._singly = True
            log.warning(
                "the consumer takes no batches; events go one by one",
                url=self._options.url, endpoint=self._options.batch_endpoint, status=status,
            )  # fmt: skip


def _of_batch(answer: Answer, sent: int) -> Sequence[Outcome] | Halve:
    """What an answer means for each event of a batch."""
    status = answer.status
    if 200 <= status < 300 and answer.body:
        if sent == 1:
            return [batch_answer.of_one(answer.body)]
        return batch_answer.outcomes(answer.body, sent) or Halve.IN_DOUBT
    if sent > 1 and status == TOO_LARGE:
        return Halve.TOO_LARGE
    if sent > 1 and status in IN_DOUBT:
        found = batch_answer.outcomes(answer.body, sent) or [DELIVERED]
        return Halve.IN_DOUBT if DELIVERED in found else found
    return [outcome(answer, time.time())] * sent


def outcome(answer: Answer, now_s: float) -> Outcome:
    """What a status means: 2xx delivered; 408, 425, 429 and 5xx again; everything else never (issue 3)."""
    status = answer.status
    if 200 <= status < 300:
        return DELIVERED
    text = answer.body[:ANSWER_LIMIT].decode("utf-8", "replace")
    if status in RETRIED or status >= 500:
        after = retry_after_s(answer.headers.get("retry-after", ""), now_s)
        return Retry(_reason(status, text), after, whole=status in WHOLE)
    if 300 <= status < 400:
        where = answer.headers.get("location", "nowhere")
        return Rejected(
            f"redirected ({status}) to {where}; put that URL into the configuration", status, text
        )
    hint = "; correct the credentials, then retry the dead letters" if status in NOT_US else ""
    return Rejected(_reason(status, text) + hint, status, text)


def _reason(status: int, text: str) -> str:
    said = " ".join(text.split())
    return f"HTTP {status}: {said[:200]}" if said else f"HTTP {status}"


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _open(options: Options, opening: Opening) -> HttpSender:
    profile = PROFILES[opening.consumer.profile]
    given = options.endpoint
    endpoint = profile.endpoint if given is None else given
    options = dataclasses.replace(options, endpoint=endpoint)
    if not options.batch:
        return HttpSender(options)
    path = options.batch_endpoint
    if path is None:
        path = profile.batch.path if profile.batch and given is None else _below(endpoint)
    shape = profile.batch.shape if profile.batch else "array"
    return BatchSender(dataclasses.replace(options, batch_endpoint=path), shape)


def _below(endpoint: str) -> str:
    """OpenLineage's place for batches.

    >>> _below("api/v1/lineage?team=a")
    'api/v1/lineage/batch?team=a'
    """
    path, question, query = endpoint.partition("?")
    return f"{path.rstrip('/')}/batch{question}{query}"


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
