"""Blocking calls of other people's libraries, in threads that nobody has to wait for.

The event loop's own executor joins its threads before the process may end, however long a call hangs. These
are daemons: a caller waits as long as it likes, and leaves.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Work = Callable[[], None]


class LoneThread:
    """Makes calls one after the other, all in the same thread; it starts with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._started = False

    def call(self, work: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Ask for a call. Giving up the future does not end the call."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()

        def make() -> None:
            try:
                result, error = work(*arguments), None
            except Exception as caught:  # noqa: BLE001 - the caller gets it
                result, error = None, caught
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(_finish, done, result, error)

        self._queue.put(make)
        return done

    def end(self) -> None:
        """No further call; the thread ends after those asked for."""
        self._queue.put(None)

    def _serve(self) -> None:
        while work := self._queue.get():
            work()


async def call(work: Callable[..., Any], *arguments: Any) -> Any:
    """One call in a thread of its own."""
    thread = LoneThread("blocking call")
    done = thread.call(work, *arguments)
    thread.end()
    return await done


def _finish(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
