"""The rules of assembling, one example each."""

import pytest
from story import SECOND, WAIT, Story, beat, dataset, error, plain, ref, run, span_id, start

from otel_bridge.model import (
    DatasetDescribed,
    DatasetObserved,
    ErrorDetail,
    EventType,
    Evidence,
    JobDescribed,
    JobObserved,
    JobRef,
    State,
)


@pytest.fixture
def story() -> Story:
    return Story()


class TestStartAndEnd:
    def test_a_finished_root_span_starts_and_ends_at_once(self, story):
        assert story.hear(run("load")) == ["START load", "COMPLETE load"]
        assert [t.at_ns for t in story.told] == [100, 200]

    def test_a_start_event_starts_the_run_and_the_span_ends_it(self, story):
        assert story.hear(start("load")) == ["START load"]
        assert story.hear(run("load"), after_s=500) == ["COMPLETE load"]

    def test_a_start_event_after_the_span_says_nothing_new(self, story):
        story.hear(run("load"))
        assert story.hear(start("load")) == []

    def test_the_same_span_again_is_counted_and_dropped(self, story):
        story.hear(run("load"))
        assert story.hear(run("load"), run("load", state=State.FAIL)) == []
        assert story.assembler.counts["duplicate"] == 2

    def test_while_it_waits_the_first_end_counts(self, story):
        story.hear(run("task", "dag"), run("task", "dag", state=State.FAIL))
        assert story.hear(run("dag"))[2:] == ["START task < dag", "COMPLETE task < dag"]
        assert story.assembler.counts["duplicate"] == 1

    def test_start_says_nothing_of_the_end(self, story):
        story.hear(run("load", state=State.FAIL, error=ErrorDetail("no", "python")))
        told = story.told[0].run
        assert (told.state, told.error, told.ended_ns) == (None, None, None)

    def test_the_terminal_event_repeats_what_only_the_start_event_said(self, story):
        story.hear(
            start("load", inputs=(dataset("raw", schema=[{"name": "id"}]),), run_values={"tags": {"a": "1"}})
        )
        story.hear(
            run(
                "load",
                inputs=(dataset("raw", row_count=7),),
                outputs=(dataset("clean"),),
                run_facets={"x": {"y": 1}},
            )
        )
        told = story.last("load").run
        assert told.inputs == (dataset("raw", schema=[{"name": "id"}], row_count=7),)
        assert told.outputs == (dataset("clean"),)
        assert (told.run_values, told.run_facets) == ({"tags": {"a": "1"}}, {"x": {"y": 1}})

    def test_the_span_wins_over_a_start_event_that_comes_after_it(self, story):
        story.hear(run("load", "above", job_values={"type": "TASK"}))
        story.hear(start("load", "above", job_values={"type": "OLD", "integration": "X"}), run("above"))
        assert story.last("load").run.job_values == {"type": "TASK", "integration": "X"}

    @pytest.mark.parametrize(
        ("state", "type_"),
        [
            (State.COMPLETE, EventType.COMPLETE),
            (State.FAIL, EventType.FAIL),
            (State.ABORT, EventType.ABORT),
            (State.SKIP, EventType.ABORT),
        ],
    )
    def test_states_become_terminal_events(self, story, state, type_):
        story.hear(run("load", state=state))
        assert (story.told[-1].type, story.told[-1].run.state) == (type_, state)

    def test_a_finished_run_is_remembered_by_its_reference_only(self, story):
        story.hear(start("load", inputs=(dataset("raw"),)), error("load", "x: y"), run("load"))
        record = story.records.by_run(ref("load").run_id)
        assert record.finished
        assert (record.run, record.error) == (None, None)
        assert record.job == JobRef("jobs", "load")


