"""externalQuery: the id that the warehouse gave the run's query."""

from collections.abc import Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "externalQuery"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ExternalQueryRunFacet", "1-0-2")
VALUES: Final[dict[str, str]] = {"external_query": convention.EXTERNAL_QUERY}
EXAMPLE: Final = {"external_query": {"id": "01b2-77", "source": "snowflake"}}


class ExternalQuery(Shape, frozen=True, kw_only=True):
    """`source`: the system that knows the id."""

    external_query_id: str
    source: str


SHAPE: Final = ExternalQuery


def build(values: Mapping[str, Value]) -> ExternalQuery:
    """From `{id, source}`."""
    fields = Fields(values["external_query"], "the external query")
    return ExternalQuery(external_query_id=fields.need("id", "externalQueryId"), source=fields.need("source"))
