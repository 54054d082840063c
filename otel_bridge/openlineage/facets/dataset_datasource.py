"""dataSource: the system that a dataset is in."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, uri
from otel_bridge.openlineage.secrets import mask_url
from otel_bridge.openlineage.shapes import Maybe, Shape, Uri

KEY: Final = "dataSource"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("DatasourceDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"source": "source"}
EXAMPLE: Final = {"source": "postgres://db.example:5432"}


class DataSource(Shape, frozen=True, kw_only=True):
    """Its name and address."""

    name: str | Maybe = UNSET
    uri: Uri | Maybe = UNSET


SHAPE: Final = DataSource


def build(values: Mapping[str, Value]) -> DataSource:
    """From a URI, which is the name too, or `{name, uri}`; a password in the URI is masked."""
    source = values["source"]
    if isinstance(source, str):
        source = {"name": mask_url(source), "uri": source}
    fields = Fields(source, "the source")
    address = fields.text("uri")
    return DataSource(
        name=fields.text("name"), uri=uri(mask_url(address), "`uri` of the source") if address else UNSET
    )


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask a password in a given facet."""
    return {
        **given,
        **{k: mask_url(v) for k, v in given.items() if k in {"name", "uri"} and isinstance(v, str)},
    }
