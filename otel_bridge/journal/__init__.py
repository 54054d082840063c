"""The durable log: accepted spans, open runs, events, where each destination stands. One writer a file.

| file | written by | holds |
|---|---|---|
| `accepted.db` | receive, through `GroupCommit` | `AcceptedLog`: spans and log records, counts of the rest, poison |
| `events.db` | convert | `EventLog`: events, omissions, failures, the assembler's records, other producers' runs, dbt's artifacts, names |
| `delivery.db` | deliver | `DeliveryLog`: positions of destinations, dead letters |

Each has a reader for other processes, and a table of wishes for the command line (`control`).
"""

from otel_bridge.journal.accepted import AcceptedLog, AcceptedReader, AcceptedRow
from otel_bridge.journal.artifacts import ArtifactReader, Kept, SqliteArtifacts
from otel_bridge.journal.claims import ClaimReader, KnownNames
from otel_bridge.journal.control import Wish, ask, outcome
from otel_bridge.journal.deliveries import (
    DeadLetter,
    DeliveryLog,
    DeliveryReader,
    Settled,
    Standing,
    delivered_by_all,
)
from otel_bridge.journal.directory import prepare
from otel_bridge.journal.events import (
    Batch,
    EventLog,
    EventReader,
    Failure,
    StoredEvent,
    converted_up_to,
    counted_as,
)
from otel_bridge.journal.foreign_runs import SqliteForeignRuns, Together
from otel_bridge.journal.group_commit import Bounds, GroupCommit, Statistics
from otel_bridge.journal.lock import Lock, hold
from otel_bridge.journal.poison import PoisonReader, known_sources
from otel_bridge.journal.records import SqliteRecords
from otel_bridge.journal.sums import ColumnSums, DestinationSums, Sums, sums

__all__ = [
    "AcceptedLog",
    "AcceptedReader",
    "AcceptedRow",
    "ArtifactReader",
    "Batch",
    "Bounds",
    "ClaimReader",
    "ColumnSums",
    "DeadLetter",
    "DeliveryLog",
    "DeliveryReader",
    "DestinationSums",
    "EventLog",
    "EventReader",
    "Failure",
    "GroupCommit",
    "Kept",
    "KnownNames",
    "Lock",
    "PoisonReader",
    "Settled",
    "SqliteArtifacts",
    "SqliteForeignRuns",
    "SqliteRecords",
    "Standing",
    "Statistics",
    "StoredEvent",
    "Sums",
    "Together",
    "Wish",
    "ask",
    "converted_up_to",
    "counted_as",
    "delivered_by_all",
    "hold",
    "known_sources",
    "outcome",
    "prepare",
    "sums",
]
