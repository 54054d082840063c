"""The receiving process, `python -m otel_bridge.service.receiving DESCRIPTOR`.

`otel-bridge serve` becomes this process by exec once the configuration is checked: what reading and checking it
needs (pydantic, YAML, click) would stay in memory for as long as the bridge runs.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import uvloop

from otel_bridge.model import BridgeError
from otel_bridge.redaction import Redactor
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.service.serve import serve
from otel_bridge.service.worker import settings_from_wire, settings_to_wire
from otel_bridge.settings import Settings
from otel_bridge.telemetry.logs import configure_logging, log_uncaught

MAX_DESCRIPTORS = 65536


def become(settings: Settings) -> NoReturn:
    """Replace this process, keeping its pid. Settings go through an open descriptor, never through a named file."""
    descriptor = _unnamed()
    os.set_inheritable(descriptor, True)
    os.write(descriptor, settings_to_wire(settings))
    os.lseek(descriptor, 0, os.SEEK_SET)
    sys.stdout.flush()
    arguments = [sys.executable, "-m", __name__, str(descriptor)]
    os.execve(sys.executable, arguments, _without_configuration(os.environ))  # noqa: S606 - ourselves


def _without_configuration(environ: Mapping[str, str]) -> dict[str, str]:
    """The configuration has been read, and may hold secrets."""
    return {k: v for k, v in environ.items() if not k.startswith(("OTEL_BRIDGE_", "OPENLINEAGE_"))}


def _unnamed() -> int:
    """A file without a name, in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("settings", 0)
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


def main() -> None:
    """Serve until SIGTERM or SIGINT; an error of ours is one line on stderr and exit code 2."""
    with os.fdopen(int(sys.argv[1]), "rb") as stream:
        settings = settings_from_wire(stream)
    configure_logging(settings.log, Redactor.of(settings))
    log_uncaught()
    _many_descriptors()
    try:
        uvloop.run(serve(settings, lambda endpoints: announce(endpoints, settings)))
    except BridgeError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from None


def _many_descriptors() -> None:
    """Connections over gRPC are not limited in number: leave them more than the usual 1024, and so our own files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def announce(endpoints: Endpoints, settings: Settings) -> None:
    """Say where to send, where to look and where events go."""
    scheme = {door: "https" if getattr(settings.receive, door).tls else "http" for door in ("grpc", "http")}
    api = f"{'https' if settings.api.tls else 'http'}://{endpoints.api}"
    rows = [
        ("OTLP/gRPC", f"{scheme['grpc']}://{endpoints.grpc}" if endpoints.grpc else "off"),
        ("OTLP/HTTP", f"{scheme['http']}://{endpoints.http}" if endpoints.http else "off"),
        ("health", f"{api}/health"),
        ("metrics", f"{api}/metrics"),
        ("journal", settings.data_dir),
    ]
    rows += [("Kafka", f"{k.name} ({', '.join(k.topics)})") for k in settings.receive.kafka]
    rows += [("destination", f"{d.name} ({d.type})") for d in settings.destinations]
    if not settings.destinations:
        rows.append(
            ("destination", "none: events are kept; see `otel-bridge events`, or configure `destinations`")
        )
    sys.stdout.write("".join(f"{name:<12} {value}\n" for name, value in rows))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
