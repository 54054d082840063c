"""The scenarios: each takes a seed and a size, carries it out, and gives a section of the page."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from chaos.bridge import small_disk
from chaos.plan import Plan, Planner, described, digest
from chaos.replicas import run as balanced
from chaos.report import Section, machine, made
from chaos.storm import Outcome, Storm, run
from chaos.stream import KafkaFar
from chaos.verify import INVARIANTS
from tests.parts import PartMissing, collector

DISK_MIB = 64
STORM_TEXT = """\
OTLP over HTTP and gRPC from a sender that repeats as the Collector does. Destinations: `rude` answers 500,
hangs, resets connections and cuts answers off; `polite` asks for pauses (429 with Retry-After, 503), is slow, and
resets; `file` is moved away; `stream`, where Kafka is installed, is a topic. Each is out of reach now and then: closed ports, a folder in
the file's place, a broker killed. The bridge's processes are killed with SIGKILL, alone and together, many of them
while they write or sync the journal. For a while nothing can be written (RLIMIT_FSIZE of 0), until
requests were refused. The wall clock of the bridge's processes jumps by hours and days, to and fro."""
DISK_TEXT = f"""\
The same on a file system (ext4) of {DISK_MIB} MiB that is filled to the last byte twice, until requests were refused, and then
freed: journal, file destination and log are on it."""


REPLICAS_TEXT = """\
Three bridges behind the OpenTelemetry Collector's `load_balancing` exporter (`collector-config/gateway.yaml` with
`gateway-load-balancing.yaml`, static addresses). All are killed in turn; one stays away while its traces wait in the
Collector's queue; one is taken out of the exporter's list, so that its traces go to the others, and comes back with
its backlog. At the end the same requests go to every replica. Runs name their parents and roots, and all replicas have
the same `api.public_url`, which facet schema URLs start with: so every replica makes the same bytes."""


class Size(msgspec.Struct, frozen=True):
    """How much of everything."""

    seed: int
    runs: int
    kills: int


class Skipped(Exception):
    """The scenario can't run here; the message says why."""


Scenario = Callable[[Size], Section]


def storm(size: Size) -> Section:
    """Everything at once, on the machine's own disk."""
    plan = Planner(size.seed, size.runs).plan()
    with _folder() as folder:
        families = frozenset({"kill", "down", "file", "limit", "clock"})
        kafka = not KafkaFar.missing()
        outcome = run(Storm(plan=plan, kills=size.kills, families=families, directory=folder, kafka=kafka))
    return section("storm", size, "Everything at once", 10, STORM_TEXT, plan, outcome)


