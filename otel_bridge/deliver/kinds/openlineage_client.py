"""`type: openlineage`: any transport of openlineage-python, by its own configuration.

HTTP ones go through the bridge's own sender; the others emit in a thread.
"""

import asyncio
import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_bridge.deliver.kinds.http import HttpSender
from otel_bridge.deliver.outcome import Outcome
from otel_bridge.deliver.resolution import resolve
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.deliver.sender import Kind, Opening, Sender
from otel_bridge.model import Event
from otel_bridge.settings import STRICT, Destination

if TYPE_CHECKING:
    from otel_bridge.deliver.adaptation import Client

NAME = "openlineage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A transport of openlineage-python."""

    __pydantic_config__ = STRICT

    transport: Mapping[str, Any] = field(repr=False)
    """The `transport` section as in `openlineage.yml`, with `type` and whatever that type takes."""
    concurrency: int = 8
    """Events under way at once with `http`, `async_http` and `datadog`; others send one at a time."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts; the transport's own attempts come on top, except for the HTTP ones."""

    def __post_init__(self) -> None:
        if not self.transport.get("type"):
            raise ValueError("transport.type is missing; see https://openlineage.io/docs/client/python")
        if self.concurrency < 1:
            raise ValueError("concurrency must be 1 or more")


EXAMPLE = """\
- name: catalog
  type: openlineage
  transport:
    type: file
    log_file_path: /var/lib/otel-bridge/openlineage.log
    append: true
"""


class ClientSender:
    """Emits through openlineage-python, one event at a time."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._thread = ThreadPoolExecutor(1, "openlineage")
        self._client: Client | None = None

    async def start(self) -> None:
        """Build the transport, which may import and connect."""
        self._client = await self._in_thread(self._build)

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Emit one event."""
        assert self._client, "start was not called"
        outcome: Outcome = await self._in_thread(self._client.emit, body)
        return outcome

    async def close(self) -> None:
        """Flush and close the transport."""
        if self._client:
            await self._in_thread(self._client.close)
        self._thread.shutdown()

    def _build(self) -> "Client":
        from otel_bridge.deliver.adaptation import Client

        return Client(self._options.transport)

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


class LazyHttpSender:
    """The bridge's HTTP sender, configured by a section of openlineage-python."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sender: HttpSender | None = None

    async def start(self) -> None:
        """Translate the section."""
        from otel_bridge.deliver.adaptation import http_options

        options, authorize = http_options(
            self._options.transport, self._options.concurrency, self._options.retry
        )
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
    options = Options(transport=transport)
    _checked(options)
    return Destination(NAME, NAME, options)


def _checked(options: Options) -> None:
    """An HTTP section is translated once to see that it can be."""
    from otel_bridge.deliver.adaptation import HTTP, http_options

    if options.transport["type"] in HTTP:
        try:
            http_options(options.transport, options.concurrency, options.retry)
        except Exception as error:
            raise ValueError(f"transport: {error}. Correct the OpenLineage configuration") from error


def _open(options: Options, opening: Opening) -> Sender:
    kind = options.transport["type"]
    if kind in {"http", "async_http", "datadog"}:
        return LazyHttpSender(options)
    if kind == "console":
        from otel_bridge.deliver.kinds import console

        return console.KIND.open(console.Options(retry=options.retry), opening)
    return ClientSender(dataclasses.replace(options, concurrency=1))


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
