"""What waits to be sent: in an append-only file, so that nothing is lost with the process, or else in memory.

File: 8 bytes magic, u64 offset of the first record that was not acknowledged yet, then records: u32 length,
u32 CRC-32, an OTLP export request. Integers are little-endian. The writer holds a lock on its file; a file
whose lock is free was left behind by a process that ended, and whoever gets the lock sends and removes it.
"""

import os
import secrets
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from otel_lineage.settings import Signal

try:
    import fcntl
except ImportError:  # Windows: a file that another process has open can't be removed, which is claim enough
    fcntl = None  # type: ignore[assignment]

MAGIC = b"OTLPSPL1"
HEADER = struct.Struct("<8sQ")
RECORD = struct.Struct("<II")
SUFFIX = ".otlp"


class SpoolFullError(OSError):
    """The spool is at its limit."""


class Backlog(Protocol):
    """Requests that wait, oldest first."""

    @property
    def pending(self) -> bool:
        """Whether there are any."""

    def batch(self, limit: int) -> tuple[list[bytes], int]:
        """The first ones, at least one and up to so many bytes, and the mark to settle them with."""

    def settle(self, mark: int) -> None:
        """Forget all up to the mark: they were acknowledged."""


class SpoolFile:
    """A backlog on disk. It is made at the first append, or opened by `claim`.

    Once released it is empty for us: from then on its records are those of whoever claims it.
    """

    def __init__(self, path: Path, limit: int = 0, fd: int = -1) -> None:
        self.path = path
        self._limit = limit
        self._fd = fd
        self._first = HEADER.size
        self._end = HEADER.size
        self._noted = HEADER.size
        self._released = False
        self.damaged = False

    @classmethod
    def fresh(cls, directory: Path, signal: Signal, limit: int) -> "SpoolFile":
        """One for this process, not made yet."""
        name = f"{signal}-{time.time_ns():016x}-{os.getpid()}-{secrets.token_hex(3)}{SUFFIX}"
        return cls(directory / name, limit)

    @classmethod
    def claim(cls, path: Path) -> "SpoolFile | None":
        """A file that a process left behind, locked for us; None if it is in use or gone."""
        try:
            fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        spool = cls(path, fd=fd)
        if _lock(fd) and _still_there(path, fd):
            spool._read_header()
            return spool
        spool.abandon()
        return None

    @property
    def pending(self) -> bool:
        """Whether there are records of ours that were not acknowledged."""
        return self._first < self._end and not self._released

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._end

    def append(self, payload: bytes) -> None:
        """Write one request. OSError if the disk does not take it: then the file is as before."""
        if self._released:
            raise SpoolFullError(f"the spool {self.path} is closed; open a fresh one")
        if self._fd < 0:
            self._make()
        if self._end + len(payload) > self._limit:
            raise SpoolFullError(f"the spool {self.path} has reached its limit of {self._limit} bytes")
        record = RECORD.pack(len(payload), zlib.crc32(payload)) + payload
        self._write(self._end, record)
        self._end += len(record)

    def batch(self, limit: int) -> tuple[list[bytes], int]:
        """See Backlog. A damaged tail, as a power loss leaves it, ends the file."""
        payloads: list[bytes] = []
        offset, total = self._first, 0
        while offset < self._end and not self._released:
            payload = self._record(offset)
            if payload is None:
                self._end, self.damaged = offset, True
                break
            if payloads and total + len(payload) > limit:
                break
            payloads.append(payload)
            total += len(payload)
            offset += RECORD.size + len(payload)
        return payloads, offset

    def settle(self, mark: int) -> None:
        """See Backlog. An empty file shrinks to its header."""
        if self._released:
            return
        if mark < self._end:
            self._first = mark
            self._note(mark)
            return
        self._first = self._end = HEADER.size
        self._note(HEADER.size)
        os.ftruncate(self._fd, HEADER.size)

    def close(self, *, remove: bool = False) -> None:
        """Release the file, and remove it if it is not needed any more. To append is an error from now on."""
        self._released = True
        if self._fd < 0:
            return
        if remove and os.name != "nt":
            self.path.unlink(missing_ok=True)
        _unlock(self._fd)
        self.abandon()
        if remove and os.name == "nt":
            self.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of the file in a forked child, where the lock is the parent's."""
        self._released = True
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _make(self) -> None:
        """Make the file under a passing name: nobody sees it before it is locked and has its header."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        passing = self.path if os.name == "nt" else self.path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd = os.open(passing, flags, 0o600)
        try:
            _lock(self._fd)
            self._write(0, HEADER.pack(MAGIC, HEADER.size))
            if passing != self.path:
                passing.rename(self.path)
        except OSError:
            os.close(self._fd)
            self._fd = -1
            passing.unlink(missing_ok=True)
            raise

    def _read_header(self) -> None:
        header = self._read(0, HEADER.size)
        self._end = os.fstat(self._fd).st_size
        if len(header) < HEADER.size or not header.startswith(MAGIC):
            self._end = self._first
            return
        first = int(HEADER.unpack(header)[1])
        self._first = self._noted = first if HEADER.size <= first <= self._end else HEADER.size

    def _record(self, offset: int) -> bytes | None:
        head = self._read(offset, RECORD.size)
        if len(head) < RECORD.size:
            return None
        length, crc = RECORD.unpack(head)
        if offset + RECORD.size + length > self._end:
            return None
        payload = self._read(offset + RECORD.size, length)
        return payload if len(payload) == length and zlib.crc32(payload) == crc else None

    def _note(self, first: int) -> None:
        if self._noted != first:
            self._write(0, HEADER.pack(MAGIC, first))
            self._noted = first

    def _read(self, offset: int, size: int) -> bytes:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, size)

    def _write(self, offset: int, data: bytes) -> None:
        os.lseek(self._fd, offset, os.SEEK_SET)
        if os.write(self._fd, data) != len(data):
            os.ftruncate(self._fd, max(self._end, HEADER.size))
            raise SpoolFullError(f"the disk of the spool {self.path} is full")


class Memory:
    """A backlog for when the disk does not take it. At its limit the oldest go."""

    def __init__(self, limit: int = 8 * 1024**2) -> None:
        self._limit = limit
        self._items: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._last = 0
        self.dropped = 0

    @property
    def pending(self) -> bool:
        """Whether there are any."""
        return bool(self._items)

    def append(self, payload: bytes) -> None:
        """Keep one request."""
        self._last += 1
        self._items.append((self._last, payload))
        self._bytes += len(payload)
        while self._bytes > self._limit and len(self._items) > 1:
            self._bytes -= len(self._items.popleft()[1])
            self.dropped += 1

    def batch(self, limit: int) -> tuple[list[bytes], int]:
        """See Backlog."""
        payloads: list[bytes] = []
        mark, total = 0, 0
        for number, payload in self._items:
            if payloads and total + len(payload) > limit:
                break
            payloads.append(payload)
            total += len(payload)
            mark = number
        return payloads, mark

    def settle(self, mark: int) -> None:
        """See Backlog."""
        while self._items and self._items[0][0] <= mark:
            self._bytes -= len(self._items.popleft()[1])


def left_behind(directory: Path) -> Iterator[tuple[Signal, Path]]:
    """Spool files in the directory, oldest first; some may be in use."""
    try:
        paths = sorted(directory.glob(f"*{SUFFIX}"), key=lambda path: path.name.partition("-")[2])
    except OSError:
        return
    for path in paths:
        if path.name.startswith("traces-"):
            yield "traces", path
        elif path.name.startswith("logs-"):
            yield "logs", path


def trim(directory: Path, limit: int, age_s: float) -> int:
    """Remove what is too old, and the oldest while all exceed the limit. Returns the bytes removed."""
    removed = 0
    files = [(path, status) for _, path in left_behind(directory) if (status := _status(path))]
    total = sum(status.st_size for _, status in files)
    for path, status in files:
        old = time.time() - status.st_mtime > age_s
        spool = SpoolFile.claim(path) if old or total > limit else None
        if spool is not None:
            total -= status.st_size
            removed += status.st_size - HEADER.size
            spool.close(remove=True)
    return removed


def _lock(fd: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(fd: int) -> None:
    """A fork that goes on living has the file open too, so closing it would not do."""
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _status(path: Path) -> os.stat_result | None:
    """None if it is gone: its owner had no more use for it, or another process has sent it."""
    try:
        return path.stat()
    except OSError:
        return None


def _still_there(path: Path, fd: int) -> bool:
    """Whether the path is still the file that we locked: another may have sent and removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except OSError:
        return False
