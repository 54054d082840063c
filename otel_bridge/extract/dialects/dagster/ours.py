"""Spans and start events of otel-bridge-dagster (convention/dagster.yaml) as facts."""

from collections.abc import Mapping
from typing import Any, Final

from otel_bridge.extract.dialects.dagster import attributes as names
from otel_bridge.extract.dialects.dagster.facts import (
    Asset,
    Check,
    Kind,
    Partitions,
    Result,
    RetryOf,
    Thing,
    Told,
)
from otel_bridge.extract.lenient import read
from otel_bridge.extract.values import Attributes, integer, kind_of, listing, mapping, text
from otel_bridge.model import LeftOut, Value

_TEXTS: Final = {
    "run_id": names.RUN_ID,
    "job_name": names.JOB_NAME,
    "code_location": names.CODE_LOCATION,
    "repository": names.REPOSITORY,
    "deployment": names.DEPLOYMENT,
    "version": names.VERSION,
    "plugin_version": names.PLUGIN_VERSION,
    "run_url": names.RUN_URL,
    "step_key": names.STEP_KEY,
    "op_name": names.OP_NAME,
}


def told(values: Mapping[str, Value]) -> tuple[Told, Attributes]:
    """The facts in the attributes, and what of them can't be read."""
    notes = Attributes(values)
    backfill = notes.read(names.BACKFILL, mapping) or {}
    found = Told(
        **{field: notes.read(name, text) or "" for field, name in _TEXTS.items()},
        kind=notes.read(names.KIND, _kind) or Kind.RUN,
        run_tags=notes.read(names.RUN_TAGS, mapping) or {},
        launched_by=notes.read(names.LAUNCHED_BY, mapping) or {},
        backfill_id=str(backfill.get("id") or ""),
        partitions=_map(Partitions, notes, names.PARTITIONS),
        retry_of=_map(RetryOf, notes, names.RETRY_OF),
        step_attempt=notes.read(names.STEP_ATTEMPT, integer) or 1,
        asset=_map(Asset, notes, names.ASSET) or Asset(),
        inputs=_list(Thing, notes, names.INPUTS),
        outputs=_list(Thing, notes, names.OUTPUTS),
        checks=_list(Check, notes, names.CHECKS),
        observations=_list(Thing, notes, names.OBSERVATIONS),
        result=_map(Result, notes, names.RESULT),
    )
    for name, reason in (notes.read(names.UNREAD, mapping) or {}).items():
        notes.omit(name, f"otel-bridge-dagster could not read it in Dagster: {reason}")
    return found, notes


def _kind(value: Value) -> Kind:
    try:
        return Kind(text(value))
    except ValueError:
        raise LeftOut(f"expected one of {', '.join(Kind)}, got {kind_of(value)}; a run is assumed") from None


def _map(shape: type[Any], notes: Attributes, name: str) -> Any:
    """The map of the attribute as a struct; None if there is none."""
    found = notes.read(name, mapping)
    return None if found is None else read(shape, found, name, notes)


def _list(shape: type[Any], notes: Attributes, name: str) -> tuple[Any, ...]:
    found = notes.read(name, listing) or []
    return tuple(read(shape, each, f"{name}[{i}]", notes) for i, each in enumerate(found))
