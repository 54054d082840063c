"""The plugin's runs as a Collector gets them: whose children they are, what they hand on, and when there are none."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lineage_collector import HttpCollector
from tests.dbt.running import Outcome, Project, require_dbt

pytestmark = pytest.mark.xdist_group("dbt-plugin")

TRACE, SPAN, RUN = (
    "0af7651916cd43dd8448eb211c80319c",
    "b7ad6b7169203331",
    "01941f29-7c00-7000-8000-000000000001",
)
CALLER = {
    "TRACEPARENT": f"00-{TRACE}-{SPAN}-01",
    "OPENLINEAGE_PARENT_ID": f"floe.test.orchestrator/nightly/{RUN}",
}
ROOT = "dbt-build-shop"
NODES = {
    "seed.shop.raw_customers",
    "seed.shop.raw_orders",
    "model.shop.customers",
    "model.shop.orders",
    "model.shop.revenue",
}
SEEN = """
import os
def model(dbt, session):
    dbt.config(materialized="table")
    with open("seen.txt", "w") as file:
        file.write(os.environ.get("TRACEPARENT", "none"))
    return dbt.ref("orders").project("order_id")
"""


@dataclass
class Dbt:
    """A project and a Collector that it is told to send to."""

    project: Project
    collector: HttpCollector

    def env(self, **more: str) -> dict[str, str]:
        spool = str(self.project.folder.parent / "spool")
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint,
            "OTEL_LINEAGE_SPOOL_DIR": spool,
            "OTEL_BRIDGE_DBT_LOG": str(self.project.folder / "trouble.log"),
            **more,
        }

    def program(self, script: str, **more: str) -> list:
        """What the script says by `say`, which it finds beside `dbt`."""
        done = self.project.program(SCRIPT + script, env=self.env(**more))
        assert done.code == 0, done.output
        return [json.loads(line[2:]) for line in done.output.splitlines() if line.startswith("@@")]

    @property
    def runs(self) -> dict:
        """Spans of runs by job name."""
        return {span["job.name"]: span for span in self.collector.spans}

    @property
    def trouble(self) -> str:
        file = self.project.folder / "trouble.log"
        return file.read_text() if file.exists() else ""


SCRIPT = """
import json, os, sys
from dbt.cli.main import dbtRunner
def dbt(*words):
    return dbtRunner().invoke(["--quiet", *words]).success
def say(value):
    print("@@" + json.dumps(value), flush=True)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dbt, Outcome]:
    """`dbt build` that something else has started, with a model that sees its environment and one whose SQL does."""
    require_dbt()
    project = Project.copy("shop", tmp_path_factory.mktemp("runs"))
    models = project.folder / "models"
    (models / "seen.py").write_text(SEEN)
    (models / "rendered.sql").write_text("select '{{ env_var('TRACEPARENT', 'none') }}' as traceparent")
    collector = HttpCollector()
    try:
        run = Dbt(project, collector)
        return run, project.dbt("build", env=run.env(**CALLER))
    finally:
        collector.close()


@pytest.fixture
def dbt(built: tuple[Dbt, Outcome], tmp_path: Path) -> Iterator[Dbt]:
    """The project as that build left it."""
    project = built[0].project.copied(tmp_path)
    shutil.rmtree(project.folder / "logs")
    collector = HttpCollector()
    try:
        yield Dbt(project, collector)
    finally:
        collector.close()


def test_a_command_is_a_child_of_what_started_it(built: tuple[Dbt, Outcome]) -> None:
    dbt, outcome = built
    assert outcome.code == 0, outcome.output
    root = dbt.runs[ROOT]
    assert (root.trace_id, root.message.parent_span_id.hex()) == (TRACE, SPAN)
    assert (root["parent.run.id"], root["parent.job.name"]) == (RUN, "nightly")
    assert dbt.trouble == ""


def test_nodes_are_children_of_the_command_in_one_trace(built: tuple[Dbt, Outcome]) -> None:
    dbt, _ = built
    root = dbt.runs[ROOT]
    assert dbt.runs.keys() >= NODES | {ROOT}
    for name, span in dbt.runs.items():
        assert span.trace_id == TRACE
        if name != ROOT:
            assert (span.message.parent_span_id.hex(), span["parent.run.id"]) == (
                root.span_id,
                root["run.id"],
            )
            assert span["root.run.id"] == RUN


def test_every_run_has_started_by_an_event_of_its_span(built: tuple[Dbt, Outcome]) -> None:
    dbt, _ = built
    starts = {
        record.span_id: record for record in dbt.collector.logs if record.name == "openlineage.run.start"
    }
    for name, span in dbt.runs.items():
        assert starts[span.span_id]["job.name"] == name
        assert starts[span.span_id].message.time_unix_nano == span.message.start_time_unix_nano


def test_spans_link_to_those_of_the_nodes_above(built: tuple[Dbt, Outcome]) -> None:
    dbt, _ = built
    for name, above in {
        "model.shop.revenue": {"model.shop.customers", "model.shop.orders"},
        "model.shop.orders": {"seed.shop.raw_orders"},
        "seed.shop.raw_orders": set(),
    }.items():
        linked = {link.span_id.hex() for link in dbt.runs[name].message.links}
        assert linked == {dbt.runs[each].span_id for each in above}


