"""Runs that await something beside the run above, and runs with patience: dbt's own spans, in any order."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from story import WAIT, FromBytes, Story, plain, ref, run, start
from test_assembling_any_order import check_each_run

from otel_bridge.assemble import MemoryRecords
from otel_bridge.model import EventType, Known

KEY = "dbt:1f4e"
ARTIFACTS_S = 30
PATIENCE_S = 600
KNOWN = Known(KEY)


def invocation(under: str = ""):
    return run("dbt", under, awaits=KEY, awaits_s=ARTIFACTS_S)


def node(name: str = "model", under: str = "dbt", **said):
    return run(name, under, patience_s=PATIENCE_S, **said)


def test_start_waits_until_what_it_awaits_is_known() -> None:
    story = Story()
    assert story.hear(node(), invocation()) == []
    assert story.wait(ARTIFACTS_S - 1) == []
    assert story.hear(KNOWN) == ["START dbt", "COMPLETE dbt", "START model < dbt", "COMPLETE model < dbt"]
    assert story.records.next_due() is None


def test_the_wait_ends() -> None:
    story = Story()
    story.hear(node(), invocation())
    assert story.wait(ARTIFACTS_S) == [
        "START dbt",
        "COMPLETE dbt",
        "START model < dbt",
        "COMPLETE model < dbt",
    ]
    assert story.hear(KNOWN) == []
    assert story.wait(10_000) == []


def test_what_nobody_expects_is_not_waited_for() -> None:
    story = Story(expected=lambda key: key != KEY)
    assert story.hear(invocation()) == ["START dbt", "COMPLETE dbt"]


def test_nothing_is_awaited_for_no_time() -> None:
    story = Story()
    assert story.hear(run("dbt", awaits=KEY, awaits_s=0)) == ["START dbt", "COMPLETE dbt"]


def test_a_run_with_patience_waits_longer_and_says_how_long() -> None:
    story = Story()
    story.hear(node(), run("other", "gone"))
    assert story.wait(WAIT) == ["START other", "COMPLETE other"]
    assert story.wait(PATIENCE_S) == ["START model", "COMPLETE model"]
    reasons = [story.last(name).run.omissions[0].reason for name in ("other", "model")]
    assert "10 s (runs.parent_wait)" in reasons[0]
    assert "600 s; send" in reasons[1]


def test_both_waits_must_be_over() -> None:
    story = Story()
    assert story.hear(invocation("task")) == []
    assert story.hear(start("task")) == ["START task"]
    assert story.hear(KNOWN) == ["START dbt < task", "COMPLETE dbt < task"]
    story = Story()
    story.hear(invocation("task"), KNOWN)
    assert story.wait(WAIT - 1) == []
    assert story.wait(1) == ["START dbt", "COMPLETE dbt"]
    story = Story()
    story.hear(invocation("task"))
    assert story.wait(WAIT + 1) == []
    assert story.hear(start("task")) == ["START task"]
    assert story.wait(ARTIFACTS_S) == ["START dbt < task", "COMPLETE dbt < task"]


def test_what_is_known_too_late_for_the_parent_is_in_time_for_the_next_invocation() -> None:
    story = Story()
    story.hear(invocation())
    story.wait(ARTIFACTS_S)
    assert story.hear(KNOWN) == []
    assert story.hear(run("again", awaits="dbt:other", awaits_s=1)) == []
    assert story.hear(Known("dbt:other")) == ["START again", "COMPLETE again"]


class World(msgspec.Struct, frozen=True):
    """Nodes below an invocation, one with batches; spans that are no runs between; the invocation below a task, or not."""

    nodes: int
    batches: int
    through: bool
    task: bool

    def observations(self) -> list:
        under = "hooks" if self.through else "dbt"
        found = [node(f"n{i}", under) for i in range(self.nodes)]
        found += [node(f"b{i}", "n0") for i in range(self.batches if self.nodes else 0)]
        found += [plain("hooks", "dbt")] if self.through else []
        found += [start("task"), run("task")] if self.task else []
        return [*found, invocation("task" if self.task else ""), KNOWN]

    def parent(self, name: str) -> str | None:
        if name == "task":
            return None
        if name == "dbt":
            return "task" if self.task else None
        return "n0" if name.startswith("b") else "dbt"


worlds = st.builds(World, st.integers(0, 4), st.integers(0, 2), st.booleans(), st.booleans())


def check_parents(story: Story, world: World, may_lack: bool) -> None:
    begun: set[str] = set()
    for told in story.told:
        name, parent = told.run.job.name, told.run.parent
        if told.type is EventType.START:
            begun.add(name)
        expected = world.parent(name)
        if parent is None:
            assert may_lack or expected is None, name
        else:
            assert parent == ref(expected or ""), name
            assert parent.job.name in begun


@given(worlds, st.data())
@settings(max_examples=300, deadline=None)
def test_in_any_order_the_events_are_the_same(world, data) -> None:
    known: set[str] = set()
    story = Story(expected=lambda key: key not in known)
    order = data.draw(st.permutations(world.observations()))
    for observed in order:
        if observed is KNOWN:
            known.add(KEY)
        said = story.hear(observed, after_s=WAIT / 100)
        assert known or not any("dbt" in line for line in said)
    assert story.records.next_due() is None
    check_each_run(story)
    check_parents(story, world, may_lack=False)
    runs = {o.job.name for o in order if getattr(o, "job", None)}
    assert {t.run.job.name for t in story.told if t.type is not EventType.START} == runs


@given(worlds, st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_late_or_lost_no_parent_is_wrong_and_every_wait_ends(world, data) -> None:
    expects = data.draw(st.booleans())
    story = Story(expected=lambda _: expects)
    everything = world.observations()
    lost = data.draw(st.sets(st.sampled_from(range(len(everything))), max_size=len(everything) // 2))
    order = [i for i in data.draw(st.permutations(range(len(everything)))) if i not in lost]
    for i in order:
        story.hear(everything[i])
        story.wait(data.draw(st.sampled_from([0, 1, WAIT, ARTIFACTS_S, PATIENCE_S])))
    story.wait(PATIENCE_S + ARTIFACTS_S)
    story.wait(PATIENCE_S)
    assert story.records.next_due() is None
    check_each_run(story)
    check_parents(story, world, may_lack=True)
    ended = {t.run.job.name for t in story.told if t.type is not EventType.START}
    assert ended == {everything[i].job.name for i in order if getattr(everything[i], "state", None)}


@given(worlds, st.data())
@settings(max_examples=150, deadline=None)
def test_a_restart_at_any_point_changes_nothing(world, data) -> None:
    one, other = Story(MemoryRecords()), Story(FromBytes())
    for observed in data.draw(st.lists(st.sampled_from(world.observations()), max_size=30)):
        seconds = data.draw(st.sampled_from([0, 1, WAIT, ARTIFACTS_S, PATIENCE_S]))
        assert one.hear(observed) == other.hear(observed)
        assert one.wait(seconds) == other.wait(seconds)
    assert one.drain() == other.drain()
    assert one.told == other.told
    check_each_run(one)
