"""Jaeger with an in-memory store, as a process; the go.mod beside this file pins what it is built from.

with jaeger.run(directory=tmp_path) as tracing:
    tracing.trace("4bf92f3577b34da6a3ce929d0e0e4736")
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parts._build import Recipe, Step, built, cached
from tests.parts._process import LOOPBACK, Process, free_ports, http_get

VERSION = "1.62.0"
COMMAND = "github.com/jaegertracing/jaeger/cmd/jaeger"
HERE = Path(__file__).parent

RECIPE = Recipe(
    part="jaeger",
    version=VERSION,
    tools={"go": "install Go 1.26 or newer (https://go.dev/doc/install)"},
    inputs=(HERE / "go.mod", HERE / "go.sum"),
    steps=(
        Step(
            ("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", "jaeger", COMMAND),
            {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly", "GOWORK": "off"},
        ),
    ),
    product="jaeger",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one Jaeger; `query` serves its HTTP API and UI."""

    otlp_grpc: int
    otlp_http: int
    query: int
    query_grpc: int
    health: int


@dataclass(slots=True, kw_only=True)
class Jaeger(Process):
    """A running Jaeger. It keeps traces in memory: a restart forgets them."""

    ports: Ports

    @property
    def otlp_grpc_endpoint(self) -> str:
        """Where it takes OTLP over gRPC, as `host:port`."""
        return f"{LOOPBACK}:{self.ports.otlp_grpc}"

    @property
    def otlp_http_endpoint(self) -> str:
        """Where it takes OTLP over HTTP, as a URL without a path."""
        return f"http://{LOOPBACK}:{self.ports.otlp_http}"

    @property
    def query_endpoint(self) -> str:
        """Its UI and query API, as a URL without a path."""
        return f"http://{LOOPBACK}:{self.ports.query}"

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """A trace by its hex id, in the query API's own shape (`spans`, `processes`); None if it has none."""
        status, body = http_get(self.ports.query, f"/api/traces/{trace_id}")
        return json.loads(body)["data"][0] if status == 200 else None

    def services(self) -> list[str]:
        """Names of the services that sent spans."""
        _, body = http_get(self.ports.query, "/api/services")
        return json.loads(body)["data"] or []


def build() -> Path:
    """Jaeger's binary, built if need be (2 to 3 minutes on 2 cores)."""
    return built(RECIPE)


def installed() -> Path:
    """Jaeger's binary from the cache; PartMissing if it is not built."""
    return cached(RECIPE)


@contextmanager
def run(*, directory: Path, ports: Ports | None = None, name: str = "jaeger") -> Iterator[Jaeger]:
    """A Jaeger whose log lives in `directory`."""
    ports = ports or Ports(*free_ports(5))
    probes = ((ports.query, "/api/services"), (ports.health, "/status"))
    jaeger = Jaeger(
        name=name,
        argv=[str(installed()), "--config", str(HERE / "config.yaml")],
        env=_environment(ports),
        directory=directory,
        ready=lambda: all(http_get(*probe)[0] == 200 for probe in probes),
        ports=ports,
    )
    try:
        yield jaeger.start()
    finally:
        jaeger.kill()  # it has nothing to save, and SIGTERM takes it ten seconds


def _environment(ports: Ports) -> dict[str, str]:
    return {
        "JAEGER_OTLP_GRPC_ENDPOINT": f"{LOOPBACK}:{ports.otlp_grpc}",
        "JAEGER_OTLP_HTTP_ENDPOINT": f"{LOOPBACK}:{ports.otlp_http}",
        "JAEGER_QUERY_HTTP_ENDPOINT": f"{LOOPBACK}:{ports.query}",
        "JAEGER_QUERY_GRPC_ENDPOINT": f"{LOOPBACK}:{ports.query_grpc}",
        "JAEGER_HEALTH_ENDPOINT": f"{LOOPBACK}:{ports.health}",
    }
