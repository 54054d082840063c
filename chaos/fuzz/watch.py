"""The bridge's processes from outside: who lives, memory, open files, and what the log complains of."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.proc import memory, role, tree

COMPLAINTS = (
    '"level":"error"',
    '"level":"critical"',
    "Traceback (most recent call last)",
    "Exception ignored",
)


class Reading(msgspec.Struct, frozen=True):
    """By role of process: pid, resident MiB, open files."""

    pids: dict[str, int]
    rss: dict[str, float]
    files: dict[str, int]


def read(pid: int) -> Reading:
    """Look at a bridge now."""
    pids = {role(each): each for each in tree(pid)}
    return Reading(
        pids=pids,
        rss={name: memory(each).rss for name, each in pids.items()},
        files={name: len(list(Path(f"/proc/{each}/fd").iterdir())) for name, each in pids.items()},
    )


def highest(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The larger of two figures of each process."""
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}


class Log:
    """The log file, read on from where it was read last."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0

    def complaints(self) -> list[str]:
        """Lines that must not be there."""
        with self._file.open("rb") as opened:
            opened.seek(self._at)
            text = opened.read()
            self._at += len(text)
        lines = text.decode("utf-8", "replace").splitlines()
        return [line[:2000] for line in lines if any(sign in line for sign in COMPLAINTS)]
