"""Dagster's processes as a Collector hears them: the one-line hook alone, no launcher, in-process and out of it."""

import json
from pathlib import Path

import pytest
from dagster_hooks import Executed, Instance
from lineage_collector import HttpCollector

from otel_bridge_dagster import ids

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dagster-hooks"), pytest.mark.timeout(240)]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEP = """
import subprocess, sys
import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs
with dg.DagsterInstance.get() as instance:
    job = ReconstructableJob(repository=ReconstructableRepository.for_file("shop.py", "defs", "."), job_name="alone")
    origin = job.get_python_origin()
    run = instance.create_run_for_job(job_def=job.get_definition(), job_code_origin=origin)
    args = ExecuteStepArgs(
        job_origin=origin, run_id=run.run_id, step_keys_to_execute=["raw"], instance_ref=instance.get_ref(),
        retry_mode=RetryMode.DISABLED, known_state=None,
    )
    subprocess.run([sys.executable, "-m", *args.get_command_args()], check=True)
"""
IN_PROCESS = """
import json, os
import otel_bridge_dagster
otel_bridge_dagster.instrument()
import dagster as dg
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
seen = {}

def current():
    return f"{trace.get_current_span().get_span_context().span_id:016x}"

@dg.op(out={"a": dg.Out(), "b": dg.Out()})
def two(context):
    seen["op"] = current()
    with trace.get_tracer("user").start_as_current_span("mine"):
        seen["mine"] = current()
        yield dg.Output(1, "a")
        seen["mine_again"] = current()
    seen["op_again"] = current()
    yield dg.Output(2, "b")

@dg.job
def pair():
    two()

for switch in ["OTEL_BRIDGE_DAGSTER_DISABLED", "OTEL_BRIDGE_DISABLED", "OTEL_LINEAGE_DISABLED"]:
    os.environ[switch] = "true"
    assert pair.execute_in_process().success
    del os.environ[switch]
assert seen["op"] == "0" * 16, seen
with trace.get_tracer("user").start_as_current_span("around") as around:
    result = pair.execute_in_process()
seen["outside"] = current()
seen["trace"] = f"{around.get_span_context().trace_id:032x}"
seen["run_id"] = result.run_id
from otel_bridge_dagster.instrumentor import DagsterInstrumentor
DagsterInstrumentor().uninstrument()
told = dict(seen)
assert pair.execute_in_process().success
assert seen["op"] == "0" * 16, seen
print("@@" + json.dumps(told))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hooks")


def hexed(number: int) -> str:
    return f"{number:016x}"


def spans(collector: HttpCollector) -> dict[str, list]:
    found: dict[str, list] = {}
    for span in collector.spans:
        found.setdefault(span["job.name"], []).append(span)
    return found


def untroubled(instance: Instance) -> None:
    assert not instance.trouble.exists(), instance.trouble.read_text()


@pytest.mark.parametrize(("job", "steps"), [("alone", 3), ("spawned", 3), ("forked", 2)])
def test_every_process_tells_the_same_trace(folder, collector, job, steps):
    instance = Instance.before(folder / job, collector)
    done = instance.execute(job)
    assert done.code == 0, done.output
    run_id = done.run["run_id"]
    told = spans(collector)
    assert {s.trace_id for s in collector.spans} == {f"{ids.trace_id(run_id):032x}"}
    (run,) = told[job]
    assert (run.span_id, run["run.id"]) == (hexed(ids.run_span_id(run_id)), run_id)
    (clean,), (asset,) = told[f"{job}.clean"], told["clean"]
    assert clean.span_id == hexed(ids.step_span_id(run_id, "clean", 1))
    assert clean.message.parent_span_id.hex() == run.span_id
    assert (clean["parent.run.id"], clean["parent.job.name"]) == (run_id, job)
    assert (clean["run.id"], asset["run.id"]) == (
        ids.step_run_id(run_id, "clean", 1),
        ids.asset_run_id(run_id, "clean", "clean", 1),
    )
    assert asset.message.parent_span_id.hex() == clean.span_id
    assert asset["parent.run.id"] == clean["run.id"]
    assert sum(name.startswith(f"{job}.") for name in told) == steps
    assert done.run["tags"] == {"otel/trace_id": run.trace_id, "otel/span_id": run.span_id}
    (line,) = (line for line in done.output.splitlines() if "cleaning" in line)
    assert line.endswith(f"cleaning trace_id={run.trace_id} span_id={asset.span_id}")
    assert "cleaning" in done.run["events"]
    untroubled(instance)
    if job == "spawned":
        attempts(told["spawned.flaky"], told["flaky"], run_id)


