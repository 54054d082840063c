"""documentation facets: what it is, in words."""

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import text
from otel_bridge.openlineage.shapes import Maybe, Shape


class Documentation(Shape, frozen=True, kw_only=True):
    """`content_type` is a MIME type."""

    description: str
    content_type: str | Maybe = UNSET


def documentation(value: Value) -> Documentation:
    """From a text."""
    return Documentation(description=text(value, "documentation"))
