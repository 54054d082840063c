"""`type: console`: one line of JSON on standard output for each event."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_bridge.deliver.lines import LineWriter, one_line
from otel_bridge.deliver.outcome import Outcome
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.deliver.sender import Kind, Opening
from otel_bridge.model import Event
from otel_bridge.settings import STRICT

NAME = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Standard output."""

    __pydantic_config__ = STRICT

    concurrency: int = 64
    """Events that may go out in one write."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts."""


EXAMPLE = """\
- name: console
  type: console
"""


class ConsoleSender:
    """Writes to this process's standard output."""

    def __init__(self) -> None:
        self._lines = LineWriter(_print)

    async def start(self) -> None:
        """Nothing to do."""

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Write one line."""
        return await self._lines.put(one_line(body) + b"\n")

    async def close(self) -> None:
        """Wait for the last line."""
        await self._lines.close()


def _print(lines: Sequence[bytes]) -> None:
    sys.stdout.buffer.write(b"".join(lines))
    sys.stdout.buffer.flush()


def _open(options: Options, opening: Opening) -> ConsoleSender:
    return ConsoleSender()


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
