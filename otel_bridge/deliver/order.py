"""Which events may go now. Pure scheduling: no clock, no I/O.

- Events of one key go one after the other, in the order of the log.
- A START waits while a START of its parent that stands earlier in the log is unsettled.
- Nothing else waits: a stuck run holds itself and the children whose START must come after its own.

*Settled* is delivered, skipped or dead. What is read and not settled is bounded by the window, and the rest may go
ahead of the oldest unsettled event by 100,000 events.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import Prepared

WINDOW = 5000
WINDOW_BYTES = 64 * 1024**2
AHEAD = 100_000
START = "START"


class Item:
    """One event on its way. `seq` is its place in the log, `made_ns` when it was made (Unix ns).

    `letter` marks a dead letter that is tried again, `repeat` a settled event that follows one. `parent_path` is the
    full name of its run's parent, where that is wanted; `prepared` what was made of it for the first attempt.
    """

    __slots__ = (
        "attempts",
        "event",
        "failing_since_s",
        "letter",
        "made_ns",
        "offered",
        "parent_path",
        "prepared",
        "repeat",
        "seq",
    )

    def __init__(
        self,
        seq: int,
        made_ns: int,
        event: Event,
        parent_path: str | None = None,
        *,
        letter: bool = False,
        repeat: bool = False,
    ) -> None:
        self.seq = seq
        self.made_ns = made_ns
        self.event = event
        self.parent_path = parent_path
        self.prepared: Prepared | None = None
        self.letter = letter
        self.repeat = repeat
        self.attempts = 0
        self.failing_since_s = 0.0
        self.offered = False

    def __repr__(self) -> str:
        return f"Item({self.seq}, {self.event.type} {self.event.key})"

    def __lt__(self, other: "Item") -> bool:
        return self.seq < other.seq

    @property
    def new(self) -> bool:
        """Whether settling it moves the position in the log."""
        return not (self.letter or self.repeat)


class Schedule:
    """The unsettled events of one destination."""

    def __init__(self, read_to: int, window: int = WINDOW, window_bytes: int = WINDOW_BYTES) -> None:
        self.read_to = read_to
        self.unsettled: dict[int, Item] = {}
        self._window = window
        self._window_bytes = window_bytes
        self._held = 0
        self._held_bytes = 0
        self._queues: dict[str, deque[Item]] = {}
        self._ready: list[tuple[int, Item]] = []
        self._starts: dict[str, list[int]] = {}
        self._parked: dict[str, list[Item]] = {}
        self._flying: set[str] = set()

    @property
    def room(self) -> int:
        """How many more events may be read."""
        full = self._held_bytes >= self._window_bytes or self.read_to - self.cursor >= AHEAD
        return 0 if full else self._window - self._held

    @property
    def ready(self) -> int:
        """How many events may go at this moment; may count a few that no longer do."""
        return len(self._ready)

    @property
    def flying(self) -> int:
        """How many are under way."""
        return len(self._flying)

    @property
    def cursor(self) -> int:
        """Every event up to here is settled."""
        return next(iter(self.unsettled)) - 1 if self.unsettled else self.read_to

    def add(self, items: Iterable[Item]) -> None:
        """Take events in the order of the log."""
        for item in items:
            if item.new:
                self.read_to = max(self.read_to, item.seq)
                self.unsettled[item.seq] = item
            self._hold(item)
            queue = self._queues.get(item.event.key)
            if queue is None:
                self._queues[item.event.key] = deque((item,))
                self._offer(item)
            else:
                queue.append(item)

    def take(self) -> Item | None:
        """The earliest event that may go; it is under way until `settle` or `put_back`."""
        while self._ready:
            item = heapq.heappop(self._ready)[1]
            if item.offered:
                item.offered = False
                self._flying.add(item.event.key)
                return item
        return None

    def put_back(self, item: Item) -> None:
        """It failed and rests, ahead of the rest of its run, until `resume`."""
        self._flying.discard(item.event.key)

    def resume(self, item: Item) -> None:
        """A resting event may be tried again."""
        queue = self._queues.get(item.event.key)
        if queue and queue[0] is item and item.event.key not in self._flying and not item.offered:
            self._offer(item)

    def settle(self, item: Item) -> None:
        """It needs no further attempt: the next of its run may go, and children that waited for this START."""
        key = item.event.key
        self._flying.discard(key)
        self._release(item)
        queue = self._queues[key]
        queue.popleft()
        if queue:
            self._offer(queue[0])
        else:
            del self._queues[key]
        if item.event.type == START:
            self._started(item)

    def redeliver(self, items: Sequence[Item]) -> bool:
        """Put settled events of one run, in order, back in front of what it still has.

        False, and nothing changes, while an event of that run is under way.
        """
        key = items[0].event.key
        if key in self._flying:
            return False
        queue = self._queues.pop(key, deque())
        if queue:
            queue[0].offered = False
        for item in items:
            self._hold(item)
        merged = deque(sorted([*items, *queue], key=lambda item: item.seq))
        self._queues[key] = merged
        self._offer(merged[0])
        return True

    def _hold(self, item: Item) -> None:
        self._held += 1
        self._held_bytes += len(item.event.body)
        if item.event.type == START:
            self._starts.setdefault(item.event.key, []).append(item.seq)

    def _release(self, item: Item) -> None:
        self._held -= 1
        self._held_bytes -= len(item.event.body)
        if item.new:
            self.unsettled.pop(item.seq, None)

    def _offer(self, item: Item) -> None:
        item.offered = True
        parent = item.event.parent_key
        if parent and item.event.type == START and self._must_wait(item, parent):
            self._parked.setdefault(parent, []).append(item)
        else:
            heapq.heappush(self._ready, (item.seq, item))

    def _must_wait(self, item: Item, parent: str) -> bool:
        return any(seq < item.seq for seq in self._starts.get(parent, ()))

    def _started(self, item: Item) -> None:
        key = item.event.key
        starts = self._starts[key]
        starts.remove(item.seq)
        if not starts:
            del self._starts[key]
        for child in self._parked.pop(key, ()):
            if child.offered:
                self._offer(child)
