"""dbt's facts as attributes of the bridge's convention: the one mapping, whoever told the facts.

`observed` makes the observation of a span or log event of otel-bridge-dbt. Runs of dbt's own spans are told in two
steps: `noted` keeps what the span says with the run (`TOLD`), and once their invocation and its artifacts are known
`completed` makes of both what `observed` would have made. Runs that artifacts alone tell are `completed` as well.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.dialects.dbt import assertions, jobs, states
from otel_bridge.extract.dialects.dbt.assets import with_asset
from otel_bridge.extract.dialects.dbt.facets import OPERATION, job_facets, run_facets
from otel_bridge.extract.dialects.dbt.facts import Kind, Relation, Told
from otel_bridge.extract.dialects.dbt.naming import UNKNOWN, Naming
from otel_bridge.extract.dialects.dbt.relations import inputs, outputs, owners, tags
from otel_bridge.extract.reading import Reading
from otel_bridge.extract.source_code import repository
from otel_bridge.extract.values import Attributes, compact, structure
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    ErrorDetail,
    Evidence,
    JobDescribed,
    JobRef,
    LeftOut,
    LogEvent,
    Omission,
    Phase,
    Run,
    RunObserved,
    RunRef,
    Span,
    SpanRef,
    State,
    Value,
)
from otel_bridge.namespaces import Namespaces

TOLD: Final = "dbt"
"""Run value under which runs of dbt's own spans keep what the span said, until they are completed."""
OMISSION: Final = "dbt.connection"
_JOINED: Final = (convention.INPUTS, convention.OUTPUTS, convention.RUN_TAGS)
_MERGED: Final = (convention.RUN_FACETS, convention.JOB_FACETS)


class Read(msgspec.Struct, frozen=True):
    """What the mapping makes of a run's facts: its attributes, what of its connection is known, and what is not."""

    attributes: dict[str, Value]
    sql_context: dict[str, Value]
    omissions: tuple[Omission, ...] = ()


def mapped(told: Told, naming: Naming) -> Read:
    """The run in terms of the convention. What says nothing is not there."""
    node = told.node
    sql = told.hook.sql if told.hook else node.sql
    datasets = {convention.INPUTS: _inputs(told, naming), convention.OUTPUTS: _outputs(told, naming)}
    attributes = {
        convention.JOB_NAME: jobs.name_of(told),
        convention.JOB_TYPE: jobs.type_of(told),
        convention.JOB_INTEGRATION: jobs.INTEGRATION,
        convention.JOB_PROCESSING_TYPE: "BATCH",
        convention.JOB_DOCUMENTATION: node.description,
        convention.JOB_OWNERS: owners(node.owner.name or node.owner.email, node.meta),
        convention.JOB_FACETS: job_facets(told),
        convention.RUN_TAGS: tags(node.tags, node.meta) if told.kind is not Kind.HOOK else [],
        convention.RUN_FACETS: run_facets(told),
        convention.RUN_STATE: state.value if (state := states.state_of(told)) else None,
        convention.PROCESSING_ENGINE: _engine(told),
        convention.EXTERNAL_QUERY: _query(told, naming),
        convention.SQL: sql,
        convention.SQL_DIALECT: naming.dialect if sql else "",
        **_nominal(told),
        **datasets,
    }
    unknown = not naming.known and bool(node.inputs or node.output)
    omissions = (Omission(OMISSION, UNKNOWN),) if unknown else ()
    return Read(compact(attributes), _context(told, naming), omissions)


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
    read = mapped(told, Naming(told.invocation, wanted.dbt, _namespace(item, names)))
    own = _located(_over(read.attributes, item.attributes), item)
    attributes = Attributes(own)
    reading = Reading(replace(item, attributes=own), attributes, names, wanted)
    evidence = Evidence(item.trace_id, item.span_id, "dbt.ours" if phase is Phase.END else "dbt.start")
    started_ns = item.start_ns if isinstance(item, Span) else item.time_ns
    run = reading.run(evidence, phase, ref, started_ns)
    return replace(
        run,
        job_values=run.job_values | {"sql_context": read.sql_context},
        omissions=(*notes.omissions, *run.omissions, *read.omissions),
    )


