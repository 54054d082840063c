"""What spans inside a run say of its input and output reaches its terminal event, whatever the order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import WAIT, Story, beat, dataset, io, plain, ref, run, start

from otel_bridge.assemble.io import MOST_DATASETS, MOST_STATEMENTS
from otel_bridge.model import Dataset, EventType, State


@pytest.fixture
def story() -> Story:
    return Story()


def statement(text: str) -> dict:
    return {"sql": text, "dialect": "duckdb", "context": {}}


class TestWhereItGoes:
    def test_to_the_nearest_run_above(self, story):
        story.hear(start("dag"), start("task", "dag"), plain("call", "task"))
        story.hear(io("scan", "call", inputs=(dataset("raw"),)), run("task", "dag"), run("dag"))
        assert story.last("task").run.inputs == (dataset("raw"),)
        assert story.last("dag").run.inputs == ()

    def test_to_the_run_that_it_names_whatever_is_above(self, story):
        story.hear(start("dag"), start("task", "dag"))
        story.hear(io("scan", "task", enclosing=ref("dag").run_id, inputs=(dataset("raw"),)))
        story.hear(run("task", "dag"), run("dag"))
        assert story.last("dag").run.inputs == (dataset("raw"),)
        assert story.last("task").run.inputs == ()

    def test_it_connects_what_is_below_with_what_is_above(self, story):
        story.hear(start("task"), io("commit", "task"))
        assert story.hear(run("inner", "commit")) == ["START inner < task", "COMPLETE inner < task"]

    def test_before_its_run_is_heard_of(self, story):
        assert story.hear(io("scan", enclosing=ref("task").run_id, inputs=(dataset("raw"),))) == []
        story.hear(start("task"), run("task"))
        assert story.last("task").run.inputs == (dataset("raw"),)

    def test_before_the_end_of_a_run_that_told_no_start(self, story):
        assert story.hear(io("scan", "call", inputs=(dataset("raw"),)), plain("call", "task")) == []
        story.hear(run("task"))
        assert story.last("task").run.inputs == (dataset("raw"),)
        assert story.assembler.counts["io_late"] == 0

    def test_twice_it_counts_once(self, story):
        story.hear(start("task"))
        written = (dataset("clean", row_count=3),)
        story.hear(io("commit", "task", outputs=written), io("commit", "task", outputs=written), run("task"))
        assert story.last("task").run.outputs == written
        assert story.assembler.counts["duplicate"] == 1

    def test_inside_no_run_it_is_counted(self, story):
        story.hear(io("scan", inputs=(dataset("raw"),)), io("other", "never"))
        story.wait(WAIT)
        assert story.assembler.counts["io_without_run"] == 2
        assert story.records.next_due() is None

    def test_inside_no_run_it_may_be_one(self, story):
        alone = run("commit", outputs=(dataset("clean"),))
        assert story.hear(io("commit", alone=alone)) == ["START commit", "COMPLETE commit"]
        assert story.last("commit").run.outputs == (dataset("clean"),)

    def test_inside_a_run_it_is_none(self, story):
        story.hear(start("task"))
        assert story.hear(io("commit", "task", alone=run("commit", "task"))) == []

    def test_after_the_end_it_is_counted(self, story):
        story.hear(run("task"))
        assert story.hear(io("scan", "task", inputs=(dataset("raw"),))) == []
        assert story.assembler.counts["io_late"] == 1

    def test_a_run_that_fell_silent_tells_it_too(self, story):
        story.hear(
            start("task", heartbeat_s=5), beat("task", 1000), io("scan", "task", inputs=(dataset("raw"),))
        )
        assert story.wait(20) == ["ABORT task"]
        assert story.last("task").run.inputs == (dataset("raw"),)

    def test_a_failed_run_tells_it_too(self, story):
        story.hear(start("task"), io("scan", "task", inputs=(dataset("raw"),)), run("task", state=State.FAIL))
        assert (story.told[-1].type, story.last("task").run.inputs) == (EventType.FAIL, (dataset("raw"),))


class TestTheEndWaits:
    def test_for_as_many_as_the_run_says(self, story):
        story.hear(start("task"), io("one", "task", inputs=(dataset("a"),)))
        assert story.hear(run("task", io_spans=2)) == []
        assert story.hear(io("two", "task", inputs=(dataset("b"),))) == ["COMPLETE task"]
        assert story.last("task").run.inputs == (dataset("a"), dataset("b"))
        assert story.records.next_due() is None

    def test_no_longer_than_for_a_parent(self, story):
        story.hear(start("task"))
        assert story.hear(run("task", io_spans=2)) == []
        assert story.wait(WAIT - 1) == []
        assert story.wait(1) == ["COMPLETE task"]
        assert "2 spans inside" in story.last("task").run.omissions[-1].reason
        assert story.assembler.counts["io_missing"] == 2
        assert story.records.next_due() is None

    def test_not_offline_at_the_end_of_the_input(self, story):
        story.hear(start("task"), run("task", io_spans=2))
        assert story.drain() == ["COMPLETE task"]

    def test_children_do_not_wait_with_it(self, story):
        story.hear(run("task", io_spans=1))
        assert story.hear(run("inner", "task")) == ["START inner < task", "COMPLETE inner < task"]


class TestWhatIsTold:
    def end(self, *said, **ran) -> object:
        story = Story()
        story.hear(start("task"), *said, run("task", **ran))
        return story.last("task").run

    def test_a_table_of_a_catalog_is_what_is_written_to_its_place(self):
        link = {"namespace": "http://catalog", "name": "db.t", "type": "TABLE"}
        asset = {"namespace": "dagster://prod", "name": "t", "type": "ASSET"}
        said = Dataset("http://catalog", "db.t", {"symlinks": [asset], "row_count": 3})
        found = Dataset("s3://lake", "db/t", {"symlinks": [link], "version": "7"})
        (written,) = self.end(io("commit", "task", outputs=(found,)), outputs=(said,)).outputs
        assert (written.namespace, written.name) == ("s3://lake", "db/t")
        assert written.values == {"symlinks": [asset, link], "row_count": 3, "version": "7"}

    def test_what_the_run_knows_by_two_names_keeps_the_first(self):
        link = {"namespace": "file", "name": "/srv/t.csv", "type": "LOCATION"}
        said = Dataset("postgres://db", "shop.public.t", {"symlinks": [link]})
        read = self.end(io("scan", "task", inputs=(Dataset("file", "/srv/t.csv"),)), inputs=(said,)).inputs
        assert read == (said,)

    def test_counts_of_one_dataset_add_up(self):
        told = self.end(
            *(
                io(f"c{n}", "task", outputs=(dataset("t", row_count=n, symlinks=[{"name": str(n)}]),))
                for n in (3, 4)
            )
        )
        assert told.outputs == (dataset("t", row_count=7, symlinks=[{"name": "3"}, {"name": "4"}]),)

    def test_the_run_wins_but_for_what_the_io_knows_better(self):
        told = self.end(
            io("c", "task", outputs=(dataset("t", row_count=3, version="snapshot", bytes=9),)),
            outputs=(dataset("t", row_count=5, version="hash"),),
        )
        assert told.outputs[0].values == {"row_count": 5, "version": "snapshot", "bytes": 9}

    def test_one_logical_name_and_one_dataset_written_are_the_same(self):
        asset = Dataset("dagster://default", "a/b", {"logical": True, "documentation": "the asset"})
        told = self.end(io("c", "task", outputs=(dataset("t"),)), outputs=(asset,))
        link = {"namespace": "dagster://default", "name": "a/b", "type": "ASSET"}
        assert told.outputs == (dataset("t", documentation="the asset", symlinks=[link]),)

    def test_two_datasets_written_leave_a_logical_name_as_it_is(self):
        asset = Dataset("dagster://default", "a/b", {"logical": True})
        told = self.end(io("c", "task", outputs=(dataset("t"), dataset("u"))), outputs=(asset,))
        assert told.outputs == (Dataset("dagster://default", "a/b"), dataset("t"), dataset("u"))

    def test_a_start_does_not_tell_a_logical_output(self):
        story = Story()
        asset = Dataset("dagster://default", "a/b", {"logical": True})
        story.hear(start("task", inputs=(asset,), outputs=(asset, dataset("t"))))
        assert story.told[0].run.outputs == (dataset("t"),)
        assert story.told[0].run.inputs == (Dataset("dagster://default", "a/b"),)

    def test_no_more_datasets_than_the_limit(self):
        objects = tuple(dataset(f"o{n}") for n in range(MOST_DATASETS + 5))
        told = self.end(io("c", "task", inputs=objects), io("d", "task", inputs=objects[:3]))
        assert told.inputs == objects[:MOST_DATASETS]
        assert told.omissions[-1].path == "datasets"
        assert told.omissions[-1].reason.startswith("5 times")

    def test_each_statement_once_and_no_more_than_the_limit(self):
        texts = [f"select {n}" for n in range(MOST_STATEMENTS + 5)]
        told = self.end(
            *(
                io(f"q{n}", "task", statements=(statement(text),))
                for n, text in enumerate([*texts, *texts[:9]])
            )
        )
        assert [s["sql"] for s in told.job_values["statements"]] == texts[:MOST_STATEMENTS]
        assert told.omissions[-1].path == "statements"


@given(st.permutations(["start", "end", "a", "b", "hop"]), st.booleans())
@settings(max_examples=120, deadline=None)
def test_in_any_order_within_the_wait_the_terminal_event_is_the_same(order, with_start):
    story = Story()
    said = {
        "start": start("task"),
        "end": run("task", io_spans=2),
        "a": io("a", "hop", inputs=(dataset("x", row_count=1),)),
        "b": io(
            "b", enclosing=ref("task").run_id, inputs=(dataset("x", row_count=2),), outputs=(dataset("y"),)
        ),
        "hop": plain("hop", "task"),
    }
    for name in order:
        if with_start or name != "start":
            story.hear(said[name], after_s=WAIT / 100)
    assert [t.type for t in story.told] == [EventType.START, EventType.COMPLETE]
    told = story.last("task").run
    assert (told.inputs, told.outputs) == ((dataset("x", row_count=3),), (dataset("y"),))
    assert story.records.next_due() is None


def test_every_loss_ends_in_a_terminal_event_and_no_record_is_due():
    for lost in itertools.product([False, True], repeat=4):
        story = Story()
        said = [plain("hop", "task"), io("a", "hop", inputs=(dataset("x"),)), io("b", "task"), start("task")]
        for observed, is_lost in zip(said, lost, strict=True):
            if not is_lost:
                story.hear(observed)
        story.hear(run("task", io_spans=2))
        story.wait(WAIT)
        story.wait(WAIT)
        assert story.told[-1].type is EventType.COMPLETE
        assert story.records.next_due() is None
