"""One bridge, a sender with a ledger, several destinations, and everything that the schedule does to them."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from chaos.accounts import disagreements, repetitions, unsound
from chaos.bridge import PARENT_WAIT_S, Clock, Filler, Victim
from chaos.far import POLITE, RUDE, Arrival, Far, FileFar, HttpFar, windows
from chaos.plan import Plan
from chaos.report import ROOT
from chaos.schedule import Action, schedule
from chaos.sender import Line, read_ledger
from chaos.stream import KafkaFar
from chaos.verify import Findings, missing, verify

BURST = 16
NUDGE = 2
NUDGE_EVERY_S = 0.3
REFUSALS = 4
REFUSED_WITHIN_S = 15.0
SENT_WITHIN_S = 180.0
SETTLED_WITHIN_S = 120.0
STRAY_S = 1.0


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: the plan, how many kills, and which families of faults."""

    plan: Plan
    kills: int
    families: frozenset[str]
    directory: Path
    disk: Path | None = None
    """A small file system that may be filled; the bridge lives on it."""
    kafka: bool = False
    """Whether events go to a Kafka broker as well."""


class Outcome(msgspec.Struct, kw_only=True):
    """What happened, to be judged and reported."""

    findings: Findings
    done: dict[str, int]
    killed: dict[str, int]
    moments: dict[str, int]
    faults: dict[str, dict[str, int]]
    attempts: dict[str, int]
    retried: int
    health: dict[str, Any]
    broken: list[str]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether any invariant is broken."""
        return bool(self.findings.violations or self.broken)


class Sending:
    """The sender's process, and what its ledger says so far."""

    def __init__(self, plan: Plan, directory: Path, http: str, grpc: str) -> None:
        self._ledger = directory / "ledger.ndjson"
        self._ledger.touch()
        plan_file = directory / "plan.msgpack"
        plan_file.write_bytes(msgspec.msgpack.encode(plan))
        self._requests = len(plan.sendings)
        self._allowed = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.sender", str(plan_file), str(self._ledger), http, grpc],
            stdin=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def allow(self, upto: int) -> None:
        """Let it start requests up to this number of them."""
        more = min(upto, self._requests) - self._allowed
        if more > 0 and self._process.stdin:
            self._allowed += more
            self._process.stdin.write(f"{more}\n")
            self._process.stdin.flush()

    @property
    def lines(self) -> list[Line]:
        """The ledger so far."""
        return read_ledger(self._ledger.read_bytes())

    @property
    def finished(self) -> int:
        """How many requests are answered for good."""
        return sum(line.last for line in self.lines)

    @property
    def refusals(self) -> int:
        """How many attempts were answered that they should be repeated."""
        return sum(line.answer in {"503", "UNAVAILABLE"} for line in self.lines)

    def wait_for(self, finished: int, within_s: float = SENT_WITHIN_S) -> None:
        """Until so many are answered."""
        _wait(lambda: self.finished >= min(finished, self._requests), "the sender goes on", within_s)

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()


def run(storm: Storm) -> Outcome:
    """Carry it out."""
    started = time.monotonic()
    with ExitStack() as stack:
        stage = _Stage(storm, stack)
        stage.play()
        findings, health, broken = stage.settle()
    lines = stage.sending.lines
    return Outcome(
        findings=findings,
        done=dict(stage.done),
        killed=dict(stage.victim.killed),
        moments=dict(stage.victim.moments),
        faults={far.name: dict(far.served) for far in stage.fars},
        attempts=dict(Counter(line.outcome for line in lines)),
        retried=sum(line.outcome == "retry" for line in lines),
        health=health,
        broken=broken,
        seconds=time.monotonic() - started,
    )


