"""A child process: `python -m otel_bridge.service.worker ROLE REPORT_FD`.

Its stdin carries the settings (length, then pickle) and after that status lines of the parent; the end of
stdin means that the parent stops or is gone. It writes one JSON line to the report descriptor when it is ready.
"""

import json
import os
import pickle
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

import structlog

from otel_bridge.model import BridgeError
from otel_bridge.redaction import Redactor
from otel_bridge.settings import Settings
from otel_bridge.telemetry.logs import configure_logging, log_uncaught

LENGTH = struct.Struct(">Q")
ORPHAN_S = 1.0
LOOK_EVERY_S = 0.25


def settings_to_wire(settings: Settings) -> bytes:
    """What a child reads first."""
    blob = pickle.dumps(settings)
    return LENGTH.pack(len(blob)) + blob


def settings_from_wire(stream: BinaryIO) -> Settings:
    """The parent's settings; only ever read from the pipe that the parent made."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    settings: Settings = pickle.loads(_exactly(stream, length))  # noqa: S301 - our own parent wrote it
    return settings


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes: a pipe gives what it holds, and an unbuffered one must not read any further."""
    pieces: list[bytes] = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    if size:
        raise SystemExit("the parent process ended while this one was starting")
    return b"".join(pieces)


def reporter(descriptor: int) -> Callable[..., None]:
    """A function that tells the parent we are ready, with facts such as the bound port."""

    def report(**facts: Any) -> None:
        with os.fdopen(descriptor, "w") as pipe:
            pipe.write(json.dumps(facts) + "\n")

    return report


def main() -> None:
    """Run a role until the parent closes stdin. Signals are the parent's business."""
    role, descriptor = sys.argv[1], int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()
    stdin = os.fdopen(0, "rb", buffering=0)
    settings = settings_from_wire(stdin)
    configure_logging(settings.log, Redactor.of(settings))
    log_uncaught()
    try:
        _role(role)(settings, stdin, reporter(descriptor))
    except* (BridgeError, OSError) as errors:
        structlog.get_logger().error("; ".join(map(str, errors.exceptions)), role=role)
        raise SystemExit(2) from None


def _end_after(parent: int) -> None:
    """A killed parent has a successor that waits for the journal, where everything is that is left to be done."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    time.sleep(ORPHAN_S)
    os._exit(3)


def _role(name: str) -> Callable[[Settings, BinaryIO, Callable[..., None]], None]:
    """The function of a role; each loads only what it needs."""
    if name == "convert":
        from otel_bridge.service.converting import run as convert

        return convert
    from otel_bridge.service.delivering import run as deliver

    return deliver


if __name__ == "__main__":
    main()
