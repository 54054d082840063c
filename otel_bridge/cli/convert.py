"""`otel-bridge convert`."""

import sys
from pathlib import Path
from typing import Literal

import click

from otel_bridge.cli.options import configured
from otel_bridge.model import Malformed, Omission
from otel_bridge.service.offline import convert_files
from otel_bridge.settings import Settings


@click.command("convert")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True, path_type=str))
@click.option(
    "--signal", type=click.Choice(["traces", "logs"]), default="traces", help="What a binary file holds."
)
@configured
def command(files: tuple[str, ...], signal: Literal["traces", "logs"], settings: Settings) -> None:
    """Turn OTLP in FILES into OpenLineage events, one JSON object a line, on stdout.

    A file is OTLP/JSON, one request a line (the Collector's file exporter) or one in all, or a binary OTLP
    request; `-` is stdin. All files together are one input: the same input gives the same output.
    """
    contents = [(name, _read(name)) for name in files]
    event = None
    try:
        for event in convert_files(contents, settings, signal, _unusable):
            sys.stdout.buffer.write(event.body + b"\n")
            for omission in event.omissions:
                click.echo(
                    f"left out of {event.type} of {event.job_name}: {omission.path}: {omission.reason}",
                    err=True,
                )
    except BrokenPipeError:
        sys.stderr.close()
        return
    if event is None:
        click.echo(
            "no events: a span becomes a run by the attribute openlineage.job.name (docs/attributes.md)",
            err=True,
        )


def _unusable(omission: Omission) -> None:
    click.echo(f"no event: {omission.path}: {omission.reason}", err=True)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Malformed(f"{name}: {error.strerror}. Give files that exist, or - for stdin.") from None
