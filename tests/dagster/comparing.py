"""Events without what differs between any two executions of the same runs.

Ids of Dagster's runs stay, since tests choose them; those of spans, of dbt's invocations and of Iceberg's snapshots go.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otel_bridge.testing import Events

RawEvent = dict[str, Any]
FOLDER = "/projects/everything"
PYTHON = "/python"
LEFT_OUT = {
    "_producer",
    "_schemaURL",
    "eventTime",
    "producer",
    "schemaURL",
    "stackTrace",
    "traceFlags",
    "execution_time",
}
"""The flags of a START are those of the span, if that came in the same batch."""
PASSING = (
    (re.compile(r"\b(?!00000000-)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<trace>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<span>"),
    (re.compile(r"-[0-9a-f]{7}\b"), "-<digest>"),
    (re.compile(r"\b\d{16,19}\b"), "0"),
    (re.compile(r"\b\d{13}\b"), "0"),
    (re.compile(r"\b\d+\.\d+(s|e-\d+)?(?=[,\"\]} ])"), "0"),
)


def placeless(text: str, folder: Path, python: Path) -> str:
    """Text without this machine's paths: the project's folder, and where Python is."""
    for path in {str(folder), str(folder.resolve())}:
        text = text.replace(path, FOLDER)
    for path in sorted({str(python.parents[1]), str(python.resolve().parents[1])}, key=len, reverse=True):
        text = text.replace(path, PYTHON)
    return text


def comparable(events: Iterable[RawEvent]) -> list[str]:
    """Each event as text, sorted."""
    return sorted(_passing(json.dumps(_kept(event), sort_keys=True)) for event in events)


def differences(found: Iterable[RawEvent], expected: Iterable[RawEvent]) -> list[str]:
    """What is missing (`-`) and what is too much (`+`), by short texts; empty if they are the same."""
    mine, theirs = comparable(found), comparable(expected)
    missing, more = list(theirs), []
    for text in mine:
        missing.remove(text) if text in missing else more.append(text)
    return [f"- {text}" for text in missing] + [f"+ {text}" for text in more]


def below(events: Events, roots: set[str]) -> Events:
    """Events of these runs, and of all that ran in them."""
    return Events(e for e in events if "run" in e and root(e) in roots)


def root(event: RawEvent) -> str:
    """Run id of the root of an event's run."""
    parent = event["run"]["facets"].get("parent")
    if parent is None:
        return str(event["run"]["runId"])
    return str(parent.get("root", parent)["run"]["runId"])


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _kept(each) for key, each in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        kept = [_kept(each) for each in value]
        return sorted(kept, key=lambda each: json.dumps(each, sort_keys=True)) if _unordered(kept) else kept
    return value


def _unordered(values: list[Any]) -> bool:
    """Datasets, which have no order: steps of Dagster and nodes of dbt finish as they like."""
    return all(isinstance(each, dict) and "namespace" in each for each in values)


def _passing(text: str) -> str:
    for pattern, stands_for in PASSING:
        text = pattern.sub(stands_for, text)
    return text
