"""version: which state of a dataset it was, such as an Iceberg snapshot."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import text
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "version"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("DatasetVersionDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"version": "version"}
EXAMPLE: Final = {"version": 5937117119577207000}


class DatasetVersion(Shape, frozen=True, kw_only=True):
    """The version as a text: snapshot ids exceed what JSON numbers hold everywhere."""

    dataset_version: str


SHAPE: Final = DatasetVersion


def build(values: Mapping[str, Value]) -> DatasetVersion:
    """From a text or a number."""
    return DatasetVersion(dataset_version=text(values["version"], "the version"))
