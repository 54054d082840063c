"""What the configuration wants of extraction: attributes for custom facets, names of dbt's datasets, dialects, mappings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import msgspec

from otel_bridge.extract.mappings import Mappings
from otel_bridge.model import Resource, Value
from otel_bridge.settings import CustomFacet, Dbt, Dialects, SpanMapping


class Wanted(msgspec.Struct, frozen=True):
    """Names of attributes for facets of runs and jobs, and keys of dataset maps for facets of datasets.

    `dbt` and `dialects` are settings, `mappings` the user's, ready.
    """

    run: frozenset[str] = frozenset()
    job: frozenset[str] = frozenset()
    dataset: frozenset[str] = frozenset()
    dbt: Dbt = Dbt()
    dialects: Dialects = Dialects()
    mappings: Mappings = Mappings()

    @classmethod
    def of(
        cls,
        facets: Iterable[CustomFacet],
        dbt: Dbt = Dbt(),  # noqa: B008
        dialects: Dialects = Dialects(),  # noqa: B008
        mappings: Sequence[SpanMapping] = (),
    ) -> Self:
        """What these facets take their fields from."""
        names: dict[str, set[str]] = {"run": set(), "job": set(), "dataset": set()}
        for facet in facets:
            names[facet.slot if facet.slot in names else "dataset"].update(facet.fields.values())
        slots = {slot: frozenset(found) for slot, found in names.items()}
        return cls(**slots, dbt=dbt, dialects=dialects, mappings=Mappings(mappings))


def picked(names: frozenset[str], attributes: Mapping[str, Value], resource: Resource) -> dict[str, Value]:
    """The named attributes as the value `attributes`; the span's win over the resource's; {} for none."""
    found = {n: source[n] for source in (resource.attributes, attributes) for n in names if n in source}
    return {"attributes": found} if found else {}
