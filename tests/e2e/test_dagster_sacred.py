"""The pipeline is sacred: exit code, results, data and event log of Dagster are those without the instrumentation.

Whatever the Collector does. The one difference is the run's tags `otel/trace_id` and `otel/span_id`.
"""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.testing import BridgeProcess, Sink
from tests.dagster.running import SENDING, Order, Project, require_dagster, run_id
from tests.dbt.running import settled

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dagster-sacred"), pytest.mark.timeout(240)]
ORDERS = [
    Order("shop", 1),
    Order.of_partition("daily", 2, "2026-11-02"),
    Order("trouble", 3),
    Order("blocked", 4),
    Order("arithmetic", 5),
]
DEADLY = [Order("deadly", 6, "spawn")]
OURS = {"otel/trace_id", "otel/span_id"}
PASSING = (
    (re.compile(r"\b\d+(\.\d+)?(ms|s| ms| seconds)\b"), "LASTING"),
    (re.compile(r"\bpid: \d+|'pid': \w+\(text='\d+'\)"), "PID"),
    (re.compile(r"duration_ms=\d+(\.\d+)?(e-\d+)?"), "LASTING"),
    (re.compile(r"file_key='\w+'"), "FILE"),
    (re.compile(r"(timestamp|path|value)=\d+\.\d+"), "TIME"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?"), "TIME"),
    (re.compile(r"\b\d{10}\.\d+\b"), "TIME"),
)
"""What differs between any two executions."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one execution ended."""

    code: int
    said: list[str]
    runs: list[dict[str, Any]]
    tags: set[str]
    """Those that are Dagster's to set aside: ours."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Executions of the same runs from the same copy of the project, in the same folder."""

    place: Path

    def once(self, orders: list[Order], **how: Any) -> Ending:
        """One execution."""
        project = Project(self.place / "everything")
        for name in ("everything", "everything-home"):
            shutil.rmtree(self.place / name, ignore_errors=True)
            shutil.copytree(self.place / "template" / name, self.place / name)
        spool = {"OTEL_LINEAGE_SPOOL_DIR": str(self.place / "spool")}
        done = project.drive(orders, **how | {"env": spool | how.get("env", {})})
        runs = project.runs()
        tags = {tag for run in runs for tag in run["tags"]} & OURS
        said = [line for line in done.output.splitlines() if line.startswith("@@")]
        return Ending(done.code, said, [kept(run) for run in runs], tags)


def kept(run: dict[str, Any]) -> dict[str, Any]:
    tags = {name: value for name, value in run["tags"].items() if name not in OURS}
    return run | {"tags": tags, "events": [passing(event) for event in run["events"]]}


def passing(event: dict[str, Any]) -> dict[str, Any]:
    """An entry of the event log without what differs between any two; a stack has other lines below hooks."""
    told = {name: str(value) for name, value in event.items()}
    told["data"] = told["data"].split("stack=")[0] if "stack=" in told["data"] else told["data"]
    for pattern, stands_for in PASSING:
        told = {name: pattern.sub(stands_for, text) for name, text in told.items()}
    return told


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    require_dagster()
    place = tmp_path_factory.mktemp("twins")
    (place / "template").mkdir()
    Project.copy("everything", place / "template")
    return Twins(place)


@pytest.fixture(scope="module")
def alone(twins: Twins) -> Ending:
    ending = twins.once(ORDERS, instrumented=False)
    assert len(ending.runs) == len(ORDERS)
    assert ending.tags == set()
    return ending


def sending_to(url: str) -> dict[str, str]:
    return SENDING | {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


def nobody(_: Path) -> Iterator[dict[str, str]]:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    yield sending_to(f"http://127.0.0.1:{port}")


def hanging(_: Path) -> Iterator[dict[str, str]]:
    with Sink() as sink:
        sink.hang(100_000)
        yield sending_to(sink.url)


def unavailable(_: Path) -> Iterator[dict[str, str]]:
    with Sink() as sink:
        sink.answer(503, times=100_000)
        yield sending_to(sink.url)


def nameless(_: Path) -> Iterator[dict[str, str]]:
    yield sending_to("http://no-such-host.invalid:4318")


def listening(place: Path) -> Iterator[dict[str, str]]:
    with BridgeProcess(place) as bridge:
        yield sending_to(bridge.http_url)
        assert settled(bridge, 60).jobs()


COLLECTORS = (listening, nobody, hanging, unavailable, nameless)


@pytest.mark.parametrize("collector", COLLECTORS, ids=lambda each: each.__name__)
def test_nothing_changes(
    collector: Callable[[Path], Iterator[dict[str, str]]], twins: Twins, alone: Ending, tmp_path: Path
) -> None:
    around = collector(tmp_path)
    told = twins.once(ORDERS, env=next(around))
    assert (told.code, told.said) == (alone.code, alone.said)
    for mine, theirs in zip(told.runs, alone.runs, strict=True):
        assert mine == theirs
    assert told.tags == OURS
    next(around, None)


def test_a_step_that_dies(twins: Twins, tmp_path: Path) -> None:
    """The same end; and lineage knows of it."""
    without = twins.once(DEADLY, instrumented=False)
    with BridgeProcess(tmp_path) as bridge:
        told = twins.once(DEADLY, env=sending_to(bridge.http_url))
        events = settled(bridge, 60)
    assert told.said == without.said
    statuses = [(run["run_id"], run["status"]) for run in told.runs]
    assert statuses == [(run["run_id"], run["status"]) for run in without.runs] == [(run_id(6), "FAILURE")]
    ends = [[(e["type"], e["step"]) for e in run["events"]] for run in (*told.runs, *without.runs)]
    assert ends[0] == ends[1]
    assert events.types("deadly.killed") == ["START", "FAIL"]
    assert events.state_of("deadly") == "FAIL"
    assert "signal" in events.facet("deadly.killed", "errorMessage")["message"]


@pytest.mark.parametrize(
    "switch",
    [
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otel_bridge_dagster,otel_bridge_pyiceberg"},
        {"OTEL_BRIDGE_DAGSTER_DISABLED": "true"},
        {"OTEL_BRIDGE_DISABLED": "true"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_switched_off(switch: dict[str, str], twins: Twins, tmp_path: Path) -> None:
    with BridgeProcess(tmp_path) as bridge:
        told = twins.once([Order("arithmetic", 5)], env=sending_to(bridge.http_url) | switch)
        assert (told.code, told.tags) == (0, set())
        assert len(settled(bridge)) == 0
