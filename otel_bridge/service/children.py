"""Child processes of `serve`: started, watched, started again when they end, stopped in bounded time."""

import asyncio
import json
import os
import sys
import time
from typing import Any

import structlog

from otel_bridge.model import BridgeError
from otel_bridge.service.worker import settings_to_wire
from otel_bridge.settings import Settings

RESTART_FIRST_S = 0.2
RESTART_MOST_S = 10.0
READY_WITHIN_S = 30.0
STEADY_S = 30.0

log = structlog.get_logger()


class ChildFailed(BridgeError):
    """A worker process can't be started."""


class Child:
    """One worker process of a given role, kept alive until `stop`."""

    def __init__(self, role: str, settings: Settings) -> None:
        self.role = role
        self.facts: dict[str, Any] = {}
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ready_s: float | None = None
        self._ends = 0
        self._exit_code = 0

    async def start(self) -> None:
        """Start it and wait until it reports that it is ready.

        Raises:
            ChildFailed: it ended, or said nothing within 30 s; what it wrote to stderr says why.
        """
        await self._launch()
        self._watcher = asyncio.create_task(self._watch())

    @property
    def alive(self) -> bool:
        """Whether the process runs at this moment."""
        return self._process is not None and self._process.returncode is None

    @property
    def trouble(self) -> str:
        """What is wrong with it, until it ran for 30 s without ending; "" if nothing is."""
        if not self._ends or self._steady:
            return ""
        now = "runs again" if self._ready_s else "is being started again"
        times = "once" if self._ends == 1 else f"{self._ends} times in a row"
        return f"the {self.role} process ended {times} (exit code {self._exit_code}) and {now}; see its log"

    def tell(self, status: dict[str, Any]) -> None:
        """Send a status line; dropped if the child is being restarted or does not read."""
        stdin = self._process.stdin if self._process else None
        if stdin and self.alive and not stdin.is_closing() and stdin.transport.get_write_buffer_size() < 4096:
            stdin.write(json.dumps(status).encode() + b"\n")

    async def stop(self, within_s: float) -> None:
        """Close its stdin, wait, and kill it if it does not end in time. The journal keeps what is left."""
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self._process and self._process.stdin:
            self._process.stdin.close()
        if self._process:
            try:
                await asyncio.wait_for(self._process.wait(), within_s)
            except TimeoutError:
                log.warning(
                    "child did not stop in time; what it did not finish stays in the journal", role=self.role
                )
                self._process.kill()
                await self._process.wait()

    @property
    def _steady(self) -> bool:
        return self._ready_s is not None and time.monotonic() - self._ready_s >= STEADY_S

    async def _launch(self) -> None:
        reading, writing = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "otel_bridge.service.worker", self.role, str(writing),
                stdin=asyncio.subprocess.PIPE, pass_fds=(writing,),
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        assert self._process.stdin is not None
        self._process.stdin.write(settings_to_wire(self._settings))
        try:
            line = await asyncio.wait_for(asyncio.to_thread(_first_line, reading), READY_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            line = ""
        if not line:
            raise ChildFailed(
                f"the {self.role} process did not start; the line above says why and what to do."
            )
        self.facts = json.loads(line)
        self._ready_s = time.monotonic()

    async def _watch(self) -> None:
        while self._process:
            self._exit_code = await self._process.wait()
            self._ends = 1 if self._steady else self._ends + 1
            self._ready_s = None
            delay = min(RESTART_FIRST_S * 2.0 ** min(self._ends - 1, 10), RESTART_MOST_S)
            log.error(
                "child ended; starting it again", role=self.role, exit_code=self._exit_code, after_s=delay
            )
            await asyncio.sleep(delay)
            try:
                await self._launch()
            except (ChildFailed, OSError) as error:
                log.error("child did not start", role=self.role, error=str(error))


def _first_line(descriptor: int) -> str:
    with os.fdopen(descriptor) as pipe:
        return pipe.readline()
