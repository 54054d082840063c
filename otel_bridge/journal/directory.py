"""The data directory as a whole: everything in it is created, up to date and belongs together."""

from pathlib import Path

from otel_bridge.journal.accepted import AcceptedReader
from otel_bridge.journal.database import owned
from otel_bridge.journal.deliveries import DeliveryReader
from otel_bridge.journal.events import EventReader
from otel_bridge.model import JournalError

DATABASES = ("accepted", "events", "delivery")


def prepare(directory: Path) -> None:
    """Create and migrate all databases, before the processes that use them start.

    Raises:
        JournalError: a file can't be used, is from a newer release, or does not belong to the others.
    """
    for database in DATABASES:
        with owned(directory, database, "FULL") as (connection, _, held), held:
            connection.close()
    _check(directory)


def _check(directory: Path) -> None:
    """A file that was removed or restored alone would make the readers of its numbers skip what is new."""
    accepted, events, deliveries = (
        AcceptedReader(directory),
        EventReader(directory),
        DeliveryReader(directory),
    )
    try:
        _check_reach(directory, "accepted", accepted.last_seq(), "events", events.cursor())
        _check_reach(
            directory, "events", events.last_seq(), "delivery", max(deliveries.cursors().values(), default=0)
        )
    finally:
        for reader in (accepted, events, deliveries):
            reader.close()


def _check_reach(directory: Path, source: str, last: int, reader: str, position: int) -> None:
    if position > last:
        raise JournalError(
            f"{source}.db in {directory} ends at row {last}, but {reader}.db has read up to {position}: one "
            "of them was removed or restored alone. Restore both, or move the whole directory away"
        )
