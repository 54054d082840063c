"""symlinks: other names of the same dataset."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, listing
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "symlinks"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("SymlinksDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"symlinks": "symlinks"}
EXAMPLE: Final = {"symlinks": [{"namespace": "http://catalog:8181", "name": "shop.orders", "type": "TABLE"}]}


class Identifier(Part, frozen=True, kw_only=True):
    """`type`: what kind of name it is, such as TABLE or LOCATION."""

    namespace: str
    name: str
    type: str


class Symlinks(Shape, frozen=True, kw_only=True):
    """The other names."""

    identifiers: list[Identifier] | Maybe = UNSET


SHAPE: Final = Symlinks


def build(values: Mapping[str, Value]) -> Symlinks:
    """From a list of `{namespace, name, type}`."""
    entries = listing(values["symlinks"], "symlinks")
    return Symlinks(identifiers=[_identifier(entry, i) for i, entry in enumerate(entries, 1)])


def _identifier(entry: Value, number: int) -> Identifier:
    fields = Fields(entry, "symlink", number)
    return Identifier(namespace=fields.need("namespace"), name=fields.need("name"), type=fields.need("type"))
