"""documentation of a dataset."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.documentation import Documentation, documentation

KEY: Final = "documentation"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("DocumentationDatasetFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"documentation": "documentation"}
EXAMPLE: Final = {"documentation": "Revenue by day"}

SHAPE: Final = Documentation


def build(values: Mapping[str, Value]) -> Documentation:
    """From a text."""
    return documentation(values["documentation"])
