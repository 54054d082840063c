"""`otel_bridge.testing` as a user's project meets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess, Events, InProcessBridge, Sink

ORDERS = {"namespace": "pg", "name": "orders"}
COLUMNS = {"fields": {"revenue": {"inputFields": [ORDERS | {"field": "amount"}]}}}
RUN = {"runId": "0190fe5e-1111-7000-8000-000000000001", "facets": {"parent": {"job": {"name": "nightly"}}}}
JOB = {"namespace": "n", "name": "daily", "facets": {"sql": {"query": "SELECT 1"}}}
DAILY = {
    "namespace": "pg",
    "name": "revenue",
    "facets": {"columnLineage": COLUMNS},
    "outputFacets": {"outputStatistics": {"rowCount": 2}},
}
EVENTS = Events(
    [
        {"eventType": "START", "run": RUN, "job": JOB, "inputs": [ORDERS], "outputs": []},
        {"eventType": "COMPLETE", "run": RUN, "job": JOB, "inputs": [ORDERS], "outputs": [DAILY]},
        {"dataset": {"namespace": "pg", "name": "static", "facets": {"ownership": {"owners": []}}}},
    ]
)


def test_questions() -> None:
    assert (EVENTS.types("daily"), EVENTS.state_of("daily")) == (["START", "COMPLETE"], "COMPLETE")
    assert (EVENTS.types("other"), EVENTS.state_of("other")) == ([], None)
    assert (EVENTS.inputs_of("daily"), EVENTS.outputs_of("daily")) == ({"orders"}, {"revenue"})
    assert EVENTS.edges() == {("orders", "daily"), ("daily", "revenue")}
    assert EVENTS.column_edges() == {("orders.amount", "revenue.revenue")}
    assert EVENTS.parent_of("daily") == "nightly"
    assert EVENTS.facet("daily", "sql")["query"] == "SELECT 1"
    assert EVENTS.facet("daily", "parent")["job"] == {"name": "nightly"}
    assert EVENTS.dataset_facet("revenue", "outputStatistics") == {"rowCount": 2}
    assert EVENTS.dataset_facet("static", "ownership") == {"owners": []}
    assert EVENTS.one("daily", "START")["inputs"] == [ORDERS]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: EVENTS.one("daily", "FAIL"), "expected one FAIL of 'daily', found 0"),
        (lambda: EVENTS.facet("daily", "tags"), "no facet 'tags', but parent, sql"),
        (lambda: EVENTS.facet("nobody", "tags"), "no event of 'nobody'"),
        (lambda: EVENTS.dataset_facet("orders", "schema"), "no facet 'schema', but none"),
    ],
)
def test_a_wrong_expectation_says_what_there_is(ask, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        ask()


def test_normalised_events_are_the_same_for_every_run() -> None:
    first, second = (
        Events(
            [
                {
                    "run": {"runId": f"0190fe5e-1111-7000-8000-00000000000{n}"},
                    "eventTime": f"2026-11-2{n}T00:00:00Z",
                }
            ]
        )
        for n in (1, 2)
    )
    assert first.normalised() == second.normalised() == [{"run": {"runId": "<run-1>"}, "eventTime": "<time>"}]


def test_in_process_takes_spans_and_log_records_of_the_sdk() -> None:
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    bridge, job = InProcessBridge(), {"openlineage.job.name": "load"}
    with tracers.get_tracer("t").start_as_current_span("load", attributes=job):
        loggers.get_logger("t").emit(LogRecord(event_name="openlineage.run.start", attributes=job))
    bridge.receive_logs(logs.get_finished_logs())
    assert bridge.events.types("load") == ["START"]
    bridge.receive_spans(spans.get_finished_spans())
    assert bridge.settle().types("load") == ["START", "COMPLETE"]


def test_the_plugin_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    """Nothing but pytest itself is imported by it, and no warning comes of it."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_nothing_heavy():\n"
        "    assert 'otel_bridge.testing.plugin' in sys.modules\n"
        "    heavy = ('otel_bridge.s', 'otel_bridge.testing.', 'grpc', 'google', 'opentelemetry', 'msgspec')\n"
        "    found = {n for n in sys.modules if n.startswith(heavy)} - {'otel_bridge.testing.plugin'}\n"
        "    assert not found\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_other.py"]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, "-p", "otel_bridge.testing.plugin"],
        cwd=tmp_path,
        env=alone,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_is_found_by_pytest() -> None:
    from importlib.metadata import entry_points

    (point,) = [p for p in entry_points(group="pytest11") if p.name == "otel_bridge"]
    assert point.value == "otel_bridge.testing.plugin"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import otel_bridge.testing

    with pytest.raises(AttributeError, match="no attribute 'Bridge'"):
        otel_bridge.testing.Bridge  # noqa: B018


def test_a_bridge_that_can_not_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)the bridge ended before it listens.*lost_aftr"):
        BridgeProcess(tmp_path, settings={"runs": {"lost_aftr": 1}}).start()


def test_programs_are_pointed_at_the_bridge(lineage_bridge: BridgeProcess, lineage_sink: Sink) -> None:
    code = "from otel_lineage import lineage_run\nwith lineage_run('load'): pass"
    subprocess.run([sys.executable, "-c", code], env=lineage_bridge.program_env(), check=True)
    assert lineage_sink.wait_for(2).state_of("load") == "COMPLETE"
    assert lineage_bridge.wait_for_events(2).types("load") == ["START", "COMPLETE"]
