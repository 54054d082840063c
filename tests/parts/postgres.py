"""PostgreSQL, from Debian's package, as a process; user `postgres`, no password asked for.

    with postgres.run(directory=tmp_path) as server:
        connect(host="127.0.0.1", port=server.port, user="postgres")

Its data lies in a folder of its own under the system's temporary folder, because PostgreSQL refuses to run as root and
pytest's folders are closed to other users.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts._build import PartMissing
from tests.parts._process import LOOPBACK, Process, free_ports

VERSION = "any"
USER = "postgres"


@dataclass(slots=True, kw_only=True)
class Postgres(Process):
    """A running server with an empty database `postgres`."""

    port: int


def build() -> Path:
    """The folder of its commands; PartMissing if the package is not installed."""
    return installed()


def installed() -> Path:
    """The same."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise PartMissing("postgres", "there is no initdb", "install it (`apt-get install -y postgresql`)")
    return found[-1].parent


@contextmanager
def run(*, directory: Path) -> Iterator[Postgres]:
    """A server on a free port; its log lives in `directory`."""
    commands, (port,) = installed(), free_ports(1)
    data = Path(tempfile.mkdtemp(prefix="otel-bridge-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(data, USER, USER)
    initdb = [str(commands / "initdb"), "-D", str(data / "data"), "-A", "trust", "-U", USER, "--no-sync"]
    subprocess.run([*_demoted(), *initdb], check=True, capture_output=True, cwd="/")
    settings = [
        f"listen_addresses={LOOPBACK}",
        f"port={port}",
        f"unix_socket_directories={data}",
        "fsync=off",
    ]
    server = Postgres(
        name="postgres",
        argv=[
            *_demoted(),
            str(commands / "postgres"),
            *("-D", str(data / "data")),
            *(word for setting in settings for word in ("-c", setting)),
        ],
        env={},
        directory=directory,
        ready=lambda: _answers(commands, port),
        port=port,
    )
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


def _demoted() -> list[str]:
    """What makes a command run as another user than root."""
    if os.geteuid():
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]


def _answers(commands: Path, port: int) -> bool:
    asked = [str(commands / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port)]
    return subprocess.run(asked, check=False).returncode == 0
