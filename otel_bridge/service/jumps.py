"""Jumps of the wall clock: how long a run waits must not depend on them.

The ends of waits are kept as times of the wall clock, so that they survive a restart. When the clock is set, they
are moved with it.
"""

import time
from collections.abc import Callable

from msgspec.structs import replace

from otel_bridge.assemble import Record, Records

JUMP_NS = 500_000_000
"""A difference below is the clock being slowed down or sped up, or the time between two readings."""
FOREVER = 2**63 - 1


class Jumps:
    """Compares the wall clock with the steady one, from one look to the next."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall, self._steady = wall, steady
        self._difference = wall() - steady()

    def look(self) -> tuple[int, int]:
        """Now (Unix ns), and by how many nanoseconds the clock was set since the last look; 0 if it was not."""
        now_ns = self._wall()
        difference = now_ns - self._steady()
        jumped, self._difference = difference - self._difference, difference
        return now_ns, jumped if abs(jumped) >= JUMP_NS else 0


def move_waits(records: Records, jumped_ns: int) -> None:
    """Every wait ends as much later as the clock was set forward, or earlier as it was set back."""
    for record in list(records.due(FOREVER)):
        records.put(_moved(record, jumped_ns))


def mend_waits(records: Records, now_ns: int) -> int:
    """Waits that began in the future: the clock was set back while nobody looked. Returns how many there are."""
    ahead = [record for record in records.due(FOREVER) if record.updated_ns > now_ns + JUMP_NS]
    for record in ahead:
        records.put(_moved(record, now_ns - record.updated_ns))
    return len(ahead)


def _moved(record: Record, by_ns: int) -> Record:
    return replace(
        record,
        until_ns=_later(record.until_ns, by_ns),
        awaits_until_ns=_later(record.awaits_until_ns, by_ns),
        lost_at_ns=_later(record.lost_at_ns, by_ns),
        updated_ns=record.updated_ns + by_ns,
    )


def _later(at_ns: int | None, by_ns: int) -> int | None:
    return None if at_ns is None else at_ns + by_ns
