"""The converting process: reads accepted rows, writes events, one transaction a batch.

What can't be written is not lost: the batch is thrown away, the state is read again from disk, and the same
rows are converted again.
"""

import select
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import structlog
from msgspec.structs import replace

from otel_bridge.assemble import Record
from otel_bridge.journal import (
    AcceptedReader,
    AcceptedRow,
    Batch,
    EventLog,
    Failure,
    SqliteArtifacts,
    SqliteForeignRuns,
    SqliteRecords,
    Together,
    delivered_by_all,
)
from otel_bridge.journal.artifacts import MAX_BYTES
from otel_bridge.model import BridgeError, Event, JournalError, Kind, Unavailable
from otel_bridge.service.columns import ColumnStage
from otel_bridge.service.conversion import Conversion, ConversionFailed
from otel_bridge.service.jumps import Jumps, mend_waits, move_waits
from otel_bridge.settings import Settings

BATCH_ROWS = 500
ARTIFACT_ROWS = 4
"""Of dbt's artifacts in one batch: each may hold 4 MiB before compression."""
POLL_S = 0.02
TROUBLE_PAUSE_S = 1.0
PRUNE_EVERY_S = 5.0
PRUNE_EVERY_WHEN_FULL_S = 0.5
POSTPONED_S = 3600.0
WARN_EVERY_S = 60.0
STOP_WITHIN_S = 5.0

log = structlog.get_logger()


