"""What tests of dbt ask of events: names without what differs from machine to machine, and tables of edges."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from otel_bridge.testing import Events

RawEvent = dict[str, Any]


def ends(events: Events) -> dict[str, RawEvent]:
    """Job -> the last event of its last run."""
    return {event["job"]["name"]: event for event in events if "run" in event}


def short(name: str) -> str:
    """A dataset's name without its database, a file's without its folder.

    >>> short("everything.shop.orders"), short("/tmp/x/raw_orders.csv")
    ('shop.orders', 'raw_orders.csv')
    """
    return Path(name).name if name.startswith("/") else name.partition(".")[2]


def story(event: RawEvent) -> tuple[str, str, set[str], set[str]]:
    """(job type, event type, inputs, outputs) by short names."""
    inputs, outputs = ({short(d["name"]) for d in event[side]} for side in ("inputs", "outputs"))
    return event["job"]["facets"]["jobType"]["jobType"], event["eventType"], inputs, outputs


def datasets(events: Iterable[RawEvent]) -> set[tuple[str, str]]:
    """(namespace, name) of every dataset that any event names, column lineage and symlinks included."""
    return {(named["namespace"], named["name"]) for event in events for named in _named(event)}


def _named(value: Any) -> Iterator[dict[str, Any]]:
    """Maps with a namespace and a name in the datasets of an event; jobs have them too, but not here."""
    for side in ("inputs", "outputs"):
        for dataset in value.get(side, ()):
            yield dataset
            lineage = dataset.get("facets", {}).get("columnLineage", {})
            yield from lineage.get("dataset", ())
            yield from (f for column in lineage.get("fields", {}).values() for f in column["inputFields"])
    if "dataset" in value:
        yield value["dataset"]


def columns(event: RawEvent, how: str = "DIRECT") -> dict[str, set[str]]:
    """Output column -> `table.column` of what it comes from, as far as this kind of use is meant."""
    found: dict[str, set[str]] = {}
    for dataset in event["outputs"]:
        for column, lineage in dataset["facets"].get("columnLineage", {}).get("fields", {}).items():
            uses = {
                f"{short(one['name']).partition('.')[2] or one['name']}.{one['field']}"
                for one in lineage["inputFields"]
                if any(use["type"] == how for use in one.get("transformations", ()))
            }
            found |= {column: uses} if uses else {}
    return found


def subtypes(event: RawEvent, column: str) -> set[tuple[str, str, str]]:
    """(`table.column`, type, subtype) of the uses of an output column."""
    (dataset,) = event["outputs"]
    return {
        (f"{short(one['name']).partition('.')[2]}.{one['field']}", use["type"], use.get("subtype", ""))
        for one in dataset["facets"]["columnLineage"]["fields"][column]["inputFields"]
        for use in one["transformations"]
    }


def schema(dataset: RawEvent) -> dict[str, str]:
    """Column -> type, in order."""
    return {field["name"]: field.get("type", "") for field in dataset["facets"]["schema"]["fields"]}


def assertions(event: RawEvent) -> list[dict[str, Any]]:
    """All assertions of the inputs."""
    return [
        one
        for dataset in event["inputs"]
        for one in dataset.get("inputFacets", {}).get("dataQualityAssertions", {}).get("assertions", ())
    ]


def invocations(events: Events) -> list[Events]:
    """The run events by dbt command, in the order in which the commands started."""
    found: dict[str, list[RawEvent]] = {}
    for event in events:
        if "run" in event:
            parent = event["run"]["facets"].get("parent", {})
            root = parent.get("root", parent).get("run", event["run"])["runId"]
            found.setdefault(root, []).append(event)
    return [Events(each) for each in found.values()]


def static(events: Events) -> list[RawEvent]:
    """What was said of jobs and datasets without a run."""
    return [event for event in events if "run" not in event]
