"""`otel-bridge dead-letters list | show | retry | drop`."""

import json
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from otel_bridge.cli.options import BridgeGroup, ask, configured, data_dir, known_destination, table_or_json
from otel_bridge.journal import DeadLetter, DeliveryReader, EventReader
from otel_bridge.model import BridgeError
from otel_bridge.settings import Settings


@click.group("dead-letters", cls=BridgeGroup)
def command() -> None:
    """Events that a destination refused for good, with its answer."""


@command.command("list")
@click.argument("destination", required=False)
@click.option("--dropped", is_flag=True, help="Those that were given up instead.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most letters.")
@table_or_json("A line of text, or a JSON object, for each letter.")
@configured
def list_(settings: Settings, destination: str | None, dropped: bool, limit: int, format_: str) -> None:
    """List dead letters of DESTINATION, or of all."""
    directory = data_dir(settings)
    if destination is not None:
        known_destination(directory, destination)
    letters = DeliveryReader(directory).letters(
        destination, state="dropped" if dropped else "dead", limit=limit
    )
    events = EventReader(directory)
    for letter in letters:
        described = _described(letter, events)
        click.echo(json.dumps(described) if format_ == "json" else _row(described))
    if not letters:
        click.echo("no dead letters", err=True)


@command.command("show")
@click.argument("destination")
@click.argument("seq", type=int)
@configured
def show(settings: Settings, destination: str, seq: int) -> None:
    """Show one dead letter whole: reason, the destination's answer, and the event."""
    directory = data_dir(settings)
    known_destination(directory, destination)
    found = [
        letter
        for state in ("dead", "dropped")
        for letter in DeliveryReader(directory).letters(destination, after=seq - 1, state=state, limit=1)
        if letter.seq == seq
    ]
    if not found:
        raise BridgeError(
            f"{destination} has no dead letter {seq}. `otel-bridge dead-letters list` shows those there are."
        )
    described = _described(found[0], events := EventReader(directory))
    described["event"] = next((json.loads(stored.event.body) for stored in events.read_seqs([seq])), None)
    click.echo(json.dumps(described, indent=2))


@command.command("retry")
@click.argument("destination")
@click.argument("seqs", nargs=-1, type=int)
@configured
def retry(settings: Settings, destination: str, seqs: tuple[int, ...]) -> None:
    """Try dead letters of DESTINATION again: the numbered ones, or all."""
    _wish(settings, "retry_dead", destination, seqs)


@command.command("drop")
@click.argument("destination")
@click.argument("seqs", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Give up all of them.")
@configured
def drop(settings: Settings, destination: str, seqs: tuple[int, ...], everything: bool) -> None:
    """Give up dead letters of DESTINATION: the numbered ones, or --all. They stay counted as dead."""
    if bool(seqs) == everything:
        raise BridgeError(
            "Give the numbers of dead letters (`otel-bridge dead-letters list` shows them), or --all."
        )
    _wish(settings, "drop_dead", destination, seqs)


def _wish(settings: Settings, wanted: str, destination: str, seqs: tuple[int, ...]) -> None:
    directory = data_dir(settings)
    known_destination(directory, destination)
    argument: dict[str, Any] = {"seqs": list(seqs)} if seqs else {"all": True}
    click.echo(ask(directory, "delivery", wanted, destination, argument))


def _described(letter: DeadLetter, events: EventReader) -> dict[str, Any]:
    event = next((stored.event for stored in events.read_seqs([letter.seq])), None)
    about = (
        {"type": event.type, "job": f"{event.job_namespace}/{event.job_name}", "run": event.key}
        if event
        else {}
    )
    at = datetime.fromtimestamp(letter.at_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    described: dict[str, Any] = msgspec.to_builtins(letter)
    return described | about | {"at": at}


def _row(of: dict[str, Any]) -> str:
    return f"{of['destination']:<12} {of['seq']:>7}  {of['at']}  {of.get('type', '?'):<8}  {of.get('job', '?')}  {of['reason']}"