class Converter:
    """The open files and the assembler's state; thrown away and made again after trouble with the disk."""

    def __init__(self, settings: Settings) -> None:
        self._directory = Path(settings.data_dir)
        self._settings = settings
        self._log = EventLog.open(self._directory, settings.journal)
        self._records = SqliteRecords(self._log)
        self._foreign_runs = SqliteForeignRuns(self._log)
        self._artifacts = SqliteArtifacts(self._log)
        self._tables = Together([self._records, self._foreign_runs, self._artifacts])
        self._columns = ColumnStage.of_settings(settings.column_lineage)
        self._conversion = Conversion(
            settings, self._records, self._foreign_runs, self._columns, self._artifacts
        )
        self._accepted = AcceptedReader(self._directory)
        self._counted: Counter[str] = Counter()
        self._pruned_s = float("-inf")
        self._warned_s = float("-inf")

    def clock_was_set(self, jumped_ns: int, now_ns: int) -> None:
        """Move what waits with the clock; `jumped_ns` 0 is a start, when it may have been set back before.

        Raises:
            Unavailable: nothing was moved, and this object is of no further use.
        """
        if jumped_ns:
            log.warning("the clock was set; what waits is moved with it", by_s=round(jumped_ns / 1e9, 1))
            move_waits(self._records, jumped_ns)
        elif moved := mend_waits(self._records, now_ns):
            log.warning("the clock was set back; what waits is moved with it", runs=moved)
        self._log.commit(Batch(), self._tables, now_ns)

    def step(self, now_ns: int) -> bool:
        """Convert one batch; False if there was nothing to do.

        Raises:
            JournalError, Unavailable: the batch could not be written and this object is of no further use.
        """
        self._prune(now_ns)
        if self._stands_still():
            return False
        again = self._accepted.read_seqs(self._log.claim_again(BATCH_ROWS))
        rows = _few(self._accepted.read(self._log.cursor, BATCH_ROWS))
        try:
            return self._convert(again, rows, now_ns)
        except ConversionFailed:
            self._discard()
            self._one_by_one(again, rows, now_ns)
            self._overdue_one_by_one(self._known_up_to((), now_ns), now_ns)
            return True

    def close(self) -> None:
        """Close the files, and end the process that analyses statements."""
        if self._columns is not None:
            self._columns.close()
        self._accepted.close()
        self._log.close()

    def _convert(
        self, again: Sequence[AcceptedRow], rows: Sequence[AcceptedRow], now_ns: int, tick: bool = True
    ) -> bool:
        fed = (*self._worth_converting(again), *rows)
        events = [e for row in fed for e in self._conversion.feed(row.kind, row.payload, now_ns)]
        events += self._conversion.tick(self._known_up_to(rows, now_ns)) if tick else []
        return self._commit(events, again, rows, now_ns)

    def _known_up_to(self, rows: Sequence[AcceptedRow], now_ns: int) -> int:
        """Where conversion lags, what ends a wait in time may be among the rows that were not read yet."""
        unread_ns = self._accepted.received_after(rows[-1].seq if rows else self._log.cursor)
        return now_ns if unread_ns is None else min(now_ns, unread_ns)

    def _worth_converting(self, again: Sequence[AcceptedRow]) -> list[AcceptedRow]:
        """An event of another producer is in the log already, unless its conversion failed: no second copy of it."""
        failed = self._log.failed_among([row.seq for row in again if row.kind is Kind.EVENT])
        return [row for row in again if row.kind is not Kind.EVENT or row.seq in failed]

    def _commit(
        self, events: list[Event], again: Sequence[AcceptedRow], rows: Sequence[AcceptedRow], now_ns: int
    ) -> bool:
        """Write it; whatever can't be stored although the disk is well is a failed conversion too."""
        cursor = rows[-1].seq if rows else self._log.cursor
        repeated = [row.seq for row in again]
        batch = Batch(
            events=events,
            unusable=self._conversion.take_unusable(),
            converted=len(rows),
            cursor=cursor,
            again=repeated,
            counts=self._news(),
        )
        try:
            return self._log.commit(batch, self._tables, now_ns)
        except BridgeError:
            raise
        except Exception:  # noqa: BLE001 - no single span may stop the others
            raise ConversionFailed(traceback.format_exc()) from None

    def _one_by_one(self, again: Sequence[AcceptedRow], rows: Sequence[AcceptedRow], now_ns: int) -> None:
        """A row fails: each gets a transaction of its own, so that half of its work is nowhere left behind."""
        for row in (*again, *rows):
            known = row.seq <= self._log.cursor
            try:
                self._convert([row] if known else [], [] if known else [row], now_ns, tick=False)
            except ConversionFailed as error:
                self._discard()
                self._fail(row, error, now_ns)

    def _overdue_one_by_one(self, upto_ns: int, now_ns: int) -> None:
        """Runs whose wait is over, each in a transaction of its own; one that fails is looked at in an hour."""
        while (due_ns := self._records.next_due()) is not None and due_ns <= upto_ns:
            try:
                self._commit(self._conversion.tick(due_ns), [], [], now_ns)
            except ConversionFailed as error:
                self._discard()
                self._postpone(due_ns, error, now_ns)

    def _postpone(self, due_ns: int, error: ConversionFailed, now_ns: int) -> None:
        """Several that are due at the same instant are set a nanosecond apart first, to find the one that fails."""
        records = list(self._records.due(due_ns))
        if len(records) > 1:
            for number, record in enumerate(records):
                self._records.put(_postponed(record, due_ns + number))
            self._log.commit(Batch(), self._tables, now_ns)
            return
        for record in records:
            log.error(
                "an overdue run could not be converted; it is tried again in an hour",
                trace_id=record.trace_id, span_id=record.span_id, traceback=str(error),
            )  # fmt: skip
            self._records.put(_postponed(record, now_ns + int(POSTPONED_S * 1e9)))
        self._log.commit(Batch(counts={"assembly:overdue_failed": 1}), self._tables, now_ns)

    def _fail(self, row: AcceptedRow, error: ConversionFailed, now_ns: int) -> None:
        log.error("a span could not be converted; it is kept", seq=row.seq, traceback=str(error))
        repeated = [row.seq] if row.seq <= self._log.cursor else []
        failure = Failure(row.seq, "conversion_error", str(error).encode("utf-8", "replace").decode())
        cursor = max(row.seq, self._log.cursor)
        self._log.commit(Batch(failures=[failure], cursor=cursor, again=repeated), self._tables, now_ns)

    def _discard(self) -> None:
        self._records.discard()
        self._foreign_runs.discard()
        self._artifacts.discard()
        self._conversion.take_unusable()
        self._counted = self._counts()

    def _counts(self) -> Counter[str]:
        """What the assembler and column lineage counted since the start, as the journal calls it."""
        counts = Counter({f"assembly:{name}": n for name, n in self._conversion.counts.items()})
        counts.update({f"columns:{name}": n for name, n in self._conversion.column_counts.items()})
        return counts

    def _news(self) -> dict[str, int]:
        """What was counted since the last batch."""
        now = self._counts()
        news = now - self._counted
        self._counted = now
        return news

    def _prune(self, now_ns: int) -> None:
        every_s = PRUNE_EVERY_WHEN_FULL_S if self._log.full else PRUNE_EVERY_S
        if time.monotonic() - self._pruned_s >= every_s:
            self._pruned_s = time.monotonic()
            names = [d.name for d in self._settings.destinations]
            self._log.prune(delivered_by_all(self._directory, names), now_ns)
            kept_ns = now_ns - int(self._settings.dbt.keep_artifacts * 1e9)
            self._artifacts.prune(kept_ns, min(MAX_BYTES, self._settings.journal.max_events // 4))
            self._log.forget_names(now_ns - int(self._settings.identity.keep * 1e9))

    def _stands_still(self) -> bool:
        """At the limit spans wait in `accepted.db`, which in its turn refuses when it is full."""
        if self._log.full and time.monotonic() - self._warned_s >= WARN_EVERY_S:
            self._warned_s = time.monotonic()
            log.warning("conversion stands still: events are at journal.max_events and destinations lag")
        return self._log.full


def _few(rows: list[AcceptedRow]) -> list[AcceptedRow]:
    """So many that what artifacts among them say, which is compressed, fits into memory."""
    artifacts = [place for place, row in enumerate(rows, 1) if row.kind is Kind.ARTIFACT]
    return rows[: artifacts[ARTIFACT_ROWS - 1]] if len(artifacts) >= ARTIFACT_ROWS else rows


def _postponed(record: Record, until_ns: int) -> Record:
    if record.waits_until_ns is None and record.io_until_ns is not None:
        return replace(record, io_until_ns=until_ns)
    if record.waits_until_ns is None:
        return replace(record, lost_at_ns=until_ns)
    return replace(
        record,
        until_ns=None if record.until_ns is None else until_ns,
        awaits_until_ns=None if record.awaits_until_ns is None else until_ns,
    )


def run(settings: Settings, stdin: BinaryIO, ready: Callable[..., None]) -> None:
    """Convert until stdin ends, then what is left, within 5 s."""
    jumps, not_moved_ns = Jumps(), 0
    converter: Converter | None = _opened(settings, time.time_ns())
    ready()
    stop_at: float | None = None
    while stop_at is None or time.monotonic() < stop_at:
        now_ns, jumped_ns = jumps.look()
        not_moved_ns += jumped_ns
        try:
            if converter is None:
                converter, not_moved_ns = _opened(settings, now_ns), max(not_moved_ns, 0)
            if not_moved_ns:
                converter.clock_was_set(not_moved_ns, now_ns)
                not_moved_ns = 0
            worked = converter.step(now_ns)
        except (JournalError, Unavailable, OSError) as error:
            log.error("events could not be written; trying again", error=str(error), after_s=TROUBLE_PAUSE_S)
            if converter:
                converter.close()
            converter, worked = None, False
            if stop_at is not None:
                return
        if stop_at is not None and not worked:
            break
        if stop_at is None and _ended(stdin, 0 if worked else (POLL_S if converter else TROUBLE_PAUSE_S)):
            stop_at = time.monotonic() + STOP_WITHIN_S
    if converter:
        converter.close()


def _opened(settings: Settings, now_ns: int) -> Converter:
    """A converter whose waits fit the clock, also if it was set back meanwhile."""
    converter = Converter(settings)
    try:
        converter.clock_was_set(0, now_ns)
    except BaseException:
        converter.close()
        raise
    return converter


def _ended(stdin: BinaryIO, wait_s: float) -> bool:
    """Whether the parent closed our stdin, looked at for `wait_s` seconds."""
    readable: Iterable[object] = select.select([stdin], [], [], wait_s)[0]
    return any(True for _ in readable) and stdin.read(65536) == b""
