"""What OpenLineage's core schema fixes: URLs, slots, and the positions of datasets."""

from typing import Final, Literal

from otel_bridge.settings import Slot

SPEC: Final = "https://openlineage.io/spec"
CORE: Final = f"{SPEC}/2-0-2/OpenLineage.json"
RUN_EVENT: Final = f"{CORE}#/$defs/RunEvent"
JOB_EVENT: Final = f"{CORE}#/$defs/JobEvent"
DATASET_EVENT: Final = f"{CORE}#/$defs/DatasetEvent"

BASE_FACETS: Final[dict[Slot, str]] = {
    "run": f"{CORE}#/$defs/RunFacet",
    "job": f"{CORE}#/$defs/JobFacet",
    "dataset": f"{CORE}#/$defs/DatasetFacet",
    "input": f"{CORE}#/$defs/InputDatasetFacet",
    "output": f"{CORE}#/$defs/OutputDatasetFacet",
}
"""`_schemaURL` of a facet that has no schema of its own."""

SLOT_NAMES: Final[dict[Slot, str]] = {
    "run": "run.facets",
    "job": "job.facets",
    "dataset": "facets",
    "input": "inputFacets",
    "output": "outputFacets",
}
"""Where a slot is in an event, for messages and documents."""

Position = Literal["run", "static job", "input", "output", "static dataset"]
"""What facets can belong to: a run with its job, a job without run, a dataset by its role."""

NAMES: Final[dict[Position, str]] = {
    "run": "a run",
    "static job": "a job outside a run",
    "input": "an input",
    "output": "an output",
    "static dataset": "a dataset outside a run",
}
"""How messages call the positions."""

SLOTS_OF: Final[dict[Position, tuple[Slot, ...]]] = {
    "run": ("run", "job"),
    "static job": ("job",),
    "input": ("input", "dataset"),
    "output": ("output", "dataset"),
    "static dataset": ("dataset",),
}
"""The slots of each position; where a short form fits two, the first one has it."""


def facet_url(name: str, version: str, definition: str | None = None) -> str:
    """URL of an official facet's definition.

    >>> facet_url("SQLJobFacet", "1-1-0")
    'https://openlineage.io/spec/facets/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet'
    """
    return f"{SPEC}/facets/{version}/{name}.json#/$defs/{definition or name}"
