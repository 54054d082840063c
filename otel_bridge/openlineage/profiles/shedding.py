"""Getting an event below a size: facets go whole, in a fixed order, and a tag names them.

Never shed: `parent`, `jobType`, `processing_engine`, `nominalTime`, `otel_trace`, `tags`, `symlinks`, and the names of
the run, its job and its datasets.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from otel_bridge.openlineage.profiles.draft import Draft, Members, encode, opened
from otel_bridge.openlineage.profiles.limits import Limit
from otel_bridge.openlineage.profiles.rules import Refused

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
        "run.parentRun",
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


STACK_TRACE: Final = "run.errorMessage.stackTrace"
COMMAS: Final = 4
"""At most so many bytes go with a member besides its name and value."""


class _Candidate(Struct):
    """Facets of one name, wherever they are, and at most how many bytes go with them."""

    places: list[tuple[Members, str]] = []
    size: int = 0

    def add(self, members: Members, key: str, limit: Limit) -> None:
        self.places.append((members, key))
        self.size += limit.written(encode(members[key])) + limit.written(encode(key)) + COMMAS


def shed(draft: Draft, limit: Limit) -> bytes:
    """The draft as JSON that does not exceed the limit; may raise `Refused`.

    A facet of datasets goes from all of them at once. The event is written only when it may fit, so that the work
    does not grow with the square of the number of facets.
    """
    body = draft.encoded()
    if not limit.exceeded(body):
        return body
    candidates = _candidates(draft, limit)
    size = limit.written(draft.encoded())
    for name, candidate in _in_order(candidates):
        for members, key in candidate.places:
            if key in members:
                draft.remove(name, members, key)
        size += len(name) - candidate.size
        if limit.size is None or size > limit.size:
            continue
        body = draft.encoded()
        if not limit.exceeded(body):
            return body
        size = limit.written(body)
    body = draft.encoded()
    if limit.exceeded(body):
        raise Refused(
            f"the event has {limit.written(body)} bytes after all facets were shed that can be, and the consumer takes "
            f"{limit.size}; send fewer datasets in one run, or raise max_event"
        )
    return body


def _candidates(draft: Draft, limit: Limit) -> dict[str, _Candidate]:
    found: dict[str, _Candidate] = {}
    error = opened(draft.run_facets, "errorMessage")
    if "stackTrace" in error:
        found[STACK_TRACE] = _Candidate()
        found[STACK_TRACE].add(error, "stackTrace", limit)
    for slot, facets in draft.facet_slots():
        for key in facets:
            name = f"{slot}.{key}"
            if name not in NEVER:
                found.setdefault(name, _Candidate()).add(facets, key, limit)
    return found


def _in_order(found: dict[str, _Candidate]) -> Iterator[tuple[str, _Candidate]]:
    """The bulky first, then the largest, at last what lineage is made of."""
    between = sorted(found.keys() - {*ORDER, *LAST}, key=lambda name: (-found[name].size, name))
    for name in (*ORDER, *between, *LAST):
        if name in found:
            yield name, found[name]
