"""gcp_lineage: how Google's lineage pages show a job."""

from typing import Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "gcp_lineage"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("GcpLineageJobFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"displayName": "Daily"}


class Origin(Part, frozen=True, kw_only=True, rename="camel"):
    """The service that the job belongs to."""

    source_type: str | Maybe = UNSET
    name: str | Maybe = UNSET


class GcpLineage(Shape, frozen=True, kw_only=True):
    """A name to show, and the origin."""

    display_name: str | Maybe = UNSET
    origin: Origin | Maybe = UNSET


SHAPE: Final = GcpLineage
