"""How far a partition is read, and up to where that may be committed: never past a message that is not finished.

Used by two threads: the reader begins messages and commits, the event loop finishes them.
"""

import threading
from collections.abc import Collection

Partition = tuple[str, int]
"""Topic and number."""


class Position:
    """One partition during one assignment.

    >>> position = Position()
    >>> first, second = position.begin(7), position.begin(9)
    >>> position.finish(second); position.due
    7
    >>> position.finish(first); position.due
    10
    >>> position.committed = 10; position.due is None
    True
    """

    def __init__(self) -> None:
        self.committed = -1
        self._next = -1
        self._begun = 0
        self._open: dict[int, int] = {}

    def begin(self, offset: int) -> int:
        """A message was read; returns a number for `finish`. Offsets may have gaps, and may go back after a seek."""
        self._begun += 1
        self._open[self._begun] = offset
        self._next = offset + 1
        return self._begun

    def finish(self, number: int) -> None:
        """What the message carries is durable."""
        self._open.pop(number, None)

    @property
    def reached(self) -> int:
        """The offset to go on from after a restart; -1 before anything was read."""
        return min(self._open.values(), default=self._next)

    @property
    def due(self) -> int | None:
        """The offset to commit; None if nothing is newer than what is committed."""
        reached = self.reached
        return reached if reached > self.committed else None

    @property
    def idle(self) -> bool:
        """Whether every message begun is finished."""
        return not self._open


class Ticket:
    """A message in hand: whose it is, and how much it weighs."""

    __slots__ = ("number", "position", "size")

    def __init__(self, position: Position, number: int, size: int) -> None:
        self.position = position
        self.number = number
        self.size = size


class Positions:
    """All partitions that are assigned, and the messages in hand, bounded in number and bytes."""

    def __init__(self, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._positions: dict[Partition, Position] = {}
        self.messages = 0
        self.bytes = 0

    def assign(self, partitions: Collection[Partition]) -> None:
        """Partitions are ours from now on."""
        with self._changed:
            self._positions.update((partition, Position()) for partition in partitions)

    def drop(self, partitions: Collection[Partition]) -> None:
        """Partitions are no longer ours: what is finished of them from now on is committed by nobody."""
        with self._changed:
            for partition in partitions:
                self._positions.pop(partition, None)

    def partitions(self) -> list[Partition]:
        """Those that are ours."""
        return list(self._positions)

    def begin(self, partition: Partition, offset: int, size: int) -> Ticket | None:
        """Take a message in hand; None if its partition is not ours."""
        with self._changed:
            position = self._positions.get(partition)
            if position is None:
                return None
            self.messages += 1
            self.bytes += size
            return Ticket(position, position.begin(offset), size)

    def finish(self, ticket: Ticket, durable: bool = True) -> None:
        """Let go of a message. One that is not durable stays open, so that nothing is committed past it."""
        with self._changed:
            if durable:
                ticket.position.finish(ticket.number)
            self.messages -= 1
            self.bytes -= ticket.size
            self._changed.notify_all()

    @property
    def room(self) -> bool:
        """Whether a further message may be taken in hand."""
        return self.messages < self._most_messages and self.bytes < self._most_bytes

    def wait_for_room(self, within_s: float) -> bool:
        """Wait a while; whether there is room."""
        with self._changed:
            return self._changed.wait_for(lambda: self.room, within_s)

    def wait_idle(self, partitions: Collection[Partition], within_s: float) -> None:
        """Wait a while for everything in hand of these partitions to be finished."""
        with self._changed:
            mine = [self._positions[one] for one in partitions if one in self._positions]
            self._changed.wait_for(lambda: all(position.idle for position in mine), within_s)

    def due(self, partitions: Collection[Partition] | None = None) -> dict[Partition, int]:
        """What to commit now, of these partitions or of all."""
        with self._changed:
            wanted = self._positions if partitions is None else partitions
            found = {one: self._positions[one].due for one in wanted if one in self._positions}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def committed(self, partition: Partition, offset: int) -> None:
        """The group has this offset."""
        with self._changed:
            if position := self._positions.get(partition):
                position.committed = max(position.committed, offset)

    def reached(self, partition: Partition) -> int:
        """`Position.reached`; -1 for one that is not ours."""
        with self._changed:
            position = self._positions.get(partition)
            return position.reached if position else -1
