"""documentation of a job."""

from collections.abc import Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.documentation import Documentation, documentation

KEY: Final = "documentation"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("DocumentationJobFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"documentation": convention.JOB_DOCUMENTATION}
EXAMPLE: Final = {"documentation": "Revenue by day"}

SHAPE: Final = Documentation


def build(values: Mapping[str, Value]) -> Documentation:
    """From a text."""
    return documentation(values["documentation"])
