"""`type: file`: one line of JSON for each event, appended to a file."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from otel_bridge.deliver.lines import LineWriter, one_line
from otel_bridge.deliver.outcome import Outcome
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.deliver.sender import Kind, Opening
from otel_bridge.model import Event
from otel_bridge.settings import STRICT, Size

NAME = "file"
TAIL = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A file of newline-delimited JSON."""

    __pydantic_config__ = STRICT

    path: str
    """The file. A relative path is taken from the data directory, not from where the bridge was started."""
    fsync: Literal["always", "never"] = "always"
    """`always`: delivered means on the disk, and events that wait together share one sync."""
    max_size: Size | None = None
    """Size at which the file is renamed to `<path>.1` (that to `<path>.2`, ...). Default: never."""
    keep: int = 5
    """How many renamed files are kept; older ones are deleted."""
    concurrency: int = 64
    """Events that may go out in one write."""
    retry: RetryOptions = field(default_factory=RetryOptions)
    """Pace and end of attempts."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path must not be empty")
        if self.keep < 1:
            raise ValueError("keep must be 1 or more; leave max_size out to keep everything in one file")
        if self.max_size is not None and self.max_size < 1:
            raise ValueError("max_size must be above 0; leave it out to never rotate")
        if self.concurrency < 1:
            raise ValueError("concurrency must be 1 or more")


EXAMPLE = """\
- name: archive
  type: file
  path: events.ndjson
  # fsync: always
  # max_size: 256MiB
  # keep: 5
"""


class FileSender:
    """Appends lines. A file that was renamed or removed by somebody else is opened anew."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path = path
        self._options = options
        self._file: BinaryIO | None = None
        self._lines = LineWriter(self._write)

    async def start(self) -> None:
        """Nothing to do: the file is opened with the first event, and again after trouble."""

    async def send(self, body: bytes, event: Event) -> Outcome:
        """Write one line."""
        return await self._lines.put(one_line(body) + b"\n")

    async def close(self) -> None:
        """Wait for the last line and close the file."""
        await self._lines.close()
        self._shut()

    def _write(self, lines: Sequence[bytes]) -> None:
        rest = deque(lines)
        while rest:
            file = self._opened()
            end = file.seek(0, os.SEEK_END)
            try:
                self._append(file, self._piece(rest, end))
            except OSError:
                self._cut(file, end)
                raise

    def _append(self, file: BinaryIO, batch: bytes) -> None:
        rest = memoryview(batch)
        while rest:
            rest = rest[file.write(rest) :]
        if self._options.fsync == "always":
            os.fsync(file.fileno())

    def _piece(self, rest: deque[bytes], size: int) -> bytes:
        """As many lines as go into this file before it is full; at least one."""
        limit = self._options.max_size
        piece = [rest.popleft()]
        size += len(piece[0])
        while rest and (limit is None or size < limit):
            size += len(rest[0])
            piece.append(rest.popleft())
        return b"".join(piece)

    def _opened(self) -> BinaryIO:
        if self._file and not self._is_ours(self._file):
            self._shut()
        if self._file and self._full(self._file):
            self._rotate()
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b", buffering=0)
            _mend(self._file)
        return self._file

    def _is_ours(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False

    def _full(self, file: BinaryIO) -> bool:
        limit = self._options.max_size
        return limit is not None and os.fstat(file.fileno()).st_size >= limit

    def _rotate(self) -> None:
        self._shut()
        for number in range(self._options.keep - 1, 0, -1):
            old = self._numbered(number)
            if old.exists():
                old.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _cut(self, file: BinaryIO, end: int) -> None:
        """Undo a write that failed half-way, so that the next one begins a line."""
        try:
            file.truncate(end)
        except OSError:
            self._shut()

    def _shut(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _mend(file: BinaryIO) -> None:
    """Make the file end with a whole line.

    The piece of a line that a crash left is cut off, as its event is sent again.
    """
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - TAIL)
    file.seek(start)
    tail = file.read(size - start) or b""
    if not tail or tail.endswith(b"\n"):
        return
    begin = tail.rfind(b"\n") + 1
    try:
        msgspec.json.decode(tail[begin:])
        file.write(b"\n")
    except msgspec.DecodeError:
        file.truncate(start + begin)


def _open(options: Options, opening: Opening) -> FileSender:
    return FileSender(opening.data_dir / options.path, options)


KIND = Kind(options=Options, example=EXAMPLE, open=_open)
