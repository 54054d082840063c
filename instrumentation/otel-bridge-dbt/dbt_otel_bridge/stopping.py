"""SIGTERM while dbt's main thread waits in C code, for the query of a hook or an operation: there Python runs no handler.

otel-lineage has one, to tell how runs ended before the process does. So as not to make dbt deaf for as long as a query
lasts, a thread hears of the signal, too, and ends the process in the same way, while a command runs.
"""

import ctypes
import os
import signal
import threading
import time
from typing import Any

from otel_lineage.trouble import guarded

GRACE_S = 0.2
"""The main thread is quicker, if it can run at all."""


class Stopping:
    """From the start of a command to `leave`. Only where nobody else listens to the wake-up descriptor."""

    def __init__(self) -> None:
        self._write = -1

    @classmethod
    @guarded("listening to SIGTERM", fallback=None)
    def watch(cls) -> "Stopping | None":
        """Listen from now on; nothing happens outside of the main thread."""
        made = cls()
        if threading.current_thread() is threading.main_thread() and os.name != "nt":
            made._listen()
        return made

    def _listen(self) -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            os.close(read)
            os.close(write)
            return
        self._write = write
        os.register_at_fork(after_in_child=self._forget)
        threading.Thread(target=_wait, args=(read,), name="otel-bridge-dbt", daemon=True).start()

    @guarded("leaving SIGTERM alone", fallback=None)
    def leave(self) -> None:
        """As it was before."""
        write = self._write
        if self._forget():
            os.close(write)

    @guarded("leaving SIGTERM alone", fallback=False)
    def _forget(self) -> bool:
        """Take our descriptor away, unless it was replaced; a forked child's signals are not its parent's."""
        if self._write == -1:
            return False
        found = signal.set_wakeup_fd(-1)
        if found != self._write:
            signal.set_wakeup_fd(found)
        self._write = -1
        return True


def _wait(read: int) -> None:
    """Until the other end is closed."""
    while numbers := os.read(read, 64):
        if signal.SIGTERM in numbers and _is_ours(signal.getsignal(signal.SIGTERM)):
            time.sleep(GRACE_S)
            _end()
    os.close(read)


def _is_ours(handler: Any) -> bool:
    return getattr(handler, "__module__", None) == "otel_lineage.runtime"


def _end() -> None:
    """End open runs, try to send that, and take the default action of SIGTERM."""
    try:
        _tell()
    finally:
        # signal.signal is the main thread's alone
        ctypes.pythonapi.PyOS_setsig(int(signal.SIGTERM), ctypes.c_void_p(int(signal.SIG_DFL)))
        os.kill(os.getpid(), signal.SIGTERM)


@guarded("handling SIGTERM", fallback=None)
def _tell() -> None:
    from otel_lineage.runtime import current

    runtime = current()
    if runtime is not None:
        runtime.abort("the process was terminated by SIGTERM", foreign=True)
        runtime.exporter.flush(runtime.settings.flush_s - GRACE_S)