def attempts(steps: list, assets: list, run_id: str) -> None:
    """Each is a run of its own, and the second knows the first."""
    first, second = sorted(steps, key=lambda span: span.attributes["dagster.step_attempt"])
    assert first.message.status.message == "ValueError: only once"
    assert json.loads(second.attributes["dagster.retry_of"])["run_id"] == first["run.id"]
    assert [link.span_id.hex() for link in second.message.links] == [first.span_id]
    assert {span["run.id"] for span in assets} == {
        ids.asset_run_id(run_id, "flaky", "flaky", n) for n in (1, 2)
    }


def test_a_killed_step_is_told_by_its_parent(folder, collector):
    instance = Instance.before(folder / "killing", collector)
    done = instance.execute("killing")
    assert done.run["status"] == "FAILURE"
    told = spans(collector)
    for name in ("killing.killed", "killed"):
        (span,) = told[name]
        assert span["run.state"] == "FAIL"
        assert "SIGKILL" in span.message.status.message or "signal 9" in span.message.status.message
        assert collector.starts[name].span_id == span.span_id
    for name in ("killing.above", "above"):
        assert [span["run.state"] for span in told[name]] == ["SKIP"]
    assert told["killing"][0]["run.state"] == "FAIL"
    untroubled(instance)


def test_a_run_in_the_trace_of_its_caller(folder, collector):
    instance = Instance.before(folder / "called", collector)
    done = instance.execute("spawned", TRACEPARENT=f"00-{TRACE}-{SPAN}-01")
    told = spans(collector)
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert told["spawned"][0].message.parent_span_id.hex() == SPAN
    assert told["spawned.clean"][0].message.parent_span_id.hex() == told["spawned"][0].span_id
    assert done.run["tags"]["otel/traceparent"] == f"00-{TRACE}-{SPAN}-01"


def test_a_step_that_is_executed_by_itself(folder, collector):
    """As in a container of its own: nothing but the run's id says whose step it is."""
    instance = Instance.before(folder / "step", collector)
    done = instance.python("-c", STEP)
    assert done.code == 0, done.output
    run_id = instance.kept()["run_id"]
    told = spans(collector)
    assert set(told) == {"alone.raw", "raw"}
    (step,) = told["alone.raw"]
    assert (step.trace_id, step.span_id) == (
        f"{ids.trace_id(run_id):032x}",
        hexed(ids.step_span_id(run_id, "raw", 1)),
    )
    assert step.message.parent_span_id.hex() == hexed(ids.run_span_id(run_id))
    assert (step["parent.run.id"], step["parent.job.name"]) == (run_id, "alone")
    untroubled(instance)


def test_in_a_program_with_spans_of_its_own(folder, collector):
    instance = Instance.before(folder / "program", collector)
    done = instance.python("-c", IN_PROCESS)
    assert done.code == 0, done.output
    seen = json.loads(done.output.rpartition("@@")[2])
    told = spans(collector)
    assert {name: len(found) for name, found in told.items()} == {"pair": 1, "pair.two": 1}
    assert (told["pair"][0].trace_id, told["pair"][0]["run.id"]) == (seen["trace"], seen["run_id"])
    step = hexed(ids.step_span_id(seen["run_id"], "two", 1))
    assert seen["op"] == seen["op_again"] == step
    assert seen["mine"] == seen["mine_again"] != step
    assert seen["outside"] == "0" * 16


@pytest.fixture(scope="module")
def alone(folder: Path) -> Executed:
    """Without anybody to tell it to."""
    return Instance(folder / "off", "").execute("spawned")


@pytest.mark.parametrize("temper", ["dead", "hang", 500])
def test_a_collector_that_is_not_well_changes_nothing(folder, collector, alone, temper):
    instance = Instance.before(folder / f"temper-{temper}", collector)
    if temper == "dead":
        instance.endpoint = "http://127.0.0.1:9"
    collector.temper = "hang" if temper == "hang" else 500
    done = instance.execute("spawned")
    assert (done.code, done.run["status"]) == (alone.code, alone.run["status"]) == (0, "SUCCESS")
    assert sorted(done.run["events"]) == sorted(alone.run["events"])
    assert "otel" not in done.output.replace("otel_bridge_dagster; ", "")
    assert alone.run["tags"] == {}