def described(
    item: LogEvent, told: Told, names: Namespaces, wanted: Wanted, notes: Attributes
) -> tuple[Reading, Read, Attributes]:
    """The job that a log event describes, to be read as a static one."""
    read = mapped(told, Naming(told.invocation, wanted.dbt, _namespace(item, names)))
    own = _located(_over(read.attributes, item.attributes), item)
    attributes = Attributes(own)
    attributes.omissions += [*notes.omissions, *read.omissions]
    return Reading(replace(item, attributes=own), attributes, names, wanted), read, attributes


def noted(told: Told) -> dict[str, Value]:
    """Run values that keep the facts with the run."""
    return {TOLD: msgspec.to_builtins(told)}


def told_of(run: Run) -> Told | None:
    """What dbt's own span said about the run; None for a run that needs no completing."""
    kept = run.run_values.get(TOLD)
    return None if kept is None else msgspec.convert(kept, Told)


def completed(run: Run, told: Told, names: Namespaces, wanted: Wanted) -> Run:
    """The run with all that the facts say; `told` is what its span said, merged with what artifacts say.

    The job's name may only be complete now, and so are those of the runs above; the state may be another: artifacts know
    that an invocation failed, whose own span does not say so.
    """
    told = replace(told, kind=Kind.BATCH) if is_batch(run, told) else told
    read = mapped(told, Naming(told.invocation, wanted.dbt, run.job.namespace))
    own = (
        {convention.JOB_NAME: run.job.name} | read.attributes | {convention.JOB_NAMESPACE: run.job.namespace}
    )
    span = Span(run.span.trace_id, run.span.span_id, run.span.parent_span_id, attributes=own)
    attributes = Attributes(own)
    found = Reading(span, attributes, names, wanted).run(
        Evidence("", "", ""), Phase.END, run.span, run.started_ns
    )
    kept = {key: value for key, value in run.run_values.items() if key != TOLD}
    return replace(
        run,
        job=found.job,
        parent=_renamed(run.parent, told),
        root=_renamed(run.root, told),
        inputs=found.inputs,
        outputs=found.outputs,
        run_values=found.run_values | kept,
        run_facets=found.run_facets | run.run_facets,
        job_values=found.job_values | run.job_values | {"sql_context": read.sql_context},
        job_facets=found.job_facets | run.job_facets,
        state=run.state and (states.state_of(told) or run.state),
        error=error_of(told, run.state and (states.state_of(told) or run.state)) or run.error,
        omissions=tuple(dict.fromkeys((*run.omissions, *found.omissions, *read.omissions))),
    )


def design(run: Run) -> JobDescribed:
    """What a command that moves no data says of a node: the job, without a run."""
    at_ns = run.started_ns if run.ended_ns is None else run.ended_ns
    return JobDescribed(
        evidence=Evidence(run.span.trace_id, run.span.span_id, "dbt.design"),
        at_ns=at_ns,
        job=run.job,
        inputs=run.inputs,
        outputs=run.outputs,
        job_values=run.job_values,
        job_facets=run.job_facets,
        omissions=run.omissions,
    )


def error_of(told: Told, state: State | None) -> ErrorDetail | None:
    """Why the run failed, in dbt's words; None if it did not, or nothing tells."""
    if told.result is None or state is not State.FAIL:
        return None
    message = states.reason_of(told.result)
    language = "python" if told.kind is Kind.INVOCATION or told.node.language == "python" else "sql"
    return ErrorDetail(message, language) if message else None


def _inputs(told: Told, naming: Naming) -> list[dict[str, Value]]:
    if told.kind not in (Kind.NODE, Kind.BATCH):
        return []
    return [_checked(dataset, relation, told) for relation, dataset in inputs(told, naming)]


def _checked(dataset: dict[str, Value], relation: Relation, told: Told) -> dict[str, Value]:
    """The dataset with the result of the test, or of the freshness check, on it."""
    if told.node.node_type == "source":
        assertion, result = assertions.freshness(told), told.result
        if result is not None and result.freshness is not None:
            freshness = {"status": result.status} | compact(msgspec.to_builtins(result.freshness))
            dataset = dataset | {"facets": dataset.get("facets", {}) | {"dbt_freshness": freshness}}
    else:
        assertion = assertions.on_dataset(told, relation)
    return dataset | {"assertions": [assertion]} if assertion else dataset