def test_what_dbt_starts_gets_the_trace_and_what_it_renders_does_not(built: tuple[Dbt, Outcome]) -> None:
    dbt, _ = built
    root = dbt.runs[ROOT]
    assert (dbt.project.folder / "seen.txt").read_text() == f"00-{TRACE}-{root.span_id}-01"
    rendered = dbt.project.folder / "target/compiled/shop/models/rendered.sql"
    assert rendered.read_text() == f"select '{CALLER['TRACEPARENT']}' as traceparent"


def test_inside_a_program_that_has_runs(dbt: Dbt) -> None:
    """Several commands in a process: under the run around, parsed once, the environment as it was, off when told."""
    said = dbt.program("""
import otel_lineage
before = dict(os.environ)
with otel_lineage.lineage_run("around") as around:
    say(around.run_id)
    say(dbt("run", "-s", "customers"))
    say(dbt("run", "-s", "orders", "rendered", "seen"))
say(dict(os.environ) == before)
say(dbt("test", "-s", "revenue"))
os.environ["OTEL_BRIDGE_DBT_DISABLED"] = "1"
say(dbt("seed"))
""")
    around, *said = said
    assert said == [True] * 5
    inside = [span for span in dbt.collector.spans if span["job.name"] == "dbt-run-shop"]
    assert [span["parent.run.id"] for span in inside] == [around, around]
    assert dbt.runs["dbt-test-shop"].get("parent.run.id") is None
    assert "dbt-seed-shop" not in dbt.runs
    rendered = dbt.project.folder / "target/compiled/shop/models/rendered.sql"
    assert rendered.read_text() == "select 'none' as traceparent"
    assert "nable to do partial parsing" not in (dbt.project.folder / "logs/dbt.log").read_text()
    assert dbt.trouble == ""


def test_without_anybody_to_tell_nothing_is_imported(dbt: Dbt) -> None:
    said = dbt.program(
        """
say(dbt("run", "-s", "customers"))
say(sorted(name for name in sys.modules if name.startswith(("otel_lineage", "opentelemetry.sdk", "dbt_otel_bridge"))))
""",
        OTEL_EXPORTER_OTLP_ENDPOINT="",
    )
    assert said == [True, ["dbt_otel_bridge", "dbt_otel_bridge.plugin", "dbt_otel_bridge.settings"]]


def test_on_the_sdk_of_the_program_without_an_endpoint(dbt: Dbt) -> None:
    said = dbt.program(
        """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
with trace.get_tracer("test").start_as_current_span("around") as around:
    say(dbt("run", "-s", "customers"))
spans = {span.name: span for span in exporter.get_finished_spans()}
say(sorted(spans))
say(spans["dbt-run-shop"].parent.span_id == around.get_span_context().span_id)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT="",
        OTEL_LINEAGE_FLUSH_TIMEOUT="0.1",
    )
    assert said == [True, ["around", "dbt-run-shop", "model.shop.customers"], True]


FAULTS = """
import inspect
from dbt.task.runnable import GraphRunnableTask
del GraphRunnableTask._cancel_connections  # as if this dbt had none
say(["as it is", dbt("build"), dbt("run-operation", "nothing")])
import dbt_otel_bridge.facts, dbt_otel_bridge.nodes, dbt_otel_bridge.invocation, dbt_otel_bridge.environment
import dbt_otel_bridge.statements, dbt_otel_bridge.operation, otel_lineage.emitter, otel_lineage.runs

class Fault(Exception):
    pass

def raises(*args, **kwargs):
    raise Fault

def broken(place, names):
    kept = {name: inspect.getattr_static(place, name) for name in names}
    for name in names:
        setattr(place, name, raises)
    say([f"{place.__name__}: {' '.join(names)}", dbt("build"), dbt("run-operation", "nothing")])
    for name, value in kept.items():
        setattr(place, name, value)

facts = dbt_otel_bridge.facts
broken(facts, ["invocation", "operation"])
broken(facts, ["node_start", "hook"])
broken(facts, ["node_ran", "node_end", "invocation_end", "operation_end", "statements"])
broken(otel_lineage.emitter.LineageEmitter, ["start", "job_event"])
broken(otel_lineage.runs.LineageRun, ["set_attribute", "set_state", "abort", "context", "child_env", "ref"])
broken(otel_lineage.runs.LineageRun, ["end"])
broken(dbt_otel_bridge.statements.Script, ["__init__", "add", "text"])
broken(dbt_otel_bridge.environment.HandedOn, ["give", "take_back"])
broken(dbt_otel_bridge.nodes.NodeRun, ["start", "_link", "_watch_hooks"])
"""


def test_whatever_of_ours_fails_dbt_does_not(dbt: Dbt) -> None:
    macros = dbt.project.folder / "macros"
    macros.mkdir()
    (macros / "nothing.sql").write_text("{% macro nothing() %}{% do run_query('select 1') %}{% endmacro %}")
    project = dbt.project.folder / "dbt_project.yml"
    project.write_text(project.read_text() + "    +post-hook: select 1\non-run-start: [select 1]\n")
    said = dbt.program(FAULTS)
    assert {name: results for name, *results in said} == {name: [True, True] for name, *_ in said}
    assert len(said) == 10
    assert dbt.trouble.count("Fault") >= 9
    assert os.environ.get("TRACEPARENT") is None
