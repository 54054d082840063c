"""The bridge under chaos: started again when it was killed, with its disk and its clock in our hands."""

import contextlib
import os
import random
import resource
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaos.kills import in_commit, kill, processes
from chaos.schedule import AT_RANDOM, IN_COMMIT, TWICE
from otel_bridge.model import BridgeError
from otel_bridge.testing import BridgeProcess

COMMIT_WITHIN_S = 2.0
WRITERS = ("receive", "convert")
STARTS_S = 1.5
CHILD_STARTS_S = 0.8
CHILD_WITHIN_S = 15.0
PARENT_WAIT_S = 10.0
SETTINGS = {
    "runs": {"parent_wait": f"{PARENT_WAIT_S:g}s"},
    "receive": {"retry_after": "1s"},
    "log": {"level": "info"},
}
SHIFTED = Path(__file__).parent / "clock"
CHUNK = b"\0" * 65536


class Clock:
    """The wall clock of the bridge's processes, as Python reads it; the monotonic clock stays."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.set(0)

    @property
    def env(self) -> Mapping[str, str]:
        """What makes a process follow it."""
        path = os.pathsep.join(filter(None, (str(SHIFTED), os.environ.get("PYTHONPATH", ""))))
        return {"PYTHONPATH": path, "CHAOS_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """From now on the clock differs so much from ours."""
        part = self._file.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self._file)


class Victim:
    """One bridge that is killed and comes back on its data directory.

    `hits` counts kills by process and by what it was doing, `crashes` are the moments at which a receiving process
    ended or began.
    """

    def __init__(
        self, directory: Path, destinations: Sequence[Mapping[str, object]], seed: int, *,
        clock: Clock | None = None, settings: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        env = dict(clock.env) if clock else {}
        self.bridge = BridgeProcess(
            directory, [dict(d) for d in destinations], SETTINGS | dict(settings or {}), env
        )
        self.killed: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()
        self.crashes: list[float] = []
        self._rng = random.Random(f"victim {seed}")

    def start(self) -> None:
        """Start it, also again."""
        self.bridge.start()
        self.crashes.append(time.monotonic())

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self.bridge.stop()

    def health(self) -> dict[str, Any]:
        """The body of `/health`; empty while the process that answers is being started again."""
        try:
            return self.bridge.health()
        except (BridgeError, OSError, ValueError):
            return {}

    def strike(self, target: str, moment: str, nudge: Callable[[], None], *, back: bool = True) -> None:
        """Kill one process, or `all` at once; what was killed is running again, or about to, at the end.

        With `back` false a bridge stays down until `start`.
        """
        writer, early, late = self._rng.choice(WRITERS), self._rng.random(), self._rng.random()
        pid = self._pid(writer if target == "all" else target)
        inside = in_commit(pid, COMMIT_WITHIN_S, nudge) if moment == IN_COMMIT else ""
        if not inside:
            time.sleep(early * 0.1)
        doomed = list(processes(self.bridge).values()) if target == "all" else [pid]
        self._kill(target, inside or AT_RANDOM, doomed)
        whole = target in {"receive", "all"}
        if moment == TWICE:
            self._interrupt(target, pid, late, whole=whole)
        if whole and back:
            self.start()

    def _kill(self, target: str, moment: str, pids: Iterable[int]) -> None:
        for pid in pids:
            kill(pid)
        self.killed[target] += 1
        self.moments[moment] += 1
        if target in {"receive", "all"}:
            self.crashes.append(time.monotonic())
            self.bridge.kill()

    def _interrupt(self, target: str, before: int, late: float, *, whole: bool) -> None:
        """Kill it once more, while it starts; `late` is where in its start, from 0 to 1."""
        if not whole:
            pid = self._pid(target, before)
            time.sleep(late * CHILD_STARTS_S)
            return self._kill(target, TWICE, [pid])
        starting = threading.Thread(target=self._start_in_vain)
        starting.start()
        time.sleep(0.05 + late * STARTS_S)
        self._kill(target, TWICE, processes(self.bridge).values() if target == "all" else [self.bridge.pid])
        starting.join()
        return None

    def _start_in_vain(self) -> None:
        with contextlib.suppress(AssertionError):
            self.bridge.start()

    def steady(self) -> None:
        """Until all processes have run for a while: a clock that is set forward while none looks ends waits early."""
        end, since, known = time.monotonic() + CHILD_WITHIN_S, time.monotonic(), processes(self.bridge)
        while len(known) < 3 or time.monotonic() < since + STARTS_S:
            assert time.monotonic() < end, f"a process did not come back:\n{self.bridge.log()}"
            time.sleep(0.05)
            if (now := processes(self.bridge)) != known:
                since, known = time.monotonic(), now

    def limit(self, size: int) -> None:
        """No process of it may make a file larger than this (RLIMIT_FSIZE); -1 lifts it."""
        for pid in processes(self.bridge).values():
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def _pid(self, role: str, before: int = 0) -> int:
        """Of the process that has this role now, or of the one after `before`."""
        end = time.monotonic() + CHILD_WITHIN_S
        while (pid := processes(self.bridge).get(role)) in {None, before}:
            assert time.monotonic() < end, f"the {role} process did not come back:\n{self.bridge.log()}"
            time.sleep(0.02)
        assert pid is not None
        return pid


class Filler:
    """A file that takes what a file system has left."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "filler"

    def fill(self) -> None:
        """Leave nothing."""
        with self._file.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(CHUNK):
                pass
        with self._file.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(CHUNK[:512]):
                pass

    def free(self) -> None:
        """Give it back."""
        self._file.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own at `folder`: ext4 in a file.

    Raises:
        PermissionError: it can't be mounted here.
    """
    image = folder.with_suffix(".img")
    folder.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(mebibytes * 1024**2)
    for command in (
        ["mkfs.ext4", "-q", "-m", "0", str(image)],
        ["mount", "-o", "loop", str(image), str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PermissionError(
                f"no small file system can be made here ({command[0]}: {done.stderr.strip()})"
            )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
