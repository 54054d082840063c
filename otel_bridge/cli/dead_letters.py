"""`otel-bridge dead-letters list | show | retry | drop`: of destinations, and of sources."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from otel_bridge.cli.options import BridgeGroup, ask, configured, data_dir, known_destination, table_or_json
from otel_bridge.journal import DeadLetter, DeliveryReader, EventReader, PoisonReader, known_sources
from otel_bridge.model import BridgeError, Poison
from otel_bridge.settings import Settings

incoming = click.option(
    "--source", "is_source", is_flag=True, help="NAME is a source: messages that came in and can't be taken."
)


@click.group("dead-letters", cls=BridgeGroup)
def command() -> None:
    """Events that a destination refused for good, and messages of a source that can't be taken."""


@command.command("list")
@click.argument("name", required=False)
@incoming
@click.option("--dropped", is_flag=True, help="Those that were given up instead; only of destinations.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most letters.")
@table_or_json("A line of text, or a JSON object, for each letter.")
@configured
def list_(
    settings: Settings, name: str | None, is_source: bool, dropped: bool, limit: int, format_: str
) -> None:
    """List dead letters of the destination NAME, or of all; with --source those of a source, or of all."""
    directory = data_dir(settings)
    if is_source and dropped:
        raise BridgeError("Messages of a source that are given up are not kept. Leave out --dropped.")
    found = _messages(directory, name, limit) if is_source else _letters(directory, name, dropped, limit)
    for described, row in found:
        click.echo(json.dumps(described) if format_ == "json" else row)
    if not found:
        click.echo("no dead letters", err=True)


@command.command("show")
@click.argument("name")
@click.argument("seq", type=int)
@incoming
@configured
def show(settings: Settings, name: str, seq: int, is_source: bool) -> None:
    """Show one dead letter whole: reason, the destination's answer, and the event; or reason and message."""
    directory = data_dir(settings)
    described = _whole_message(directory, name, seq) if is_source else _whole_letter(directory, name, seq)
    click.echo(json.dumps(described, indent=2))


@command.command("retry")
@click.argument("name")
@click.argument("seqs", nargs=-1, type=int)
@incoming
@configured
def retry(settings: Settings, name: str, seqs: tuple[int, ...], is_source: bool) -> None:
    """Try dead letters of NAME again: the numbered ones, or all."""
    _wish(settings, "retry", name, seqs, is_source)


@command.command("drop")
@click.argument("name")
@click.argument("seqs", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Give up all of them.")
@incoming
@configured
def drop(settings: Settings, name: str, seqs: tuple[int, ...], everything: bool, is_source: bool) -> None:
    """Give up dead letters of NAME: the numbered ones, or --all. They stay counted."""
    if bool(seqs) == everything:
        raise BridgeError(
            "Give the numbers of dead letters (`otel-bridge dead-letters list` shows them), or --all."
        )
    _wish(settings, "drop", name, seqs, is_source)


def _wish(settings: Settings, wanted: str, name: str, seqs: tuple[int, ...], is_source: bool) -> None:
    directory = data_dir(settings)
    argument: dict[str, Any] = {"seqs": list(seqs)} if seqs else {"all": True}
    if is_source:
        _known_source(directory, name)
        click.echo(ask(directory, "accepted", f"{wanted}_poison", name, argument))
    else:
        known_destination(directory, name)
        click.echo(ask(directory, "delivery", f"{wanted}_dead", name, argument))


def _letters(
    directory: Path, destination: str | None, dropped: bool, limit: int
) -> list[tuple[dict[str, Any], str]]:
    """Dead letters of destinations, as an object and as a line each."""
    if destination is not None:
        known_destination(directory, destination)
    state: Literal["dead", "dropped"] = "dropped" if dropped else "dead"
    events = EventReader(directory)
    found = DeliveryReader(directory).letters(destination, state=state, limit=limit)
    all_described = [_described(letter, events) for letter in found]
    return [(described, _row(described)) for described in all_described]


def _whole_letter(directory: Path, destination: str, seq: int) -> dict[str, Any]:
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
    return described


def _messages(directory: Path, source: str | None, limit: int) -> list[tuple[dict[str, Any], str]]:
    """Messages of sources, as an object and as a line each."""
    if source is not None:
        _known_source(directory, source)
    found = [_about(message) for message in PoisonReader(directory).messages(source, limit=limit)]
    return [(about, _message_row(about)) for about in found]


def _whole_message(directory: Path, source: str, seq: int) -> dict[str, Any]:
    _known_source(directory, source)
    message = PoisonReader(directory).message(source, seq)
    if message is None:
        raise BridgeError(
            f"{source} has no message {seq}. `otel-bridge dead-letters list --source` shows those there are."
        )
    return _about(message) | _content("key", message.key or b"") | _content("payload", message.payload)


def _known_source(directory: Path, name: str) -> None:
    known = known_sources(directory)
    if name not in known:
        hint = f"There are some of: {', '.join(known)}." if known else "There are none at all."
        raise BridgeError(f"no message of a source named {name!r} is kept. {hint}")


def _about(message: Poison) -> dict[str, Any]:
    described: dict[str, Any] = {
        name: getattr(message, name)
        for name in ("source", "seq", "topic", "partition", "offset", "content", "encoding", "reason")
    }
    return described | {"at": _time(message.at_ns), "bytes": len(message.payload)}


def _content(name: str, content: bytes) -> dict[str, str]:
    """As text where it is text, else in base64."""
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": b64encode(content).decode()}


def _message_row(of: dict[str, Any]) -> str:
    where = f"{of['topic']}/{of['partition']}/{of['offset']}"
    return f"{of['source']:<12} {of['seq']:>7}  {of['at']}  {where:<24}  {of['bytes']:>8} B  {of['reason']}"


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _described(letter: DeadLetter, events: EventReader) -> dict[str, Any]:
    event = next((stored.event for stored in events.read_seqs([letter.seq])), None)
    about = (
        {"type": event.type, "job": f"{event.job_namespace}/{event.job_name}", "run": event.key}
        if event
        else {}
    )
    described: dict[str, Any] = msgspec.to_builtins(letter)
    return described | about | {"at": _time(letter.at_ns)}


def _row(of: dict[str, Any]) -> str:
    return f"{of['destination']:<12} {of['seq']:>7}  {of['at']}  {of.get('type', '?'):<8}  {of.get('job', '?')}  {of['reason']}"
