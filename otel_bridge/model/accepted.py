"""What the receiving process hands to the journal: rows to keep, and the count of what it did not keep."""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a row's payload is. LINK is a plain span, kept because it can connect a run with its parent; EVENT is an
    OpenLineage event of another producer, ARTIFACT a part of dbt's artifacts.
    """

    SPAN = "span"
    LINK = "link"
    LOG = "log"
    EVENT = "event"
    ARTIFACT = "artifact"


class Accepted(msgspec.Struct, frozen=True):
    """One span, log record or event that must be durable before its request is acknowledged.

    `payload` is a serialized OTLP `ResourceSpans` with exactly one span (SPAN, LINK) or a `ResourceLogs` with
    exactly one record (LOG), or the event's JSON (EVENT). `key` is equal for every copy of the same span or record: trace id (16 bytes),
    span id (8), one byte for the kind, and a discriminator for log records; of an EVENT `O` and a hash of its content.
    """

    kind: Kind
    key: bytes
    payload: bytes


class Tally(msgspec.Struct, frozen=True):
    """Counts of one request, in spans and log records: received = not_lineage + sum of rejected + rows."""

    received: int
    not_lineage: int = 0
    rejected: dict[str, int] = {}


class Poison(msgspec.Struct, frozen=True):
    """A message of a queue that can't be taken, or not whole: kept as it came, with the reason.

    `content` and `encoding` are those of its source, so that it can be tried again whatever is configured then. `seq` is
    its number in the journal, 0 before it is there.
    """

    source: str
    topic: str
    partition: int
    offset: int
    content: str
    encoding: str
    reason: str
    at_ns: int
    key: bytes | None
    payload: bytes
    seq: int = 0
