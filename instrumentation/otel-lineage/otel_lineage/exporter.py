"""Our way to the Collector: every request is on disk before `put` returns, and one daemon thread sends.

The thread also sends the heartbeats of all open runs, and what earlier processes left in the spool.
Nobody else waits for the network, but for `flush`: it has a limit, and waits once for a Collector that hangs.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY

from otel_lineage.settings import Settings, Signal, Target
from otel_lineage.spool import Backlog, Memory, SpoolFile, left_behind, trim
from otel_lineage.transport import SENT, Answer, Sender, Verdict, open_sender
from otel_lineage.trouble import guarded, warn_once

BATCH_BYTES = 1024**2
LINGER_S = 0.1
RETRY_S = (1.0, 30.0)
SLOW_S = 0.25
ADOPT_EVERY_S = 60.0
FORK_WAIT_S = 1.0


class Lane:
    """One signal: its backlogs, its sender, and when to try again after a failure."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self.target = target
        self.file: SpoolFile | None = None
        if settings.spool_dir is not None:
            self.file = SpoolFile.fresh(settings.spool_dir, target.signal, settings.spool_bytes)
        self.memory = Memory()
        self._settings = settings
        self._sender: Sender | None = None
        self._pause = 0.0
        self.failed_at = 0.0
        self.retry_at = 0.0
        self.slow = False

    @property
    def pending(self) -> bool:
        """Whether anything waits."""
        return self.memory.pending or (self.file is not None and self.file.pending)

    def append(self, payload: bytes) -> None:
        """Keep a request: on disk, or in memory if there is no way to."""
        try:
            if self.file is not None:
                self.file.append(payload)
                return
        except OSError as error:
            warn_once(
                "spool", "otel-lineage: %s; lineage waits in memory and is lost if the process dies", error
            )
        self.memory.append(payload)
        if self.memory.dropped:
            warn_once(
                "memory",
                "otel-lineage: the Collector is away too long and memory is full: the oldest lineage is lost",
            )

    def backlogs(self) -> Iterable[Backlog]:
        """Where requests wait."""
        return (self.memory,) if self.file is None else (self.file, self.memory)

    def send(self, batch: list[bytes]) -> Answer:
        """Send requests as one; if that is refused, one by one, so that only the bad ones go."""
        answer = self._attempt(b"".join(batch))
        if answer.verdict is not Verdict.REFUSED:
            return answer
        if len(batch) > 1:
            answers = (self.send([payload]) for payload in batch)
            return next((a for a in answers if a.verdict is Verdict.LATER), SENT)
        warn_once(
            f"refused {answer.reason[:60]}",
            "otel-lineage: lineage was refused for good and dropped: %s",
            answer.reason,
        )
        return SENT

    def ready(self, now: float, *, urgent: bool) -> bool:
        """Whether to try now. A flush does not wait out the pause after a failure that cost no time."""
        if now >= self.retry_at:
            return True
        return urgent and not self.slow and now - self.failed_at > 0.2

    def _attempt(self, body: bytes) -> Answer:
        started = time.monotonic()
        try:
            if self._sender is None:
                self._sender = open_sender(self._settings, self.target)
            answer = self._sender.send(body)
        except ImportError:
            answer = Answer(Verdict.LATER, "h2 is missing: pip install 'otel-lineage[grpc]'")
        except Exception as error:  # noqa: BLE001  bad URLs, bad certificates: whatever it is, keep the data
            answer = Answer(Verdict.LATER, f"{self.target.shown}: {error!r}")
        self._note(answer, started)
        return answer

    def _note(self, answer: Answer, started: float) -> None:
        now = time.monotonic()
        if answer.verdict is not Verdict.LATER:
            self._pause, self.retry_at, self.slow = 0.0, 0.0, False
            return
        self._pause = min(max(self._pause * 2, RETRY_S[0]), RETRY_S[1])
        self.failed_at, self.retry_at, self.slow = now, now + self._pause, now - started > SLOW_S
        kept = "memory" if self.file is None else str(self.file.path.parent)
        warn_once(
            f"unreachable {self.target.signal}",
            "otel-lineage: can't send %s now, they are kept in %s: %s",
            self.target.signal,
            kept,
            answer.reason,
        )


