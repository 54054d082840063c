"""`otel-bridge serve`."""

import click

from otel_bridge.cli.options import configured
from otel_bridge.settings import Settings


@click.command("serve")
@configured
def command(settings: Settings) -> None:
    """Receive OTLP, convert, deliver, until SIGTERM or Ctrl-C.

    Needs no configuration: listens on loopback, keeps its journal in the user's state directory, and takes
    an OpenLineage configuration (OPENLINEAGE_URL, openlineage.yml) as its destination if there is one.
    """
    from otel_bridge.service.receiving import become

    become(settings)
