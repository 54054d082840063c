"""tags of a run."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets.shared import tags

KEY: Final = "tags"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("TagsRunFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {"tags": convention.RUN_TAGS, "skipped": convention.RUN_STATE}
EXAMPLE: Final = {"tags": ["manual", {"key": "pii", "value": "yes", "source": "CATALOG"}]}

SHAPE: Final = tags.Tags
SKIPPED: Final = tags.Tag(key="run_state", value="SKIP", source="OTEL_BRIDGE")
merge = tags.merge


def build(values: Mapping[str, Value]) -> tags.Tags:
    """From a map or a list of keys or `{key, value, source}`; a skipped run (ABORT) gets one more."""
    found = tags.tags(values["tags"]).tags if "tags" in values else []
    assert found is not UNSET
    return tags.Tags(tags=[*found, SKIPPED] if values.get("skipped") else found)
