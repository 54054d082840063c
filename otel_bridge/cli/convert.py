"""`otel-bridge convert`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from otel_bridge.cli.options import configured
from otel_bridge.model import Event, Malformed, Omission
from otel_bridge.service.offline import convert_artifacts, convert_files, read_folder
from otel_bridge.settings import Settings


@click.command("convert")
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True, path_type=str))
@click.option(
    "--signal", type=click.Choice(["traces", "logs"]), default="traces", help="What a binary file holds."
)
@click.option(
    "--dbt-artifacts",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="dbt's target folder: of the run that left it, or, with FILES, to complete dbt's own spans.",
)
@click.option("--namespace", metavar="NAME", help="Namespace of the jobs of --dbt-artifacts without FILES.")
@configured
def command(
    files: tuple[str, ...],
    signal: Literal["traces", "logs"],
    dbt_artifacts: Path | None,
    namespace: str | None,
    settings: Settings,
) -> None:
    """Turn OTLP in FILES into OpenLineage events, one JSON object a line, on stdout.

    A file is OTLP/JSON, one request a line (the Collector's file exporter) or one in all, or a binary OTLP
    request; `-` is stdin. All files together are one input: the same input gives the same output. With --dbt-artifacts
    and no FILES the events are those of the finished run of dbt whose manifest.json and run_results.json are in DIR.
    """
    if not files and dbt_artifacts is None:
        raise click.UsageError("give FILES, or --dbt-artifacts DIR")
    contents = [(name, _read(name)) for name in files]
    artifacts = read_folder(dbt_artifacts) if dbt_artifacts else []
    event = None
    try:
        for event in _converted(contents, artifacts, signal, namespace, settings):
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
            "no events: a span becomes a run by the attribute openlineage.job.name (docs/attributes.md)"
            if files
            else "no events: the command that left these artifacts moved no data",
            err=True,
        )


def _converted(
    contents: list[tuple[str, bytes]],
    artifacts: list[bytes],
    signal: Literal["traces", "logs"],
    namespace: str | None,
    settings: Settings,
) -> Iterator[Event]:
    if contents:
        return convert_files(contents, settings, signal, _unusable, artifacts)
    return convert_artifacts(artifacts, settings, namespace)


def _unusable(omission: Omission) -> None:
    click.echo(f"no event: {omission.path}: {omission.reason}", err=True)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Malformed(f"{name}: {error.strerror}. Give files that exist, or - for stdin.") from None
