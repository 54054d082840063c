"""What the plugin costs `dbt build`, all of the process counted, next to openlineage-dbt."""

import os
import random
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import dbt_project
from benchmarks.bench import Bench
from benchmarks.figures import Check, Findings, Interval, Spread, Table, Target
from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.running import PYTHON, QUIET, idle
from tests.parts import PartMissing
from tests.parts.dbt_versions import OPENLINEAGE_DBT

WITHOUT, WITH, NO_LOOKUPS = "without", "otel-bridge-dbt", "otel-bridge-dbt, no live lookups"
ARTIFACTS, STRUCTURED = "openlineage-dbt, artifacts", "openlineage-dbt, structured logs"
ROUNDS = {50: 5, 500: 3}
MOST_RATIO = 1.03
WITHIN_S = 120

# Runs dbt as its command does; without the plugin if the first word says so: its folder is taken off the path.
LAUNCH = """
import sys
if sys.argv.pop(1) == "without":
    sys.path = [entry for entry in sys.path if "otel-bridge-dbt" not in entry]
from dbt.cli.main import cli
cli()
"""

TEXT = """\
`dbt build` of a generated project of {nodes} nodes ({models} models, {tests} tests, {seeds} seeds; DuckDB, 4 threads, parsed
before): {rounds} rounds, in each of which every way runs once, in random order. CPU seconds of the process and all that it
started. The receiver is a bridge, not counted: over OTLP for the plugin, over OpenLineage HTTP for openlineage-dbt
{peer}. A ratio is taken within a round; the interval holds the median ratio with 95 % (bootstrap)."""


class _Way(msgspec.Struct, frozen=True):
    """One way to run dbt in a project of its own."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path


def measure(bench: Bench, nodes: int) -> Findings:
    """CPU of `dbt build` with and without; a quick run builds a handful of nodes, and leaves the peer out."""
    quick = bench.scale < 1
    rounds = min(ROUNDS[nodes], bench.rounds)
    with _receiver(bench, f"dbt-{nodes}") as bridge:
        models = 0
        ways = []
        for name, argv, env in islice(_commands(bench, bridge), 2 if quick else None):
            folder = bench.directory / f"dbt-{nodes}-{len(ways)}"
            models = dbt_project.write(folder, 10 if quick else nodes)
            ways.append(_Way(name, argv, env, folder))
        spent = _rounds(ways, rounds)
        bridge.wait(partial(idle, bridge), "has delivered all", WITHIN_S)
        told = models_told(bridge.events())
    return Findings(
        title=f"dbt build, {nodes} nodes",
        text=TEXT.format(
            nodes=nodes,
            models=models,
            tests=models * dbt_project.TESTS_PER_MODEL,
            seeds=dbt_project.SEEDS,
            rounds=rounds,
            peer=OPENLINEAGE_DBT.VERSION,
        ),
        tables=[_table(spent)],
        targets=[_target(nodes, spent)],
        checks=[Check(f"{models} models built, lineage of {told} arrived", told == models)],
    )


def models_told(events: Events) -> int:
    """Models of which the plugin has told; openlineage-dbt tells of jobs in another namespace."""
    jobs = {event["job"]["name"] for event in events if event["job"]["namespace"].startswith("floe.")}
    return sum(re.fullmatch(r"model\.generated\.\w+", job) is not None for job in jobs)


@contextmanager
def _receiver(bench: Bench, name: str) -> Iterator[BridgeProcess]:
    with BridgeProcess(bench.directory / name, settings={"log": {"level": "warning"}}) as bridge:
        yield bridge


def _commands(bench: Bench, bridge: BridgeProcess) -> Iterator[tuple[str, Sequence[str], Mapping[str, str]]]:
    launch = (str(PYTHON), "-P", "-c", LAUNCH)
    sending = {k: v for k, v in bridge.program_env().items() if k.startswith("OTEL_")}
    yield WITHOUT, (*launch, "without"), {}
    yield WITH, (*launch, "with"), sending
    yield NO_LOOKUPS, (*launch, "with"), sending | {"OTEL_BRIDGE_DBT_COLUMNS": "off"}
    try:
        environment = OPENLINEAGE_DBT.installed()
    except PartMissing as missing:
        bench.note(f"openlineage-dbt was not measured: {missing}.")
        return
    shim = _shim(bench.directory / "bin", environment / "bin/python")
    wrapped = (str(environment / "bin/python"), "-P", str(environment / "bin/dbt-ol"))
    env = {"OPENLINEAGE_URL": bridge.api_url, "PATH": f"{shim}:{os.environ['PATH']}"}
    yield ARTIFACTS, wrapped, env
    yield STRUCTURED, (*wrapped, "--consume-structured-logs"), env


def _shim(folder: Path, python: Path) -> Path:
    """A folder with the command `dbt`, which dbt-ol looks for on the PATH."""
    folder.mkdir(exist_ok=True)
    command = folder / "dbt"
    command.write_text(f'#!/bin/sh\nexec "{python}" -P -m dbt.cli.main "$@"\n')
    command.chmod(0o755)
    return folder


def _rounds(ways: Sequence[_Way], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each way in each round, after each project was parsed."""
    order, dice = list(ways), random.Random(1)
    spent: dict[str, list[float]] = {way.name: [] for way in ways}
    for way in order:
        plain = (str(PYTHON), "-P", "-c", LAUNCH, "without")
        _cpu_s(msgspec.structs.replace(way, argv=plain, env={}), "parse")
    for _ in range(rounds):
        dice.shuffle(order)
        for way in order:
            spent[way.name].append(_cpu_s(way, "build"))
    return spent


def _cpu_s(way: _Way, command: str) -> float:
    argv = (
        [*way.argv, "build"]
        if "--consume-structured-logs" not in way.argv
        else [*way.argv[:3], "build", way.argv[3]]
    )
    with (way.folder / "dbt.log").open("wb") as log:
        child = subprocess.Popen(
            argv,
            cwd=way.folder,
            env=clean() | QUIET | way.env,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(
            f"{way.name} ended with {child.returncode}: {(way.folder / 'dbt.log').read_text()[-2000:]}"
        )
    return used.ru_utime + used.ru_stime


def clean() -> dict[str, str]:
    """The environment without what concerns telemetry, and with byte code kept, as a user has it."""
    left_out = ("OTEL_", "OPENLINEAGE", "PYTHONDONTWRITEBYTECODE")
    return {k: v for k, v in os.environ.items() if not k.startswith(left_out)}


def _table(spent: Mapping[str, Sequence[float]]) -> Table:
    plain = spent[WITHOUT]
    rows = [
        [name, Spread.of(found), "" if name == WITHOUT else Interval.of(_ratios(found, plain))]
        for name, found in spent.items()
    ]
    return Table(["", "CPU seconds", "CPU / that without, median and 95 % interval"], rows)


def _ratios(found: Sequence[float], plain: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(found, plain, strict=True)]


def _target(nodes: int, spent: Mapping[str, Sequence[float]]) -> Target:
    measured = Interval.of(_ratios(spent[WITH], spent[WITHOUT])).median
    return Target(f"dbt build, {nodes} nodes: CPU with / without the plugin", "≤ 1.03", MOST_RATIO, measured)
