"""Events out of transitions: what is known, in order, encoded; what is not understood, as omissions."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from otel_bridge import convention
from otel_bridge.model import (
    Dataset,
    DatasetDescribed,
    Event,
    EventType,
    JobDescribed,
    JobRef,
    Omission,
    Run,
    RunChanged,
    State,
    Transition,
    Value,
)
from otel_bridge.openlineage.collect import Collector, Entity
from otel_bridge.openlineage.core import DATASET_EVENT, JOB_EVENT, RUN_EVENT, Position
from otel_bridge.openlineage.custom import compile_facets
from otel_bridge.openlineage.facets import JOB_FACETS, RUN_FACETS
from otel_bridge.openlineage.fragments import Fragments
from otel_bridge.settings import Settings

_encode: Final = msgspec.json.Encoder().encode
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - written as UTC by hand, which is faster

RECENT: Final = 64
"""Datasets of recent events that are kept, encoded, for the next event of the same run."""


class _Run(Struct, rename="camel"):
    run_id: str
    facets: dict[str, Raw]


class _Job(Struct):
    namespace: str
    name: str
    facets: dict[str, Raw]


class _Dataset(Struct, rename="camel"):
    namespace: str
    name: str
    facets: dict[str, Raw]
    input_facets: dict[str, Raw] | UnsetType = UNSET
    output_facets: dict[str, Raw] | UnsetType = UNSET


class _Event(Struct, rename="camel"):
    event_type: str | UnsetType
    event_time: str
    producer: str
    schema_url: str = field(name="schemaURL")
    run: _Run | UnsetType = UNSET
    job: _Job | UnsetType = UNSET
    dataset: _Dataset | UnsetType = UNSET
    inputs: list[_Dataset] | UnsetType = UNSET
    outputs: list[_Dataset] | UnsetType = UNSET


class EventBuilder:
    """Builds events as configured.

    The same transition gives the same bytes. `build` never raises for what a producer sent.

    Raises:
        ValueError: for a producer that is no URI, or custom facets that can't be compiled.
    """

    def __init__(self, settings: Settings) -> None:
        base_url = settings.api.base_url
        self._producer = settings.producer
        self._trace_url = settings.trace.url
        self._recent: dict[tuple[int, str], tuple[Dataset, _Dataset, list[Omission]]] = {}
        self._collector = Collector(
            Fragments(settings.producer, base_url), compile_facets(settings.facets, base_url)
        )

    def build(self, transition: Transition) -> Event:
        """The event of this transition, with what was left out of it."""
        if isinstance(transition, RunChanged):
            return self._run_event(transition)
        if isinstance(transition, JobDescribed):
            return self._job_event(transition)
        return self._dataset_event(transition)

    def _run_event(self, changed: RunChanged) -> Event:
        run, omissions = changed.run, list(changed.run.omissions)
        entity = self._collector.entity("run", omissions)
        run_values = self._run_values(run, changed.type)
        entity.given("run", run.run_facets, convention.RUN_FACETS, run_values)
        entity.given("job", run.job_facets, convention.JOB_FACETS, run.job_values)
        entity.settle()
        entity.built(RUN_FACETS, run_values)
        entity.built(JOB_FACETS, run.job_values)
        entity.custom("run", _attributes(run.run_values), convention.RUN_FACETS)
        entity.custom("job", _attributes(run.job_values), convention.JOB_FACETS)
        body = _Event(
            changed.type.value,
            written_time(changed.at_ns),
            self._producer,
            RUN_EVENT,
            run=_Run(run.run_id, entity.facets["run"]),
            job=_job(run.job, entity),
            inputs=self._datasets(run.inputs, "input", convention.INPUTS, omissions),
            outputs=self._datasets(run.outputs, "output", convention.OUTPUTS, omissions),
        )
        return Event(
            type=changed.type.value,
            key=run.run_id,
            parent_key=run.parent.run_id if run.parent else "",
            event_time_ns=changed.at_ns,
            job_namespace=run.job.namespace,
            job_name=run.job.name,
            trace_id=run.span.trace_id,
            span_id=run.span.span_id,
            body=_encode(body),
            omissions=tuple(omissions),
        )

    def _run_values(self, run: Run, event_type: EventType) -> dict[str, Value]:
        """Values of the run's facets: those of its attributes, and what the run itself knows."""
        values = {**run.run_values, "span": run.span}
        if not run.span.trace_id:
            del values["span"]
            values.pop("trace", None)
        if self._trace_url is not None:
            values["trace_url"] = self._trace_url
        if run.parent is not None:
            values["parent"] = run.parent
            if run.root is not None:
                values["root"] = run.root
        if run.state is State.SKIP:
            values["skipped"] = True
        if event_type is EventType.FAIL and run.error is not None:
            values["error"] = run.error
        return values

    def _job_event(self, described: JobDescribed) -> Event:
        omissions = list(described.omissions)
        entity = self._collector.entity("static job", omissions)
        entity.given("job", described.job_facets, convention.JOB_FACETS, described.job_values)
        entity.settle()
        entity.built(JOB_FACETS, described.job_values)
        entity.custom("job", _attributes(described.job_values), convention.JOB_FACETS)
        body = _Event(
            UNSET,
            written_time(described.at_ns),
            self._producer,
            JOB_EVENT,
            job=_job(described.job, entity),
            inputs=self._datasets(described.inputs, "input", convention.INPUTS, omissions),
            outputs=self._datasets(described.outputs, "output", convention.OUTPUTS, omissions),
        )
        return _static("JOB", described, described.job, _encode(body), omissions)

    def _dataset_event(self, described: DatasetDescribed) -> Event:
        omissions = list(described.omissions)
        dataset = self._dataset(described.dataset, "static dataset", convention.DATASET, omissions)
        body = _Event(UNSET, written_time(described.at_ns), self._producer, DATASET_EVENT, dataset=dataset)
        ref = JobRef(described.dataset.namespace, described.dataset.name)
        return _static("DATASET", described, ref, _encode(body), omissions)

    def _datasets(
        self, datasets: Iterable[Dataset], position: Position, path: str, omissions: list[Omission]
    ) -> list[_Dataset]:
        found = []
        for index, dataset in enumerate(datasets):
            where = f"{path}[{index}]"
            if _named(dataset):
                found.append(self._dataset(dataset, position, where, omissions))
            else:
                omissions.append(
                    Omission(where, "a dataset needs a namespace and a name that are Unicode text")
                )
        return found

    def _dataset(
        self, dataset: Dataset, position: Position, path: str, omissions: list[Omission]
    ) -> _Dataset:
        """As it was made last time: START and the terminal event of a finished span share their datasets."""
        recent = self._recent.get((id(dataset), path))
        if recent is None or recent[0] is not dataset:
            found: list[Omission] = []
            recent = (dataset, self._made_dataset(dataset, position, path, found), found)
            if len(self._recent) >= RECENT:
                self._recent.clear()
            self._recent[id(dataset), path] = recent
        omissions += recent[2]
        return recent[1]

    def _made_dataset(
        self, dataset: Dataset, position: Position, path: str, omissions: list[Omission]
    ) -> _Dataset:
        entity = self._collector.entity(position, omissions)
        if dataset.facets:
            entity.given("dataset", dataset.facets, f"{path}.facets", dataset.values)
        if dataset.input_facets:
            entity.given("input", dataset.input_facets, f"{path}.inputFacets", dataset.values)
        if dataset.output_facets:
            entity.given("output", dataset.output_facets, f"{path}.outputFacets", dataset.values)
        entity.settle()
        entity.built_dataset(dataset.values, path)
        for slot in entity.facets:
            entity.custom(slot, dataset.values, path)
        if "schema" not in dataset.values and "schema" not in dataset.facets:
            entity.complete_schema()
        facets = entity.facets
        return _Dataset(
            clean(dataset.namespace),
            clean(dataset.name),
            facets["dataset"],
            facets.get("input") or UNSET,
            facets.get("output") or UNSET,
        )


