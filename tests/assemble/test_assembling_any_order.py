"""Random forests of runs and plain spans, in any order, with any loss."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from story import WAIT, FromBytes, Story, beat, error, io, plain, ref, run, start

from otel_bridge.assemble import MemoryRecords
from otel_bridge.model import EventType, RunRef, State


class Node(msgspec.Struct, frozen=True):
    """A span of the true world: `above` is the index of its parent span, -1 for a root."""

    name: str
    above: int
    is_run: bool
    trace: str
    carried: bool
    explains: bool
    has_start: bool
    state: State


class World(msgspec.Struct, frozen=True):
    nodes: tuple[Node, ...]

    def run_above(self, node: Node) -> Node | None:
        while node.above >= 0:
            node = self.nodes[node.above]
            if node.is_run:
                return node
        return None

    def ref(self, node: Node | None) -> RunRef | None:
        return node and ref(node.name, node.trace)

    def parent(self, node: Node) -> RunRef | None:
        return self.ref(self.run_above(node))

    def root(self, node: Node) -> RunRef | None:
        top = None
        while (node := self.run_above(node)) is not None:
            top = node
        return self.ref(top)

    def crosses(self, node: Node) -> bool:
        """Started from another trace: its parent can only be carried."""
        return node.above >= 0 and self.nodes[node.above].trace != node.trace

    def observations(self) -> list:
        return [o for node in self.nodes for o in self.of(node)]

    def of(self, node: Node) -> list:
        under = "" if node.above < 0 or self.crosses(node) else self.nodes[node.above].name
        parent = self.parent(node)
        if not node.is_run:
            enclosing = parent.run_id if parent and node.explains else None
            return [plain(node.name, under, trace=node.trace, enclosing=enclosing)]
        said = {"trace": node.trace}
        if parent and (node.carried or self.crosses(node)):
            said |= {"parent": parent, "root": self.root(node)}
        found = [run(node.name, under, state=node.state, **said)]
        return [start(node.name, under, **said), *found] if node.has_start else found


@st.composite
def worlds(draw) -> World:
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, 9))):
        above = draw(st.integers(-1, i - 1))
        trace = nodes[above].trace if above >= 0 else "a" * 32
        is_run = draw(st.booleans())
        if is_run and draw(st.integers(0, 5)) == 0:
            trace = f"{i:032x}"
        nodes.append(
            Node(
                f"n{i}",
                above,
                is_run,
                trace,
                draw(st.booleans()),
                draw(st.booleans()),
                draw(st.booleans()),
                draw(st.sampled_from(State)),
            )
        )
    crossing = [n for n in nodes if n.above >= 0 and nodes[n.above].trace != n.trace]
    world = World(tuple(nodes))
    return world if all(world.run_above(n) for n in crossing) else draw(worlds())


def starts(story: Story) -> dict[str, tuple[RunRef | None, RunRef | None]]:
    return {t.run.job.name: (t.run.parent, t.run.root) for t in story.told if t.type is EventType.START}


def check_each_run(story: Story) -> None:
    """START first and once, then at most one terminal event, which says the same of parent and root."""
    seen = Counter((t.run.run_id, t.type is EventType.START) for t in story.told)
    assert set(seen.values()) <= {1}
    begun = {}
    for told in story.told:
        if told.type is EventType.START:
            begun[told.run.run_id] = (told.run.parent, told.run.root)
        else:
            assert begun[told.run.run_id] == (told.run.parent, told.run.root)


def check_parents_first(story: Story, carrying: set[str]) -> None:
    """The START of a parent goes first. Runs that carry a parent don't wait for it for ever."""
    begun = set()
    for name, (parent, _) in starts(story).items():
        assert name in carrying or parent is None or parent.job.name in begun
        begun.add(name)


@given(worlds(), st.data())
@settings(max_examples=300, deadline=None)
def test_in_any_order_within_the_wait_the_events_are_the_same(world, data):
    story = Story()
    order = data.draw(st.permutations(world.observations()))
    for observed in order:
        story.hear(observed, after_s=WAIT / 100)
    assert story.records.next_due() is None
    runs = {n.name: n for n in world.nodes if n.is_run}
    assert starts(story) == {name: (world.parent(n), world.root(n)) for name, n in runs.items()}
    ends = {t.run.job.name: t.run.state for t in story.told if t.type is not EventType.START}
    assert ends == {name: n.state for name, n in runs.items()}
    check_each_run(story)
    check_parents_first(story, {name for name, n in runs.items() if world.crosses(n)})


@given(worlds(), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_late_or_lost_no_parent_is_wrong_and_every_span_ends(world, data):
    story = Story()
    everything = world.observations()
    lost = data.draw(st.sets(st.sampled_from(range(len(everything))), max_size=len(everything) // 2))
    order = data.draw(st.permutations(range(len(everything))))
    arriving = [everything[i] for i in order if i not in lost]
    for observed in arriving:
        story.hear(observed)
        story.wait(data.draw(st.sampled_from([0, 1, WAIT / 2, WAIT, 3 * WAIT])))
    story.wait(1000)
    story.wait(1000)
    assert story.records.next_due() is None
    check_each_run(story)
    by_name = {n.name: n for n in world.nodes}
    for name, (parent, root) in starts(story).items():
        assert parent in (None, world.parent(by_name[name]))
        assert root in (None, world.root(by_name[name]))
    check_parents_first(story, {n.name for n in world.nodes if n.carried or world.crosses(n)})
    spans = {o.span.span_id for o in arriving if getattr(o, "state", None)}
    assert spans == {t.run.span.span_id for t in story.told if t.type is not EventType.START}


@given(worlds(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_restart_at_any_point_and_repeats_change_nothing(world, data):
    one, other = Story(MemoryRecords()), Story(FromBytes())
    names = [n.name for n in world.nodes if n.is_run and n.trace == "a" * 32]
    extra = [o for n in names for o in (beat(n, 1, 4), error(n, "x: y"))]
    for observed in data.draw(st.lists(st.sampled_from([*world.observations(), *extra]), max_size=40)):
        seconds = data.draw(st.sampled_from([0, 0, 1, WAIT]))
        assert one.hear(observed) == other.hear(observed)
        assert one.hear(observed) == other.hear(observed) == []
        assert one.wait(seconds) == other.wait(seconds)
    assert one.drain() == other.drain()
    assert one.told == other.told


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.integers(0, 5)), max_size=12),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_senseless_ids_do_no_harm(spans, data):
    """Cycles, spans sent twice with other parents, runs and plain spans that claim each other's ids."""
    story = Story()
    for i, above, is_run, other in spans:
        claimed = ref(f"n{other}").run_id
        story.hear(
            run(f"n{i}", f"n{above}", run_id=claimed)
            if is_run
            else (plain if i % 2 else io)(f"n{i}", f"n{above}", enclosing=claimed)
        )
        story.wait(data.draw(st.sampled_from([0, WAIT])))
    for _ in range(3):
        story.wait(1000)
    assert story.records.next_due() is None
    check_each_run(story)
    assert all(t.run.parent is None or t.run.parent.run_id != t.run.run_id for t in story.told)
