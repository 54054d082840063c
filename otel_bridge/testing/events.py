"""Recorded OpenLineage events, and the questions that a test asks of them."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Self

RawEvent = dict[str, Any]


class Events:
    """An ordered list of OpenLineage events (as decoded JSON).

    >>> events = Events([{"eventType": "START", "job": {"namespace": "n", "name": "load"}, "run": {"runId": "r"}}])
    >>> events.types("load")
    ['START']
    """

    def __init__(self, events: Iterable[RawEvent]) -> None:
        self.all = list(events)

    @classmethod
    def from_ndjson(cls, content: bytes | str) -> Self:
        """Events of a file with one JSON object a line."""
        return cls(json.loads(line) for line in content.splitlines() if line.strip())

    def __iter__(self) -> Iterator[RawEvent]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __repr__(self) -> str:
        lines = (
            f"{e.get('eventType', 'static')} {(e.get('job') or e.get('dataset') or {}).get('name')}"
            for e in self.all
        )
        return f"Events({', '.join(lines)})"

    def of(self, job: str) -> Self:
        """The events of jobs with this name."""
        return type(self)(e for e in self.all if e.get("job", {}).get("name") == job)

    def types(self, job: str) -> list[str]:
        """Event types of a job, in order."""
        return [e["eventType"] for e in self.of(job) if "eventType" in e]

    def one(self, job: str, event_type: str) -> RawEvent:
        """The only event of this type for this job; AssertionError with what there is otherwise."""
        found = [e for e in self.of(job) if e.get("eventType") == event_type]
        assert len(found) == 1, f"expected one {event_type} of {job!r}, found {len(found)} in {self!r}"
        return found[0]

    def runs(self) -> dict[str, list[str]]:
        """Run id -> event types in order."""
        found: dict[str, list[str]] = {}
        for event in self.all:
            if "run" in event:
                found.setdefault(event["run"]["runId"], []).append(event["eventType"])
        return found

    def jobs(self) -> set[str]:
        """Names of all jobs."""
        return {e["job"]["name"] for e in self.all if "job" in e}

    def state_of(self, job: str) -> str | None:
        """Type of the job's last event: `COMPLETE`, `FAIL`, `ABORT`, or `START` while it runs."""
        return next(reversed(self.types(job)), None)

    def inputs_of(self, job: str) -> set[str]:
        """Names of the datasets that the job reads."""
        return {dataset["name"] for event in self.of(job) for dataset in event.get("inputs", [])}

    def outputs_of(self, job: str) -> set[str]:
        """Names of the datasets that the job writes."""
        return {dataset["name"] for event in self.of(job) for dataset in event.get("outputs", [])}

    def edges(self) -> set[tuple[str, str]]:
        """(input, job) and (job, output) by name, over all events."""
        into = {(name, job) for job in self.jobs() for name in self.inputs_of(job)}
        return into | {(job, name) for job in self.jobs() for name in self.outputs_of(job)}

    def column_edges(self) -> set[tuple[str, str]]:
        """(`input.column`, `output.column`) by name, over all column lineage facets."""
        found = set()
        for dataset, facets in self._datasets():
            fields = facets.get("columnLineage", {}).get("fields", {})
            for column, lineage in fields.items():
                into = f"{dataset}.{column}"
                found |= {(f"{source['name']}.{source['field']}", into) for source in lineage["inputFields"]}
        return found

    def facet(self, job: str, name: str) -> RawEvent:
        """A run or job facet of the job's last event; AssertionError with those there are otherwise."""
        events = self.of(job).all
        assert events, f"no event of {job!r} in {self!r}"
        facets = events[-1]["job"].get("facets", {}) | events[-1].get("run", {}).get("facets", {})
        return _facet(facets, name, f"the last event of {job!r}")

    def dataset_facet(self, dataset: str, name: str) -> RawEvent:
        """A facet of a dataset, also of its input or output facets, where it was said last."""
        known: dict[str, RawEvent] = {}
        for found, facets in self._datasets():
            known |= facets if found == dataset else {}
        return _facet(known, name, f"dataset {dataset!r}")

    def parent_of(self, job: str) -> str | None:
        """Name of the job in the parent facet of this job's events; AssertionError if they disagree."""
        parents = {
            e["run"]["facets"].get("parent", {}).get("job", {}).get("name")
            for e in self.of(job)
            if "run" in e
        }
        assert len(parents) <= 1, f"the events of {job!r} name several parents: {parents}"
        return next(iter(parents), None)

    def normalised(self) -> list[RawEvent]:
        """Copies in which run ids, trace ids, span ids and times are numbered placeholders, for snapshots."""
        names: dict[str, str] = {}
        return [json.loads(_PATTERN.sub(lambda m: _placeholder(m, names), json.dumps(e))) for e in self.all]

    def _datasets(self) -> Iterator[tuple[str, dict[str, RawEvent]]]:
        for event in self.all:
            static = [event["dataset"]] if "dataset" in event else []
            for dataset in (*event.get("inputs", []), *event.get("outputs", []), *static):
                slots = (dataset.get(slot, {}) for slot in ("facets", "inputFacets", "outputFacets"))
                yield dataset["name"], {name: facet for slot in slots for name, facet in slot.items()}


_PATTERN = re.compile(
    r"(?P<run>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r'|(?<=")(?P<trace>[0-9a-f]{32})(?=")|(?<=")(?P<span>[0-9a-f]{16})(?=")'
)


def _facet(facets: dict[str, RawEvent], name: str, where: str) -> RawEvent:
    assert name in facets, f"{where} has no facet {name!r}, but {', '.join(sorted(facets)) or 'none'}"
    return facets[name]


def _placeholder(match: re.Match[str], names: dict[str, str]) -> str:
    kind = match.lastgroup or ""
    if kind == "time":
        return "<time>"
    count = sum(name.startswith(f"<{kind}-") for name in names.values())
    return names.setdefault(match.group(), f"<{kind}-{count + 1}>")
