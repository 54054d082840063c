"""One real process under test: started, waited for, killed, started again, and ended by its pid."""

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"


class PartFailed(Exception):
    """A part was there but did not start or stay up; the text ends with its log."""


@dataclass(slots=True, kw_only=True)
class Process:
    """A child process with one log file; `restart` keeps command, ports and storage."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    directory: Path
    ready: Callable[[], bool]
    patience: float = 60.0
    """Seconds until a process that is not ready counts as failed."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What the process wrote to stdout and stderr, over all its lives."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Process id; PartFailed if it does not run."""
        if self._child is None or self._child.poll() is not None:
            raise PartFailed(f"{self.name} does not run; call start()")
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                list(self.argv),
                cwd=self.directory,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_ready, self.patience)
        except TimeoutError:
            self.kill()
            raise self._failure(f"was not ready within {self.patience:.0f} s") from None
        return self

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would."""
        self._signal(signal.SIGKILL)

    def stop(self, patience: float = 30.0) -> None:
        """End it with SIGTERM, and with SIGKILL if that takes too long."""
        try:
            self._signal(signal.SIGTERM, patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> Self:
        """Stop it if it runs, then start it on the same ports and storage."""
        self.stop()
        return self.start()

    def _is_ready(self) -> bool:
        if not self.alive:
            raise self._failure("ended while starting")
        return self.ready()

    def _signal(self, number: signal.Signals, patience: float | None = None) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(number)
        self._child.wait(patience)

    def _failure(self, what: str) -> PartFailed:
        tail = self.log.read_text(errors="replace")[-3000:]
        return PartFailed(f"{self.name} {what}; its log ({self.log}) ends with:\n{tail}")


def wait_until(condition: Callable[[], bool], patience: float = 30.0, interval: float = 0.05) -> None:
    """Poll until the condition holds; TimeoutError if it does not in `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition.__qualname__} was not true within {patience:.0f} s")
        time.sleep(interval)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, below the range that the kernel gives to clients."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.randint(20000, 32000)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
    return found


def http_get(port: int, path: str, patience: float = 10.0) -> tuple[int, bytes]:
    """Status and body of a GET on a loopback port; status 0 if nothing answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=patience)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()
