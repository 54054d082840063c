"""tags of a dataset."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared import tags

KEY: Final = "tags"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("TagsDatasetFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {"tags": "tags"}
EXAMPLE: Final = {"tags": ["manual", {"key": "pii", "value": "yes", "source": "CATALOG", "field": "email"}]}

SHAPE: Final = tags.Tags
merge = tags.merge


def build(values: Mapping[str, Value]) -> tags.Tags:
    """From a map, or a list of keys or `{key, value, source, field}`."""
    return tags.tags(values["tags"])
