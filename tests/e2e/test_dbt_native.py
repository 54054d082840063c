"""Real dbt-core 1.12 with its own spans and without our package, and the artifacts that it leaves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events
from tests.dbt.lineage import columns, datasets, ends, story
from tests.dbt.running import WINDOW, Project, idle
from tests.dbt.test_dbt_everything import COLUMNS, MODELS, TESTS
from tests.parts.required import require

pytestmark = pytest.mark.e2e

NATIVE = {"DBT_ENGINE_SNOWFLAKE_PROJECTS_OTEL": "true"}
WITHOUT_SPANS = {"DBT_ENGINE_SNOWFLAKE_PROJECTS_OTEL": "false"}
WITH_SDK = """
import os, sys, urllib.request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
class Exporter(SpanExporter):
    def export(self, spans):
        url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
        headers = {"Content-Type": "application/x-protobuf"}
        body = encode_spans(spans).SerializeToString()
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).read()
        return SpanExportResult.SUCCESS
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Exporter()))
trace.set_tracer_provider(provider)
from dbt.cli.main import dbtRunner
done = dbtRunner().invoke(sys.argv[1:])
provider.shutdown()
print(done.exception)
"""
"""`opentelemetry-instrument dbt ...` in few lines."""
NONE: set[str] = set()
ROOT = "dbt-build-everything"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    python = require("dbt_1_12") / "bin/python"
    return Project.copy("everything", tmp_path, python=python, env=dict(NATIVE))


def bridge(folder: Path, project: Project, **dbt: object) -> BridgeProcess:
    """It knows where the warehouse is: neither spans nor artifacts do."""
    file = (project.folder / "everything.duckdb").resolve()
    return BridgeProcess(
        folder / "bridge", settings={"dbt": {"namespaces": {"duckdb": f"duckdb://{file}"}} | dbt}
    )


def run(project: Project, running: BridgeProcess, *words: str) -> None:
    done = project.program(WITH_SDK, *words, bridge=running)
    assert done.code == 0, done.output


def push(project: Project, running: BridgeProcess) -> None:
    command = [sys.executable, "-m", "otel_bridge", "artifacts", "push", str(project.folder / "target")]
    subprocess.run([*command, "--url", running.api_url], check=True, capture_output=True, timeout=60)


def told(running: BridgeProcess, root: str = ROOT) -> Events:
    running.wait(lambda: any(e["job"]["name"] == root for e in running.events()), f"has told {root}", 40)
    running.wait(lambda: idle(running), "has delivered all")
    return running.events()


def check(events: Events) -> None:
    found = ends(events)
    for model, (inputs, output) in MODELS.items():
        job = f"model.everything.{model}"
        assert story(found[job]) == ("MODEL", "COMPLETE", inputs, {output}), model
        if model in COLUMNS:
            assert columns(found[job]) == COLUMNS[model], model
    for name, (state, inputs) in TESTS.items():
        test = next(event for job, event in found.items() if job.startswith(f"test.everything.{name}"))
        assert (test["eventType"], story(test)[2]) == (state, inputs), name
    for types in events.runs().values():
        assert (types[0], len(types)) == ("START", 2)


def test_pushed_afterwards_lineage_is_complete(tmp_path: Path, project: Project) -> None:
    with bridge(tmp_path, project) as running:
        project.dbt("parse", env=WITHOUT_SPANS)
        push(project, running)  # from now on artifacts are waited for
        run(project, running, "build", *WINDOW)
        push(project, running)
        events = told(running)
        check(events)
        known = {f"duckdb://{(project.folder / 'everything.duckdb').resolve()}", "file"}
        assert {namespace for namespace, _ in datasets(events)} == known
        names = {name for namespace, name in datasets(events) if namespace != "file"}
        assert (
            names - project.tables("everything.duckdb")
            == {
                "everything.shop.order_report",  # skipped: amounts failed a test
                "everything.landing.parcels",
            }
            & names
        )


def test_a_watched_folder_needs_no_push(tmp_path: Path, project: Project) -> None:
    with bridge(tmp_path, project, watch=[str(project.folder / "target")]) as running:
        run(project, running, "build", *WINDOW)
        check(told(running))


def test_without_artifacts_there_are_runs_and_outputs(tmp_path: Path, project: Project) -> None:
    with bridge(tmp_path, project) as running:
        run(project, running, "build", *WINDOW)
        found = ends(told(running, "dbt-build"))
        for model, (_, output) in MODELS.items():
            told_ = found[f"model.everything.{model}"]
            assert (told_["eventType"], story(told_)[2:]) == ("COMPLETE", (NONE, {output})), model


def test_a_finished_run_is_converted_from_its_artifacts_alone(tmp_path: Path, project: Project) -> None:
    with bridge(tmp_path, project) as running:
        project.dbt("build", *WINDOW, env=WITHOUT_SPANS)
        config = ["--config", str(running.directory / "bridge.json")]
        command = [
            sys.executable,
            "-m",
            "otel_bridge",
            "convert",
            "--dbt-artifacts",
            str(project.folder / "target"),
            *config,
        ]
        outputs = [
            subprocess.run(command, check=True, capture_output=True, timeout=60).stdout for _ in range(2)
        ]
        assert outputs[0] == outputs[1]
        check(Events(json.loads(line) for line in outputs[0].splitlines()))
