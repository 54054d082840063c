"""dbt_version: version of dbt. processing_engine says the same; this one is for consumers of openlineage-dbt's events."""

from typing import Annotated, Any, Final

from otel_bridge.openlineage.documents import facet_document, fields_of
from otel_bridge.openlineage.facets.shared.dbt import named, told
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "dbt_version"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/DbtVersionRunFacet.json#/$defs/DbtVersionRunFacet"
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final[dict[str, Any]] = {"version": "1.11.16"}


class DbtVersion(Shape, frozen=True, kw_only=True, rename=named):
    """Deprecated by openlineage-dbt, and still read."""

    version: Annotated[str, told("Version of dbt.")]


SHAPE: Final = DbtVersion


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(url, KEY, "DbtVersionRunFacet", SLOT, fields_of(SHAPE, "Version of dbt."))
