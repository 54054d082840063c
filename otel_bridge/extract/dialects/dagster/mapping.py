"""Dagster's facts as attributes of the bridge's convention: the one mapping of runs, steps and assets."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.dialects.dagster import datasets, ids, jobs, states
from otel_bridge.extract.dialects.dagster.facets import run_facets
from otel_bridge.extract.dialects.dagster.facts import Kind, Told
from otel_bridge.extract.reading import Reading
from otel_bridge.extract.source_code import repository, source_code
from otel_bridge.extract.values import Attributes, compact, structure
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Dataset, Evidence, LeftOut, LogEvent, Phase, RunObserved, Span, SpanRef, Value
from otel_bridge.namespaces import Namespaces

_JOINED: Final = (convention.INPUTS, convention.OUTPUTS, convention.RUN_TAGS)
_MERGED: Final = (convention.RUN_FACETS, convention.JOB_FACETS)
_PARENT: Final = (convention.PARENT_RUN_ID, convention.PARENT_JOB_NAMESPACE, convention.PARENT_JOB_NAME)
_ROOT: Final = (convention.ROOT_RUN_ID, convention.ROOT_JOB_NAMESPACE, convention.ROOT_JOB_NAME)
LOGICAL: Final = "logical"
"""Value of datasets that are known by their asset key: what is written inside the run may tell their table."""


def observed(
    item: Span | LogEvent,
    told: Told,
    names: Namespaces,
    wanted: Wanted,
    notes: Attributes,
    phase: Phase,
    ref: SpanRef,
) -> RunObserved:
    """The run that the span or start event tells. What the item says in the bridge's own convention goes before."""
    item = replace(item, attributes=_below_backfill(item, told))
    mapped = attributes_of(told, _namespace(item, names), item, notes)
    own = _over(mapped, item.attributes)
    attributes = Attributes(own)
    reading = Reading(replace(item, attributes=own), attributes, names, wanted)
    evidence = Evidence(item.trace_id, item.span_id, "dagster.run" if phase is Phase.END else "dagster.start")
    started_ns = item.start_ns if isinstance(item, Span) else item.time_ns
    run = reading.run(evidence, phase, ref, started_ns)
    run = replace(run, omissions=(*notes.omissions, *run.omissions))
    return _at_start(run) if phase is Phase.START else _at_end(run)


def attributes_of(told: Told, namespace: str, item: Span | LogEvent, notes: Attributes) -> dict[str, Value]:
    """The run in terms of the convention. What says nothing is not there."""
    asset, own = told.asset, _text(item.attributes.get(convention.JOB_NAME)) or jobs.name_of(told)
    said = {
        convention.JOB_NAME: own,
        convention.JOB_TYPE: jobs.TYPES[told.kind],
        convention.JOB_INTEGRATION: jobs.INTEGRATION,
        convention.JOB_PROCESSING_TYPE: "BATCH",
        convention.JOB_DOCUMENTATION: asset.description,
        convention.JOB_OWNERS: list(asset.owners),
        convention.JOB_TAGS: datasets.tags(asset),
        convention.JOB_SOURCE_CODE: _located(told, item),
        convention.RUN_ID: own_run(told),
        convention.RUN_TAGS: _run_tags(told),
        convention.RUN_FACETS: run_facets(told, namespace, own),
        convention.RUN_STATE: state.value if (state := states.state_of(told)) else None,
        convention.PROCESSING_ENGINE: _engine(told),
        convention.NOMINAL_START: told.partitions.start if told.partitions else "",
        convention.NOMINAL_END: told.partitions.end if told.partitions else "",
        convention.INPUTS: datasets.inputs(told, notes, convention.INPUTS),
        convention.OUTPUTS: datasets.outputs(told, notes, convention.OUTPUTS),
        **_above(told, namespace, item),
    }
    return compact(said)


def own_run(told: Told) -> str:
    """The lineage run, "" if Dagster's is not told."""
    if not told.run_id:
        return ""
    if told.kind is Kind.STEP:
        return ids.step_run(told.run_id, told.step_key, told.step_attempt)
    if told.kind is Kind.ASSET:
        key = "/".join(told.asset.key)
        return ids.asset_run(told.run_id, told.step_key, key, told.step_attempt)
    return ids.run_of(told.run_id)


