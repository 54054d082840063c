"""What is told of runs and steps: where they come from, what started them, how they ended."""

import uuid

import pytest
from dagster_told import Told, facts_of

pytestmark = pytest.mark.e2e

SCRIPT = """
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager
tries = []

@asset(retry_policy=RetryPolicy(max_retries=1))
def flaky() -> pd.DataFrame:
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("not yet, says postgres://ann:hidden@db/shop")
    return pd.DataFrame({"a": [1]})

@asset
def broken(flaky: pd.DataFrame) -> pd.DataFrame:
    raise RuntimeError("boom")

@asset
def after(broken: pd.DataFrame) -> pd.DataFrame:
    return broken

@asset
def unstorable():
    return "no table"

@op(out=Out(io_manager_key="files"))
def number(x: int) -> int:
    return x + 1

@op(out=Out(pd.DataFrame, metadata={"schema": "ops"}))
def frame(x: int):
    return pd.DataFrame({"a": [x]})

@op(out=DynamicOut(io_manager_key="files"))
def spread():
    for i in range(2):
        yield DynamicOutput(i, mapping_key=f"k{i}")

@op(out=Out(io_manager_key="files"))
def refuse(x: int):
    if x:
        raise Failure("no more")

@op(out=Out(is_required=False, io_manager_key="files"))
def maybe():
    if False:
        yield Output(1)

@op
def never(x: int) -> None:
    pass

@job
def ops():
    frame(number())
    spread().map(refuse)
    never(maybe())

@op(out=Out(io_manager_key="files"))
def count(flaky: pd.DataFrame) -> int:
    return len(flaky)

@graph_asset(ins={"flaky": AssetIn()})
def graphed(flaky):
    return frame(count(flaky))

resources = {"io_manager": DuckDBPandasIOManager(database="shop.duckdb", schema="main"), "files": FilesystemIOManager(base_dir="store")}
instance = DagsterInstance.ephemeral()
every = [flaky, broken, after, unstorable, graphed]

def make(*keys, **more):
    materialize(every, instance=instance, resources=resources, selection=AssetSelection.assets(*keys), raise_on_error=False, **more)

mark("failing")
make("flaky", "broken", "after", tags={"team": "data", "api_key": "hidden", "dagster/schedule_name": "nightly", "dagster/backfill": "b1",
    "dagster-k8s/config": "hidden", "otel/traceparent": "00-1", "page": "https://u:hidden@h/x", ".dagster/repository": "repo@shop"})
mark("unstorable")
make("unstorable")
mark("graph")
make("graphed")
mark("ops")
config = {"ops": {"number": {"inputs": {"x": 1}}}}
first = ops.execute_in_process(instance=instance, resources=resources, raise_on_error=False, run_config=config)
mark("object")
run = first.dagster_run
tell("run_start", facts.run_start(run._replace(parent_run_id="p1", root_run_id="r1") if hasattr(run, "_replace") else run))
tell("run_start", facts.run_start(object()))
mark("again")
from types import SimpleNamespace
made = materialize(every, instance=instance, resources=resources, selection=AssetSelection.assets("broken"), raise_on_error=False)
lost = SimpleNamespace(dagster_run=run, run_id=run.run_id, previous_attempt_count=0, job_def=made.job_def,
                       step=SimpleNamespace(key="broken", step_outputs=()))
mark("lost")
tell("asset_end", facts.asset_end(lost, AssetKey("broken"), facts.StepTold()))
mark("stopped")

@asset
def stopped():
    raise KeyboardInterrupt

try:
    materialize([stopped], instance=instance)
except BaseException:
    pass
"""

