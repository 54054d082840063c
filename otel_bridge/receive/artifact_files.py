"""Reading artifacts beside the doors: what is large is read by a process of its own.

A manifest may have 100 MB, and whoever reads it holds the interpreter meanwhile, and the memory. The process has bounds
of both. As a program: `python -m otel_bridge.receive.artifact_files FILE [MANIFEST]`, `-` for stdin.
"""

import resource
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from otel_bridge.model import Tally
from otel_bridge.receive.artifacts import INVALID_ARTIFACT, Artifacts, select

AT_ONCE = 1024**2
"""Bytes that are read in this process."""
WITHIN_S = 120.0
MEMORY_BYTES = 4 * 1024**3

_one_at_a_time = threading.Lock()


def read(body: bytes) -> Artifacts:
    """What to keep of an artifact. Blocks."""
    return select(body) if len(body) <= AT_ONCE else _elsewhere(["-"], body)


def read_file(path: Path, manifest: Path | None = None) -> Artifacts:
    """What to keep of a file; a catalog is that of the `manifest` beside it, if given. Blocks.

    Raises:
        OSError: it can't be read.
    """
    files = [path, *([manifest] if manifest else [])]
    if sum(file.stat().st_size for file in files) > AT_ONCE:
        return _elsewhere([str(file) for file in files], b"")
    return select(path.read_bytes(), manifest.read_bytes() if manifest else None)


def _elsewhere(arguments: list[str], body: bytes) -> Artifacts:
    command = [sys.executable, "-m", __name__, *arguments]
    with _one_at_a_time:
        try:
            done = subprocess.run(
                command, input=body, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=WITHIN_S, check=True
            )  # fmt: skip
            return msgspec.msgpack.decode(done.stdout, type=Artifacts)
        except (subprocess.SubprocessError, msgspec.MsgspecError):
            message = (
                f"this artifact can't be read with {MEMORY_BYTES // 1024**3} GiB of memory in {WITHIN_S:g} s; "
                "send it by `otel-bridge artifacts push`, which leaves out what nobody reads"
            )
            return Artifacts((), Tally(1, 0, {INVALID_ARTIFACT: 1}), message=message)


def main() -> None:
    """Read one artifact, within the bounds."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    file, *more = sys.argv[1:]
    body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    beside = Path(more[0]).read_bytes() if more else None
    sys.stdout.buffer.write(msgspec.msgpack.encode(select(body, beside)))


if __name__ == "__main__":
    main()
