"""Column lineage as a stage of conversion: asks the analysing process, remembers its answers, counts.

A statement costs at most the time limit once, and then only its own column lineage: the process is killed and another
one started for the next statement.
"""

import hashlib
import os
import select
import subprocess
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Literal, Self

import msgspec
import structlog

from otel_bridge.assemble.io import with_written
from otel_bridge.journal import counted_as
from otel_bridge.model import JobDescribed, Run, RunChanged, Transition
from otel_bridge.model.runs import EventType
from otel_bridge.openlineage.secrets import mask_sql
from otel_bridge.settings import ColumnLineage
from otel_bridge.sql import Analysis, Statement
from otel_bridge.sql.answers import Coverage, S, answered, unanswerable, with_coverage
from otel_bridge.sql.questions import question
from otel_bridge.sql.statements import STATEMENTS, executed, omissions, session_of, told, without
from otel_bridge.sql.worker import DEFECT, LENGTH, Outcome

COMMAND: Final = (sys.executable, "-m", "otel_bridge.sql.worker")
START_WITHIN_S: Final = 30.0
PAUSE_S: Final = 60.0
"""How long no process is started after one that did not come up."""
REMEMBERED: Final = 64 * 1024**2
"""Bytes of answers that are kept, the latest used ones."""
ENTRY: Final = 200
"""Bytes that an answer takes beside its own."""
ATTEMPTS: Final = 2
TOGETHER: Final = 6
"""Times the limit for one statement that all statements of a run may take."""

NOT_RUNNING: Final = "the process that analyses statements can't be started; see the bridge's log"
OVERTIME: Final = "the analysis of the run's statements takes too long; see column_lineage.time_limit"
CRASHED: Final = "the process that analyses statements ended over the statement"

Told = Literal["analysed", "remembered", "failed", "too_slow", "too_long", "crashed", "not_running"]

log = structlog.get_logger()


class Answer(msgspec.Struct, frozen=True):
    """An analysis, how it was come by, and the processor time that it took now."""

    analysis: Analysis
    told: Told
    cpu_ns: int = 0


class _Ended(Exception):
    """The analysing process is gone."""


class _TooSlow(Exception):
    """It did not answer in time."""


