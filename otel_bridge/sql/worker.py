"""The process that analyses statements: `python -m otel_bridge.sql.worker PARENT_PID`.

Frames on stdin and stdout are a length and as many bytes of MessagePack: a `Statement` in, an `Outcome` out; an empty
frame says that it is ready. It ends with its input, with its parent, or when it has nothing to do; its memory is
bounded. It prints nothing: a statement may have secrets.
"""

import ctypes
import logging
import os
import resource
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from otel_bridge.sql.values import Analysis, Statement

LENGTH: Final = struct.Struct(">I")
MEMORY: Final = 2 * 1024**3
"""Bytes of address space."""
STACK: Final = 256 * 1024**2
DEPTH: Final = 20_000
"""Python frames, which the stack has room for."""
PR_SET_PDEATHSIG: Final = 1
LOOK_EVERY_S: Final = 1.0
IDLE_S: Final = 600.0
"""Without a statement for so long it ends and gives its memory back; the next one starts another process."""

TOO_MUCH_MEMORY: Final = "the analysis of the statement needs too much memory"
TOO_DEEP: Final = "the statement is nested too deeply"
DEFECT: Final = "the statement could not be analysed"


class Outcome(msgspec.Struct, frozen=True):
    """An analysis, and the processor time that it took."""

    analysis: Analysis
    cpu_ns: int = 0


def serve(
    analyse: Callable[[Statement], Analysis], requests: BinaryIO, answers: BinaryIO, idle_s: float = IDLE_S
) -> None:
    """Answer until the requests end, or none comes for so long."""
    read, write = msgspec.msgpack.Decoder(Statement), msgspec.msgpack.Encoder()
    send(answers, b"")
    while select.select([requests], [], [], idle_s)[0] and (payload := receive(requests)) is not None:
        started_ns = time.process_time_ns()
        analysis = _analysed(analyse, read.decode(payload))
        send(answers, write.encode(Outcome(analysis, time.process_time_ns() - started_ns)))
        if analysis.failure == TOO_MUCH_MEMORY:
            return


def _analysed(analyse: Callable[[Statement], Analysis], statement: Statement) -> Analysis:
    try:
        return analyse(statement)
    except MemoryError:
        return Analysis(failure=TOO_MUCH_MEMORY)
    except RecursionError:
        return Analysis(failure=TOO_DEEP)
    except Exception as error:  # noqa: BLE001 - a statement that our code can't take costs its own lineage alone
        return Analysis(failure=f"{DEFECT} ({type(error).__name__})")


def send(stream: BinaryIO, payload: bytes) -> None:
    """Write a frame."""
    stream.write(LENGTH.pack(len(payload)) + payload)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read a frame; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None


def run(analyse: Callable[[], Callable[[Statement], Analysis]], parent: int, idle_s: float = IDLE_S) -> None:
    """Serve over stdin and stdout, which nobody else prints to, on a stack that deep nesting fits into."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    threading.stack_size(STACK)
    sys.setrecursionlimit(DEPTH)
    thread = threading.Thread(target=lambda: serve(analyse(), requests, answers, idle_s))
    thread.start()
    thread.join()


def _end_with(parent: int) -> None:
    """However the parent ends: by the kernel's word where there is one, else by looking."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_look, args=(parent,), daemon=True).start()


def _look(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(3)


def _engine() -> Callable[[Statement], Analysis]:
    """Loaded by this process alone: it costs the others neither time nor memory."""
    from otel_bridge.sql.lineage import analyse

    return analyse


if __name__ == "__main__":
    run(_engine, int(sys.argv[1]))
