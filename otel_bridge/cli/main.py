"""The group of commands. Each is imported when it is called, so that `--help` stays quick."""

import importlib
from typing import Any

import click

from otel_bridge import __version__
from otel_bridge.cli.options import BridgeGroup

COMMANDS = {
    "serve": "otel_bridge.cli.serve",
    "convert": "otel_bridge.cli.convert",
    "artifacts": "otel_bridge.cli.artifacts",
    "config": "otel_bridge.cli.config",
    "health": "otel_bridge.cli.health",
    "events": "otel_bridge.cli.events",
    "dead-letters": "otel_bridge.cli.dead_letters",
    "replay": "otel_bridge.cli.replay",
    "aliases": "otel_bridge.cli.aliases",
    "doctor": "otel_bridge.cli.doctor",
}


class Lazy(BridgeGroup):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module and take its `command`."""
        module: Any = importlib.import_module(COMMANDS[cmd_name]) if cmd_name in COMMANDS else None
        return module.command if module else None


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otel-bridge")
def main() -> None:
    """Traces in, lineage out: OTLP spans with lineage attributes become OpenLineage events."""
