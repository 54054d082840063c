"""`otel-bridge replay`."""

import time
from pathlib import Path

import click

from otel_bridge.cli.options import ask, configured, data_dir, duration_ns, known_destination
from otel_bridge.journal import EventReader
from otel_bridge.model import BridgeError
from otel_bridge.settings import Settings


@click.command("replay")
@click.option("--destination", metavar="NAME", help="Deliver events to this destination again.")
@click.option(
    "--since", metavar="AGO", help="With --destination: only events made within this time, such as 2h."
)
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="SEQ",
    help="With --destination: only events after this number.",
)
@click.option("--failed", is_flag=True, help="Convert again the spans whose conversion failed.")
@click.option("--spans", nargs=2, type=int, metavar="FIRST LAST", help="Convert again these accepted rows.")
@configured
def command(
    settings: Settings,
    destination: str | None,
    since: str | None,
    after: int | None,
    failed: bool,
    spans: tuple[int, int] | None,
) -> None:
    """Deliver again, or convert again.

    A destination gets exact repeats of the events that are still kept. Converting again gives the events that a
    failed conversion withheld; a run whose events were made gets no second ones.
    """
    directory = data_dir(settings)
    if sum((destination is not None, failed, spans is not None)) != 1:
        raise BridgeError("Give one of --destination NAME, --failed, or --spans FIRST LAST.")
    if destination is None and not (since is None and after is None):
        raise BridgeError("--since and --after go with --destination NAME. Add it, or leave them out.")
    if spans and not 0 < spans[0] <= spans[1]:
        raise BridgeError("--spans FIRST LAST: give numbers from 1, the smaller one first.")
    if destination is None:
        argument = {"failed": True} if failed else dict(zip(("first", "last"), spans or (), strict=True))
        click.echo(ask(directory, "events", "convert_again", "", argument))
        return
    known_destination(directory, destination)
    click.echo(ask(directory, "delivery", "rewind", destination, {"after": _start(directory, since, after)}))


def _start(directory: Path, since: str | None, after: int | None) -> int:
    """The event after which to begin."""
    reader = EventReader(directory)
    if after is not None:
        return after
    if since is None:
        return 0
    found = reader.find(since_ns=time.time_ns() - duration_ns(since), limit=1)
    return found[0].seq - 1 if found else reader.last_seq()