class Analyst:
    """Answers about statements, from memory or from a process of its own. Used by one thread.

    `command` is what is started, with the pid of this process as last argument.
    """

    def __init__(
        self,
        settings: ColumnLineage,
        command: Sequence[str] = COMMAND,
        clock: Callable[[], float] = time.monotonic,
        remembered: int = REMEMBERED,
    ) -> None:
        self._settings = settings
        self._command = command
        self._clock = clock
        self._room = remembered
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._process: _Process | None = None
        self._not_before_s = float("-inf")
        self._encode = msgspec.msgpack.Encoder().encode
        self._encode_answer = msgspec.msgpack.Encoder().encode
        self._decode_answer = msgspec.msgpack.Decoder(Analysis).decode
        self._decode = msgspec.msgpack.Decoder(Outcome).decode

    def analyse(self, statement: Statement) -> Answer:
        """What the statement says; a failure with its reason where that can't be told."""
        most = self._settings.max_statement
        if len(statement.sql) > most or len(statement.sql.encode("utf-8", "replace")) > most:
            return _failed(
                f"the statement is longer than column_lineage.max_statement ({int(most)} bytes)", "too_long"
            )
        try:
            question = self._encode(statement)
        except UnicodeEncodeError:
            return _failed("the statement is not Unicode text", "failed")
        key = hashlib.blake2b(question, digest_size=16).digest()
        known = self._answers.get(key)
        if known is not None:
            self._answers.move_to_end(key)
            return Answer(self._decode_answer(known), "remembered")
        answer = self._asked(question)
        if answer.told != "not_running":
            self._remember(key, self._encode_answer(answer.analysis))
        return answer

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one at the moment."""
        return self._process.pid if self._process else None

    @property
    def most_ns(self) -> int:
        """How long the statements of one run may take together."""
        return round(TOGETHER * float(self._settings.time_limit) * 1e9)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _asked(self, question: bytes) -> Answer:
        """One crash may be the machine's fault, a second one is the statement's."""
        limit_s = float(self._settings.time_limit)
        for _ in range(ATTEMPTS):
            process = self._running()
            if process is None:
                return _failed(NOT_RUNNING, "not_running")
            try:
                outcome = self._decode(process.ask(question, self._clock() + limit_s))
            except _TooSlow:
                self.close()
                reason = f"the analysis of the statement takes longer than column_lineage.time_limit ({limit_s:g} s)"
                return _failed(reason, "too_slow", round(limit_s * 1e9))
            except (_Ended, msgspec.DecodeError):
                self.close()
                continue
            return Answer(
                outcome.analysis, "failed" if outcome.analysis.failure else "analysed", outcome.cpu_ns
            )
        return _failed(CRASHED, "crashed")

    def _running(self) -> "_Process | None":
        if self._process is not None and self._process.ended:
            self.close()
        if self._process is None and self._clock() >= self._not_before_s:
            try:
                self._process = _Process((*self._command, str(os.getpid())), self._clock)
            except (OSError, _Ended, _TooSlow) as error:
                self._not_before_s = self._clock() + PAUSE_S
                log.error(
                    "the process that analyses statements did not start; until it does runs have no column lineage "
                    "from SQL. Is sqlglot installed?",
                    error=str(error) or type(error).__name__, again_after_s=PAUSE_S,
                )  # fmt: skip
        return self._process

    def _remember(self, key: bytes, answer: bytes) -> None:
        self._answers[key] = answer
        self._room -= len(answer) + ENTRY
        while self._room < 0 and self._answers:
            self._room += len(self._answers.popitem(last=False)[1]) + ENTRY


class _Process:
    """The analysing process and its pipes, which never make us wait longer than we want to."""

    def __init__(self, command: Sequence[str], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)
        try:
            self._read(clock() + START_WITHIN_S)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def ended(self) -> bool:
        return self._child.poll() is not None

    def ask(self, question: bytes, until_s: float) -> bytes:
        """The answer to a question."""
        self._write(LENGTH.pack(len(question)) + question, until_s)
        return self._read(until_s)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _write(self, payload: bytes, until_s: float) -> None:
        left = memoryview(payload)
        while left:
            self._wait([], [self._to], until_s)
            try:
                left = left[os.write(self._to, left) :]
            except BlockingIOError:
                continue
            except OSError:
                raise _Ended from None

    def _read(self, until_s: float) -> bytes:
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size, until_s))
        return self._exactly(length, until_s)

    def _exactly(self, size: int, until_s: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            self._wait([self._from], [], until_s)
            piece = os.read(self._from, size - len(found))
            if not piece:
                raise _Ended
            found += piece
        return bytes(found)

    def _wait(self, readable: list[int], writable: list[int], until_s: float) -> None:
        left_s = until_s - self._clock()
        if left_s <= 0 or not any(select.select(readable, writable, [], left_s)):
            raise _TooSlow


class ColumnStage:
    """Gives runs that end, and jobs, the column lineage that their SQL tells. `counts` is what it came to.

    Its names are `runs`, `columns`, `resolved`, `cpu_us`, `statement:<how it was answered>` and `gap:<reason>`.
    """

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst
        self.counts: Counter[str] = Counter()

    @classmethod
    def of_settings(cls, settings: ColumnLineage) -> Self | None:
        """As configured; None where statements are not analysed."""
        return cls(Analyst(settings)) if settings.enabled else None

    def close(self) -> None:
        """End the analysing process."""
        self._analyst.close()

    def of(self, transition: Transition) -> Transition:
        """The transition with column lineage, if there is a statement."""
        if isinstance(transition, JobDescribed):
            return self._told(transition)
        if isinstance(transition, RunChanged) and transition.type is not EventType.START:
            run = self._told(transition.run)
            run = self._with_statements(run) if STATEMENTS in run.job_values else run
            return msgspec.structs.replace(transition, run=run)
        return transition

    def _with_statements(self, run: Run) -> Run:
        """Whatever a sequence of statements does to us, the run has its end."""
        try:
            return self._executed(run)
        except Exception as error:
            log.exception("the statements of a run can't be told; report it", run=run.run_id)
            reason = f"{DEFECT} ({type(error).__name__})"
            return msgspec.structs.replace(
                without(run), omissions=(*run.omissions, *omissions(Counter([reason])))
            )

    def _executed(self, run: Run) -> Run:
        """With what the statements of spans inside come to. All of them have a limit together."""
        given, run = executed(run), without(run)
        session, failures = session_of(run), Counter[str]()
        left_ns = self._analyst.most_ns
        for sql, place in given:
            if left_ns <= 0:
                failures[OVERTIME] += 1
                continue
            statement = session.asked(sql, place)
            answer = self._analyst.analyse(statement)
            left_ns -= answer.cpu_ns
            self.counts.update({f"statement:{answer.told}": 1, "cpu_us": answer.cpu_ns // 1000})
            if answer.analysis.failure:
                failures[answer.analysis.failure] += 1
            else:
                session.take(place, _discreet(statement, answer.analysis))
        listed = run.outputs
        run, coverage = told(run, session)
        run = with_written(run, listed)
        self._count(coverage)
        return msgspec.structs.replace(run, omissions=(*run.omissions, *omissions(failures)))

    def _told(self, said: S) -> S:
        asked = question(said)
        if asked is None:
            coverage = unanswerable(said)
            if coverage is not None:
                said = with_coverage(said, coverage)
                self._count(coverage)
            return said
        answer = self._analyst.analyse(asked.statement)
        self.counts.update({f"statement:{answer.told}": 1, "cpu_us": answer.cpu_ns // 1000})
        said, coverage = answered(said, asked, _discreet(asked.statement, answer.analysis))
        self._count(coverage)
        return said

    def _count(self, coverage: Coverage) -> None:
        runs = 1 if coverage.columns else 0
        self.counts.update({"runs": runs, "columns": coverage.columns, "resolved": coverage.resolved})
        for gap in coverage.gaps:
            self.counts[f"gap:{counted_as(gap.reason)}"] += gap.columns


def _discreet(statement: Statement, analysis: Analysis) -> Analysis:
    """Without the names in its reasons if the statement has secrets: in another dialect they may be names."""
    if not any(part.unresolved for part in analysis.columns) or mask_sql(statement.sql) == statement.sql:
        return analysis
    parts = tuple(
        msgspec.structs.replace(part, unresolved={c: counted_as(r) for c, r in part.unresolved.items()})
        for part in analysis.columns
    )
    return msgspec.structs.replace(analysis, columns=parts)


def _failed(reason: str, told: Told, cpu_ns: int = 0) -> Answer:
    return Answer(Analysis(failure=reason), told, cpu_ns)
