"""Ending the bridge's processes with SIGKILL, at moments that hurt.

Linux tells in /proc what each thread is doing: `in_commit` waits until a thread writes or syncs one of the
journal's files, so that a kill lands inside a commit without any hook in the product.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from otel_bridge.testing import BridgeProcess

ROLES = ("receive", "convert", "deliver")

SYSCALLS = {"18": "write", "74": "sync", "75": "sync"}
"""pwrite64, fsync and fdatasync on x86-64; elsewhere nothing is recognised, and kills are at random moments."""
PROC = Path("/proc")
NUDGE_EVERY_S = 0.2


def processes(bridge: BridgeProcess) -> dict[str, int]:
    """The pids that run now, by role."""
    found: dict[str, int] = {"receive": bridge.pid}
    with contextlib.suppress(OSError):
        for pid in (PROC / f"{bridge.pid}/task/{bridge.pid}/children").read_text().split():
            command = (PROC / pid / "cmdline").read_bytes().split(b"\0")
            found |= {role: int(pid) for role in ROLES if role.encode() in command}
    return found


def kill(pid: int) -> None:
    """SIGKILL; no matter if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def doing(pid: int) -> str:
    """What it does with a file of the journal right now, such as `sync accepted.db-wal`; "" for anything else."""
    return next(_at_work(pid), "")


def in_commit(pid: int, within_s: float, nudge: Callable[[], None]) -> str:
    """Wait until it writes to the journal, and return at once; "" if it did not in that time.

    `nudge` gives it something to do, now and then.
    """
    end = time.monotonic() + within_s
    nudged = 0.0
    while (now := time.monotonic()) < end:
        if now - nudged > NUDGE_EVERY_S:
            nudged = now
            nudge()
        if found := doing(pid):
            return found
    return ""


def _at_work(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError, ValueError):
        for thread in (PROC / f"{pid}/task").iterdir():
            words = (thread / "syscall").read_text().split()
            if words[0] in SYSCALLS:
                file = (PROC / f"{pid}/fd/{int(words[1], 16)}").readlink().name
                if ".db" in file:
                    yield f"{SYSCALLS[words[0]]} {file}"
