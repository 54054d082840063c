"""What may be committed, whatever the order in which messages are finished."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_bridge.receive.kafka_positions import Position, Positions


class Reading(RuleBasedStateMachine):
    """One partition with gaps, as compaction makes them, and seeks. The model keeps which offsets are durable."""

    def __init__(self) -> None:
        super().__init__()
        self.position = Position()
        self.next = 0
        self.open: list[tuple[int, int]] = []
        self.seen: set[int] = set()
        self.durable: set[int] = set()

    @rule()
    def read(self) -> None:
        while self.next % 5 in {1, 2}:
            self.next += 1
        self.open.append((self.position.begin(self.next), self.next))
        self.seen.add(self.next)
        self.next += 1

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        number, offset = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.position.finish(number)
        self.durable.add(offset)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        """Never finished: it stays in the way."""
        self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def seek_back(self, data: st.DataObject) -> None:
        self.next = data.draw(st.sampled_from(sorted(self.seen)))

    @rule()
    def commit(self) -> None:
        if (due := self.position.due) is not None:
            self.position.committed = due

    @invariant()
    def nothing_is_committed_past_what_is_not_durable(self) -> None:
        committed = self.position.committed
        assert {offset for offset in self.seen if offset < committed} <= self.durable


TestReading = Reading.TestCase


@given(st.permutations(range(20)))
def test_all_is_due_once_all_is_finished(order: list[int]) -> None:
    position = Position()
    numbers = [position.begin(offset) for offset in range(20)]
    for index in order:
        position.finish(numbers[index])
    assert (position.due, position.idle) == (20, True)


def test_a_revoked_partition_is_committed_by_nobody() -> None:
    positions = Positions(10, 1000)
    spans, others = ("spans", 0), ("others", 1)
    positions.assign([spans, others])
    first, second = positions.begin(spans, 4, 10), positions.begin(others, 5, 10)
    assert first
    assert second
    positions.drop([spans])
    positions.finish(first)
    positions.finish(second)
    assert positions.due() == {others: 6}
    assert positions.begin(spans, 5, 10) is None
    positions.assign([spans])
    assert positions.due([spans]) == {}
    assert positions.reached(spans) == -1


def test_room_is_bounded_in_number_and_bytes() -> None:
    positions = Positions(2, 100)
    positions.assign([("t", 0)])
    big = positions.begin(("t", 0), 0, 100)
    assert big
    assert not positions.wait_for_room(0)
    positions.finish(big)
    assert positions.room
    tickets = [positions.begin(("t", 0), offset, 1) for offset in (1, 2)]
    assert not positions.room
    assert tickets[0]
    positions.finish(tickets[0], durable=False)
    assert positions.room
    assert positions.reached(("t", 0)) == 1, "what is let go of is not past"