class TestParents:
    def test_the_child_waits_for_its_parent_and_goes_after_it(self, story):
        assert story.hear(run("task", "dag")) == []
        assert story.hear(run("dag")) == [
            "START dag",
            "COMPLETE dag",
            "START task < dag",
            "COMPLETE task < dag",
        ]

    def test_a_parent_that_is_known_needs_no_wait(self, story):
        story.hear(start("dag"))
        assert story.hear(run("task", "dag")) == ["START task < dag", "COMPLETE task < dag"]

    def test_plain_spans_connect(self, story):
        story.hear(run("task", "loop"), plain("http", "dag"), plain("loop", "http"))
        assert story.hear(run("dag"))[2:] == ["START task < dag", "COMPLETE task < dag"]

    def test_a_plain_span_may_name_its_run(self, story):
        story.hear(run("task", "loop"), plain("loop", "elsewhere", enclosing=ref("dag").run_id))
        assert story.hear(run("dag"))[2:] == ["START task < dag", "COMPLETE task < dag"]

    def test_the_root_is_the_topmost_run_at_any_depth(self, story):
        story.hear(run("d", "c"), run("c", "b"), run("b", "a"))
        assert [s for s in story.hear(run("a")) if "START" in s] == [
            "START a",
            "START b < a",
            "START c < b << a",
            "START d < c << a",
        ]

    def test_a_trace_whose_root_is_no_run_gives_no_parent_and_no_complaint(self, story):
        story.hear(run("task", "server"))
        assert story.hear(plain("server")) == ["START task", "COMPLETE task"]
        assert story.told[0].run.omissions == ()
        assert story.told[0].run.root is None

    def test_a_run_without_parent_has_no_root_even_if_it_carries_one(self, story):
        story.hear(run("load", root=ref("dag")))
        assert story.told[0].run.root is None

    def test_after_the_wait_it_goes_without_and_says_why(self, story):
        story.hear(run("task", "dag"))
        assert story.wait(WAIT - 1) == []
        assert story.wait(1) == ["START task", "COMPLETE task"]
        assert [o.path for o in story.last("task").run.omissions] == ["parent"]
        assert span_id("dag") in story.last("task").run.omissions[0].reason
        assert story.assembler.counts["parent_missing"] == 1

    def test_a_late_parent_changes_nothing_and_is_counted(self, story):
        story.hear(start("task", "loop"))
        story.wait(WAIT)
        story.hear(plain("loop", "dag"))
        assert story.hear(run("dag")) == ["START dag", "COMPLETE dag"]
        assert story.hear(run("task", "loop")) == ["COMPLETE task"]
        assert story.assembler.counts["parent_late"] == 1
        assert story.records.by_run(ref("task").run_id).parent_late

    def test_the_root_of_a_run_below_an_orphan_is_unknown(self, story):
        story.hear(run("task", "dag"))
        story.wait(WAIT)
        story.hear(run("step", "task"))
        assert (story.last("step").run.parent, story.last("step").run.root) == (ref("task"), None)

    def test_a_grandchild_waits_as_long_as_its_parent(self, story):
        story.hear(run("step", "task"))
        story.hear(run("task", "dag"), after_s=6)
        assert story.wait(6) == []
        assert [s for s in story.hear(run("dag")) if "START" in s][1:] == [
            "START task < dag",
            "START step < task << dag",
        ]

    def test_at_the_end_of_the_wait_the_parent_still_goes_first(self, story):
        story.hear(run("step", "task"), run("task", "dag"))
        assert story.wait(WAIT) == [
            "START task",
            "COMPLETE task",
            "START step < task",
            "COMPLETE step < task",
        ]

    def test_two_traces_don_t_mix(self, story):
        story.hear(run("dag", trace="b" * 32))
        assert story.hear(run("task", "dag")) == []

    @pytest.mark.parametrize("carried", [False, True])
    @pytest.mark.parametrize("late", [0, WAIT])
    def test_runs_that_are_each_other_s_parents_make_no_cycle(self, story, carried, late):
        for name, above in (("a", "b"), ("b", "c"), ("c", "a")):
            story.hear(run(name, above, parent=ref(above) if carried else None), after_s=late)
            story.wait(late)
        story.drain()
        parents = {t.run.job.name: t.run.parent and t.run.parent.job.name for t in story.told}
        assert set(parents) == {"a", "b", "c"}
        assert None in parents.values()

    def test_cycles_end(self, story):
        story.hear(run("task", "x"), plain("x", "y"))
        assert story.hear(plain("y", "x")) == ["START task", "COMPLETE task"]
        assert "cycle" in story.told[0].run.omissions[0].reason

    def test_a_span_that_is_its_own_parent(self, story):
        assert story.hear(run("task", "task")) == ["START task", "COMPLETE task"]

    def test_a_plain_span_that_claims_to_belong_to_the_run_above_it(self, story):
        story.hear(run("task", "loop"), plain("loop", "dag", enclosing=ref("task").run_id))
        assert story.hear(run("dag"))[2:] == ["START task < dag", "COMPLETE task < dag"]


