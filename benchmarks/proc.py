"""What the kernel knows about a process and its children: CPU time and memory. Linux only."""

import time
from pathlib import Path

import msgspec

PROC = Path("/proc")


class Memory(msgspec.Struct, frozen=True):
    """MiB: `pss` divides shared pages among those who share them, `rss` counts them in full."""

    pss: float
    rss: float


def tree(pid: int) -> list[int]:
    """The process and all that it started, itself first."""
    found = [pid]
    for parent in found:
        try:
            tasks = (PROC / str(parent) / "task").iterdir()
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_ns(pid: int) -> int:
    """User and system CPU time of a process since it started; 0 if it has ended.

    This is the process's CPU clock: the sum that /proc/PID/stat shows in ticks of 10 ms, in nanoseconds.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0


def cpu_by_process(pid: int) -> dict[int, int]:
    """CPU time of each process of a tree."""
    return {each: cpu_ns(each) for each in tree(pid)}


def memory(pid: int) -> Memory:
    """Memory of one process; zeros if it has ended."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return Memory(0, 0)
    kib = {name.rstrip(":"): int(size) for name, size, *_ in map(str.split, lines)}
    return Memory(kib["Pss"] / 1024, kib["Rss"] / 1024)


def role(pid: int) -> str:
    """What a process of the bridge is for, read from its command line."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode().split("\0")
    except OSError:
        return "ended"
    if "otel_bridge.sql.worker" in words:
        return "analyse"
    return (
        words[words.index("otel_bridge.service.worker") + 1]
        if "otel_bridge.service.worker" in words
        else "receive"
    )
