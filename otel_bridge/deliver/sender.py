"""What a kind of destination must offer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from otel_bridge.deliver.outcome import Outcome
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.model import Event
from otel_bridge.settings import Consumer


class Sender(Protocol):
    """An open destination. `send` is called concurrently, never twice at once for the same run."""

    async def start(self) -> None:
        """Acquire what is needed before the first event; an exception means: try again later."""

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Make one attempt in bounded time. `body` is the event as JSON."""

    async def close(self) -> None:
        """Release everything; called once, after the last `send` returned or was cancelled."""


class Options(Protocol):
    """What every kind's options have in common."""

    @property
    def concurrency(self) -> int:
        """How many events may be under way at once; those of one run never are."""

    @property
    def retry(self) -> RetryOptions:
        """Pace and end of attempts."""


class Opening(msgspec.Struct, frozen=True):
    """What a kind may need to know besides its own options."""

    data_dir: Path
    consumer: Consumer


class Kind(msgspec.Struct, frozen=True):
    """A kind of destination: its options (a frozen dataclass), an example in YAML, and how to open it.

    `open` gets the checked options and the rest that is known of the destination; it does no I/O.
    """

    options: type[Any]
    example: str
    open: Callable[[Any, Opening], Sender]
