"""The OpenTelemetry Collector distribution of `collector-config/builder.yaml`, as a process.

    with collector.run(configs=["gateway.yaml"], directory=tmp_path) as gateway:
        send_to(gateway.grpc_endpoint)

A name in `configs` is a file of `collector-config/`, a `Path` is any file. A base configuration that is not
ours needs a health_check extension at `${env:OTELCOL_HEALTH_ENDPOINT}`: by it `run` knows when it is ready.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts._build import Recipe, Step, built, cached
from tests.parts._process import LOOPBACK, Process, free_ports, http_get

VERSION = "0.159.0"
CONFIG = Path(__file__).parents[2] / "collector-config"

_GO = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
RECIPE = Recipe(
    part="collector",
    version=VERSION,
    tools={"go": "install Go 1.26 or newer (https://go.dev/doc/install)"},
    inputs=(CONFIG / "builder.yaml",),
    steps=(
        Step(
            ("go", "install", f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}"),
            _GO | {"GOBIN": "{work}/bin"},
        ),
        Step(("{work}/bin/builder", "--config", "builder.yaml"), _GO),
    ),
    product="_build/otelcol-lineage",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one Collector."""

    grpc: int
    http: int
    health: int
    metrics: int


@dataclass(slots=True, kw_only=True)
class Collector(Process):
    """A running Collector. `kill()` and `restart()` keep its ports and its storage folder."""

    ports: Ports
    storage: Path

    @property
    def grpc_endpoint(self) -> str:
        """Where it takes OTLP over gRPC, as `host:port`."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def http_endpoint(self) -> str:
        """Where it takes OTLP over HTTP, as a URL without a path."""
        return f"http://{LOOPBACK}:{self.ports.http}"

    def metric(self, name: str, **labels: str) -> float:
        """One of its own metrics (with or without `_total`), summed over the series with these labels."""
        _, body = http_get(self.ports.metrics, "/metrics")
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        series = re.compile(rf"^{re.escape(name)}(?:_total)?(?:\{{(.*)\}})? (\S+)$", re.MULTILINE)
        found = series.findall(body.decode())
        return sum(float(value) for have, value in found if all(label in have for label in wanted))


def build() -> Path:
    """The Collector's binary, built if need be (3 to 4 minutes on 2 cores)."""
    return built(RECIPE)


def installed() -> Path:
    """The Collector's binary from the cache; PartMissing if it is not built."""
    return cached(RECIPE)


def validate(configs: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """What `validate` of the binary says about these layers: nothing if they are right."""
    argv = [str(installed()), "validate", *_flags(configs)]
    done = subprocess.run(argv, env=dict(env or {}), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr or f"status {done.returncode}"


@contextmanager
def run(
    *,
    configs: Sequence[str | Path],
    directory: Path,
    env: Mapping[str, str] | None = None,
    ports: Ports | None = None,
    name: str = "collector",
) -> Iterator[Collector]:
    """A Collector with these layered configurations; its log and its queues live in `directory`."""
    ports = ports or Ports(*free_ports(4))
    storage = directory / f"{name}-storage"
    collector = Collector(
        name=name,
        argv=[str(installed()), *_flags(configs)],
        env=_environment(ports, storage) | dict(env or {}),
        directory=directory,
        ready=lambda: http_get(ports.health, "/")[0] == 200,
        ports=ports,
        storage=storage,
    )
    try:
        yield collector.start()
    finally:
        collector.stop()


def _flags(configs: Sequence[str | Path]) -> list[str]:
    files = (CONFIG / config if isinstance(config, str) else config for config in configs)
    return [word for file in files for word in ("--config", str(file))]


def _environment(ports: Ports, storage: Path) -> dict[str, str]:
    return {
        "OTELCOL_GRPC_ENDPOINT": f"{LOOPBACK}:{ports.grpc}",
        "OTELCOL_HTTP_ENDPOINT": f"{LOOPBACK}:{ports.http}",
        "OTELCOL_HEALTH_ENDPOINT": f"{LOOPBACK}:{ports.health}",
        "OTELCOL_METRICS_HOST": LOOPBACK,
        "OTELCOL_METRICS_PORT": str(ports.metrics),
        "OTELCOL_STORAGE_DIRECTORY": str(storage),
    }