class Exporter:
    """See the module. `heartbeats` makes a logs request with a record per open run, or None."""

    def __init__(self, settings: Settings, heartbeats: Callable[[], bytes | None]) -> None:
        self._settings = settings
        self._heartbeats = heartbeats
        self._wake = threading.Condition(threading.RLock())
        self._inbox: deque[tuple[Signal, bytes]] = deque()
        self._storing = 0
        self._lanes: dict[Signal, Lane] = {}
        self._thread: threading.Thread | None = None
        self._idle = False
        self._closed = False
        self._stalled = False
        self._wanted = self._done = 0
        self._adopt_wanted = False
        self._adopt_at = 0.0
        self._fresh_at = 0.0
        self._beat_at = 0.0

    def put(self, signal: Signal, payload: bytes) -> None:
        """Take a request over: kept when this returns, sent soon."""
        self._inbox.append((signal, payload))
        if self._storing == threading.get_ident():
            return  # a finalizer ran inside our own storing: what it ended is stored right after
        with self._storage():
            self._fresh_at = self._fresh_at or time.monotonic()
            self._ensure_thread()
            if self._idle:
                self._wake.notify_all()

    def watch(self) -> None:
        """A run is open: heartbeats are due from now on."""
        with self._wake:
            if not self._beat_at and self._settings.heartbeat_s:
                self._beat_at = time.monotonic() + self._settings.heartbeat_s
                self._wake.notify_all()

    def flush(self, timeout_s: float, *, adopt: bool = False) -> bool:
        """Wait until all was tried once, at most so long; with `adopt`, also what others left behind.

        Returns at once while the Collector is known to hang: nothing is lost, it is on disk.
        """
        if self._storing == threading.get_ident():
            return False  # see put
        deadline = time.monotonic() + timeout_s
        with self._wake:
            pending = [lane for lane in self._lanes.values() if lane.pending]
            now = time.monotonic()
            if not self._lanes or not (pending or adopt):
                return True
            if (
                timeout_s <= 0
                or self._closed
                or self._stalled
                or (pending and not any(lane.ready(now, urgent=True) for lane in pending))
            ):
                return False
            self._wanted += 1
            self._adopt_wanted |= adopt
            ticket = self._wanted
            self._ensure_thread()
            self._wake.notify_all()
            while self._done < ticket:
                if not self._wake.wait(deadline - time.monotonic()):
                    self._stalled = True
                    return False
            return not any(lane.pending for lane in self._lanes.values())

    def close(self) -> None:
        """Stop, and leave behind on disk what was not sent.

        What is put later goes to a file of its own: the former one is anybody's now.
        """
        with self._wake:
            self._closed = True
            self._wake.notify_all()
            lanes, self._lanes = self._lanes, {}
            for lane in lanes.values():
                if lane.file is not None:
                    lane.file.close(remove=not lane.file.pending)

    def before_fork(self) -> bool:
        """Let nothing be half done while the process is copied; False if that takes too long (a slow disk).

        The child only lets go of what is here, so that it can live with what is half done.
        """
        return self._wake.acquire(timeout=FORK_WAIT_S)

    def after_fork_in_parent(self) -> None:
        """Go on, if `before_fork` was true."""
        self._wake.release()

    def abandon(self) -> None:
        """Let go of everything in a forked child: what waits is the parent's to send."""
        for lane in self._lanes.values():
            if lane.file is not None:
                lane.file.abandon()

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Hold the lock over the backlogs, and store what came in."""
        with self._wake:
            self._storing = threading.get_ident()
            try:
                yield
                while self._inbox:
                    signal, payload = self._inbox.popleft()
                    self._lane(signal).append(payload)
            finally:
                self._storing = 0

    def _lane(self, signal: Signal) -> Lane:
        if not self._lanes:
            targets = (self._settings.logs, self._settings.traces)
            self._lanes = {target.signal: Lane(self._settings, target) for target in targets}
        return self._lanes[signal]

    def _ensure_thread(self) -> None:
        if self._closed or (self._thread is not None and self._thread.is_alive()):
            return
        thread = threading.Thread(target=self._run, name="otel-lineage", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down: it stays in the spool
            return
        self._thread = thread

    def _run(self) -> None:
        suppress = otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True)
        otel_context.attach(otel_context.set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True, suppress))
        while not self._closed:
            if not self._turn():
                with self._wake:  # what failed once may fail at once again
                    self._wake.wait(RETRY_S[0])

    @guarded("sending", fallback=False)
    def _turn(self) -> bool:
        wanted, adopt = self._wait()
        try:
            self._deliver(urgent=wanted > self._done)
            if adopt:
                self._adopt(polite=False)
        finally:
            with self._wake:
                self._done = max(self._done, wanted)
                self._wake.notify_all()
        now = time.monotonic()
        if self._beat_at and now >= self._beat_at:
            self._beat(now)
        if now >= self._adopt_at and not self._closed:
            self._adopt_at = now + ADOPT_EVERY_S
            self._adopt(polite=True)
        return True

    def _wait(self) -> tuple[int, bool]:
        """Sleep until there is something to do; says which flush is wanted, and whether with adoption."""
        with self._wake:
            while not (self._closed or self._wanted > self._done):
                now = time.monotonic()
                due = self._next_due()
                if due is not None and due <= now:
                    break
                self._idle = not self._pending
                self._wake.wait(None if due is None else due - now)
            self._idle = False
            adopt, self._adopt_wanted = self._adopt_wanted, False
            return self._wanted, adopt

    @property
    def _pending(self) -> bool:
        return any(lane.pending for lane in self._lanes.values())

    def _next_due(self) -> float | None:
        """When to act next: shortly after a new request (more may follow), after a pause, at a beat."""
        linger = self._fresh_at + LINGER_S
        times = [max(lane.retry_at, linger) for lane in self._lanes.values() if lane.pending]
        if self._beat_at:
            times.append(self._beat_at)
        return min(times, default=None)

    def _deliver(self, *, urgent: bool) -> None:
        self._fresh_at = 0.0
        for lane in self._lanes.values():
            if lane.pending and lane.ready(time.monotonic(), urgent=urgent):
                all(self._drain(lane, backlog) for backlog in lane.backlogs())

    def _drain(self, lane: Lane, backlog: Backlog, *, polite: bool = False) -> bool:
        """Send a backlog until it is empty, the Collector fails, or (polite) somebody waits for a flush."""
        while not (self._closed or (polite and self._wanted > self._done)):
            with self._storage():
                batch, mark = backlog.batch(BATCH_BYTES)
            if not batch:
                return True
            answer = lane.send(batch)
            self._stalled = False
            if answer.verdict is Verdict.LATER:
                return False
            with self._storage():
                backlog.settle(mark)
        return False

    def _beat(self, now: float) -> None:
        """Heartbeats are sent once and never kept: only a fresh one means anything."""
        request = self._heartbeats()
        self._beat_at = now + self._settings.heartbeat_s if request else 0.0
        lane = self._lanes.get("logs")
        if request and lane is not None and lane.ready(now, urgent=False):
            lane.send([request])

    def _adopt(self, *, polite: bool) -> None:
        """Send what processes that are gone left in the spool, until the Collector fails."""
        directory, lanes = self._settings.spool_dir, self._lanes
        if directory is None or not lanes or any(lane.retry_at for lane in lanes.values()):
            return
        removed = trim(directory, self._settings.spool_bytes, self._settings.spool_age_s)
        if removed > 0:
            warn_once(
                "trim",
                "otel-lineage: %d bytes of unsent lineage in %s were too old or too many and are lost",
                removed,
                directory,
            )
        for signal, path in left_behind(directory):
            left = SpoolFile.claim(path)
            if left is None:
                continue
            done = self._drain(lanes[signal], left, polite=polite)
            if left.damaged:
                warn_once("damaged", "otel-lineage: the end of %s is damaged and was left out", path)
            left.close(remove=done)
            if not done:
                return
