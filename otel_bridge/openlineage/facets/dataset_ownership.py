"""ownership of a dataset."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared.ownership import Ownership, ownership

KEY: Final = "ownership"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("OwnershipDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"owners": "owners"}
EXAMPLE: Final = {"owners": ["team:sales", {"name": "user:ada", "type": "MAINTAINER"}]}

SHAPE: Final = Ownership


def build(values: Mapping[str, Value]) -> Ownership:
    """From a list of names or `{name, type}`."""
    return ownership(values["owners"])
