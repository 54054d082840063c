"""`type: openlineage`: any transport of openlineage-python, by its own configuration.

HTTP ones go through the bridge's own sender; the others emit in threads of their own, which nothing waits for
longer than it is configured to.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_bridge.deliver import transports
from otel_bridge.deliver.kinds.http import HttpSender
from otel_bridge.deliver.lone_thread import LoneThread
from otel_bridge.deliver.outcome import Outcome, Retry
from otel_bridge.deliver.resolution import resolve
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.deliver.sender import Kind, Opening, Sender
from otel_bridge.model import Event
from otel_bridge.redaction import Redactor, secrets_of
from otel_bridge.settings import STRICT, Destination, Duration

if TYPE_CHECKING:
    from otel_bridge.deliver.adaptation import Client

NAME = "openlineage"

HTTP = frozenset({"http", "async_http", "datadog"})
REQUESTS = 8
CLOSE_S = 1.5
HANGING_S = 0.3
MOST_LATE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A transport of openlineage-python."""

    __pydantic_config__ = STRICT

    transport: Mapping[str, Any] = field(repr=False)
    """The `transport` section as in `openlineage.yml`, with `type` and whatever that type takes."""
    timeout: Duration = Duration(60)
    """Longest time to wait for the transport, before that shows as trouble; those with one of their own keep it."""
    concurrency: int | None = None
    """Events under way at once. Default: 8 for HTTP, 1 for others, each further one a thread and transport of its own."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts; the transport's own attempts come on top, except for the HTTP ones."""

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError("timeout must be above 0")
        transports.check(self.transport)
        if self.concurrency is None:
            object.__setattr__(self, "concurrency", REQUESTS if self.transport["type"] in HTTP else 1)
        if self.at_once < 1:
            raise ValueError("concurrency must be 1 or more")
        if self.at_once > 1 and transports.writes_file(self.transport):
            raise ValueError("concurrency must be 1 with a file transport, whose lines would mix")
        _check_http(self)

    @property
    def at_once(self) -> int:
        """The concurrency that holds."""
        assert self.concurrency is not None
        return self.concurrency


EXAMPLE = """\
- name: catalog
  type: openlineage
  transport:
    type: file
    log_file_path: /var/lib/otel-bridge/openlineage.log
    append: true
"""


class ClientSender:
    """Emits through openlineage-python, one event at a time.

    A call that takes too long shows as trouble. No other event overtakes it, and what came of it counts when its
    event is tried again.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._thread = LoneThread("openlineage")
        self._turn = asyncio.Lock()
        self._building: asyncio.Future[Client] | None = None
        self._client: Client | None = None
        self._last: asyncio.Future[Outcome] | None = None
        self._key = ""
        self._late: dict[bytes, asyncio.Future[Outcome]] = {}

    @property
    def ready(self) -> bool:
        """Whether there is a transport."""
        return self._client is not None

    @property
    def busy(self) -> int:
        """How unwelcome another event is."""
        return self._turn.locked() + (self._last is not None and not self._last.done())

    def has(self, body: bytes, event: Event) -> bool:
        """Whether a call for this event, or for its run, may still be under way here."""
        return event.key == self._key or body in self._late

    async def start(self) -> None:
        """Build the transport, which may import and connect."""
        building = self._building = self._building or self._thread.call(self._build)
        if not await self._over(building):
            raise TimeoutError(f"the transport is not ready after {self._options.timeout:g} s")
        self._building = None
        self._client = building.result()

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Emit one event."""
        assert self._client, "start was not called"
        async with self._turn:
            emitting = self._late.pop(body, None)
            if emitting is None:
                if self._last and not await self._over(self._last):
                    return self._silence()
                self._key = event.key
                emitting = self._last = self._thread.call(self._client.emit, body)
            if await self._over(emitting):
                return emitting.result()
            self._late[body] = emitting
            if len(self._late) > MOST_LATE:
                del self._late[next(iter(self._late))]
            return self._silence()

    async def close(self) -> None:
        """Flush and close the transport, in bounded time; one that hangs is left alone."""
        if self._client:
            self._client.abandon()
            if self._last is None or await self._over(self._last, HANGING_S):
                await self._over(self._thread.call(self._client.close), CLOSE_S)
        self._thread.end()

    def _build(self) -> "Client":
        from otel_bridge.deliver.adaptation import Client

        return Client(self._options.transport, self._options.timeout)

    def _silence(self) -> Retry:
        return Retry(f"no word from the transport within {self._options.timeout:g} s", whole=True)

    async def _over(self, call: "asyncio.Future[Any]", within_s: float | None = None) -> bool:
        done, _ = await asyncio.wait({call}, timeout=within_s or self._options.timeout)
        return bool(done)


class ClientSenders:
    """As many as may emit at once."""

    def __init__(self, options: Options) -> None:
        self._senders = [ClientSender(options) for _ in range(options.at_once)]

    async def start(self) -> None:
        """Start those that are not yet ready."""
        await asyncio.gather(*(sender.start() for sender in self._senders if not sender.ready))

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Emit one event."""
        mine = (sender for sender in self._senders if sender.has(body, event))
        sender = next(mine, None) or min(self._senders, key=lambda sender: sender.busy)
        return await sender.send(body, event)

    async def close(self) -> None:
        """Close all."""
        await asyncio.gather(*(sender.close() for sender in self._senders))


class LazyHttpSender:
    """The bridge's HTTP sender, configured by a section of openlineage-python."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sender: HttpSender | None = None

    async def start(self) -> None:
        """Translate the section."""
        from otel_bridge.deliver.adaptation import http_options

        options, authorize = http_options(self._options.transport, self._options.at_once, self._options.retry)
        self._sender = HttpSender(options, authorize)
        await self._sender.start()

    async def send(self, body: bytes, event: Event) -> Outcome:
        """One POST."""
        assert self._sender, "start was not called"
        return await self._sender.send(body, event)

    async def close(self) -> None:
        """Close the connections."""
        if self._sender:
            await self._sender.close()


def from_environment(environ: Mapping[str, str], cwd: Path) -> Destination | None:
    """The destination that openlineage-python's own configuration names; None if there is none.

    Raises:
        ValueError: it is configured, but wrongly.
    """
    transport = resolve(environ, cwd)
    if transport is None:
        return None
    return Destination(NAME, NAME, Options(transport=transport))


def _check_http(options: Options) -> None:
    """An HTTP section is translated once to see that it can be."""
    from otel_bridge.deliver.adaptation import http_options

    if options.transport["type"] in HTTP:
        try:
            http_options(options.transport, options.at_once, options.retry)
        except Exception as error:
            said = Redactor(secrets_of(options.transport))(str(error))
            raise ValueError(f"transport: {said}. Correct the OpenLineage configuration") from error


def _open(options: Options, opening: Opening) -> Sender:
    kind = options.transport["type"]
    if kind in HTTP:
        return LazyHttpSender(options)
    if kind == "console":
        from otel_bridge.deliver.kinds import console

        return console.KIND.open(console.Options(retry=options.retry), opening)
    return ClientSenders(options)


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
