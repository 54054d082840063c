"""`otel-bridge aliases`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from otel_bridge.cli.options import BridgeGroup, configured, data_dir, table_or_json
from otel_bridge.identity import Block, Claim, Conflict, Contradiction, Explanation, Name, Said, Why
from otel_bridge.identity.telling import of_conflict, of_dataset, of_explanation, of_refused
from otel_bridge.journal import KnownNames
from otel_bridge.settings import Settings

REFUSED_SHOWN = 100
NAMES_SHOWN = 10


@click.group("aliases", cls=BridgeGroup)
def command() -> None:
    """Names of datasets: which of them are one, which stands for the others, and why."""


@command.command("list")
@table_or_json("A block of lines for each dataset, or one JSON object for each.")
@configured
def list_(settings: Settings, format_: str) -> None:
    """List datasets that are known by several names, then what contradicts itself, then what never counts."""
    names = KnownNames(data_dir(settings), settings.identity)
    known = names.current()
    blocks, conflicts, refused = known.datasets(), known.conflicts(), names.refused(REFUSED_SHOWN)
    if format_ == "json":
        for found in (
            *({"dataset": of_dataset(block)} for block in blocks),
            *({"conflict": of_conflict(conflict)} for conflict in conflicts),
            *({"refused": one} for one in of_refused(refused)),
        ):
            click.echo(json.dumps(found))
        return
    for line in (*_of_blocks(blocks), *(line for conflict in conflicts for line in told(conflict))):
        click.echo(line)
    for one, seq in refused:
        click.echo(f"not used ({one.reason.value}, event {seq}): {shown(one.dataset)} as {shown(one.alias)}")
    if not (blocks or conflicts or refused):
        click.echo("no dataset is known by several names", err=True)


@command.command("explain")
@click.argument("namespace")
@click.argument("name")
@table_or_json("Sentences, or one JSON object.")
@configured
def explain(settings: Settings, namespace: str, name: str, format_: str) -> None:
    """Say what NAME in NAMESPACE stands for: by which rule, and which event said so."""
    found = KnownNames(data_dir(settings), settings.identity).current().explain(Name(namespace, name))
    if format_ == "json":
        click.echo(json.dumps(of_explanation(found)))
        return
    for line in _explained(found):
        click.echo(line)


def told(conflict: Conflict) -> Iterator[str]:
    """A conflict in lines."""
    if conflict.reason is Contradiction.SHARED and conflict.alias:
        yield f"conflict: several datasets claim {shown(conflict.alias)}, so it is a name of its own:"
    elif conflict.reason is Contradiction.CROWD:
        yield f"conflict: {len(conflict.claims)} symlinks connect these names, too many for one dataset, so none of them are used:"
    else:
        yield "conflict: symlinks lead from one of these datasets to another, so none of them are used:"
    yield from (f"    {shown(name)}" for name in conflict.datasets[:NAMES_SHOWN])
    if len(conflict.datasets) > NAMES_SHOWN:
        yield f"    and {len(conflict.datasets) - NAMES_SHOWN} more (--format json shows statements)"


def _of_blocks(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        yield shown(block.canonical)
        yield from (f"    {shown(name)}" for name in block.names if name != block.canonical)


def _explained(found: Explanation) -> Iterator[str]:
    same = found.name == found.canonical
    yield f"{shown(found.name)} is " + ("its own canonical name" if same else f"{shown(found.canonical)}")
    yield f"decided by: {_reason(found)}"
    others = [name for name in found.names if name not in (found.name, found.canonical)]
    yield from (f"also called: {shown(name)}" for name in others)
    yield from map(_statement, found.claims)
    for conflict in found.conflicts:
        yield from told(conflict)
        yield "    " + (
            "settled by identity.aliases"
            if conflict.settled
            else "decide in identity.aliases (docs/identity.md)"
        )


def _reason(found: Explanation) -> str:
    if found.why is Why.RULE and found.rule is not None:
        return f"identity.rules[{found.rule}]"
    said = {
        Why.ALONE: "no event and no setting gives it another name",
        Why.CONFLICT: "nothing, because what events say contradicts itself",
    }
    return said.get(found.why, found.why.value)


def _statement(claim: Claim) -> str:
    evidence = claim.evidence
    at = datetime.fromtimestamp(evidence.last_ns / 1e9, UTC).isoformat(timespec="seconds")
    verb = "calls" if claim.said is Said.SYMLINK else "renamed to"
    what = (
        f"{shown(claim.dataset)} also {shown(claim.alias)} ({claim.type or 'no type'})"
        if claim.said is Said.SYMLINK
        else f"{shown(claim.dataset)} what was {shown(claim.alias)}"
    )
    job = f"{evidence.job_namespace}/{evidence.job_name}" if evidence.job_name else "no job"
    trace = f", trace {evidence.trace_id}" if evidence.trace_id else ""
    return f"event {evidence.event_seq} ({job}{trace}; last said {at}) {verb} {what}"


def shown(name: Name) -> str:
    """A name in one line, whatever a producer put into it: what a terminal or YAML would obey is escaped."""
    text = f"{name.namespace}  {name.name}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(name: Name) -> dict[str, Any]:
    """A name as the configuration writes it."""
    return {"namespace": name.namespace, "name": name.name}
