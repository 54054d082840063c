"""`otel-bridge doctor`: what is left out, late, waiting, failing or refused, and what to do about it."""

from collections.abc import Mapping

import click

from otel_bridge.cli import identity_findings
from otel_bridge.cli.options import configured, data_dir
from otel_bridge.journal import ColumnSums, EventReader, KnownNames, Sums, counted_as, known_sources, sums
from otel_bridge.openlineage.foreign import INVALID_EVENT
from otel_bridge.settings import Settings

WAITING_TOO_LONG_S = 60.0
SHOWN = 10


@click.command("doctor")
@configured
def command(settings: Settings) -> None:
    """Examine the journal; each finding comes with what to do. Exit code 1 if there is one."""
    directory = data_dir(settings)
    figures = sums(directory)
    events, names = EventReader(directory), KnownNames(directory, settings.identity).current()
    findings = [
        *_received(figures, settings),
        *_messages(known_sources(directory)),
        *_failures(figures, events),
        *_omissions(figures, events),
        *_parents(figures, settings),
        *_destinations(figures, settings),
        *identity_findings.findings(names, figures),
    ]
    for finding in findings:
        click.echo(f"- {finding}")
    if figures.column_lineage.columns:
        click.echo(_column_lineage(figures.column_lineage))
    for line in identity_findings.remarks(names, figures, events):
        click.echo(line)
    if findings:
        raise SystemExit(1)
    click.echo(
        f"Nothing to report: {figures.converted} spans and log events gave {sum(figures.events.values())} events."
    )


def _received(figures: Sums, settings: Settings) -> list[str]:
    found = []
    if not figures.received:
        found.append(
            "Nothing was received yet. Point an OTLP exporter at "
            f"http://{settings.receive.http.endpoint} or a Collector at both doors (docs/collector.md)."
        )
    elif not figures.accepted:
        found.append(
            f"{figures.received} spans and log records were received, none with lineage. "
            "A span becomes a run by the attribute openlineage.job.name (docs/attributes.md)."
        )
    found += [
        f"{count} events of other producers were rejected: their senders got the reasons (docs/producers.md)."
        if reason == INVALID_EVENT
        else f"{count} spans or log records were rejected because of their {reason}. Correct what emits them."
        for reason, count in figures.rejected.items()
        if not reason.endswith("_message")
    ]
    if figures.waiting and (figures.waiting_age_s or 0) > WAITING_TOO_LONG_S:
        found.append(
            f"{figures.waiting} accepted spans wait to be converted, the oldest for {figures.waiting_age_s:.0f} s. "
            "Is `otel-bridge serve` running? If it is, its log says what stops conversion."
        )
    return found


def _messages(kept: Mapping[str, int]) -> list[str]:
    return [
        f"{number} messages of {name} can't be taken, or not whole. `otel-bridge dead-letters list {name} --source` shows why; "
        "`retry` tries again."
        for name, number in kept.items()
    ]


def _failures(figures: Sums, events: EventReader) -> list[str]:
    if not figures.failed:
        return []
    latest = events.failures(limit=1)
    last_words = latest[0].traceback.strip().splitlines()[-1] if latest else "unknown"
    said = (
        f"The conversion of {figures.failed} spans failed by a defect of the bridge (latest: {last_words}). They are kept: "
        "report this, and after an update run `otel-bridge replay --failed`."
    )
    return [said]


def _omissions(figures: Sums, events: EventReader) -> list[str]:
    found = []
    examples = {
        counted_as(omission.reason): (seq, omission.path) for seq, omission in events.omissions(limit=1000)
    }
    examples |= {counted_as(omission.reason): (0, omission.path) for omission in events.unusable(limit=1000)}
    for reason, count in sorted(figures.omissions.items(), key=lambda item: -item[1])[:SHOWN]:
        seq, path = examples.get(reason, (0, ""))
        where = (f", lately {path}" if path else "") + (f" in event {seq}" if seq else "")
        found.append(
            f"{count} values were left out: {reason}{where}. Correct what emits them (docs/attributes.md)."
        )
    return found


def _parents(figures: Sums, settings: Settings) -> list[str]:
    late = figures.assembly.get("parent_late", 0)
    if not late:
        return []
    said = (
        f"{late} runs have no parent because it arrived later than runs.parent_wait ({float(settings.runs.parent_wait):g} s). "
        "Let the producer carry the parent at start (openlineage.parent.*, which otel-lineage does) or send start "
        "events; a longer wait delays such runs (docs/adr/0003-late-parents.md)."
    )
    return [said]


def _column_lineage(figures: ColumnSums) -> str:
    """No finding: what a statement does not tell can't be helped."""
    said = (
        f"Column lineage from SQL: {figures.resolved:,} of {figures.columns:,} columns of {figures.runs:,} runs "
        "are resolved"
    )
    gaps = sorted(((count, reason) for reason, count in figures.gaps.items()), reverse=True)
    if not gaps:
        return f"{said}."
    reasons = "; ".join(f"{count:,} because {reason}" for count, reason in gaps[:SHOWN])
    rest = sum(count for count, _ in gaps[SHOWN:])
    return (
        f"{said}; {figures.columns - figures.resolved:,} are not: {reasons}{f'; {rest:,} for other reasons' if rest else ''}. "
        "The facet otel_lineage_coverage of a run names its columns (docs/column-lineage.md)."
    )


def _destinations(figures: Sums, settings: Settings) -> list[str]:
    found = []
    for name, one in figures.destinations.items():
        if one.dead:
            found.append(
                f"{name} refused {one.dead} events. `otel-bridge dead-letters list {name}` shows why; `retry` tries again."
            )
        if one.waiting and (one.waiting_age_s or 0) > WAITING_TOO_LONG_S:
            found.append(
                f"{one.waiting} events wait for {name}, the oldest for {one.waiting_age_s:.0f} s. "
                "Nothing is lost; see its `trouble` in `otel-bridge health`."
            )
        if one.skipped and not one.delivered:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in one.skipped_reasons.items())
            found.append(
                f"{name} got nothing: its profile skipped all {one.skipped} events: {reasons}. "
                "docs/consumers.md says what it wants."
            )
        if one.shed:
            facets = ", ".join(f"{facet} ({count})" for facet, count in one.shed.items())
            found.append(
                f"{name} got events without facets that it can't take: {facets}. "
                "Make them smaller where they come from, or raise its max_event (docs/consumers.md)."
            )
        if one.missed:
            found.append(
                f"{name} missed {one.missed} events that were pruned before it came back. Raise journal.keep_events."
            )
    if not (settings.destinations or figures.destinations) and figures.events:
        found.append(
            "No destination is configured, so events are only kept. Add one to `destinations` (docs/destinations.md)."
        )
    return found
