"""One thing that an IO manager loaded or stored: which asset it is, and where it is kept."""

from dataclasses import dataclass, field
from typing import Any

from . import frames, partitions
from .io_managers import name_of, place
from .reading import Reading, compact, part

_TYPES_OF_ANYTHING = (None, type(None), Any)


@dataclass(frozen=True)
class Access:
    """What is known of it: `dataset` has keys of the table's dataset map."""

    name: str
    asset_key: Any = None
    dataset: dict[str, Any] = field(default_factory=dict)
    partitions: dict[str, Any] | None = None
    is_passing: bool = False
    """Whether it is one run's own, such as the pickled output of an op, which nobody else will ever read."""


def loaded(reading: Reading, io_manager: Any, context: Any, value: Any) -> Access:
    """What an IO manager has loaded in this InputContext."""
    what = f"input {context.name}"
    read = reading.read(f"partitions of {what}", _loaded_partitions, context)
    return _access(reading, what, io_manager, context, {}, read)


def stored(reading: Reading, io_manager: Any, context: Any, value: Any) -> Access:
    """What an IO manager has stored in this OutputContext."""
    what = f"output {context.name}"
    looks = reading.read(f"shape of {what}", frames.shape, value) or {}
    return _access(reading, what, io_manager, context, looks, None)


def output_context(step_context: Any, handle: Any, metadata: Any) -> Any:
    """The OutputContext of an output; the first releases make one without its metadata."""
    try:
        return step_context.get_output_context(handle, metadata)
    except TypeError:
        return step_context.get_output_context(handle)


def planned(reading: Reading, context: Any, asset_key: Any) -> dict[str, Any]:
    """Where the IO manager would have stored an asset that a step failed to make; only of outputs that have a type.

    An output of any type may as well be one that the user's code writes by itself.
    """
    from dagster._core.execution.plan.outputs import StepOutputHandle

    for output in part(context, "step.step_outputs") or ():
        if output.properties.asset_key == asset_key:
            kind = context.op_def.output_def_named(output.name).dagster_type
            if part(kind, "typing_type") not in _TYPES_OF_ANYTHING:
                handle = StepOutputHandle(context.step.key, output.name)
                return stored(
                    reading, context.get_io_manager(handle), context.get_output_context(handle), None
                ).dataset
    return {}


def _access(
    reading: Reading,
    what: str,
    io_manager: Any,
    context: Any,
    looks: dict[str, Any],
    read: dict[str, Any] | None,
) -> Access:
    found = reading.read(what, place, io_manager, context) or {}
    dataset = {"io_manager": name_of(io_manager)} | looks | found
    if "relation" in found or "location" in found:
        dataset["found_by"] = "io_manager"
    key = context.asset_key if context.has_asset_key else None
    return Access(context.name, key, dataset, read, key is None and _is_passing(found, context))


def expression(context: Any) -> Any:
    """The column, or those of each dimension, that partitions the table."""
    output = part(context, "upstream_output") or context
    return (part(output, "definition_metadata") or {}).get("partition_expr")


def _loaded_partitions(context: Any) -> dict[str, Any]:
    if not context.has_asset_partitions:
        return {}
    subset = part(context, "_asset_partitions_subset")
    told = partitions.of_subset(context.asset_partitions_def, subset)
    return told | compact({"expression": expression(context)}) if told else {}


def _is_passing(found: dict[str, Any], context: Any) -> bool:
    location = found.get("location")
    if not location:
        return not found
    runs = (
        part(context, "run_id"),
        part(context, "upstream_output.run_id"),
        part(context, "step_context.run_id"),
    )
    return any(run and str(run) in location for run in runs)
