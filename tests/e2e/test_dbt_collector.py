"""dbt, the shipped Collector configuration, the bridge: nothing gets lost on the way, and tracing has its spans."""

from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.lineage import ends
from tests.dbt.running import Project, require_dbt, settled
from tests.parts import collector
from tests.parts.sink import grpc_sink

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("collector_binary")]


def test_dbt_through_the_gateway(tmp_path: Path) -> None:
    require_dbt()
    project = Project.copy("shop", tmp_path)
    with BridgeProcess(tmp_path / "bridge") as bridge, grpc_sink() as tracing:
        env = {
            "OTELCOL_BRIDGE_ENDPOINT": bridge.http_url,
            "OTELCOL_TRACING_ENDPOINT": tracing.endpoint,
            "OTELCOL_DECISION_WAIT": "1s",
        }
        with collector.run(configs=["gateway.yaml"], directory=tmp_path, env=env) as gateway:
            outcome = project.dbt(
                "build", bridge=bridge, env={"OTEL_EXPORTER_OTLP_ENDPOINT": gateway.http_endpoint}
            )
            assert outcome.code == 0, outcome.output
            bridge.wait(lambda: bridge.events().state_of("dbt-build-shop") == "COMPLETE", "has it all")
            events = settled(bridge)
            bridge.wait(lambda: len(tracing.span_names) >= len(ends(events)), "and tracing too", 30)
    assert set(ends(events)) >= {
        "dbt-build-shop",
        "seed.shop.raw_orders",
        "model.shop.orders",
        "model.shop.revenue",
    }
    assert {tuple(types) for types in events.runs().values()} == {("START", "COMPLETE")}
    (trace,) = {event["run"]["facets"]["otel_trace"]["traceId"] for event in events if "run" in event}
    assert {span.trace_id.hex() for span in tracing.spans} == {trace}