ENV = {"OTEL_BRIDGE_DAGSTER_URL": "https://dagster.example/", "OTEL_BRIDGE_DAGSTER_DEPLOYMENT": "prod"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return facts_of(SCRIPT, tmp_path_factory.mktemp("runs"), ENV)


def test_a_run_says_where_it_comes_from(told: Told) -> None:
    (run,) = told.after("failing").of("run_start")
    assert run["dagster.kind"] == "run"
    assert (run["dagster.code_location"], run["dagster.repository"]) == ("shop", "repo")
    assert run["dagster.deployment"] == "prod"
    assert run["dagster.run_url"] == f"https://dagster.example/runs/{run['dagster.run_id']}"
    assert run["dagster.launched_by"] == {"schedule": "nightly", "backfill_id": "b1"}
    assert run["dagster.backfill"] == {"id": "b1"}
    assert run["dagster.version"].startswith("1.")


def test_the_tags_of_a_run_are_those_that_people_gave(told: Told) -> None:
    (run,) = told.after("failing").of("run_start")
    assert run["dagster.run_tags"] == {"team": "data", "page": "https://h/x"}
    assert "hidden" not in str(told.moments)


def test_a_failed_run_says_why_and_what_it_never_reached(told: Told) -> None:
    (run,) = told.after("failing").of("run_end")
    assert run["dagster.result"] == {
        "status": "failure",
        "message": "RuntimeError: boom",
        "counts": {"steps_success": 1, "steps_failure": 1, "assets_planned": 3, "assets_materialized": 1},
        "never_reached": [["broken"], ["after"]],
    }


def test_a_retried_step_is_two_attempts(told: Told) -> None:
    first, second = [s for s in told.of("step_end") if s["dagster.step_key"] == "flaky"][:2]
    assert first["dagster.result"]["status"] == "up_for_retry"
    assert first["dagster.result"]["message"] == "ValueError: not yet, says postgres://db/shop"
    run_id = uuid.UUID(first["dagster.run_id"])
    assert second["dagster.retry_of"] == {"attempt": 1, "run_id": str(uuid.uuid5(run_id, "step:flaky:1"))}
    assert [s["dagster.step_attempt"] for s in (first, second)] == [1, 2]
    assert told.asset("flaky")["dagster.result"] == {"status": "success"}


def test_a_failed_asset_keeps_its_inputs_and_its_place(told: Told) -> None:
    asset = told.after("failing").asset("broken")
    assert asset["dagster.result"] == {"status": "failure", "message": "RuntimeError: boom"}
    (read,), (written,) = asset["dagster.inputs"], asset["dagster.outputs"]
    assert read["relation"]["identifier"] == "flaky"
    assert written["relation"] == {"database": "shop", "schema": "main", "identifier": "broken"}
    assert "row_count" not in written


def test_the_error_of_an_io_manager_is_the_real_one(told: Told) -> None:
    message = told.asset("unstorable")["dagster.result"]["message"]
    assert message.startswith("CheckError: ")
    assert "does not have a handler" in message


def test_a_graph_behind_an_asset_reads_in_its_first_step_and_writes_in_its_last(told: Told) -> None:
    segment = told.after("graph")
    (read,) = segment.step("graphed.count")["dagster.inputs"]
    assert read["asset_key"] == ["flaky"]
    assert read["found_by"] == "io_manager"
    assert "dagster.outputs" not in segment.step("graphed.count"), "a number that only the next step reads"
    assert set(segment.inputs("graphed")) == {"flaky"}
    assert segment.output("graphed")["relation"]["identifier"] == "graphed"


def test_steps_of_ops_tell_their_tables_and_no_passing_values(told: Told) -> None:
    segment = told.after("ops")
    (table,) = segment.step("frame")["dagster.outputs"]
    assert (table["relation"]["schema"], table["row_count"]) == ("ops", 1)
    assert "dagster.outputs" not in segment.step("number")
    assert "dagster.inputs" not in segment.step("frame")
    assert segment.of("asset_start") == []


def test_steps_of_ops_count(told: Told) -> None:
    (run,) = told.after("ops").of("run_end")
    assert run["dagster.result"] == {
        "status": "failure",
        "message": "Failure: no more",
        "counts": {"steps_success": 5, "steps_failure": 1, "steps_skipped": 1},
    }
    failed = told.after("ops").step("refuse[k1]")
    assert (failed["dagster.op_name"], failed["dagster.result"]["status"]) == ("refuse", "failure")


def test_a_run_is_read_without_a_context_too(told: Told) -> None:
    run, nothing = told.after("object").of("run_start")
    assert run["dagster.job_name"] == "ops"
    assert run.get("dagster.retry_of", {"run_id": "p1", "root_run_id": "r1"}) == {
        "run_id": "p1",
        "root_run_id": "r1",
    }
    assert nothing["dagster.unread"], "what cannot be read is said, and nothing is raised"


def test_an_asset_whose_process_is_gone_has_its_upstream_assets(told: Told) -> None:
    (lost,) = told.after("lost").of("asset_end")
    assert lost["dagster.asset"]["key"] == ["broken"]
    assert lost["dagster.inputs"] == [{"asset_key": ["flaky"]}]
    assert lost["dagster.outputs"] == [{"asset_key": ["broken"]}]


def test_a_stopped_run_is_canceled(told: Told) -> None:
    segment = told.after("stopped")
    assert segment.asset("stopped")["dagster.result"]["status"] in {"canceled", "failure"}
    (run,) = segment.of("run_end")
    assert run["dagster.result"]["never_reached"] == [["stopped"]]
