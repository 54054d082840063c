"""What the plugin's code costs inside dbt per node, and what the bridge spends on a model and its column lineage."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import dbt_project, proc
from benchmarks.bench import Bench
from benchmarks.cases.dbt import WITHIN_S, clean, models_told
from benchmarks.figures import Check, Findings, Interval, Table, Target
from otel_bridge.testing import BridgeProcess
from tests.dbt.running import PYTHON, QUIET, idle

NODES = 50
ROUNDS = 10
MOST_NODE_MS, MOST_MODEL_MS, MOST_CACHED_MS = 1.0, 15.0, 1.0
WITHOUT, NO_LOOKUPS, LOOKUPS = "without", "no live lookups", "all live lookups"
MODES = {
    WITHOUT: {"OTEL_BRIDGE_DBT_DISABLED": "true"},
    NO_LOOKUPS: {"OTEL_BRIDGE_DBT_DISABLED": "false", "OTEL_BRIDGE_DBT_COLUMNS": "off"},
    LOOKUPS: {"OTEL_BRIDGE_DBT_DISABLED": "false", "OTEL_BRIDGE_DBT_COLUMNS": "all"},
}

# Builds the project again and again in one process, in one mode after the other, and prints the CPU seconds of each build.
PROGRAM = """
import gc, json, os, random, sys, time
from dbt.cli.main import dbtRunner
modes, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
found, order, dice = {mode: [] for mode in modes}, list(modes), random.Random(1)
for number in range(-1, rounds):
    dice.shuffle(order)
    for mode in order:
        os.environ.update(modes[mode])
        time.sleep(0.3)
        gc.collect()
        before = time.process_time()
        done = dbtRunner().invoke(["--quiet", "build"])
        used = time.process_time() - before
        assert done.success, done
        if number >= 0:
            found[mode].append(used)
print(json.dumps(found))
"""

TEXT = """\
A project of {nodes} nodes, built {rounds} times a mode in one process by `dbtRunner`, in random order: CPU of the process, all
threads included, more than without, per node (median and 95 % interval). Then what all processes of the bridge spend on such
a build, per model: the spans and events of the model, of its two tests, and the analysis of its statement; a second time with
statements that have not changed; and with column lineage switched off."""


class _Spent(msgspec.Struct, frozen=True):
    """Milliseconds of the bridge's CPU per model: first build, the same again, without column lineage."""

    first: float
    again: float
    without: float


def measure(bench: Bench) -> Findings:
    """Both figures."""
    rounds = max(1, round(ROUNDS * bench.scale))
    folder = bench.directory / "inside"
    models = dbt_project.write(folder, NODES)
    nodes = dbt_project.SEEDS + models * (1 + dbt_project.TESTS_PER_MODEL)
    with BridgeProcess(bench.directory / "bridge", settings={"log": {"level": "warning"}}) as bridge:
        seconds = _inside(folder, bridge, rounds)
        bridge.wait(partial(idle, bridge), "has delivered all", WITHIN_S)
        told = models_told(bridge.events())
    costs = {mode: _per_node(seconds, mode, nodes) for mode in (NO_LOOKUPS, LOOKUPS)}
    spent = _bridge(bench.directory, models)
    return Findings(
        title="dbt: a node inside dbt, a model in the bridge",
        text=TEXT.format(nodes=nodes, rounds=rounds),
        tables=[
            Table(["plugin", "ms of CPU per node"], [[mode, cost] for mode, cost in costs.items()]),
            Table(
                ["bridge", "ms of CPU per model"],
                [
                    ["first build", f"{spent.first:.2f}"],
                    ["the same again", f"{spent.again:.2f}"],
                    ["without column lineage", f"{spent.without:.2f}"],
                ],
            ),
        ],
        targets=[
            Target("dbt: CPU of the plugin per node", "≤ 1 ms", MOST_NODE_MS, costs[NO_LOOKUPS].median),
            Target(
                "dbt: CPU of the bridge per model with column lineage", "≤ 15 ms", MOST_MODEL_MS, spent.first
            ),
            Target(
                "dbt: of that for the columns of an unchanged statement",
                "≤ 1 ms",
                MOST_CACHED_MS,
                max(0.0, spent.again - spent.without),
            ),
        ],
        checks=[Check(f"{models} models built, lineage of {told} arrived", told == models)],
    )


def _inside(folder: Path, bridge: BridgeProcess, rounds: int) -> dict[str, list[float]]:
    argv = [str(PYTHON), "-P", "-c", PROGRAM, json.dumps(MODES), str(rounds)]
    done = subprocess.run(argv, cwd=folder, env=_env(bridge), capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _env(bridge: BridgeProcess) -> dict[str, str]:
    sending = {k: v for k, v in bridge.program_env().items() if k.startswith("OTEL_")}
    return clean() | QUIET | sending


def _per_node(seconds: Mapping[str, Sequence[float]], mode: str, nodes: int) -> Interval:
    pairs = zip(seconds[mode], seconds[WITHOUT], strict=True)
    return Interval.of((used - plain) * 1000 / nodes for used, plain in pairs)


def _bridge(directory: Path, models: int) -> _Spent:
    first, again = _builds(directory / "with", {})
    _, without = _builds(directory / "without", {"column_lineage": {"enabled": False}})
    return _Spent(first / models, again / models, without / models)


def _builds(directory: Path, settings: dict[str, object]) -> tuple[float, float]:
    """Milliseconds of the bridge's CPU for two builds of a project, the second of which tells the same again.

    Another project goes before: with its first statement comes the process that analyses.
    """
    argv = [str(PYTHON), "-P", "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build"]
    folders = {factor: directory / f"factor-{factor}" for factor in (2, 3)}
    for factor, folder in folders.items():
        dbt_project.write(folder, NODES, factor)
    with BridgeProcess(directory / "bridge", settings={"log": {"level": "warning"}, **settings}) as bridge:
        spent = []
        for factor in (2, 3, 3):
            before = sum(proc.cpu_by_process(bridge.pid).values())
            subprocess.run(argv, cwd=folders[factor], env=_env(bridge), check=True, stdout=subprocess.DEVNULL)
            bridge.wait(partial(idle, bridge), "has delivered all", WITHIN_S)
            spent.append((sum(proc.cpu_by_process(bridge.pid).values()) - before) / 1e6)
    return spent[1], spent[2]
