"""The rules of order, for any log and any sequence of outcomes."""

from delivering import event
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.deliver.order import Item, Schedule


@st.composite
def logs(draw: st.DrawFn) -> list[Item]:
    """Events of up to six runs, each START first, parents anywhere, also missing, circular or of itself."""
    pending = {
        str(run): ["START", "COMPLETE", "COMPLETE"][: draw(st.integers(1, 3))]
        for run in range(draw(st.integers(1, 6)))
    }
    parents = {run: draw(st.sampled_from(["", *map(str, range(8))])) for run in pending}
    items: list[Item] = []
    while pending:
        run = draw(st.sampled_from(sorted(pending)))
        items.append(Item(len(items) + 1, 0, event(run, pending[run].pop(0), parents[run], pad="")))
        if not pending[run]:
            del pending[run]
    return items


def may_go(item: Item, items: list[Item], settled: set[int]) -> bool:
    """The rules, said another way."""
    for other in items[: item.seq - 1]:
        if other.seq in settled:
            continue
        if other.event.key == item.event.key:
            return False
        starts = other.event.type == item.event.type == "START"
        if starts and other.event.key == item.event.parent_key:
            return False
    return True


@given(items=logs(), data=st.data())
def test_exactly_what_may_go_goes(items: list[Item], data: st.DataObject) -> None:
    schedule = Schedule(0, window=len(items))
    unread, settled, flying, resting = list(items), set[int](), list[Item](), list[Item]()
    while len(settled) < len(items):
        if unread and not data.draw(st.booleans()):
            schedule.add([unread.pop(0)])
        while item := schedule.take():
            assert may_go(item, items, settled)
            assert item.event.key not in {other.event.key for other in flying}
            flying.append(item)
        read = items[: len(items) - len(unread)]
        free = [
            i
            for i in read
            if i.seq not in settled and i not in flying and i not in resting and may_go(i, items, settled)
        ]
        assert free == []
        assert schedule.cursor == next((i.seq - 1 for i in read if i.seq not in settled), len(read))
        if resting and (not flying or data.draw(st.booleans())):
            schedule.resume(resting.pop(data.draw(st.integers(0, len(resting) - 1))))
        elif flying:
            item = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            if data.draw(st.integers(0, 3)) == 3:
                schedule.put_back(item)
                resting.append(item)
            else:
                schedule.settle(item)
                settled.add(item.seq)
    assert (schedule.cursor, schedule.unsettled, schedule.room) == (len(items), {}, len(items))


@given(items=logs(), data=st.data())
def test_letters_go_again_with_their_run_in_order(items: list[Item], data: st.DataObject) -> None:
    schedule = Schedule(0)
    schedule.add(items)
    settled: list[Item] = []
    for _ in range(data.draw(st.integers(0, len(items)))):
        item = schedule.take()
        assert item
        schedule.settle(item)
        settled.append(item)
    again = {}
    for item in settled:
        again.setdefault(item.event.key, []).append(
            Item(item.seq, 0, item.event, letter=not again.get(item.event.key), repeat=True)
        )
    for run in again.values():
        assert schedule.redeliver(run)
    order: list[Item] = []
    while item := schedule.take():
        order.append(item)
        schedule.settle(item)
    assert len(order) == len(items)
    for item in items:
        mine = [i.seq for i in order if i.event.key == item.event.key]
        assert mine == sorted(mine)
    assert schedule.cursor == len(items)


def test_nothing_is_redelivered_while_its_run_is_under_way() -> None:
    schedule = Schedule(0)
    schedule.add([Item(1, 0, event("a")), Item(2, 0, event("a", "COMPLETE"))])
    first = schedule.take()
    assert first
    schedule.settle(first)
    second = schedule.take()
    again = [Item(1, 0, event("a"), letter=True)]
    assert schedule.redeliver(again) is False
    assert second
    schedule.put_back(second)
    assert schedule.redeliver(again) is True
    assert schedule.take() is again[0]


def test_window_is_bounded_by_bytes_and_by_distance() -> None:
    schedule = Schedule(0, window=10, window_bytes=100)
    assert schedule.room == 10
    schedule.add([Item(1, 0, event("a"))])
    assert schedule.room == 0
    far = Schedule(0)
    far.add([Item(1, 0, event("a")), Item(200_000, 0, event("b"))])
    assert far.room == 0
