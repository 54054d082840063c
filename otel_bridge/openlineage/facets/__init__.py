"""The facets that the bridge knows: one module each, all of the same shape, found by themselves.

A module has

- `KEY` and `SLOT`: where its facet stands; `SCHEMA_URL`: what it conforms to;
- `SHAPE`: the official shape, for checking facets that are given in it;
- `VALUES`: the short forms that it is built from, with the attribute or the key of a dataset map of each, and
  `build(values)`, which raises `LeftOut` for values that it can't be built from. Empty for facets that are
  passed on but have no short form;
- `EXAMPLE`: values for the documents and the tests; without short form, the facet itself;
- for a facet that is not OpenLineage's: `schema(url)`, the JSON Schema that the bridge publishes;
- optionally `ALWAYS`: built for every run, without any value too; `adapt(given)`: a last word on given
  facets, such as masking; `merge(given, built)`: for lists that short forms add to.

To add one, copy the module that is most like it; the tests ask for the rest.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import msgspec

from otel_bridge.model import Value
from otel_bridge.openlineage.core import SLOTS_OF, Position
from otel_bridge.openlineage.shapes import Shape, decoder
from otel_bridge.settings import Slot

SLOTS: Final[tuple[Slot, ...]] = ("run", "job", "dataset", "input", "output")


class Facet(msgspec.Struct, frozen=True):
    """A facet module as a value."""

    key: str
    slot: Slot
    schema_url: str
    values: dict[str, str]
    example: dict[str, Any]
    decode: Callable[[bytes], Shape]
    build: Callable[[Mapping[str, Value]], Shape] | None
    always: bool
    adapt: Callable[[Mapping[str, Any]], dict[str, Any]] | None
    merge: Callable[[Mapping[str, Any], Shape], dict[str, Any]] | None

    @classmethod
    def of(cls, module: ModuleType) -> "Facet":
        """The module's constants and functions."""
        return cls(
            key=module.KEY,
            slot=module.SLOT,
            schema_url=module.SCHEMA_URL,
            values=module.VALUES,
            example=module.EXAMPLE,
            decode=decoder(module.SHAPE).decode,
            build=getattr(module, "build", None),
            always=getattr(module, "ALWAYS", False),
            adapt=getattr(module, "adapt", None),
            merge=getattr(module, "merge", None),
        )


def _found() -> tuple[ModuleType, ...]:
    """By slot, then by name: the order of facets in events."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg)
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda module: SLOTS.index(module.SLOT)))


MODULES: Final = _found()
FACETS: Final = tuple(Facet.of(module) for module in MODULES)
OWN: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    module.SCHEMA_URL.rpartition("/")[2]: module.schema for module in MODULES if hasattr(module, "schema")
}
"""Name of each facet that is the bridge's own -> its JSON Schema, given the URL where that is."""


def _claims(position: Position) -> dict[str, Facet]:
    """Short form -> facet at this position; the first slot of the position goes first."""
    slots = SLOTS_OF[position]
    found: dict[str, Facet] = {}
    for facet in sorted((f for f in FACETS if f.slot in slots), key=lambda f: slots.index(f.slot)):
        for name in facet.values:
            found.setdefault(name, facet)
    return found


BY_KEY: Final[dict[tuple[Slot, str], Facet]] = {(f.slot, f.key): f for f in FACETS}
DATASET_VALUES: Final[dict[Position, dict[str, Facet]]] = {
    position: _claims(position) for position in ("input", "output", "static dataset")
}
"""What becomes of each key of a dataset map, by the dataset's role."""
RUN_FACETS: Final = tuple(f for f in FACETS if f.slot == "run" and f.build)
JOB_FACETS: Final = tuple(f for f in FACETS if f.slot == "job" and f.build)