def disk(size: Size) -> Section:
    """A disk that is really full."""
    plan = Planner(size.seed, max(size.runs // 4, 50)).plan()
    with _folder() as folder:
        try:
            with small_disk(folder / "disk", DISK_MIB) as small:
                families = frozenset({"kill", "down", "file", "fill"})
                kills = max(size.kills // 3, 2)
                outcome = run(Storm(plan=plan, kills=kills, families=families, directory=folder, disk=small))
        except PermissionError as error:
            raise Skipped(str(error)) from None
    return section("disk", size, "A full disk", 20, DISK_TEXT, plan, outcome)


def replicas(size: Size) -> Section:
    """Three bridges behind a real Collector."""
    try:
        collector.installed()
    except PartMissing as error:
        raise Skipped(str(error)) from None
    plan = Planner(size.seed, max(size.runs // 4, 50), carried=True).plan()
    with _folder() as folder:
        outcome = balanced(plan, max(size.kills // 4, 2), folder)
    return section("replicas", size, "Three replicas", 30, REPLICAS_TEXT, plan, outcome)


SCENARIOS: dict[str, Scenario] = {"storm": storm, "disk": disk, "replicas": replicas}


def section(
    name: str, size: Size, title: str, order: int, text: str, plan: Plan, outcome: Outcome
) -> Section:
    """What is told of a run."""
    rows = [*_sent(plan, outcome), *_suffered(outcome), *_arrived(outcome), *_judged(name, size, outcome)]
    return Section(
        title=title, order=order, text=text, rows=rows, after=_after(outcome), failed=outcome.failed
    )


def _sent(plan: Plan, outcome: Outcome) -> Iterator[tuple[str, str]]:
    told = described(plan)
    yield "runs sent", str(told["runs"])
    yield "spans and log events sent", f"{told['items']}, of them {told['plain']} plain spans"
    yield (
        "requests",
        f"{told['requests']}, {told['grpc']} over gRPC; {told['repeated']} sent twice, {told['cut']} cut",
    )
    yield "digest of the requests, which depends on the seed alone", digest(plan)
    yield "requests that were repeated until acknowledged", str(outcome.retried)
    yield "runs acknowledged", str(outcome.findings.acknowledged)


def _suffered(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.killed:
        yield f"kills ({sum(outcome.killed.values())})", _listed(outcome.killed)
        yield "at the moment of the kill", _listed(outcome.moments)
    for name, served in outcome.faults.items():
        faults = {fault: number for fault, number in served.items() if fault != "taken"}
        yield f"faults of `{name}` ({sum(faults.values())})", _listed(faults)
    others = {kind: number for kind, number in outcome.done.items() if kind in WORDS}
    if others:
        yield "and", _listed({WORDS[kind]: number for kind, number in others.items()})


WORDS = {
    "replica away": "replica away",
    "replica taken out": "replica taken out",
    "requests sent to every replica": "requests sent to every replica",
    "fill": "disk full",
    "limit": "no file may grow",
    "clock": "clock set",
}


def _arrived(outcome: Outcome) -> Iterator[tuple[str, str]]:
    findings = outcome.findings
    yield "events, by destination", _listed(findings.events)
    yield "exact repeats, by destination", _listed(findings.repeats)
    yield "runs without their parent: it came too late", str(len(findings.late))
    yield (
        "runs without their parent: a plain span was in a killed process's memory",
        str(len(findings.cut_off)),
    )


def _judged(name: str, size: Size, outcome: Outcome) -> Iterator[tuple[str, str]]:
    broken = len(outcome.broken) + sum(map(len, outcome.findings.violations.values()))
    yield "events lost", f"{outcome.findings.lost}"
    yield "invariants broken", f"**{broken}**" if broken else "0"
    yield "duration, seed", f"{outcome.seconds:.0f} s, {size.seed}"
    yield (
        "command",
        f"`python -m chaos --scenario {name} --seed {size.seed} --runs {size.runs} --kills {size.kills}`",
    )
    yield "machine", machine()
    yield "made", made()


def _after(outcome: Outcome) -> str:
    if not outcome.failed:
        return ""
    return "\n".join(["```text", str(outcome.findings), *outcome.broken, "```"])


def _listed(counts: dict[str, int]) -> str:
    ordered = sorted(Counter(counts).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {number}" for name, number in ordered) or "none"


def invariants() -> Section:
    """What is checked in every scenario."""
    lines = [f"- {sentence}" for sentence in INVARIANTS.values()]
    lines += [
        "- at the end the sums of `/health` hold, with nothing waiting, rejected, failed or dead, and SIGTERM ends with code 0",
    ]
    return Section(title="What is checked", order=90, text="\n".join(lines) + LIMITS)


LIMITS = """

What this does not show: SIGKILL leaves what was handed to the kernel, so the page cache survives every kill; that
synced data survives a power cut is the promise of SQLite and of the disk. Two runs of one seed send the same requests
(see the digest), carry out the same actions in the same order and number, and have the same requests of HTTP
destinations fail, by their number; at which moment a kill falls, and so which events meet a fault, differs. A clock
that is set forward while the converting process is down ends the waits of that moment early; while it runs, waits keep
their length."""


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otel-bridge-chaos-") as folder:
        yield Path(folder)


def timed(scenario: Scenario, size: Size) -> tuple[Section, float]:
    """Carry a scenario out; how long it took in all."""
    started = time.monotonic()
    return scenario(size), time.monotonic() - started
