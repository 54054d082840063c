"""The `otel-bridge` command: one file per command or family of commands."""

from otel_bridge.cli.main import main

__all__ = ["main"]