def _outputs(told: Told, naming: Naming) -> list[dict[str, Value]]:
    if told.kind not in (Kind.NODE, Kind.BATCH) or told.node.node_type == "source":
        return []
    asset, found = told.node.asset, outputs(told, naming)
    return [with_asset(dataset, asset) for dataset in found] if asset and asset.asset_key else found


def _nominal(told: Told) -> dict[str, Value]:
    """The batch's window, else that of the partitions that Dagster builds."""
    window = told.batch or (told.node.asset.partitions if told.node.asset else None)
    return {convention.NOMINAL_START: window.start, convention.NOMINAL_END: window.end} if window else {}


def _engine(told: Told) -> dict[str, Value]:
    version, adapter = told.invocation.version, told.invocation.plugin_version
    return compact({"name": "dbt", "version": version, "adapter_version": adapter}) if version else {}


def _query(told: Told, naming: Naming) -> dict[str, Value]:
    query = told.result.query_id if told.result else ""
    return {"id": query, "source": naming.namespace} if query else {}


def _context(told: Told, naming: Naming) -> dict[str, Value]:
    """What unqualified names in SQL mean. `generated`: columns of the output that no SQL makes."""
    connection, output = told.invocation.connection, told.node.output
    return compact(
        {
            "namespace": naming.namespace if naming.known else "",
            "database": connection.database or connection.project or connection.catalog or _of_hook(told),
            "schema": connection.schema or connection.dataset,
            "dialect": naming.dialect,
            "generated": [c.name for c in output.columns if c.generated] if output else [],
        }
    )


def _of_hook(told: Told) -> str:
    """The connection's database, which dbt gives to hooks of the command, for want of a better source."""
    return told.node.database if told.kind is Kind.HOOK and told.node.node_type == OPERATION else ""


def _namespace(item: Span | LogEvent, names: Namespaces) -> str:
    given = item.attributes.get(convention.JOB_NAMESPACE)
    return given if isinstance(given, str) and given else names.of(item.resource).value


def _over(attributes: Mapping[str, Value], own: Mapping[str, Value]) -> dict[str, Value]:
    """The mapping's attributes with the item's own over them; lists are joined and facets merged."""
    merged = {**attributes, **{key: value for key, value in own.items() if value not in (None, "")}}
    for key in (*_JOINED, *_MERGED):
        if key in attributes and key in own:
            merged[key] = _united(attributes[key], own[key])
    return merged


def _located(attributes: dict[str, Value], item: Span | LogEvent) -> dict[str, Value]:
    """With the repository of the project. dbt's paths begin at the project, wherever that is in the repository."""
    found = repository(attributes, item.resource)
    return {convention.JOB_SOURCE_CODE: found, **attributes} if found else attributes


def _united(ours: Value, own: Value) -> Value:
    try:
        given = structure(own)
    except LeftOut:
        return own
    if isinstance(ours, dict) and isinstance(given, dict):
        return ours | given
    if isinstance(ours, list):
        return (
            [*ours, *given] if isinstance(given, list) else [*ours, given] if isinstance(given, str) else own
        )
    return own


def is_batch(run: Run, told: Told) -> bool:
    """Dbt's own spans of batches are named like the model's, below it."""
    same = run.parent is not None and run.parent.job.name == run.job.name
    return same and told.kind is Kind.NODE


def _renamed(above: RunRef | None, told: Told) -> RunRef | None:
    """The run above by the name that its own events have once they are completed."""
    if above is None:
        return None
    invocation, node = told.invocation, told.node
    names = {
        jobs.invocation_name(invocation.command, ""): jobs.invocation_name(
            invocation.command, invocation.project
        ),
        node.unique_id: jobs.node_name(node, invocation.project),
    }
    return RunRef(above.run_id, JobRef(above.job.namespace, names.get(above.job.name, above.job.name)))