def _above(told: Told, namespace: str, item: Span | LogEvent) -> dict[str, Value]:
    """Parent and root: an asset's step, a step's run, a run's backfill; a run in somebody's span is that one's."""
    if not told.run_id:
        return {}
    own_trace = item.trace_id == ids.trace_id(told.run_id)
    backfill = _backfill(told) if own_trace else None
    run = ids.run_of(told.run_id), jobs.run_name(told.code_location, told.job_name)
    step = (
        ids.step_run(told.run_id, told.step_key, told.step_attempt),
        jobs.step_name(told.code_location, told.job_name, told.step_key),
    )
    parent = {Kind.RUN: backfill, Kind.STEP: run, Kind.ASSET: step}[told.kind]
    root = run if own_trace and backfill is None and told.kind is Kind.ASSET else backfill
    said: dict[str, Value] = {}
    for above, keys in ((parent, _PARENT), (root, _ROOT)):
        if above and all(above) and not any(item.attributes.get(key) for key in keys):
            said |= zip(keys, (above[0], namespace, above[1]), strict=True)
    return said


def _backfill(told: Told) -> tuple[str, str] | None:
    if not told.backfill_id:
        return None
    return ids.backfill_run(told.backfill_id), jobs.backfill_name(told.code_location)


def _below_backfill(item: Span | LogEvent, told: Told) -> Mapping[str, Value]:
    """The item's attributes, without a root that is Dagster's own run where that belongs to a backfill."""
    own = told.backfill_id and item.attributes.get(convention.ROOT_RUN_ID) == ids.run_of(told.run_id)
    return {k: v for k, v in item.attributes.items() if k not in _ROOT} if own else item.attributes


def _at_start(run: RunObserved) -> RunObserved:
    """Only what has its final name; no output before all inputs have theirs, or a consumer would cut them off."""
    inputs = tuple(d for d in run.inputs if not datasets.is_logical(d.namespace))
    outputs = tuple(d for d in run.outputs if not datasets.is_logical(d.namespace))
    return replace(run, inputs=inputs, outputs=outputs if len(inputs) == len(run.inputs) else ())


def _at_end(run: RunObserved) -> RunObserved:
    return replace(run, inputs=tuple(map(_marked, run.inputs)), outputs=tuple(map(_marked, run.outputs)))


def _marked(dataset: Dataset) -> Dataset:
    if not datasets.is_logical(dataset.namespace):
        return dataset
    return replace(dataset, values={**dataset.values, LOGICAL: True})


def _run_tags(told: Told) -> list[Value]:
    return [
        {"key": key, "value": str(value), "source": datasets.SOURCE}
        for key, value in told.run_tags.items()
        if key and value not in (None, "")
    ]


def _engine(told: Told) -> dict[str, Value]:
    if not told.version:
        return {}
    return compact({"name": "Dagster", "version": told.version, "adapter_version": told.plugin_version})


def _located(told: Told, item: Span | LogEvent) -> dict[str, Value] | None:
    """Where the code is: the page that the definition names, else its file in the repository of the resource."""
    code = told.asset.code_source
    if code.url:
        return compact(
            {"type": "git", "url": code.url, "path": "" if code.file.startswith("/") else code.file}
        )
    attributes = {**item.attributes, "code.file.path": code.file} if code.file else item.attributes
    return source_code(attributes, item.resource) or repository(item.attributes, item.resource)


def _namespace(item: Span | LogEvent, names: Namespaces) -> str:
    return _text(item.attributes.get(convention.JOB_NAMESPACE)) or names.of(item.resource).value


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _over(attributes: Mapping[str, Value], own: Mapping[str, Value]) -> dict[str, Value]:
    """The mapping's attributes with the item's own over them; lists are joined and facets merged."""
    merged = {**attributes, **{key: value for key, value in own.items() if value not in (None, "")}}
    for key in (*_JOINED, *_MERGED):
        if key in attributes and key in own:
            merged[key] = _united(attributes[key], own[key])
    return merged


def _united(ours: Value, own: Value) -> Value:
    try:
        given = structure(own)
    except LeftOut:
        return own
    if isinstance(ours, dict) and isinstance(given, dict):
        return ours | given
    if isinstance(ours, list) and isinstance(given, list | str):
        return [*ours, *(given if isinstance(given, list) else [given])]
    return own
