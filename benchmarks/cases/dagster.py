"""What telling Dagster's runs costs: CPU of a job of assets with and without, next to two other instrumentations."""

import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.cases.dbt import clean
from benchmarks.figures import Check, Findings, Interval, Spread, Table, Target
from otel_bridge.testing import BridgeProcess
from tests.dbt.running import idle
from tests.parts.dagster_versions import DAGSTER_PEERS, WITH_HOOK

ASSETS, QUICK_ASSETS = 100, 5
ROUNDS = 8
MOST_STEP_MS = 1.0
WITHIN_S = 120
WITHOUT, OURS = "without", "otel-bridge-dagster"
OTEL, STORAGE = "opentelemetry-instrumentation-dagster", "dagster-openlineage, event log storage"

# Materialises a chain of assets with 20 columns each, again and again, and prints the CPU seconds of each run.
PROGRAM = """
import json, sys, time
import dagster as dg

assets, rounds = int(sys.argv[1]), int(sys.argv[2])
columns = [dg.TableColumn(f"column_{n}", "VARCHAR", description="a column") for n in range(20)]
schema = dg.MetadataValue.table_schema(dg.TableSchema(columns))

def asset(number):
    @dg.asset(name=f"asset_{number}", deps=[f"asset_{number - 1}"] if number else [])
    def made():
        return dg.MaterializeResult(metadata={"dagster/column_schema": schema, "dagster/row_count": 3})
    return made

made, instance, found = [asset(number) for number in range(assets)], dg.DagsterInstance.get(), []
for _ in range(rounds + 1):
    before = time.process_time()
    assert dg.materialize(made, instance=instance).success
    found.append(time.process_time() - before)
print("@@" + json.dumps(found[1:]))
"""

PLAIN_HOME = "telemetry: {enabled: false}\n"
STORAGE_HOME = """\
telemetry: {{enabled: false}}
event_log_storage:
  module: dagster_openlineage
  class: OpenLineageEventLogStorage
  config:
    wrapped: {{module: dagster._core.storage.event_log, class: ConsolidatedSqliteEventLogStorage, config: {{base_dir: "{home}"}}}}
    namespace: bench
"""

TEXT = """\
A chain of {assets} assets with 20 columns each, materialised in one process by Dagster {version}: CPU of the process, all threads
included, per run; {rounds} processes each way, by turns in random order, two runs each after one that is not counted. The receiver is a
bridge, not counted: over OTLP, or over OpenLineage HTTP. {otel} sends spans without lineage,
dagster-openlineage events of assets without inputs. Ratios are within a round."""


class _Way(msgspec.Struct, frozen=True):
    """One way to run the program; `home` is the text of its dagster.yaml."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    home: str = PLAIN_HOME


def measure(bench: Bench) -> Findings:
    """CPU of a job with and without; a quick run has a handful of assets, and leaves the others out."""
    quick = bench.scale < 1
    assets, rounds = (QUICK_ASSETS, 1) if quick else (ASSETS, min(ROUNDS, bench.rounds))
    python = DAGSTER_PEERS.installed() / "bin/python"
    settings = {"log": {"level": "warning"}}
    with BridgeProcess(bench.directory / "dagster", settings=settings) as bridge:
        ways = list(_ways(python, bridge))[: 2 if quick else None]
        spent = _rounds(bench.directory, ways, assets, rounds)
        bridge.wait(partial(idle, bridge), "has delivered all", WITHIN_S)
        ended = [e["job"]["name"] for e in bridge.events() if e["eventType"] == "COMPLETE"]
    told = sum(name.startswith("asset_") for name in ended)
    per_step = [(one - plain) / assets * 1e3 for one, plain in zip(spent[OURS], spent[WITHOUT], strict=True)]
    step = Interval.of(per_step)
    return Findings(
        title=f"Dagster, {assets} assets in one process",
        text=TEXT.format(assets=assets, version=DAGSTER_PEERS.VERSION, rounds=rounds, otel=OTEL),
        tables=[_table(spent), Table(["", "ms of CPU a step"], [[OURS, step]])],
        targets=[Target("Dagster: CPU a step", "< 1 ms", MOST_STEP_MS, step.median)],
        checks=[
            Check(f"lineage of {told} assets arrived", told >= assets * 3 * rounds),
        ],
    )


def _ways(python: Path, bridge: BridgeProcess) -> Iterator[_Way]:
    sending = {k: v for k, v in bridge.program_env().items() if k.startswith("OTEL_")}
    yield _Way(WITHOUT, (str(python),), {})
    yield _Way(OURS, (str(python),), sending | WITH_HOOK)
    launcher = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
    traced = {
        **sending,
        "OTEL_SERVICE_NAME": "bench",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    yield _Way(OTEL, (str(python), "-c", launcher, str(python)), traced)
    yield _Way(STORAGE, (str(python),), {"OPENLINEAGE_URL": bridge.api_url}, STORAGE_HOME)


def _rounds(folder: Path, ways: Sequence[_Way], assets: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of a run of each way in each round."""
    program, dice, order = folder / "assets.py", random.Random(1), list(ways)
    program.write_text(PROGRAM)
    spent: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(rounds):
        dice.shuffle(order)
        for way in order:
            home = folder / f"home-{number}-{ways.index(way)}"
            spent[way.name].append(_cpu_s(way, program, home, assets))
    return spent


def _cpu_s(way: _Way, program: Path, home: Path, assets: int) -> float:
    home.mkdir()
    (home / "dagster.yaml").write_text(way.home.format(home=home) if way.home != PLAIN_HOME else PLAIN_HOME)
    env = clean() | way.env | {"DAGSTER_HOME": str(home), "DO_NOT_TRACK": "1"}
    command = [*way.command, str(program), str(assets), "2"]
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)
    if "@@" not in done.stdout:
        raise RuntimeError(f"{way.name} ended with {done.returncode}: {done.stderr[-2000:]}")
    runs: list[float] = json.loads(done.stdout.rpartition("@@")[2])
    return min(runs)


def _table(spent: Mapping[str, Sequence[float]]) -> Table:
    plain = spent[WITHOUT]
    rows = [
        [name, Spread.of(found), "" if name == WITHOUT else Interval.of(_ratios(found, plain))]
        for name, found in spent.items()
    ]
    return Table(["", "CPU seconds a run", "CPU / that without, median and 95 % interval"], rows)


def _ratios(found: Sequence[float], plain: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(found, plain, strict=True)]
