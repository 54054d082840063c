"""Facets of other producers that are not as their official schema says. They pass; this only finds them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from otel_bridge.openlineage.facets import BY_KEY
from otel_bridge.settings import Slot

_OF_DATASETS: Final[dict[str, tuple[tuple[str, Slot], ...]]] = {
    "inputs": (("facets", "dataset"), ("inputFacets", "input")),
    "outputs": (("facets", "dataset"), ("outputFacets", "output")),
}


def unlike_their_schema(event: Mapping[str, Any]) -> list[str]:
    """Paths of the known facets that their schema would not accept, of an event whose core is right."""
    return [path for path, slot, key, facet in _facets(event) if not _conforms(slot, key, facet)]


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Slot, str, Any]]:
    yield from _of(event.get("run"), "run.facets", "facets", "run")
    yield from _of(event.get("job"), "job.facets", "facets", "job")
    yield from _of(event.get("dataset"), "dataset.facets", "facets", "dataset")
    for role, places in _OF_DATASETS.items():
        for index, dataset in enumerate(event.get(role) or ()):
            for name, slot in places:
                yield from _of(dataset, f"{role}[{index}].{name}", name, slot)


def _of(holder: Any, path: str, name: str, slot: Slot) -> Iterator[tuple[str, Slot, str, Any]]:
    facets = holder.get(name) if isinstance(holder, dict) else None
    for key, facet in (facets or {}).items():
        yield f"{path}.{key}", slot, key, facet


def _conforms(slot: Slot, key: str, facet: Any) -> bool:
    known = BY_KEY.get((slot, key))
    if facet is None:
        return False
    if known is None or facet.get("_deleted") is True:
        return True
    try:
        known.decode(msgspec.json.encode(facet))
    except (msgspec.DecodeError, ValueError, OverflowError):
        return False
    return True
