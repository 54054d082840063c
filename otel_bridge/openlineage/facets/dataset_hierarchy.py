"""hierarchy: what a dataset lies in, from the top down."""

from typing import Final

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Part, Shape

KEY: Final = "hierarchy"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("HierarchyDatasetFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"hierarchy": [{"type": "DATABASE", "name": "shop"}, {"type": "TABLE", "name": "orders"}]}


class Level(Part, frozen=True, kw_only=True):
    """One level, such as DATABASE."""

    type: str
    name: str


class Hierarchy(Shape, frozen=True, kw_only=True):
    """The levels."""

    hierarchy: list[Level]


SHAPE: Final = Hierarchy
