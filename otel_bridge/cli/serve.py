"""`otel-bridge serve`."""

import click

from otel_bridge.cli.options import configured
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.service.serve import serve
from otel_bridge.settings import Settings


@click.command("serve")
@configured
def command(settings: Settings) -> None:
    """Receive OTLP, convert, deliver, until SIGTERM or Ctrl-C.

    Needs no configuration: listens on loopback, keeps its journal in the user's state directory, and takes
    an OpenLineage configuration (OPENLINEAGE_URL, openlineage.yml) as its destination if there is one.
    """
    import uvloop

    from otel_bridge.telemetry import configure_logging

    configure_logging(settings.log)
    uvloop.run(serve(settings, lambda endpoints: announce(endpoints, settings)))


def announce(endpoints: Endpoints, settings: Settings) -> None:
    """Say where to send, where to look and where events go."""
    scheme = {door: "https" if getattr(settings.receive, door).tls else "http" for door in ("grpc", "http")}
    rows = [
        ("OTLP/gRPC", f"{scheme['grpc']}://{endpoints.grpc}" if endpoints.grpc else "off"),
        ("OTLP/HTTP", f"{scheme['http']}://{endpoints.http}" if endpoints.http else "off"),
        ("health", f"http://{endpoints.api}/health"),
        ("metrics", f"http://{endpoints.api}/metrics"),
        ("journal", settings.data_dir),
    ]
    rows += [("destination", f"{d.name} ({d.type})") for d in settings.destinations]
    if not settings.destinations:
        rows.append(
            ("destination", "none: events are kept; see `otel-bridge events`, or configure `destinations`")
        )
    for name, value in rows:
        click.echo(f"{name:<12} {value}")
