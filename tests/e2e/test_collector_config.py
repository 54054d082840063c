"""The Collector configurations that we ship, in the real Collector."""

import json
import re
import secrets
import ssl
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from confluent_kafka import Consumer, Message, Producer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.parts import collector
from tests.parts._process import wait_until
from tests.parts.jaeger import Jaeger
from tests.parts.sink import Sink, grpc_sink, http_sink

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("collector_binary")]

LAYERINGS = [
    ["agent.yaml"],
    ["agent.yaml", "agent-load-balancing.yaml"],
    ["agent.yaml", "agent-tls.yaml"],
    ["gateway.yaml"],
    ["gateway.yaml", "gateway-kafka.yaml"],
    ["gateway.yaml", "gateway-load-balancing.yaml"],
    ["gateway.yaml", "gateway-redact-sql.yaml"],
    ["gateway.yaml", "gateway-tls.yaml"],
    ["gateway.yaml", "gateway-token.yaml"],
    ["gateway.yaml", "gateway-redact-sql.yaml", "gateway-kafka.yaml"],
    ["gateway.yaml", "gateway-redact-sql.yaml", "gateway-tls.yaml", "gateway-token.yaml"],
]
TOPICS = ["otlp.lineage.traces", "otlp.lineage.logs"]
LINEAGE = {"openlineage.job.name": "orders"}
INSIDE = {"openlineage.run.id": "0190f3d2-0000-7000-8000-000000000001"}
COPY = {**LINEAGE, "openlineage.export": "lineage"}


@dataclass(frozen=True, slots=True)
class Line:
    """A gateway between a sender and the two ends of its branches."""

    gateway: collector.Collector
    bridge: Sink
    tracing: Sink

    def send(self, *spans: Span, to: collector.Collector | None = None) -> None:
        """Send spans in one request; an answer other than 200 raises."""
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.extend(spans)
        post(to or self.gateway, "/v1/traces", request.SerializeToString())

    def send_scoped(self, **spans: str) -> None:
        """Send spans without lineage attributes: name=scope."""
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        for name, scope in spans.items():
            scoped = resource.scope_spans.add()
            scoped.scope.name = scope
            scoped.spans.append(span(name))
        post(self.gateway, "/v1/traces", request.SerializeToString())

    def send_logs(self, *event_names: str) -> None:
        """Send log records that have these event names; with `old:` as older SDKs give them."""
        request = ExportLogsServiceRequest()
        records = request.resource_logs.add().scope_logs.add().log_records
        for name in event_names:
            record = records.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8))
            if name.startswith("old:"):
                record.attributes.add(key="event.name").value.string_value = name.removeprefix("old:")
            else:
                record.event_name = name
        post(self.gateway, "/v1/logs", request.SerializeToString())

    def settle(self, *ends: Sink) -> None:
        """Wait until a span that is sent now has come out at these ends: what was sent before has, too."""
        fence = f"fence-{secrets.token_hex(4)}"
        self.send(span(fence, LINEAGE))
        wait_until(lambda: all(fence in end.span_names for end in ends))


@pytest.mark.parametrize("layers", LAYERINGS, ids="+".join)
def test_the_collector_accepts_every_layering(layers: Sequence[str]) -> None:
    assert collector.validate(layers) == ""


def test_every_file_is_part_of_a_tested_layering() -> None:
    files = {path.name for path in collector.CONFIG.glob("*.yaml")} - {"builder.yaml"}
    assert files == {name for layers in LAYERINGS for name in layers}


def test_validate_finds_a_wrong_layer(tmp_path: Path) -> None:
    layer = tmp_path / "wrong.yaml"
    layer.write_text("service: {pipelines: {traces/lineage: {exporters: [otlp_http/nowhere]}}}")
    assert "otlp_http/nowhere" in collector.validate(["gateway.yaml", layer])


