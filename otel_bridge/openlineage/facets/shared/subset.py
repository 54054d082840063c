"""subset facets: which part of a dataset a run read or wrote."""

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import Fields, listing
from otel_bridge.openlineage.shapes import Maybe, Part


class Partition(Part, frozen=True, kw_only=True):
    """Values of the partition's dimensions."""

    dimensions: dict[str, Value]
    identifier: str | Maybe = UNSET


class Partitions(Part, frozen=True, kw_only=True, tag="partition"):
    """These partitions."""

    partitions: list[Partition]


class Locations(Part, frozen=True, kw_only=True, tag="location"):
    """What lies at these places."""

    locations: list[str]


class Field(Part, frozen=True, kw_only=True, tag="field"):
    """A field in a comparison."""

    field: str


class Literal(Part, frozen=True, kw_only=True, tag="literal"):
    """A constant in a comparison."""

    value: str


class Compare(Part, frozen=True, kw_only=True, tag="compare"):
    """A comparison, such as EQUAL."""

    left: Field | Literal
    right: Field | Literal
    comparison: str


class Binary(Part, frozen=True, kw_only=True, tag="binary"):
    """Two conditions joined by an operator, such as AND."""

    left: "Condition"
    right: "Condition"
    operator: str


Condition = Partitions | Locations | Compare | Binary


def partitions(value: Value) -> Partitions:
    """From a list of `{identifier, dimensions}`."""
    entries = listing(value, "partitions")
    return Partitions(partitions=[_partition(entry, i) for i, entry in enumerate(entries, 1)])


def _partition(entry: Value, number: int) -> Partition:
    fields = Fields(entry, "partition", number)
    return Partition(identifier=fields.text("identifier"), dimensions=dict(fields.need_mapping("dimensions")))
