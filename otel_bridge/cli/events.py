"""`otel-bridge events`."""

import json
import time
from typing import Any

import click

from otel_bridge.cli.options import configured, data_dir, duration_ns, table_or_json
from otel_bridge.deliver.lines import one_line
from otel_bridge.journal import EventReader, StoredEvent
from otel_bridge.settings import Settings

TYPES = ["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER", "DATASET", "JOB"]


@click.command("events")
@click.option("--job", "job_name", help="Only events of the job with this name.")
@click.option("--run", "key", help="Only events of the run with this id.")
@click.option("--trace", "trace_id", help="Only events made from this trace.")
@click.option(
    "--type", "type_", type=click.Choice(TYPES, case_sensitive=False), help="Only events of this type."
)
@click.option("--since", metavar="AGO", help="Only events made within this time, such as 10m or 2d.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="Most events; the newest ones."
)
@table_or_json("A line for each event, or the events themselves.")
@configured
def command(settings: Settings, format_: str, type_: str | None, since: str | None, **wanted: Any) -> None:
    """Show the event log, oldest first: what was made of which span, and what was left out of it.

    `--format json` prints the OpenLineage events themselves, one a line.
    """
    reader = EventReader(data_dir(settings))
    since_ns = time.time_ns() - duration_ns(since) if since else None
    found = reader.find(**wanted, type=type_, since_ns=since_ns, newest_first=True)
    for stored in reversed(found):
        click.echo(one_line(stored.event.body).decode() if format_ == "json" else _row(stored, reader))
    if not found:
        click.echo("no events match", err=True)


def _row(stored: StoredEvent, reader: EventReader) -> str:
    event = stored.event
    at = json.loads(event.body)["eventTime"]
    subject = (
        event.key.removeprefix("dataset:")
        if event.type == "DATASET"
        else f"{event.job_namespace}/{event.job_name}"
    )
    evidence = f"  trace {event.trace_id} span {event.span_id}" if event.trace_id else ""
    line = f"{stored.seq:>7}  {event.type:<8}  {at}  {subject}{evidence}"
    left_out = (f"\n{'':>9}left out: {o.path}: {o.reason}" for o in reader.omissions_of(stored.seq))
    return line + "".join(left_out)