def test_lineage_arrives_at_the_bridge_and_nothing_else_does(tmp_path: Path) -> None:
    with line(tmp_path) as flow:
        flow.send(span("run", LINEAGE), span("plain"), span("inside", INSIDE), span("copy", COPY))
        flow.send_logs(
            "openlineage.run.start", "exception", "user.login", "", "openlineage.job", "openlineagex"
        )
        flow.send_logs("old:openlineage.run.start", "old:user.login", "old:exception")
        flow.settle(flow.bridge)
        wait_until(lambda: len(flow.bridge.logs) >= 5)
        assert names(flow.bridge) == ["copy", "inside", "run"]
        assert flow.bridge.event_names == ["", "", "exception", "openlineage.job", "openlineage.run.start"]
        assert {headers.get("content-encoding") for headers in flow.bridge.headers} == {"gzip"}


def test_spans_that_dbt_makes_itself_arrive_at_the_bridge(tmp_path: Path) -> None:
    with line(tmp_path, {"OTELCOL_SAMPLING_PERCENTAGE": "0"}) as flow:
        flow.send_scoped(native="dbt.runner", fusion="dbt-fusion", short="dbt", other="dbtest", plain="app")
        flow.settle(flow.bridge, flow.tracing)
        assert names(flow.bridge) == ["fusion", "native", "short"]
        assert names(flow.tracing) == ["fusion", "native", "short"]


def test_spans_that_other_tools_send_arrive_at_the_bridge(tmp_path: Path) -> None:
    with line(tmp_path, {"OTELCOL_SAMPLING_PERCENTAGE": "0"}) as flow:
        flow.send(
            span("task", {"airflow.dag_id": "shop"}),
            span("flow", {"prefect.run.id": "1"}),
            span("query", {"db.system": "mysql"}),
        )
        flow.send_scoped(step="dagster_otel", other="dagster_otelx")
        flow.settle(flow.bridge, flow.tracing)
        assert names(flow.bridge) == ["flow", "step", "task"]
        assert names(flow.tracing) == ["flow", "step", "task"]


def test_conditions_for_all_spans_of_clients_are_understood(tmp_path: Path) -> None:
    page = (collector.CONFIG.parent / "docs/dialects.md").read_text()
    conditions = re.findall(r"`(and span\.attributes\[.*)` \|", page)
    assert len(conditions) == 3
    gateway = (collector.CONFIG / "gateway.yaml").read_text()
    filtered = re.search(r"# generated: lineage filter\n *- (.*)", gateway)
    assert filtered
    layer = tmp_path / "all.yaml"
    layer.write_text(gateway.replace(filtered[1], " ".join((filtered[1], *conditions))))
    assert collector.validate([layer]) == ""


def test_copies_for_lineage_stay_out_of_the_tracing_backend(tmp_path: Path) -> None:
    with line(tmp_path) as flow:
        flow.send(span("run", LINEAGE), span("plain"), span("copy", COPY))
        flow.settle(flow.tracing, flow.bridge)
        assert names(flow.tracing) == ["plain", "run"]
        assert names(flow.bridge) == ["copy", "run"]