class _Stage:
    """The processes and endpoints of one run."""

    def __init__(self, storm: Storm, stack: ExitStack) -> None:
        self._storm = storm
        self._plan = plan = storm.plan
        home = storm.disk or storm.directory
        self._file = FileFar("file", home / "bridge/archive/events.ndjson")
        self.fars: list[Far] = [*http_fars(plan, storm.directory), self._file]
        if storm.kafka:
            self.fars.append(KafkaFar("stream", storm.directory))
        for far in self.fars:
            stack.callback(far.stop)
        self._named = {far.name: far for far in self.fars}
        self._clock = Clock(storm.directory) if "clock" in storm.families else None
        destinations = [far.destination for far in self.fars]
        self.victim = Victim(home / "bridge", destinations, plan.seed, clock=self._clock)
        stack.callback(self.victim.stop)
        self.victim.start()
        ends = self.victim.bridge.endpoints
        self.sending = Sending(plan, storm.directory, ends.http, ends.grpc)
        stack.callback(self.sending.stop)
        self.done: Counter[str] = Counter()
        self._broken: list[str] = []
        self._allowed = 0

    def play(self) -> None:
        """The schedule, by progress; each action falls into a burst of further requests."""
        requests = len(self._plan.sendings)
        actions = schedule(
            self._plan.seed, requests, self._storm.kills, self._storm.families, list(self._named)
        )
        for action in actions:
            self._allowed = max(self._allowed, action.at)
            self.sending.allow(self._allowed)
            self.sending.wait_for(action.at)
            self._allowed = max(self._allowed, action.at + BURST)
            self.sending.allow(self._allowed)
            self._act(action)
            self.done[action.kind] += 1
        self.sending.allow(requests)
        self.sending.wait_for(requests)

    def settle(self) -> tuple[Findings, dict[str, Any], list[str]]:
        """Faults end; wait for what is owed, look for strays, stop, and judge."""
        for far in self.fars:
            far.recover()
        end = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < end and not self._settled():
            time.sleep(0.5)
        time.sleep(STRAY_S)
        health, code, lines = self.victim.health(), self.victim.stop(), self.sending.lines
        findings = verify(
            self._plan, lines, self._arrived(), parent_wait_s=PARENT_WAIT_S, crashes=self.victim.crashes
        )
        broken = [*self._broken, *([f"exit code {code} after SIGTERM"] if code else [])]
        if not health:
            return findings, health, [*broken, "/health does not answer"]
        repeated = 0 if self._clock else repetitions(self._plan, lines)  # days later repetitions are new
        return findings, health, [*broken, *unsound(health), *disagreements(findings, repeated, health)]

    def _settled(self) -> bool:
        health = self.victim.health()
        if not health:
            return False
        waiting = health["conversion"]["waiting"] + sum(d["waiting"] for d in health["destinations"])
        return not waiting and not missing(self._plan, self.sending.lines, self._arrived())

    def _arrived(self) -> dict[str, list[Arrival]]:
        return {far.name: list(far.arrivals()) for far in self.fars}

    def _act(self, action: Action) -> None:
        match action.kind:
            case "kill":
                self.victim.strike(action.target, action.detail, self._nudge)
            case "down":
                self._named[action.target].down()
            case "up":
                self._named[action.target].up()
            case "move":
                self._file.move()
            case "fill":
                self._full(Filler(self._storm.disk or self._storm.directory))
            case "limit":
                self._limited()
            case "clock":
                assert self._clock
                self.victim.steady()
                self._clock.set(int(action.detail))

    def _nudge(self) -> None:
        """A few requests more, so that there is something to commit."""
        self._allowed += NUDGE
        self.sending.allow(self._allowed)

    def _full(self, filler: Filler) -> None:
        """Full until some requests were refused, then free."""
        filler.fill()
        try:
            self._until_refused()
        finally:
            filler.free()

    def _limited(self) -> None:
        self.victim.limit(0)
        try:
            self._until_refused()
        finally:
            self.victim.limit(-1)

    def _until_refused(self) -> None:
        before = self.sending.refusals
        end = time.monotonic() + REFUSED_WITHIN_S
        while self.sending.refusals < before + REFUSALS and self.sending.finished < len(self._plan.sendings):
            if time.monotonic() > end:
                self._broken.append("requests were acknowledged although nothing could be written")
                return
            self._nudge()
            time.sleep(NUDGE_EVERY_S)


def http_fars(plan: Plan, directory: Path) -> list[HttpFar]:
    """Two endpoints with faults of different kinds, about one in ninety requests."""
    requests = 2 * len(plan.runs)
    kinds = {"rude": RUDE, "polite": POLITE}
    return [
        HttpFar(name, directory, windows(f"{name} {plan.seed}", faults, requests, 90))
        for name, faults in kinds.items()
    ]


def _wait(condition: Callable[[], bool], what: str, within_s: float) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"waited {within_s:g} s until {what}"
        time.sleep(0.02)
