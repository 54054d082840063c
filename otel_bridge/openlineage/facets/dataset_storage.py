"""storage: how a dataset is stored."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "storage"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("StorageDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"storage": "storage"}
EXAMPLE: Final = {"storage": {"layer": "iceberg", "format": "parquet"}}


class Storage(Shape, frozen=True, kw_only=True):
    """`storage_layer`: iceberg, delta, ...; `file_format`: parquet, ..."""

    storage_layer: str
    file_format: str | Maybe = UNSET


SHAPE: Final = Storage


def build(values: Mapping[str, Value]) -> Storage:
    """From `{layer, format}`."""
    fields = Fields(values["storage"], "the storage")
    return Storage(
        storage_layer=fields.need("layer", "storageLayer"), file_format=fields.text("format", "fileFormat")
    )