def test_sampling_keeps_traces_of_pipelines_and_of_errors(tmp_path: Path) -> None:
    trace_id = secrets.token_bytes(16)
    with line(tmp_path, {"OTELCOL_SAMPLING_PERCENTAGE": "0"}) as flow:
        failed = span("failed")
        failed.status.code = Status.STATUS_CODE_ERROR
        flow.send(span("run", LINEAGE, trace_id), span("query", {}, trace_id), failed, span("plain"))
        flow.settle(flow.tracing, flow.bridge)
        assert names(flow.tracing) == ["failed", "query", "run"]
        assert names(flow.bridge) == ["run"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_the_gateway_took_outlives_it_while_the_bridge_is_down(tmp_path: Path, end: str) -> None:
    with line(tmp_path) as flow:
        flow.bridge.refusing = True
        names = [f"run-{number:03}" for number in range(100)]
        for name in names:
            flow.send(span(name, LINEAGE))
        wait_until(lambda: flow.bridge.refused > 0)
        getattr(flow.gateway, end)()
        flow.bridge.refusing = False
        flow.gateway.restart()
        wait_until(lambda: len(set(flow.bridge.span_names)) >= len(names))
        assert sorted(set(flow.bridge.span_names)) == names


def test_a_dead_bridge_does_not_hold_up_tracing(tmp_path: Path) -> None:
    with line(tmp_path) as flow:
        flow.bridge.refusing = True
        flow.send(span("run", LINEAGE))
        flow.settle(flow.tracing)
        assert names(flow.tracing) == ["run"]


def test_an_agent_keeps_spans_until_the_gateway_is_back(tmp_path: Path) -> None:
    with line(tmp_path) as flow:
        to_gateway = {"OTELCOL_GATEWAY_ENDPOINT": flow.gateway.grpc_endpoint}
        with collector.run(configs=["agent.yaml"], directory=tmp_path, env=to_gateway, name="agent") as agent:
            flow.gateway.kill()
            flow.send(span("run", LINEAGE), to=agent)
            agent.kill()
            flow.gateway.restart()
            agent.restart()
            wait_until(lambda: names(flow.bridge) == ["run"])


def test_a_pipelines_trace_is_found_in_jaeger(tmp_path: Path, jaeger: Jaeger) -> None:
    trace_id = secrets.token_bytes(16)
    env = {"OTELCOL_TRACING_ENDPOINT": jaeger.otlp_grpc_endpoint, "OTELCOL_SAMPLING_PERCENTAGE": "0"}
    with line(tmp_path, env) as flow:
        flow.send(span("run", LINEAGE, trace_id), span("query", {}, trace_id), span("copy", COPY, trace_id))
        wait_until(lambda: jaeger.trace(trace_id.hex()) is not None)
        found = jaeger.trace(trace_id.hex())
        assert found is not None
        assert sorted(each["operationName"] for each in found["spans"]) == ["query", "run"]


def test_redaction_takes_sql_from_the_tracing_branch_only(tmp_path: Path) -> None:
    with line(tmp_path, layers=["gateway-redact-sql.yaml"]) as flow:
        flow.send(span("run", {**LINEAGE, "openlineage.sql": "select 1", "db.query.text": "select 1"}))
        flow.settle(flow.tracing, flow.bridge)
        assert keys(flow.tracing.spans) == {"openlineage.job.name"}
        assert keys(flow.bridge.spans) == {"openlineage.job.name", "openlineage.sql", "db.query.text"}


def test_tls_from_the_agent_to_the_bridge(tmp_path: Path) -> None:
    tls = certificates(tmp_path / "tls")
    env = {"OTELCOL_TLS_DIRECTORY": str(tmp_path / "tls")}
    with line(tmp_path, env, layers=["gateway-tls.yaml"], tls=tls) as flow:
        to_gateway = env | {"OTELCOL_GATEWAY_ENDPOINT": flow.gateway.grpc_endpoint}
        layers = ["agent.yaml", "agent-tls.yaml"]
        with collector.run(configs=layers, directory=tmp_path, env=to_gateway, name="agent") as agent:
            flow.send(span("run", LINEAGE), to=agent)
            wait_until(lambda: flow.bridge.span_names == ["run"])
            with pytest.raises(OSError, match=r"HTTP|reset|closed"):
                flow.send(span("in the clear", LINEAGE))


def test_the_load_balancing_layer_sends_lineage_over_grpc(tmp_path: Path) -> None:
    with grpc_sink() as bridge:
        env = {"OTELCOL_BRIDGE_GRPC_PORT": bridge.endpoint.rpartition(":")[2]}
        with line(tmp_path, env, layers=["gateway-load-balancing.yaml"]) as flow:
            flow.send(span("run", LINEAGE), span("plain"), span("inside", INSIDE))
            flow.settle(bridge)
            assert names(bridge) == ["inside", "run"]


def test_the_kafka_layer_writes_otlp_requests_of_one_trace_each(tmp_path: Path) -> None:
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    for topic in TOPICS:  # asking for a topic creates it
        (broker,) = cluster.list_topics(topic, timeout=10).brokers.values()
    env = {"OTELCOL_KAFKA_BROKERS": f"[{broker.host}:{broker.port}]"}
    older = tmp_path / "older.yaml"  # the mock cluster can't tell a newer client which versions it speaks
    older.write_text("exporters: {kafka/lineage: {protocol_version: 2.1.0}}")
    trace_id = secrets.token_bytes(16)
    with line(tmp_path, env, layers=["gateway-kafka.yaml", older]) as flow:
        flow.send(span("run", LINEAGE, trace_id), span("plain"), span("inside", INSIDE, trace_id))
        flow.send_logs("openlineage.run.start", "login")
        messages = consumed(f"{broker.host}:{broker.port}", 2)
    assert {message.topic() for message in messages} == set(TOPICS)
    traces = next(message for message in messages if message.topic() == "otlp.lineage.traces")
    assert traces.key() == trace_id.hex().encode()
    (resource,) = ExportTraceServiceRequest.FromString(traces.value() or b"").resource_spans
    assert [each.name for each in resource.scope_spans[0].spans] == ["run", "inside"]


def test_the_token_layer_sends_the_token_of_the_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sesame")
    env = {"OTELCOL_BRIDGE_TOKEN_FILE": str(token)}
    with line(tmp_path, env, layers=["gateway-token.yaml"]) as flow:
        flow.settle(flow.bridge)
        assert {headers.get("authorization") for headers in flow.bridge.headers} == {"Bearer sesame"}


@contextmanager
def line(
    directory: Path,
    env: Mapping[str, str] | None = None,
    layers: Sequence[str | Path] = (),
    tls: ssl.SSLContext | None = None,
) -> Iterator[Line]:
    """A gateway that samples everything after a second, and its two ends."""
    with http_sink(tls) as bridge, grpc_sink() as tracing:
        settings = {
            "OTELCOL_BRIDGE_ENDPOINT": bridge.endpoint,
            "OTELCOL_TRACING_ENDPOINT": tracing.endpoint,
            "OTELCOL_SAMPLING_PERCENTAGE": "100",
            "OTELCOL_DECISION_WAIT": "1s",
        }
        configs = ["gateway.yaml", *layers]
        with collector.run(configs=configs, directory=directory, env=settings | dict(env or {})) as gateway:
            yield Line(gateway, bridge, tracing)


def span(name: str, attributes: Mapping[str, str] | None = None, trace_id: bytes | None = None) -> Span:
    """A finished span of a second."""
    made = Span(
        name=name,
        trace_id=trace_id or secrets.token_bytes(16),
        span_id=secrets.token_bytes(8),
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_001_000_000_000,
    )
    for key, value in (attributes or {}).items():
        made.attributes.add(key=key).value.string_value = value
    return made


def certificates(folder: Path) -> ssl.SSLContext:
    """Write the files that the TLS layers read; the context of a server that wants a client certificate."""
    folder.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    for role in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{role}.crt"))
        issued.private_key_pem.write_to_path(str(folder / f"{role}.key"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def consumed(brokers: str, count: int) -> list[Message]:
    """So many messages of both topics, from their beginning."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe(TOPICS)
    found: list[Message] = []

    def enough() -> bool:
        message = consumer.poll(0.2)
        found.extend([message] if message is not None and message.error() is None else [])
        return len(found) >= count

    try:
        wait_until(enough)
    finally:
        consumer.close()
    return found


def names(end: Sink) -> list[str]:
    """Names of the spans at an end, without fences."""
    return [name for name in end.span_names if not name.startswith("fence-")]


def keys(spans: Sequence[Span]) -> set[str]:
    """All attribute keys of spans."""
    return {attribute.key for each in spans for attribute in each.attributes}


def post(to: collector.Collector, path: str, body: bytes) -> None:
    """POST protobuf to a Collector."""
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(to.http_endpoint + path, body, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        assert answer.status == 200, json.dumps(dict(answer.headers))
