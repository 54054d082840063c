"""Getting an event below a size: facets go whole, in a fixed order, and a tag names them.

Never shed: `parent`, `jobType`, `processing_engine`, `nominalTime`, `otel_trace`, `tags`, `symlinks`, and the names of
the run, its job and its datasets.
"""

from collections.abc import Iterator
from typing import Any, Final

from otel_bridge.openlineage.profiles.draft import Draft, Members, encode, opened
from otel_bridge.openlineage.profiles.rules import Refused
from otel_bridge.settings import Slot

ORDER: Final = (
    "run.spark.logicalPlan",
    "run.spark_unknown",
    "run.debug",
    "job.sourceCode",
    "run.errorMessage.stackTrace",
    "job.sql",
    "run.environmentVariables",
    "run.executionParameters",
    "run.test",
    "run.extractionError",
)
"""First the bulky ones that tell how, not what, in this order."""

LAST: Final = (
    "run.errorMessage",
    "job.lineage",
    "dataset.lineage",
    "dataset.schema",
    "dataset.columnLineage",
)
"""At last why a run failed, and what lineage is made of; between, every other facet, the largest first."""

NEVER: Final = frozenset(
    {
        "run.parent",
        "run.nominalTime",
        "run.otel_trace",
        "run.processing_engine",
        "run.tags",
        "job.jobType",
        "job.tags",
        "dataset.tags",
        "dataset.symlinks",
    }
)


def shed(draft: Draft, limit: int) -> bytes:
    """The draft as JSON of at most `limit` bytes; may raise `Refused`.

    A facet of datasets goes from all of them at once.
    """
    body = draft.encoded()
    for name in _candidates(draft) if len(body) > limit else ():
        if not _remove(draft, name):
            continue
        body = draft.encoded()
        if len(body) <= limit:
            return body
    if len(body) > limit:
        raise Refused(
            f"the event has {len(body)} bytes after all facets were shed that can be, and the consumer takes {limit}; "
            "send fewer datasets in one run, or raise max_event"
        )
    return body


def _candidates(draft: Draft) -> Iterator[str]:
    yield from ORDER
    sizes: dict[str, int] = {}
    for slot, facets in draft.facet_slots():
        for key, value in facets.items():
            name = f"{slot}.{key}"
            sizes[name] = sizes.get(name, 0) + _size(value)
    kept = NEVER | set(LAST)
    yield from sorted(sizes.keys() - kept, key=lambda name: (-sizes[name], name))
    yield from LAST


def _remove(draft: Draft, name: str) -> bool:
    """Shed what is called so; whether there was any."""
    if name == "run.errorMessage.stackTrace":
        return _without_stack_trace(draft)
    found = [
        (slot, facets, key)
        for slot, facets in draft.facet_slots()
        for key in facets
        if f"{slot}.{key}" == name
    ]
    for slot, facets, key in found:
        draft.remove(slot, facets, key)
    return bool(found)


def _without_stack_trace(draft: Draft) -> bool:
    facet: Members = opened(draft.run_facets, "errorMessage")
    if "stackTrace" not in facet:
        return False
    slot: Slot = "run"
    draft.remove(slot, facet, "stackTrace")
    draft.shed[-1] = "run.errorMessage.stackTrace"
    return True


def _size(value: Any) -> int:
    return len(encode(value))
