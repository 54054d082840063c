"""tags of a job."""

from collections.abc import Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared import tags

KEY: Final = "tags"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("TagsJobFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {"tags": convention.JOB_TAGS}
EXAMPLE: Final = {"tags": ["manual", {"key": "pii", "value": "yes", "source": "CATALOG"}]}

SHAPE: Final = tags.Tags
merge = tags.merge


def build(values: Mapping[str, Value]) -> tags.Tags:
    """From a map, or a list of keys or `{key, value, source}`."""
    return tags.tags(values["tags"])
