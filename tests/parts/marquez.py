"""Marquez 0.51.1 with a private PostgreSQL, as processes started by the script in the folder `MARQUEZ_DIR`.

    with marquez.run(directory=tmp_path) as server:
        server.get("/api/v1/namespaces")

The folder (default: `shared/marquez` next to the checkout) holds Marquez' own classes, a pom.xml of its
libraries, its configuration and `start.sh`. The database lies in a folder of its own under /tmp, because
PostgreSQL refuses to run as root and pytest's folders are closed to other users.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from tests.parts._build import PartMissing, Recipe, Step, built, cached
from tests.parts._process import LOOPBACK, PartFailed, free_ports, http_get, wait_until

VERSION = "0.51.1"
CHECKOUT = Path(__file__).parents[2]
ALL = "limit=10000"
SMALL_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m"


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one Marquez."""

    api: int
    admin: int
    postgres: int


@dataclass(frozen=True, slots=True)
class Marquez:
    """A running Marquez. `kill()` ends the server only; PostgreSQL and its data stay for `restart()`."""

    ports: Ports
    state: Path
    libraries: Path

    @property
    def endpoint(self) -> str:
        """Its API, as a URL without a path."""
        return f"http://{LOOPBACK}:{self.ports.api}"

    @property
    def log(self) -> Path:
        """The server's log since its last start."""
        return self.state / "marquez.log"

    @property
    def pid(self) -> int:
        """Process id of the server; PartFailed if it does not run."""
        try:
            return int(self._pidfile.read_text())
        except FileNotFoundError:
            raise PartFailed("marquez does not run; call start()") from None

    def get(self, path: str) -> Any:
        """The decoded answer of its API; PartFailed unless the status is 200."""
        status, body = http_get(self.ports.api, path, patience=30)
        if status != 200:
            raise PartFailed(f"marquez answered {status} to GET {path}: {body[:500]!r}; see {self.log}")
        return json.loads(body)

    def namespaces(self) -> set[str]:
        """Names of all namespaces, of jobs and datasets alike."""
        return {found["name"] for found in self.get(f"/api/v1/namespaces?{ALL}")["namespaces"]}

    def jobs(self, namespace: str) -> dict[str, dict[str, Any]]:
        """Name to job."""
        found = self.get(f"/api/v1/namespaces/{_quoted(namespace)}/jobs?{ALL}")["jobs"]
        return {job["name"]: job for job in found}

    def runs(self, namespace: str, job: str) -> list[dict[str, Any]]:
        """The runs of a job, the latest first."""
        path = f"/api/v1/namespaces/{_quoted(namespace)}/jobs/{_quoted(job)}/runs?{ALL}"
        return list(self.get(path)["runs"])

    def datasets(self, namespace: str) -> dict[str, dict[str, Any]]:
        """Name to dataset."""
        found = self.get(f"/api/v1/namespaces/{_quoted(namespace)}/datasets?{ALL}")["datasets"]
        return {dataset["name"]: dataset for dataset in found}

    def versions(self, namespace: str, dataset: str) -> list[dict[str, Any]]:
        """The versions of a dataset, the latest first."""
        path = f"/api/v1/namespaces/{_quoted(namespace)}/datasets/{_quoted(dataset)}/versions?{ALL}"
        return list(self.get(path)["versions"])

    def graph(self, node: str, path: str = "lineage") -> dict[str, dict[str, Any]]:
        """Id to node of the graph around a node (`job:<namespace>:<name>`, `dataset:...`)."""
        found = self.get(f"/api/v1/{path}?nodeId={_quoted(node)}&depth=20")["graph"]
        return {node["id"]: node for node in found}

    def start(self) -> Self:
        """Start PostgreSQL if it does not run, then the server, and wait until it answers."""
        self._script("start")
        return self

    def kill(self) -> None:
        """End the server at once with SIGKILL."""
        pid = self.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: _ended(pid))
        self._pidfile.unlink()

    def stop(self) -> None:
        """End the server and PostgreSQL."""
        self._script("stop")

    def restart(self) -> Self:
        """Stop what runs, then start it on the same ports and data."""
        self.stop()
        return self.start()

    @property
    def _pidfile(self) -> Path:
        return self.state / "marquez.pid"

    def _script(self, command: str) -> None:
        # The server inherits these files and outlives the script, so that a pipe would never end.
        with (self.state / "script.log").open("ab") as log:
            argv = [str(home() / "start.sh"), command]
            done = subprocess.run(argv, env=self._environment(), stdout=log, stderr=log, check=False)
        if done.returncode:
            tail = (self.state / "script.log").read_text(errors="replace")[-3000:]
            raise PartFailed(f"`{' '.join(argv)}` ended with status {done.returncode}; its output:\n{tail}")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "JAVA_OPTS": os.environ.get("JAVA_OPTS", SMALL_JVM),
            "MARQUEZ_LIB": str(self.libraries),
            "MARQUEZ_STATE": str(self.state),
            "MARQUEZ_PORT": str(self.ports.api),
            "MARQUEZ_ADMIN_PORT": str(self.ports.admin),
            "MARQUEZ_PG_PORT": str(self.ports.postgres),
        }


def home() -> Path:
    """The folder with start.sh; PartMissing if there is none."""
    folder = Path(os.environ.get("MARQUEZ_DIR") or CHECKOUT.parent / "shared" / "marquez").resolve()
    if not (folder / "start.sh").is_file():
        raise PartMissing("marquez", f"there is no start.sh in {folder}", "set MARQUEZ_DIR to its folder")
    return folder


def recipe() -> Recipe:
    """How its libraries are fetched."""
    return Recipe(
        part="marquez",
        version=VERSION,
        tools={
            "java": "install a Java 17 runtime (`apt-get install -y openjdk-17-jre-headless`)",
            "mvn": "install Maven (`apt-get install -y maven`)",
            "curl": "install curl (`apt-get install -y curl`)",
        },
        inputs=(home() / "pom.xml",),
        steps=(Step(("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory={work}/lib")),),
        product="lib",
    )


def build() -> Path:
    """The folder of its libraries, fetched if need be (half a minute)."""
    _check_postgresql()
    return built(recipe())


def installed() -> Path:
    """The folder of its libraries from the cache; PartMissing if they are not there."""
    _check_postgresql()
    return cached(recipe())


@contextmanager
def run(*, directory: Path, ports: Ports | None = None) -> Iterator[Marquez]:
    """A Marquez with an empty database; its logs are left in `directory`."""
    libraries = installed()
    state = Path(tempfile.mkdtemp(prefix="otel-bridge-marquez-", dir="/tmp"))
    state.chmod(0o755)
    marquez = Marquez(ports or Ports(*free_ports(3)), state, libraries)
    try:
        yield marquez.start()
    finally:
        marquez.stop()
        directory.mkdir(parents=True, exist_ok=True)
        for log in state.glob("*.log"):
            shutil.copy(log, directory)
        shutil.rmtree(state, ignore_errors=True)


def _check_postgresql() -> None:
    remedy = "run `apt-get install -y postgresql`"
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        raise PartMissing("marquez", "there are no PostgreSQL server programs", remedy)
    if os.geteuid() == 0 and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        raise PartMissing(
            "marquez", "PostgreSQL refuses to run as root and there is no user postgres", remedy
        )


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
