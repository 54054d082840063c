"""The parts of chaos that decide and report: the schedule, the page, the faults."""

import json
import os
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path

from chaos.accounts import disagreements, repetitions, unsound
from chaos.far import FileFar, HttpFar, Window, windows
from chaos.kills import doing
from chaos.plan import Expected, Plan, Sending
from chaos.report import Section, keep, kept, page
from chaos.schedule import schedule
from chaos.sender import Line, read_ledger
from chaos.verify import Findings

ALL = ("kill", "down", "file", "fill", "limit", "clock")


def test_the_same_seed_gives_the_same_schedule() -> None:
    first, again, other = (schedule(seed, 1000, 24, ALL, ["a", "b"]) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_schedule_has_every_kill_within_the_requests_and_ends_what_it_begins() -> None:
    actions = schedule(7, 1000, 24, ALL, ["a", "b"])
    kills = [action for action in actions if action.kind == "kill"]
    assert len(kills) == 24
    assert {kill.target for kill in kills} == {"receive", "convert", "deliver", "all"}
    assert {kill.detail for kill in kills} == {"in a commit", "at random", "while it starts"}
    assert all(0 <= action.at <= 1000 for action in actions)
    for name in ("a", "b"):
        found = [a.kind for a in actions if a.target == name]
        assert (found.count("down"), found.count("up"), found[0], found[-1]) == (2, 2, "down", "up")


def test_families_that_are_not_wanted_do_not_happen() -> None:
    assert {action.kind for action in schedule(7, 100, 5, ("kill",), ["a"])} == {"kill"}


def test_windows_do_not_overlap_and_repeat() -> None:
    found = windows("x", ("500", "hang"), 1000, 50)
    assert found == windows("x", ("500", "hang"), 1000, 50)
    assert all(a.first + a.length <= b.first for a, b in pairwise(found))
    assert len(found) > 5


def test_an_endpoint_fails_by_plan_and_logs_what_it_read(tmp_path: Path) -> None:
    far = HttpFar("far", tmp_path, [Window(2, 1, "500"), Window(3, 1, "half answer")])
    answers = []
    for number in range(4):
        try:
            with urllib.request.urlopen(far.sink.url, data=str(number).encode(), timeout=5) as answer:
                answers.append(answer.status)
        except urllib.error.HTTPError as error:
            answers.append(error.code)
            error.close()
        except OSError as error:
            answers.append(type(error).__name__)
    far.stop()
    assert (answers[0], answers[1], answers[3]) == (201, 500, 201)
    assert [(a.body, a.told) for a in far.arrivals()] == [
        (b"0", True),
        (b"1", False),
        (b"2", False),
        (b"3", True),
    ]
    assert far.served == {"taken": 2, "500": 1, "half answer": 1}


def test_a_file_that_is_moved_is_read_in_order_without_its_torn_end(tmp_path: Path) -> None:
    far = FileFar("file", tmp_path / "events.ndjson")
    (tmp_path / "events.ndjson").write_bytes(b"1\n2\nto")
    far.down()
    assert (tmp_path / "events.ndjson").is_dir()
    far.up()
    (tmp_path / "events.ndjson").write_bytes(b"3\n")
    assert [arrival.body for arrival in far.arrivals()] == [b"1", b"2", b"3"]


def test_a_ledger_is_read_while_it_is_written() -> None:
    assert read_ledger(b'{"number":1,"outcome":"acked","answer":"200","began":1,"at":1.5}\n{"num') == [
        Line(1, "acked", "200", 1, 1.5)
    ]


def test_who_writes_nothing_is_in_no_commit() -> None:
    assert doing(os.getpid()) == ""
    assert doing(2**22 + 1) == ""


def health() -> dict:
    received = {"total": 6, "not_lineage": 1, "duplicate": 2, "rejected": {}, "accepted": 3}
    conversion = {"accepted": 3, "converted": 3, "failed": 0, "waiting": 0}
    destination = {"name": "d", "events": 4, "delivered": 4}
    return {
        "received": received, "conversion": conversion, "destinations": [destination], "accepting": True, "reason": "",
    }  # fmt: skip


def test_sums_that_do_not_add_up_are_found() -> None:
    assert unsound(health()) == []
    for path, value in (
        (("received", "total"), 7),
        (("received", "rejected"), {"bad id": 1}),
        (("conversion", "waiting"), 1),
        (("conversion", "converted"), 2),
        (("destinations", 0, "delivered"), 3),
        (("accepting",), False),
    ):
        spoilt = json.loads(json.dumps(health()))
        at = spoilt
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        assert unsound(spoilt), path


def test_what_the_bridge_counts_otherwise_is_found() -> None:
    findings = Findings(distinct={"d": 4})
    assert list(disagreements(findings, 2, health())) == []
    assert "/health knows of 2" in next(disagreements(findings, 3, health()))
    assert "3 arrived" in next(disagreements(Findings(distinct={"d": 3}), 2, health()))


def test_repetitions_are_those_acknowledged_after_an_acknowledgement() -> None:
    run = Expected(run_id="r", job="j", end="COMPLETE", sendings=(0, 1), starts=(2,))
    sent = [Sending(n, "http", "traces", b"", 1, again=again) for n, again in enumerate((-1, -1, -1, 0, 2))]
    plan = Plan(sent, {"r": run}, 0, 1)
    lines = [Line(number, "acked", "200", 0, 1) for number in range(5)]
    assert repetitions(plan, lines) == 3
    assert repetitions(plan, lines[1:]) == 2
    assert repetitions(plan, [*lines[:2], Line(4, "retry", "503", 0, 1)]) == 1


def test_the_page_holds_the_last_result_of_every_part(tmp_path: Path) -> None:
    keep("b", Section(title="Second", order=2, rows=[("runs", "1")]), tmp_path)
    keep("a", Section(title="First", order=1, text="Said."), tmp_path)
    keep("b", Section(title="Second", order=2, rows=[("runs", "2")], after="End."), tmp_path)
    written = page(kept(tmp_path))
    assert written.index("## First\n\nSaid.") < written.index("## Second")
    assert "| runs | 2 |" in written
    assert "| runs | 1 |" not in written
    assert written.endswith("End.\n")
