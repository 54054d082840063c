"""Batched writing of lines in a thread: whatever came during one write goes with the next."""

import asyncio
from collections.abc import Callable, Sequence

from otel_bridge.deliver.outcome import DELIVERED, Outcome, Retry


def one_line(body: bytes) -> bytes:
    r"""The event on one line: other producers may spread theirs over several, which JSON allows between tokens only.

    >>> one_line(b'{\n  "eventType": "START"\n}')
    b'{   "eventType": "START" }'
    """
    return body.replace(b"\r", b" ").replace(b"\n", b" ").strip()


class LineWriter:
    """Calls `write(lines)` in a thread, one call at a time; a failed call makes each of its lines a retry."""

    def __init__(self, write: Callable[[Sequence[bytes]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[bytes, asyncio.Future[Outcome]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, line: bytes) -> Outcome:
        """Returns when the line is written."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._drain())
        return await done

    async def close(self) -> None:
        """Wait for the write that is under way."""
        if self._writing:
            await self._writing

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            result = await self._attempt([line for line, _ in batch])
            for _, done in batch:
                if not done.done():
                    done.set_result(result)
        self._writing = None

    async def _attempt(self, lines: Sequence[bytes]) -> Outcome:
        try:
            await asyncio.to_thread(self._write, lines)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            return Retry(f"can't write: {error}", whole=True)
        return DELIVERED
