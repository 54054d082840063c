"""Transitions out of observations: a run starts once, after its parent, and ends once, whatever the order."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from otel_bridge.assemble import lost
from otel_bridge.assemble.io import Io, gathered, with_io, without_logical
from otel_bridge.assemble.merge import absorb, failure, once
from otel_bridge.assemble.parents import Above, above, circular, parentage
from otel_bridge.assemble.records import Record, Records
from otel_bridge.model import (
    DatasetDescribed,
    DatasetObserved,
    ErrorObserved,
    EventType,
    Heartbeat,
    IoObserved,
    JobDescribed,
    JobObserved,
    Known,
    Noted,
    Observation,
    Omission,
    Phase,
    Run,
    RunChanged,
    RunObserved,
    SpanRef,
    SpanSeen,
    State,
    Transition,
    Unusable,
    run_id_of,
)
from otel_bridge.settings import Runs

FOREVER = 2**63 - 1
ID_TAKEN = Omission(
    "openlineage.run.id", "a run of another job has this id; one derived from the span is used"
)

COUNTED = {
    "duplicate": "observations of runs that were known already, among them second terminal events",
    "parent_missing": "runs whose events have no parent because it was not known in time",
    "parent_late": "runs whose parent turned up after their START: it is not amended",
    "parent_start_late": "runs whose carried parent was heard of only after their START",
    "run_id_shared": "further spans with the run id of an earlier one and the same job: one run",
    "run_id_taken": "spans with the run id of a run of another job: the derived id is used",
    "io_late": "spans inside a run that say what it read or wrote, and came after its end: left out",
    "io_missing": "such spans that a run's end has waited for in vain (runs.parent_wait)",
    "io_without_run": "such spans that are inside no run: left out",
    "lost": "runs that fell silent after promising heartbeats",
    "late_sign": "heartbeats and exceptions of runs that were over",
}
"""Keys of `Assembler.counts`."""

TYPES = {
    State.COMPLETE: EventType.COMPLETE,
    State.FAIL: EventType.FAIL,
    State.ABORT: EventType.ABORT,
    State.SKIP: EventType.ABORT,
}


class Assembler:
    """Turns observations into transitions; all memory is in `records`.

    `now_ns` is the caller's clock in Unix ns, for waits and silence only. Events have the producers' times.
    `elsewhere` tells whether the START of a run that is not made of spans is in the log, `expected` whether what a
    run awaits may still come.
    """

    def __init__(
        self,
        records: Records,
        runs: Runs,
        elsewhere: Callable[[str], bool] = lambda _: False,
        expected: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._records = records
        self._elsewhere = elsewhere
        self._expected = expected
        self._runs = runs
        self._now_ns = 0
        self.counts: Counter[str] = Counter()

    def observe(self, observation: Observation, now_ns: int) -> list[Transition]:
        """What this observation brings about."""
        self._now_ns = now_ns
        match observation:
            case RunObserved():
                return self._run(observation)
            case SpanSeen() | IoObserved():
                return self._inside(observation)
            case Heartbeat() | ErrorObserved():
                return self._sign(observation)
            case DatasetObserved() | JobObserved():
                return [_described(observation)]
            case Known():
                return self._known(observation.key)
            case Unusable() | Noted():
                return []

    def started_elsewhere(self, run_id: str, now_ns: int) -> list[Transition]:
        """A run that is not made of spans has started: those that carry it as parent wait no longer."""
        self._now_ns = now_ns
        out: list[Transition] = []
        for record in self._each(sorted(self._records.waiting_for_run(run_id), key=_by_start)):
            self._settle(record, out)
        return out

    def tick(self, now_ns: int) -> list[Transition]:
        """What time brings about: waits that are over, runs that fell silent."""
        self._now_ns = now_ns
        out: list[Transition] = []
        for record in self._each(sorted(self._records.due(now_ns), key=_by_due)):
            if record.waits_until_ns is not None:
                self._wait_is_over(record, now_ns, out)
            elif record.io_until_ns is not None:
                self._settle(record, out, now_ns)
            elif record.lost_at_ns is not None and record.lost_at_ns <= now_ns:
                self._give_up(record, out)
        return out

    def drain(self) -> list[Transition]:
        """End every wait with what is known: nothing else will arrive. No run is given up."""
        out: list[Transition] = []
        for record in self._each(sorted(self._records.due(FOREVER), key=_by_due)):
            if record.waits_until_ns is not None:
                self._wait_is_over(record, FOREVER, out)
            elif record.io_until_ns is not None:
                self._settle(record, out, FOREVER)
        return out

    def _known(self, key: str) -> list[Transition]:
        """Runs that await this wait for it no longer."""
        out: list[Transition] = []
        for record in self._each(sorted(self._records.awaiting(key), key=_by_start)):
            record.awaits, record.awaits_until_ns = "", None
            self._settle(record, out)
        return out

    def _run(self, observed: RunObserved) -> list[Transition]:
        out: list[Transition] = []
        record = self._owner(observed, out)
        if record and record.run_id != observed.run_id and not record.run:
            observed = replace(observed, omissions=(*observed.omissions, ID_TAKEN))
        first = record is not None and record.run is None
        if record is None or not absorb(record, observed):
            self.counts["duplicate"] += 1
            return out
        if observed.phase is Phase.START:
            lost.heard(record, observed.started_ns, observed.heartbeat_s, self._now_ns, self._runs)
        else:
            record.lost_at_ns = None
        self._settle(record, out)
        if first:
            self._give_waiting(record.run_id, out)
        return out

    def _give_waiting(self, run_id: str, out: list[Transition]) -> None:
        """What spans inside said of this run, before it was heard of."""
        for waiting in self._each(sorted(self._records.waiting_for_run(run_id), key=_by_start)):
            if waiting.said is not None:
                self._settle(waiting, out)

    def _io(self, said: IoObserved) -> list[Transition]:
        """What a span inside a run says: kept with its slot until the run is found."""
        out: list[Transition] = []
        record = self._slot(said.span)
        if record.run_id or record.told or record.said:
            self.counts["duplicate"] += 1
            return out
        record.said = said
        self._settle(_plain(record, said.span, said.enclosing_run_id or ""), out)
        return out

    def _owner(self, observed: RunObserved, out: list[Transition]) -> Record | None:
        """The record of this run: that of its span, or of an earlier span with the same run id."""
        record = self._slot(observed.span)
        if record.run_id:
            return record
        for run_id in (observed.run_id, run_id_of(record.trace_id, record.span_id)):
            other = self._records.by_run(run_id)
            if other is None:
                record.run_id = run_id
                return record
            if other.job == observed.job:
                self.counts["run_id_shared"] += 1
                self._settle(_plain(record, observed.span, run_id), out)
                return self._records.by_run(run_id)
            self.counts["run_id_taken"] += 1
        return None

    def _inside(self, seen: SpanSeen | IoObserved) -> list[Transition]:
        return self._span(seen) if isinstance(seen, SpanSeen) else self._io(seen)

    def _span(self, seen: SpanSeen) -> list[Transition]:
        out: list[Transition] = []
        record = self._slot(seen.span)
        if not record.run_id and not record.said and (not record.seen or seen.enclosing_run_id):
            self._settle(_plain(record, seen.span, seen.enclosing_run_id or ""), out)
        return out

    def _sign(self, sign: Heartbeat | ErrorObserved) -> list[Transition]:
        return self._heartbeat(sign) if isinstance(sign, Heartbeat) else self._error(sign)

    def _heartbeat(self, beat: Heartbeat) -> list[Transition]:
        record = self._slot(beat.span)
        if record.ended_as or record.has_end:
            self.counts["late_sign"] += 1
        elif record.run_id or not record.seen:
            lost.heard(record, beat.at_ns, beat.interval_s, self._now_ns, self._runs)
            self._put(record)
        return []

    def _error(self, observed: ErrorObserved) -> list[Transition]:
        record = self._slot(observed.span)
        if record.finished:
            self.counts["late_sign"] += 1
        elif record.run_id or not record.seen:
            record.error = observed.error
            self._put(record)
        return []

    def _settle(self, first: Record, out: list[Transition], deadline_ns: int = 0) -> None:
        """Take this record as far as it goes, and with it those that wait for it.

        Waits of the first record that end by `deadline_ns` are over.
        """
        self._put(first)
        waiting = sorted(self._records.waiting(first.trace_id, first.span_id), key=_by_start)
        self._hear_inside(first, waiting)
        queue = deque([first, *waiting])
        while queue:
            record = self._latest(queue.popleft())
            overdue_ns = deadline_ns if _key(record) == _key(first) else 0
            if record.said is not None and (run := self._give(record, record.said, overdue_ns)):
                queue.append(run)
            started = self._advance(record, overdue_ns, out)
            self._put(record)
            if started:
                queue.extend(sorted(self._records.waiting_for_run(record.run_id), key=_by_start))

    def _hear_inside(self, run: Record, waiting: Iterable[Record]) -> None:
        """What spans inside a run said before it was known, before the run may end."""
        if not run.run_id or not run.has_end or run.start_sent:
            return
        each = {_key(record): record for record in (*waiting, *self._records.waiting_for_run(run.run_id))}
        for record in self._each(sorted(each.values(), key=_by_start)):
            if record.said is not None:
                self._give(record, record.said, 0)
                self._put(record)

    def _advance(self, record: Record, deadline_ns: int, out: list[Transition]) -> bool:
        """Send what can be sent for this record; True if that was its START."""
        if not record.run_id:
            return False
        starts = not record.start_sent
        if starts:
            found = above(record, self._records)
            if self._waits(record, found, deadline_ns):
                return False
            out.append(self._start(record, found))
        else:
            self._note_late_parent(record)
        if record.has_end and not record.finished and not self._lacks_io(record, deadline_ns):
            out.append(self._end(record))
        return starts

    def _give(self, record: Record, said: IoObserved, deadline_ns: int) -> Record | None:
        """Give what the span says to its run, if that is known; else wait for it, or give up.

        The run, if it has ended and may have waited for this.
        """
        found = self._around(record)
        run = found.record
        if run is not None and run.finished:
            self._resolve(record, "io_late")
        elif run is not None and run.run is not None:
            run.io = gathered(run.io or Io(), said)
            self._put(run)
            self._resolve(record)
            return run if run.has_end else None
        elif (run or found.span_id or found.run_id) and self._waits(record, found, deadline_ns):
            pass
        elif said.alone is not None:
            self._resolve(record)
            record.run_id = said.alone.run_id
            absorb(record, said.alone)
        else:
            self._resolve(record, "io_without_run")
        return None

    def _around(self, record: Record) -> Above:
        """The run that a span of I/O is inside of."""
        if not record.enclosing_run_id:
            return above(record, self._records)
        run = self._records.by_run(record.enclosing_run_id)
        return Above(record=run) if run else Above(run_id=record.enclosing_run_id)

    def _resolve(self, record: Record, counted: str = "") -> None:
        record.said, record.told, record.until_ns = None, True, None
        _wait_for(record, Above())
        if counted:
            self.counts[counted] += 1

    def _lacks_io(self, record: Record, deadline_ns: int) -> bool:
        """Whether the end waits for spans inside that did not arrive yet."""
        missing = record.io_spans - (record.io.spans if record.io else 0)
        if missing > 0 and record.io_until_ns is None:
            record.io_until_ns = self._now_ns + int(float(self._runs.parent_wait) * lost.SECOND)
        if missing > 0 and record.io_until_ns is not None and record.io_until_ns > deadline_ns:
            return True
        if missing > 0:
            self.counts["io_missing"] += missing
            record.run = replace(_run_of(record), omissions=(*_run_of(record).omissions, _missing(missing)))
        record.io_until_ns = None
        return False

    def _waits(self, record: Record, found: Above, deadline_ns: int) -> bool:
        """Whether START must wait, and for what: the run above to start or to become known, or what it awaits."""
        record.until_ns = self._above_until(record, found)
        record.awaits_until_ns = self._awaited_until(record)
        until_ns = record.waits_until_ns
        if until_ns is None or until_ns <= deadline_ns:
            return False
        _wait_for(record, found)
        return True

    def _above_until(self, record: Record, found: Above) -> int | None:
        """Until when the run above is waited for; None if there is nothing to wait for."""
        pending = found.record if found.record and not found.record.start_sent else None
        carried = found.reference is not None and not self._elsewhere(found.reference.run_id)
        if not pending and not (found.span_id or found.run_id or (carried and record.parent_span_id)):
            return None
        until_ns = pending.waits_until_ns if pending else record.until_ns
        return self._now_ns + int(self._patience_s(record) * lost.SECOND) if until_ns is None else until_ns

    def _awaited_until(self, record: Record) -> int | None:
        """Until when it is waited for what the run awaits; None if that is known, or won't come."""
        if not record.awaits or record.awaits_s <= 0 or not self._expected(record.awaits):
            return None
        if record.awaits_until_ns is None:
            return self._now_ns + int(record.awaits_s * lost.SECOND)
        return record.awaits_until_ns

    def _patience_s(self, record: Record) -> float:
        return float(self._runs.parent_wait) if record.patience_s is None else record.patience_s

    def _wait_is_over(self, record: Record, deadline_ns: int, out: list[Transition]) -> None:
        """START without waiting any longer; runs above that are due as well go first."""
        chain = {_key(record): record}
        while (top := above(record, self._records).record) and not top.start_sent:
            until_ns = top.waits_until_ns
            if _key(top) in chain or until_ns is None or until_ns > deadline_ns:
                break
            chain[_key(top)] = record = top
        for due in reversed(list(chain.values())):
            latest = self._latest(due)
            if not latest.start_sent:
                self._settle(latest, out, deadline_ns)

    def _start(self, record: Record, found: Above) -> RunChanged:
        if circular(record, found, self._records):
            found = Above(endless=True)
        known = parentage(record, found, self._patience_s(record))
        run = _run_of(record)
        if known.unknown:
            self.counts["parent_missing"] += 1
            run = replace(run, omissions=once((*run.omissions, Omission("parent", known.unknown))))
        record.run = run = replace(run, job=record.job, parent=known.parent, root=known.root)
        record.parent, record.root, record.parent_unknown = known.parent, known.root, bool(known.unknown)
        record.start_sent, record.until_ns = True, None
        record.awaits, record.awaits_until_ns = "", None
        heard = found.record or (found.reference and self._elsewhere(found.reference.run_id))
        _wait_for(record, Above() if heard else found)
        told = replace(without_logical(run), ended_ns=None, state=None, error=None)
        return RunChanged(EventType.START, run.started_ns, told)

    def _end(self, record: Record) -> RunChanged:
        run = with_io(_run_of(record), record.io or Io())
        ended_ns = run.started_ns if run.ended_ns is None else run.ended_ns
        state = run.state or State.COMPLETE
        error = failure(run.error, record.error) if state is State.FAIL else run.error
        run = replace(run, job=record.job, parent=record.parent, root=record.root)
        run = replace(run, ended_ns=ended_ns, state=state, error=error)
        record.ended_as, record.lost, record.lost_at_ns = TYPES[state], False, None
        record.run = record.error = record.carried_parent = record.carried_root = record.io = None
        return RunChanged(record.ended_as, ended_ns, run)

    def _give_up(self, record: Record, out: list[Transition]) -> None:
        self.counts["lost"] += 1
        event = lost.give_up(record, self._runs)
        self._put(record)
        out += [event] if event else []

    def _note_late_parent(self, record: Record) -> None:
        """Count a parent that turned up after START. Nothing that was sent is amended."""
        if not (record.waits_span or record.waits_run):
            return
        if record.parent:
            self.counts["parent_start_late"] += 1
            _wait_for(record, Above())
            return
        found = above(record, self._records)
        if found.record or found.reference:
            record.parent_late = True
            self.counts["parent_late"] += 1
        _wait_for(record, Above() if record.parent_late else found)

    def _slot(self, span: SpanRef) -> Record:
        found = self._records.get(span.trace_id, span.span_id)
        return found or Record(trace_id=span.trace_id, span_id=span.span_id)

    def _put(self, record: Record) -> None:
        record.updated_ns = self._now_ns
        self._records.put(record)

    def _latest(self, record: Record) -> Record:
        return self._records.get(record.trace_id, record.span_id) or record

    def _each(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records as they are when their turn comes."""
        for record in records:
            yield self._latest(record)


def _wait_for(record: Record, found: Above) -> None:
    run = found.record or found.reference
    record.waits_span, record.hops = found.span_id, found.hops
    record.waits_run = run.run_id if run else found.run_id


def _missing(spans: int) -> Omission:
    return Omission(
        "openlineage.io.spans", f"{spans} spans inside, which say what it read or wrote, did not arrive"
    )


def _plain(record: Record, span: SpanRef, enclosing_run_id: str) -> Record:
    record.seen, record.parent_span_id, record.enclosing_run_id = True, span.parent_span_id, enclosing_run_id
    record.error = record.heartbeat_s = None
    return record


def _run_of(record: Record) -> Run:
    assert record.run is not None, "a run that is not over is kept"
    return record.run


def _described(said: DatasetObserved | JobObserved) -> Transition:
    if isinstance(said, DatasetObserved):
        return DatasetDescribed(said.evidence, said.at_ns, said.dataset, said.omissions)
    return JobDescribed(
        evidence=said.evidence,
        at_ns=said.at_ns,
        job=said.job,
        inputs=said.inputs,
        outputs=said.outputs,
        job_values=said.job_values,
        job_facets=said.job_facets,
        omissions=said.omissions,
    )


def _key(record: Record) -> tuple[str, str]:
    return record.trace_id, record.span_id


def _by_due(record: Record) -> tuple[int, str]:
    return record.due_ns or 0, record.span_id


def _by_start(record: Record) -> tuple[int, str]:
    if record.said is not None:
        return record.said.at_ns, record.span_id
    return record.run.started_ns if record.run else 0, record.span_id
