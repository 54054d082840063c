"""`otel-bridge config check | example | schema`."""

import json

import click

from otel_bridge.cli.options import BridgeGroup, configured
from otel_bridge.settings import Settings


@click.group("config", cls=BridgeGroup)
def command() -> None:
    """Check and explain the configuration."""


@command.command("check")
@configured
def check(settings: Settings) -> None:
    """Report every problem of the configuration at once; exit code 2 if there is any."""
    names = ", ".join(f"{d.name} ({d.type})" for d in settings.destinations) or "none"
    click.echo(f"The configuration is good. Destinations: {names}.")


@command.command("example")
def example() -> None:
    """Print a complete configuration with every default and what it means."""
    from otel_bridge.config import example as text

    click.echo(text(), nl=False)


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from otel_bridge.config import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