class TestCarriedParents:
    def test_an_external_parent_is_used_at_once(self, story):
        assert story.hear(run("task", parent=ref("dag"), root=ref("top"))) == [
            "START task < dag << top",
            "COMPLETE task < dag << top",
        ]

    def test_without_a_carried_root_an_external_parent_is_the_root(self, story):
        story.hear(run("task", parent=ref("dag")))
        assert story.told[0].run.root == ref("dag")

    def test_below_a_span_it_waits_so_that_the_parent_starts_first(self, story):
        assert story.hear(run("task", "loop", parent=ref("dag"))) == []
        assert story.hear(run("dag"))[2:] == ["START task < dag", "COMPLETE task < dag"]

    def test_and_goes_with_the_parent_when_the_wait_is_over(self, story):
        story.hear(run("task", "loop", parent=ref("dag")))
        assert story.wait(WAIT) == ["START task < dag", "COMPLETE task < dag"]
        assert story.last("task").run.omissions == ()
        story.hear(run("dag"))
        assert story.assembler.counts["parent_start_late"] == 1

    def test_the_parent_s_own_word_for_its_job_counts(self, story):
        story.hear(run("dag", job=JobRef("prod", "dag")))
        story.hear(run("task", "dag", parent=ref("dag")))
        assert story.last("task").run.parent.job == JobRef("prod", "dag")

    def test_the_root_comes_from_the_parent_s_run(self, story):
        story.hear(run("top"), run("dag", "top"))
        assert story.hear(run("task", parent=ref("dag"))) == [
            "START task < dag << top",
            "COMPLETE task < dag << top",
        ]

    def test_a_carried_root_wins(self, story):
        story.hear(run("dag"), run("task", "dag", root=ref("top")))
        assert story.told[-1].run.root == ref("top")

    def test_a_run_that_carries_itself_as_its_parent_does_not_get_it(self, story):
        assert story.hear(run("task", parent=ref("task"))) == ["START task", "COMPLETE task"]

    def test_two_runs_that_carry_each_other_both_end(self, story):
        story.hear(run("a", "x", parent=ref("b")), run("b", "x", parent=ref("a")))
        assert sorted(story.wait(WAIT)) == [
            "COMPLETE a < b",
            "COMPLETE b",
            "START a < b",
            "START b",
        ]

    def test_a_start_event_that_knew_less_than_the_span_fixes_the_parentage(self, story):
        story.hear(start("task"), start("dag"))
        assert story.hear(run("task", "dag", parent=ref("dag"))) == ["COMPLETE task"]
        assert story.assembler.counts["parent_late"] == 1


class TestRunIds:
    def test_two_spans_with_one_run_id_and_job_are_one_run(self, story):
        same = {"run_id": ref("load").run_id, "job": JobRef("jobs", "load")}
        story.hear(start("load"))
        assert story.hear(run("copy", **same), run("load")) == ["COMPLETE load"]
        assert story.hear(run("task", "copy")) == ["START task < load", "COMPLETE task < load"]

    def test_the_run_id_of_another_job_is_not_taken(self, story):
        story.hear(start("dag"))
        story.hear(run("task", "dag", run_id=ref("dag").run_id))
        assert story.last("task").run.run_id == ref("task").run_id
        assert story.assembler.counts["run_id_taken"] == 1
        assert [o.path for o in story.last("task").run.omissions] == ["openlineage.run.id"]

    def test_an_explicit_run_id_is_what_children_refer_to(self, story):
        own = "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11"
        story.hear(run("task", "dag"), run("dag", run_id=own))
        assert story.last("task").run.parent.run_id == own


