"""The client of the analysing process: whatever becomes of that, a statement costs no more than its own answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_bridge.service.columns import Analyst
from otel_bridge.settings import ColumnLineage, Duration, Size
from otel_bridge.sql import Column, Statement, Table

STANDIN = (sys.executable, str(Path(__file__).with_name("standin_analysis.py")))
QUICK = ColumnLineage(time_limit=Duration(0.3))


@pytest.fixture
def analyst() -> Iterator[Analyst]:
    found = Analyst(ColumnLineage(), STANDIN)
    yield found
    found.close()


@pytest.fixture
def impatient() -> Iterator[Analyst]:
    found = Analyst(QUICK, STANDIN)
    yield found
    found.close()


def test_nothing_runs_until_there_is_a_statement(analyst: Analyst) -> None:
    assert analyst.pid is None
    answer = analyst.analyse(Statement("select 1"))
    assert (answer.told, answer.analysis.reads) == ("analysed", (("select 1",),))
    assert analyst.pid is not None


def test_the_same_question_is_asked_once(analyst: Analyst) -> None:
    one = Statement("select 1", tables=(Table(("a",), (Column("x"),)),))
    other = Statement("select 1", tables=(Table(("a",), (Column("y"),)),))
    told = [analyst.analyse(statement).told for statement in (one, one, other, one)]
    assert told == ["analysed", "remembered", "analysed", "remembered"]
    assert analyst.analyse(one).analysis == analyst.analyse(other).analysis


def test_old_answers_make_room() -> None:
    analyst = Analyst(ColumnLineage(), STANDIN, remembered=500)
    try:
        for number in range(5):
            analyst.analyse(Statement(f"select {number}"))
        assert analyst.analyse(Statement("select 4")).told == "remembered"
        assert analyst.analyse(Statement("select 0")).told == "analysed"
    finally:
        analyst.close()


@pytest.mark.parametrize("word", ["sleep", "spin"])
def test_a_statement_that_takes_for_ever_is_asked_once(impatient: Analyst, word: str) -> None:
    impatient.analyse(Statement("select 1"))
    first = impatient.pid
    slow = impatient.analyse(Statement(word))
    assert slow.told == "too_slow"
    assert "column_lineage.time_limit (0.3 s)" in slow.analysis.failure
    assert gone(first)
    assert impatient.analyse(Statement(word)).told == "remembered"
    assert impatient.analyse(Statement("select 2")).told == "analysed"


def test_a_process_that_was_stopped_is_no_different(impatient: Analyst) -> None:
    impatient.analyse(Statement("select 1"))
    os.kill(impatient.pid, signal.SIGSTOP)
    assert impatient.analyse(Statement("select '" + "x" * 500_000 + "'")).told == "too_slow"
    assert impatient.analyse(Statement("select 2")).told == "analysed"


def test_a_process_that_was_killed_is_started_again(analyst: Analyst) -> None:
    analyst.analyse(Statement("select 1"))
    os.kill(analyst.pid, signal.SIGKILL)
    assert analyst.analyse(Statement("select 2")).told == "analysed"


def test_a_crash_is_tried_once_more(analyst: Analyst, tmp_path: Path) -> None:
    assert analyst.analyse(Statement(f"die-once {tmp_path / 'was'}")).told == "analysed"
    crashed = analyst.analyse(Statement("die"))
    assert (crashed.told, crashed.analysis.reads) == ("crashed", ())
    assert analyst.analyse(Statement("die")).told == "remembered"
    assert analyst.analyse(Statement("select 1")).told == "analysed"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("raise password=hunter2", "the statement could not be analysed (ValueError)"),
        ("nest", "the statement is nested too deeply"),
        ("fill", "the analysis of the statement needs too much memory"),
    ],
)
def test_what_goes_wrong_is_told_without_the_statement(analyst: Analyst, sql: str, reason: str) -> None:
    answer = analyst.analyse(Statement(sql))
    assert (answer.told, answer.analysis.failure) == ("failed", reason)
    assert analyst.analyse(Statement("select 1")).told == "analysed"


def test_what_it_prints_is_seen_by_nobody(analyst: Analyst, capfd: pytest.CaptureFixture[str]) -> None:
    assert analyst.analyse(Statement("print hunter2")).told == "analysed"
    assert capfd.readouterr() == ("", "")


def test_a_statement_that_is_too_long_is_not_asked() -> None:
    analyst = Analyst(ColumnLineage(max_statement=Size(10)), STANDIN)
    answer = analyst.analyse(Statement("select 'é, è, ê'"))
    assert (answer.told, analyst.pid) == ("too_long", None)
    assert "column_lineage.max_statement (10 bytes)" in answer.analysis.failure


def test_text_that_is_no_unicode_is_told(analyst: Analyst) -> None:
    assert "Unicode" in analyst.analyse(Statement("select '\ud800'")).analysis.failure


def test_a_large_statement_passes(analyst: Analyst) -> None:
    assert analyst.analyse(Statement("select '" + "x" * 1_000_000 + "'")).told == "analysed"


def test_a_process_that_does_not_start_is_not_tried_at_each_statement() -> None:
    now_s = [0.0]
    analyst = Analyst(ColumnLineage(), (sys.executable, "-c", "raise SystemExit(1)"), lambda: now_s[0])
    assert analyst.analyse(Statement("select 1")).told == "not_running"
    analyst._command = STANDIN
    assert analyst.analyse(Statement("select 1")).told == "not_running"
    now_s[0] += 61
    try:
        assert analyst.analyse(Statement("select 1")).told == "analysed"
    finally:
        analyst.close()


def test_it_ends_when_it_has_nothing_to_do() -> None:
    analyst = Analyst(ColumnLineage(), (*STANDIN, "--restless"))
    assert analyst.analyse(Statement("select 1")).told == "analysed"
    end = time.monotonic() + 10
    while not gone(analyst.pid):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert analyst.analyse(Statement("select 2")).told == "analysed"
    analyst.close()


PARENT = """
import sys, time
from otel_bridge.service.columns import Analyst
from otel_bridge.settings import ColumnLineage
from otel_bridge.sql import Statement
analyst = Analyst(ColumnLineage(), sys.argv[1:])
print(analyst.analyse(Statement("pid")).analysis.reads[0][0], flush=True)
analyst.analyse(Statement("spin"))
"""


def test_it_ends_with_its_parent_also_in_the_middle_of_a_statement() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *STANDIN], stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
