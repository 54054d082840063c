"""dbt with the plugin is dbt without it: also when the plugin, what it stands on, or the Collector breaks.

The whole matrix is `tests/e2e/test_dbt_sacred.py`.
"""

import signal
from collections.abc import Iterator

import pytest
from otel_bridge.testing import Sink
from tests.dbt.running import require_dbt
from tests.dbt.sacred import Ending, Run, Twins

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("dbt-sacred")]

HOOKS = """
on-run-start: ["create table if not exists started (moment varchar)"]
on-run-end: ["insert into started values ('now')", "insert into nowhere values (1)"]
"""
HOOKED = (
    "{{ config(materialized='table', pre_hook='select 1', post_hook=[\"insert into {{ this }} values ('x', 1)\"]) }}"
    "select * from {{ ref('revenue') }}"
)
BUILD = ["build", "--threads", "1"]
MOVED = """
from dbt.task.base import BaseRunner, ConfiguredTask
from dbt.task.run import RunTask
from dbt.task.runnable import GraphRunnableTask
for owner, base, names in (
    (GraphRunnableTask, ConfiguredTask, ["call_runner", "run", "_cancel_connections"]),
    (BaseRunner, BaseRunner.__mro__[-2], []),
    (RunTask, GraphRunnableTask, ["safe_run_hooks", "get_hook_sql"]),
):
    for name in names:
        setattr(base, name, owner.__dict__[name])
        delattr(owner, name)
"""
RAISING = """
import sys
def boom(*args, **kwargs): raise RuntimeError("a fault of ours")
"""
FAULTS = {
    "methods-moved": MOVED,
    "facts": RAISING
    + "from dbt_otel_bridge import facts\nfor name in facts.__all__: setattr(facts, name, boom)",
    "ends": RAISING
    + "from dbt_otel_bridge import facts\nfacts.node_end = facts.invocation_end = facts.node_ran = boom",
    "names": RAISING + "from dbt_otel_bridge import jobs\njobs.has_run = jobs.node_name = boom",
    "links": "import opentelemetry.sdk.trace as sdk\ndel sdk.Span.add_link, sdk.trace_api.Span.add_link",
    "spans": RAISING + "import opentelemetry.sdk.trace as sdk\nsdk.Span.end = sdk.Span.set_attribute = boom",
    "starts": RAISING + "import opentelemetry.sdk.trace as sdk\nsdk.Tracer.start_span = boom",
    "exporter": RAISING + "import otel_lineage.exporter as e\ne.Exporter.put = e.Exporter.flush = boom",
    "no-sdk": "import sys\nsys.modules['opentelemetry.sdk.trace'] = None",
    "no-otel-lineage": "import sys\nsys.modules['otel_lineage'] = None",
    "no-plugins": "import sys\nsys.modules['dbt.plugins.manager'].dbtPlugin = 1",
    "execute-overridden": """
from dbt.adapters.duckdb.impl import DuckDBAdapter
given = DuckDBAdapter.execute
DuckDBAdapter.execute = lambda self, sql, auto_begin=False, fetch=False, limit=None: given(self, sql, auto_begin, fetch, limit)
""",
    "processor": RAISING
    + """
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
provider, processor = TracerProvider(), SpanProcessor()
processor.on_start = processor.on_end = processor.force_flush = boom
provider.add_span_processor(processor)
trace.set_tracer_provider(provider)
""",
}
QUICK = ("facts", "starts", "no-otel-lineage", "processor")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    require_dbt()
    with Twins("shop", tmp_path_factory.mktemp("sacred")) as made:
        project = made.template / "dbt_project.yml"
        project.write_text(project.read_text() + HOOKS)
        (made.template / "models/hooked.sql").write_text(HOOKED)
        (made.template / "models/broken.sql").write_text("select nothing from {{ ref('orders') }}")
        made.prepare(*BUILD)
        yield made


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def alone(twins: Twins) -> Ending:
    """A build with a model that fails, without the plugin."""
    ending = twins.once(BUILD, plugin=False)
    assert ending.code == 1, ending.output
    return ending


def told(twins: Twins, sink: Sink, fault: str = "") -> Ending:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
    return twins.once(BUILD, plugin=True, env=env, before=fault)


def test_a_build_is_the_same_and_is_told(twins: Twins, alone: Ending, sink: Sink) -> None:
    assert alone.differences(told(twins, sink)) == ""
    sent = b"".join(request.body for request in sink.requests)
    assert b"model.shop.broken" in sent
    assert b"dbt-build-shop.on-run-end.1" in sent


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[] if f in QUICK else pytest.mark.e2e) for f in FAULTS]
)
def test_a_fault(twins: Twins, alone: Ending, sink: Sink, fault: str) -> None:
    assert alone.differences(told(twins, sink, FAULTS[fault])) == ""


def test_an_interrupted_build_shows_no_line_of_ours(twins: Twins, sink: Sink) -> None:
    """dbt prints the traceback of `Ctrl-C`."""

    def during(run: Run) -> None:
        run.says("from range(90000)")
        run.signal(signal.SIGINT)

    long = "select count(*) as n from range(90000) a, range(90000) b where a.range + b.range = -1"
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
    ending = twins.once(
        ["run", "-s", "broken"], plugin=True, env=env, files={"models/broken.sql": long}, during=during
    )
    assert ending.code == 2
    assert any("KeyboardInterrupt" in line for line in ending.output)
    assert not any("otel" in line for line in ending.output), ending.output