def _job(job: JobRef, entity: Entity) -> _Job:
    return _Job(clean(job.namespace), clean(job.name), entity.facets["job"])


def _attributes(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """The raw attributes that configured facets take their fields from."""
    found = values.get("attributes")
    return found if isinstance(found, Mapping) else {}


def _static(
    event_type: str,
    described: JobDescribed | DatasetDescribed,
    ref: JobRef,
    body: bytes,
    omissions: list[Omission],
) -> Event:
    return Event(
        type=event_type,
        key=f"{event_type.lower()}:{ref.namespace}/{ref.name}",
        parent_key="",
        event_time_ns=described.at_ns,
        job_namespace=ref.namespace if event_type == "JOB" else "",
        job_name=ref.name if event_type == "JOB" else "",
        trace_id=described.evidence.trace_id,
        span_id=described.evidence.span_id,
        body=body,
        omissions=tuple(omissions),
    )


def written_time(at_ns: int) -> str:
    """RFC 3339 in UTC with microseconds.

    >>> written_time(1_790_000_000_123_456_789)
    '2026-09-21T14:13:20.123456Z'
    """
    return (_EPOCH + timedelta(microseconds=at_ns // 1000)).isoformat(timespec="microseconds") + "Z"


def clean(text: str) -> str:
    """The text with what is not Unicode replaced, so that it can always be written."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _named(dataset: Dataset) -> bool:
    return all(text and clean(text) == text for text in (dataset.namespace, dataset.name))
