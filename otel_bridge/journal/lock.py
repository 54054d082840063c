"""Who may write: an advisory lock (flock) on a file of the data directory, with its holder's pid inside.

`lock` is held by the service as a whole. Each database has a lock of its own beside it, so that a child which
outlives a killed service for a moment never writes together with its successor.
"""

import errno
import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from otel_bridge.model import DirectoryInUse, JournalError

SERVICE = "lock"
POLL_S = 0.05


class Lock:
    """A lock that is held until `release`, the end of a `with` block, or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold(directory: Path, name: str = SERVICE, wait_s: float = 0.0) -> Lock:
    """Take the lock `name` of a data directory, which is created if it does not exist.

    Raises:
        DirectoryInUse: another process still has it after `wait_s` seconds.
        JournalError: the directory can't be used.
    """
    descriptor = _open(directory, name)
    deadline = time.monotonic() + wait_s
    try:
        while not _taken(descriptor, directory):
            if time.monotonic() >= deadline:
                raise DirectoryInUse(_in_use(directory, descriptor))  # noqa: TRY301 - one place closes it
            time.sleep(POLL_S)
        _sign(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(descriptor)


def _open(directory: Path, name: str) -> int:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(
            f"the data directory {directory} can't be used ({error.strerror}): make it writable for this "
            "user, or choose another with data_dir"
        ) from error


def _taken(descriptor: int, directory: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise JournalError(
            f"the data directory {directory} can't be locked ({error.strerror}): put data_dir on a local "
            "file system"
        ) from error
    return True


def _sign(descriptor: int) -> None:
    """Say who has it. A full disk is no reason not to start, so a failure is ignored."""
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\nstarted {started}\n".encode(), 0)
    except OSError:
        return


def _in_use(directory: Path, descriptor: int) -> str:
    said = dict(
        line.split(" ", 1) for line in os.pread(descriptor, 200, 0).decode().splitlines() if " " in line
    )
    holder = f"process {said['pid']}" if "pid" in said else "another process"
    since = f", started {said['started']}" if "started" in said else ""
    return (
        f"the data directory {directory} is in use by {holder}{since}: stop that process, "
        "or give this one a data_dir of its own"
    )
