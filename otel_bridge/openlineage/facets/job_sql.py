"""sql: the statement that a job runs, secrets masked."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import text
from otel_bridge.openlineage.secrets import mask_sql
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "sql"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("SQLJobFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"sql": convention.SQL, "sql_dialect": convention.SQL_DIALECT}
EXAMPLE: Final = {"sql": "ALTER USER etl PASSWORD 'hunter2'", "sql_dialect": "postgres"}


class Sql(Shape, frozen=True, kw_only=True):
    """`dialect` as the parser of the statement would call it."""

    query: str
    dialect: str | Maybe = UNSET


SHAPE: Final = Sql


def build(values: Mapping[str, Value]) -> Sql:
    """From the statement and its dialect."""
    if (query := values.get("sql")) is None:
        raise LeftOut("a dialect needs a statement; set openlineage.sql too")
    dialect = values.get("sql_dialect")
    return Sql(
        query=mask_sql(text(query, "the statement")),
        dialect=UNSET if dialect is None else text(dialect, "the dialect"),
    )


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    query = given.get("query")
    return {**given, "query": mask_sql(query)} if isinstance(query, str) else dict(given)
