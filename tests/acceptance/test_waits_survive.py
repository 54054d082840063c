"""A run that waits for its parent keeps waiting through a crash, also for the plain spans between."""

from pathlib import Path

from otel_bridge.testing import BridgeProcess
from tests.otlp import Exporter, span, span_id, trace_id


def test_plain_spans_that_come_after_a_crash_connect_a_run_from_before(tmp_path: Path) -> None:
    trace, top, middle = trace_id(), span_id(), span_id()
    bridge = BridgeProcess(tmp_path / "b").start()
    try:
        Exporter(bridge.endpoints.http).traces(span(trace, span_id(), middle, job="child"))
        bridge.kill()
        bridge.start()
        exporter = Exporter(bridge.endpoints.http)
        exporter.traces(span(trace, middle, top))
        exporter.traces(span(trace, top, job="parent"))
        events = bridge.wait_for_events(4)
        assert events.parent_of("child") == "parent"
        assert bridge.health()["received"]["not_lineage"] == 0
    finally:
        bridge.stop()