class TestLostRuns:
    def test_silence_after_a_promise_aborts(self, story):
        story.hear(start("load", started_ns=0, heartbeat_s=5))
        story.hear(beat("load", at_s=5), after_s=5)
        assert story.wait(14) == []
        assert story.wait(1) == ["ABORT load"]
        assert story.told[-1].at_ns == (5 + 15) * SECOND
        assert "15 s" in story.told[-1].run.error.message
        assert story.wait(1000) == []
        assert story.assembler.counts["lost"] == 1

    def test_without_a_promise_a_run_is_never_lost(self, story):
        story.hear(start("load"))
        assert story.wait(10**6) == []

    def test_the_real_end_supersedes_and_repeats_everything(self, story):
        story.hear(start("load", heartbeat_s=1, inputs=(dataset("raw"),)))
        story.wait(3)
        assert story.hear(run("load", state=State.FAIL)) == ["FAIL load"]
        assert story.last("load").run.inputs == (dataset("raw"),)
        assert story.hear(run("load"), beat("load", at_s=99)) == []

    def test_heartbeats_before_the_start_event_are_remembered(self, story):
        story.hear(beat("load", at_s=5), start("load", started_ns=0))
        assert story.wait(15) == ["ABORT load"]

    def test_heartbeats_of_an_unknown_run_alone_say_nothing(self, story):
        story.hear(beat("load", at_s=5))
        assert story.wait(1000) == []

    def test_the_end_ends_the_promise(self, story):
        story.hear(start("load", heartbeat_s=5), run("load"), beat("load", at_s=9))
        assert story.wait(1000) == []
        assert story.records.next_due() is None

    def test_a_waiting_run_is_not_lost_before_it_started(self, story):
        story.hear(start("task", "dag", heartbeat_s=1))
        assert story.wait(5) == []
        assert story.wait(5) == ["START task"]
        assert story.wait(0) == ["ABORT task"]

    @pytest.mark.parametrize(("state", "told"), [("FAIL", ["FAIL load"]), ("NONE", [])])
    def test_the_terminal_event_can_be_chosen(self, state, told):
        story = Story(lost_state=state)
        story.hear(start("load", heartbeat_s=5))
        assert story.wait(15) == told


class TestErrors:
    def test_a_logged_exception_explains_a_failure_without_one(self, story):
        story.hear(error("load", "ValueError: no rows"))
        story.hear(run("load", state=State.FAIL))
        assert story.told[-1].run.error == ErrorDetail("ValueError: no rows", "python", "stack")

    def test_it_adds_the_stack_to_the_same_error(self, story):
        story.hear(error("load", "app.Empty: no rows"))
        story.hear(run("load", state=State.FAIL, error=ErrorDetail("Empty: no rows", "python")))
        assert story.told[-1].run.error.stack_trace == "stack"

    def test_the_run_s_own_error_wins_over_another_one(self, story):
        story.hear(error("load", "KeyError: 'x'"))
        story.hear(run("load", state=State.FAIL, error=ErrorDetail("quota exceeded", "python")))
        assert story.told[-1].run.error == ErrorDetail("quota exceeded", "python")

    def test_a_handled_exception_is_not_told(self, story):
        story.hear(error("load", "KeyError: 'x'"), run("load"))
        assert story.told[-1].run.error is None

    def test_a_failure_that_nobody_explains_has_a_message(self, story):
        story.hear(run("load", state=State.FAIL))
        assert "failed" in story.told[-1].run.error.message


class TestTheRest:
    def test_drain_ends_waits_but_gives_up_no_run(self, story):
        story.hear(start("load", heartbeat_s=1), run("step", "task"), run("task", "dag"))
        assert story.drain() == ["START task", "COMPLETE task", "START step < task", "COMPLETE step < task"]
        assert story.drain() == []

    def test_static_metadata_passes_through(self, story):
        evidence = Evidence("", "", "test")
        seen = DatasetObserved(evidence, 7, dataset("raw"))
        job = JobObserved(evidence, 7, JobRef("jobs", "load"), inputs=(dataset("raw"),))
        assert story.assembler.observe(seen, 1) == [DatasetDescribed(evidence, 7, dataset("raw"))]
        assert story.assembler.observe(job, 1) == [
            JobDescribed(evidence, 7, JobRef("jobs", "load"), inputs=(dataset("raw"),))
        ]

    def test_memory_is_given_back(self, story):
        story.hear(plain("loop", "dag"), run("task", "loop"), run("dag"), start("open"))
        story.records.forget(int(2000 * SECOND))
        assert len(story.records) == 1
        assert story.records.by_run(ref("open").run_id)
