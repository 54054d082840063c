"""OpenLineage's own configuration and transports."""

import importlib
import json
import os
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from delivering import Delivering, Log, destination, event, run_id, wait
from pydantic import ValidationError

from otel_bridge.deliver import from_environment, transports
from otel_bridge.deliver.adaptation import Client, event_object, honest
from otel_bridge.settings import Destination
from otel_bridge.testing.sink import Sink


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "cwd").mkdir()
    return tmp_path / "home"


def found(home: Path, **environ: str) -> Destination | None:
    return from_environment({"HOME": str(home)} | environ, home.parent / "cwd")


def test_nothing_configured_is_no_destination(home: Path) -> None:
    assert found(home) is None
    assert found(home, OPENLINEAGE_NAMESPACE="n") is None


def test_url_and_api_key(home: Path, log: Log, sink: Sink) -> None:
    made = found(
        home, OPENLINEAGE_URL=sink.url, OPENLINEAGE_API_KEY="k3y", OPENLINEAGE_ENDPOINT="/api/v2/lineage"
    )
    assert made
    assert "k3y" not in repr(made)
    log.runs([1])
    with Delivering(log, made):
        sink.wait_for(2)
    request = sink.requests[0]
    assert (request.path, request.headers["authorization"]) == ("/api/v2/lineage", "Bearer k3y")


@pytest.mark.parametrize("where", ["OPENLINEAGE_CONFIG", "cwd", "home"])
def test_yaml(home: Path, log: Log, sink: Sink, where: str) -> None:
    files = {"OPENLINEAGE_CONFIG": home / "any.yml", "cwd": home.parent / "cwd/openlineage.yml",
             "home": home / ".openlineage/openlineage.yml"}  # fmt: skip
    file = files[where]
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f"transport: {{type: http, url: '{sink.url}/sub', compression: gzip, custom_headers: {{X-Id: a}}}}"
    )
    environ = {"OPENLINEAGE_CONFIG": str(file)} if where == "OPENLINEAGE_CONFIG" else {}
    made = found(home, **environ)
    assert made
    log.runs([1])
    with Delivering(log, made):
        sink.wait_for(2)
    request = sink.requests[0]
    assert request.path == "/api/v1/lineage"  # urljoin, as the client does it
    assert (request.headers["x-id"], request.headers["content-encoding"]) == ("a", "gzip")


def test_yaml_wins_over_the_environment_which_fills_its_holes(home: Path) -> None:
    (home.parent / "cwd/openlineage.yml").write_text("transport: {type: http, url: 'http://yaml'}")
    made = found(home, OPENLINEAGE__TRANSPORT__URL="http://env", OPENLINEAGE__TRANSPORT__TIMEOUT="7")
    assert made
    assert made.options.transport == {"type": "http", "url": "http://yaml", "timeout": 7}


def test_disabled(home: Path) -> None:
    assert found(home, OPENLINEAGE_URL="http://h", OPENLINEAGE_DISABLED="TRUE") is None
    assert found(home, OPENLINEAGE_URL="http://h", OPENLINEAGE_DISABLED="1") is not None


@pytest.mark.parametrize(
    ("environ", "yaml", "says"),
    [
        ({"OPENLINEAGE_CONFIG": "/nowhere.yml"}, None, "names /nowhere.yml, which is no file"),
        ({"OPENLINEAGE_API_KEY": "k"}, None, "names no transport"),
        ({}, "transport: [", "names no transport .Couldn't read content of the OpenLineage config file"),
        ({}, "transport: {type: http}", "url"),
        ({"OPENLINEAGE_URL": "h:80"}, None, "Need valid url"),
        ({}, "transport: {type: http, url: 'http://h', auth: {type: api_key}}", "apiKey is required"),
        (
            {},
            "transport: {type: http, url: 'http://h', custom_headers: {Content-Length: '1'}}",
            "set by the bridge",
        ),
    ],
)
def test_a_mistake_is_an_error_and_never_a_silent_console(
    home: Path, environ: dict, yaml: str | None, says: str
) -> None:
    if yaml:
        (home.parent / "cwd/openlineage.yml").write_text(yaml)
    with pytest.raises(ValueError, match=says):
        found(home, **environ)


def test_the_process_environment_is_left_alone(home: Path) -> None:
    before, here = dict(os.environ), Path.cwd()
    found(home, OPENLINEAGE_URL="http://h", OPENLINEAGE_API_KEY="k")
    assert (dict(os.environ), Path.cwd()) == (before, here)


def test_the_process_environment_itself_can_be_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every command does."""
    monkeypatch.setenv("OPENLINEAGE_URL", "http://h")
    made = from_environment(os.environ, home.parent / "cwd")
    assert made
    assert made.options.transport["url"] == "http://h"
    assert os.environ["OPENLINEAGE_URL"] == "http://h"


def test_fetched_tokens(log: Log, sink: Sink) -> None:
    class Tokens(BaseHTTPRequestHandler):
        asked: ClassVar[list] = []

        def do_POST(self) -> None:
            self.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            body = json.dumps({"access_token": "t0ken", "expires_in": 3600}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Tokens) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        auth = {
            "type": "oauth2",
            "clientId": "me",
            "clientSecret": "s",
            "tokenEndpoint": f"http://127.0.0.1:{server.server_port}",
        }
        transport = {"type": "async_http", "url": sink.url, "auth": auth}
        log.runs(range(10))
        with Delivering(log, destination("openlineage", transport=transport)):
            sink.wait_for(20)
        server.shutdown()
    assert {r.headers["authorization"] for r in sink.requests} == {"Bearer t0ken"}
    assert len(Tokens.asked) == 1


def test_file_transport(log: Log, tmp_path: Path) -> None:
    log.runs(range(5))
    transport = {"type": "file", "log_file_path": str(tmp_path / "ol.log"), "append": True}
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 10)
    found = [json.loads(line) for line in (tmp_path / "ol.log").read_text().splitlines()]
    assert len(found) == 10
    assert found[0] == json.loads(event(run_id(0)).body)


def test_composite_does_not_swallow_a_failure(log: Log, tmp_path: Path, sink: Sink) -> None:
    transport = {"type": "composite", "transports": {
        "web": {"type": "http", "url": sink.url, "retry": {"total": 0}},
        "disk": {"type": "file", "log_file_path": str(tmp_path / "ol.log"), "append": True},
    }}  # fmt: skip
    sink.answer(500, 3)
    log.runs([1])
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 2)
    assert len(sink.events) == 2
    assert len((tmp_path / "ol.log").read_text().splitlines()) == 2


def test_an_answer_that_refuses_makes_a_dead_letter(log: Log, sink: Sink) -> None:
    sink.answer(422, body="no")
    log.runs([1])
    transport = {"type": "composite", "transports": [{"type": "http", "url": sink.url}]}
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 1)
    [letter] = log.letters("openlineage")
    assert (letter.status, letter.answer) == (422, "no")


def test_a_transport_that_can_not_be_built_is_tried_again(log: Log) -> None:
    log.runs([1])
    with Delivering(
        log, destination("openlineage", transport={"type": "no.such.Transport"}), drain_s=0
    ) as delivering:
        wait(lambda: "no.such" in delivering.state("openlineage").trouble)
    assert log.standing("openlineage").waiting == 2


def test_kafka_reports_are_waited_for(log: Log) -> None:
    pytest.importorskip("confluent_kafka")
    from mock_kafka import MockKafka

    cluster = MockKafka(1)
    config = {"bootstrap.servers": cluster.brokers[0]}
    log.add([event(run_id(1)), event(run_id(2), "START", run_id(1))])
    transport = {"type": "kafka", "topic": cluster.topic("ol"), "config": config}
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 2)
    assert {m.key() for m in cluster.read(2)} == {b"run:ns/job", b"run:ns/parent"}


def test_kafka_broker_that_is_gone_is_no_delivery(log: Log) -> None:
    pytest.importorskip("confluent_kafka")
    config = {"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 100, "log_level": 0}
    log.runs([1])
    with Delivering(
        log,
        destination("openlineage", transport={"type": "kafka", "topic": "ol", "config": config}),
        drain_s=0,
    ) as delivering:
        wait(lambda: "timed out" in delivering.state("openlineage").trouble)
    assert log.standing("openlineage").waiting == 2


def test_kafka_inside_a_composite_reports_too(log: Log, sink: Sink) -> None:
    pytest.importorskip("confluent_kafka")
    config = {"bootstrap.servers": "127.0.0.1:9", "log_level": 0}
    inner = {
        "web": {"type": "http", "url": sink.url},
        "lost": {"type": "kafka", "topic": "ol", "config": config},
    }
    log.runs([1])
    made = destination("openlineage", transport={"type": "composite", "transports": inner}, timeout="200ms")
    with Delivering(log, made, drain_s=0) as delivering:
        wait(lambda: "no report of the delivery within 0.2 s" in delivering.state("openlineage").trouble)
    assert log.standing("openlineage").waiting == 2


def test_kafka_brokers_that_are_gone_do_not_hold_up_a_stop(log: Log) -> None:
    pytest.importorskip("confluent_kafka")
    config = {"bootstrap.servers": "127.0.0.1:9", "log_level": 0}
    log.runs([1])
    made = destination("openlineage", transport={"type": "kafka", "topic": "ol", "config": config})
    with Delivering(log, made, drain_s=0) as delivering:
        wait(lambda: delivering.state("openlineage").in_flight > 0)
        asked_s = time.monotonic()
    assert time.monotonic() - asked_s < 9  # the transport alone would wait for 300 s
    assert log.standing("openlineage").waiting == 2


MODULE = """
import threading, time
from openlineage.client.serde import Serde
from openlineage.client.transport import Config, Transport
from openlineage.client.transport.transform import EventTransformer

emitted, gate = [], threading.Event()


class Renaming(EventTransformer):
    def transform(self, event):
        event.job.name = self.properties["prefix"] + event.job.name
        return event


class Hanging(Transport):
    kind = "hanging"
    config_class = Config

    def __init__(self, config):
        pass

    def emit(self, event):
        gate.wait()
        emitted.append(Serde.to_json(event))

    def close(self, timeout=-1):
        return True


class Paired(Hanging):
    together = threading.Barrier(2)

    def emit(self, event):
        self.together.wait(10)
        emitted.append(event)


class Defective(Hanging):
    def emit(self, event):
        raise AttributeError("no such thing")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of the user's with transports of their own."""
    name = f"own_transports_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(name)
    yield module
    module.gate.set()


def test_a_transport_of_the_users_own_that_hangs_is_trouble_and_holds_up_nothing(
    log: Log, sink: Sink, own: Any
) -> None:
    log.runs(range(3))
    hanging = destination(
        "openlineage", "own", transport={"type": f"{own.__name__}.Hanging"}, timeout="100ms"
    )
    with Delivering(log, hanging, destination("http", url=sink.url), drain_s=0.1) as delivering:
        sink.wait_for(6)
        wait(lambda: "no word from the transport within 0.1 s" in delivering.state("own").trouble)
        own.gate.set()
        wait(lambda: log.standing("own").delivered == 6)
    assert len(own.emitted) == 6  # what took too long was not emitted twice


def test_concurrency_is_as_many_transports_and_a_run_stays_with_one(log: Log, own: Any) -> None:
    log.runs(range(16))
    slow = destination("openlineage", transport={"type": f"{own.__name__}.Paired"}, concurrency=2)
    with Delivering(log, slow, drain_s=0):
        wait(lambda: len(own.emitted) >= 10)
    kinds: dict[str, list[str]] = defaultdict(list)
    for made in own.emitted:
        kinds[made.run.runId].append(made.eventType.value)
    assert all(found in (["START"], ["START", "COMPLETE"]) for found in kinds.values())


def test_lines_of_a_file_are_written_by_one(tmp_path: Path) -> None:
    file = {"type": "file", "log_file_path": str(tmp_path / "a")}
    for transport in (file, {"type": "composite", "transports": {"a": file}}):
        with pytest.raises(ValidationError, match="concurrency must be 1 with a file transport"):
            destination("openlineage", transport=transport, concurrency=2)


def test_stopping_does_not_wait_for_a_transport_that_hangs(log: Log, own: Any) -> None:
    log.runs([1])
    made = destination("openlineage", transport={"type": f"{own.__name__}.Hanging"})
    with Delivering(log, made, drain_s=0) as delivering:
        wait(lambda: delivering.state("openlineage").in_flight > 0)
    assert log.standing("openlineage").waiting == 2


def test_a_defect_of_a_transport_is_not_tried_for_ever(log: Log, own: Any) -> None:
    log.runs([1])
    with Delivering(log, destination("openlineage", transport={"type": f"{own.__name__}.Defective"})):
        wait(lambda: log.standing("openlineage").dead == 2)
    assert "AttributeError: no such thing" in log.letters("openlineage")[0].reason


def test_transform(log: Log, tmp_path: Path, own: Any) -> None:
    log.runs([1])
    file = {"type": "file", "log_file_path": str(tmp_path / "ol.log"), "append": True}
    transport = {
        "type": "transform",
        "transport": file,
        "transformer_class": f"{own.__name__}.Renaming",
        "transformer_properties": {"prefix": "x-"},
    }
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 2)
    lines = (tmp_path / "ol.log").read_text().splitlines()
    assert [json.loads(line)["job"]["name"] for line in lines] == ["x-job", "x-job"]


def test_datadog(log: Log, sink: Sink) -> None:
    log.runs([1])
    transport = {"type": "datadog", "apiKey": "k3y", "site": sink.url}
    with Delivering(log, destination("openlineage", transport=transport)):
        sink.wait_for(2)
    request = sink.requests[0]
    assert (request.path, request.headers["authorization"]) == ("/api/v1/lineage", "Bearer k3y")
    assert request.headers["content-encoding"] == "gzip"


def test_datadog_inside_a_composite_never_forgets_events(log: Log, sink: Sink) -> None:
    sink.answer(500, 2)
    log.runs([1])
    datadog = {"type": "datadog", "apiKey": "k", "site": sink.url, "retry": {"total": 0},
               "async_transport_rules": {"*": {"*": True}}}  # fmt: skip
    with Delivering(
        log, destination("openlineage", transport={"type": "composite", "transports": [datadog]})
    ):
        wait(lambda: log.standing("openlineage").delivered == 2)
    assert len(sink.events) == 2


def test_amazon_datazone(log: Log, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3", reason="pip install boto3")
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    answer = json.dumps({"id": "1", "domainId": "d"})
    refused = json.dumps({"message": "no such thing"})
    sink.answer(400, body=refused, headers={"x-amzn-ErrorType": "ValidationException"})
    sink.answer(200, 3, body=answer)
    log.runs([1, 2])
    transport = {"type": "amazon_datazone_api", "domainId": "dzd-1", "endpointOverride": sink.url}
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 3)
    assert {request.path for request in sink.requests} == {"/v2/domains/dzd-1/lineage/events"}
    assert sink.requests[0].event == json.loads(event(run_id(1)).body)
    [letter] = log.letters("openlineage")
    assert (letter.status, letter.seq) == (400, 1)


def test_google_lineage(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library, its channel led to a server of ours: what arrives is the event."""
    lineage = pytest.importorskip(
        "google.cloud.datacatalog_lineage_v1", reason="pip install google-cloud-datacatalog-lineage"
    )
    grpc = pytest.importorskip("grpc")
    got: list[Any] = []

    def process(request: Any, context: Any) -> Any:
        got.append(request)
        if len(got) == 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such thing")
        if len(got) == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return lineage.ProcessOpenLineageRunEventResponse()

    method = grpc.unary_unary_rpc_method_handler(
        process,
        request_deserializer=lineage.ProcessOpenLineageRunEventRequest.deserialize,
        response_serializer=lineage.ProcessOpenLineageRunEventResponse.serialize,
    )
    service = grpc.method_handlers_generic_handler(
        "google.cloud.datacatalog.lineage.v1.Lineage", {"ProcessOpenLineageRunEvent": method}
    )
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stubs = lineage.services.lineage.transports.LineageGrpcTransport
    channel = lambda *_, **__: grpc.insecure_channel(f"127.0.0.1:{port}")  # noqa: E731
    monkeypatch.setattr(stubs, "create_channel", channel)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", google_key(tmp_path))
    log.runs([1, 2])
    transport = {"type": "gcplineage", "project_id": "p", "location": "eu"}
    with Delivering(log, destination("openlineage", transport=transport)):
        wait(lambda: log.standing("openlineage").delivered == 3)
    server.stop(0)
    assert {request.parent for request in got} == {"projects/p/locations/eu"}
    assert got[-1].open_lineage["job"]["name"] == "job"
    [letter] = log.letters("openlineage")
    assert (letter.status, letter.seq) == (400, 1)


def google_key(folder: Path) -> str:
    """A service account's key file, made up."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account", "project_id": "p", "private_key": text, "private_key_id": "1",
        "client_email": "a@p.example", "token_uri": "http://127.0.0.1:9/token",
    }  # fmt: skip
    (folder / "key.json").write_text(json.dumps(account))
    return str(folder / "key.json")


def test_msk_with_signed_tokens(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no broker of Amazon's here: a producer is built, and asked to sign a token, which it can."""
    pytest.importorskip("aws_msk_iam_sasl_signer", reason="pip install aws-msk-iam-sasl-signer-python")
    pytest.importorskip("confluent_kafka")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    config = {"bootstrap.servers": "127.0.0.1:9", "log_level": 0}
    transport = {"type": "msk-iam", "topic": "t", "region": "eu-west-1", "config": config}
    client = Client(transport, 0.2)
    from openlineage.client.transport.msk_iam import _oauth_cb

    token, expires_s = _oauth_cb(client._transport.msk_config)
    assert token
    assert expires_s > time.time()
    log.runs([1])
    with Delivering(
        log, destination("openlineage", transport=transport, timeout="200ms"), drain_s=0
    ) as delivering:
        wait(lambda: "no report of the delivery" in delivering.state("openlineage").trouble)


@pytest.mark.parametrize(
    ("transport", "missing", "says"),
    [
        (
            {"type": "kafka"},
            "confluent_kafka",
            "transport: kafka needs confluent_kafka: pip install 'otel-bridge[kafka]'",
        ),
        ({"type": "msk-iam"}, "aws_msk_iam_sasl_signer", "pip install aws-msk-iam-sasl-signer-python"),
        (
            {"type": "gcplineage"},
            "google.cloud.datacatalog_lineage_v1",
            "pip install google-cloud-datacatalog-lineage",
        ),
        ({"type": "amazon_datazone_api"}, "boto3", "pip install boto3"),
        (
            {"type": "file", "log_file_path": "s3://b/k"},
            "fsspec",
            "transport: file needs fsspec: pip install fsspec",
        ),
        (
            {"type": "composite", "transports": {"a": {"type": "transform", "transport": {"type": "kafka"}}}},
            "confluent_kafka",
            "transport.transports.a.transport: kafka needs confluent_kafka",
        ),
        ({"type": "kafak"}, "", "transport.type: unknown transport; did you mean 'kafka'?"),
        ({"type": "composite", "transports": [{"typ": 1}]}, "", "transport.transports.0.type is missing"),
        ({"type": "http"}, "", "url"),
        ({}, "", "transport.type is missing"),
    ],
)
def test_what_a_section_lacks_is_said_when_it_is_read(
    transport: dict[str, Any], missing: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # Python's own way to say that it can't be imported
    with pytest.raises(ValidationError) as caught:
        destination("openlineage", transport=transport)
    assert says in str(caught.value)


def test_every_transport_of_the_library_is_known() -> None:
    from openlineage.client.transport import get_default_factory

    assert set(transports.TYPES) == set(get_default_factory().transports)  # type: ignore[attr-defined]


def test_openlineage_disabled_loses_nothing(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    log.runs([1])
    transport = {"type": "file", "log_file_path": str(tmp_path / "ol.log"), "append": True}
    with Delivering(log, destination("openlineage", transport=transport), drain_s=0) as delivering:
        wait(lambda: "OPENLINEAGE_DISABLED" in delivering.state("openlineage").trouble)
    assert log.standing("openlineage").waiting == 2


def test_a_parent_facet_of_any_shape_is_sent_as_it_is() -> None:
    from openlineage.client.serde import Serde

    document = json.loads(event(run_id(1), "OTHER").body)
    for facet in ({"a": 1}, {"run": {}, "job": {}, "_producer": "https://p"}, {"run": {"runId": "1"}}):
        document["run"]["facets"]["parent"] = facet
        assert json.loads(Serde.to_json(event_object(json.dumps(document).encode()))) == document


def test_event_objects_serialise_to_the_same_json() -> None:
    from openlineage.client.serde import Serde

    common = {"eventTime": "2026-11-24T10:00:00Z", "producer": "https://p", "schemaURL": "https://s"}
    job = {
        "namespace": "n",
        "name": "j",
        "facets": {"x": {"_producer": "https://p", "_schemaURL": "https://x"}},
    }
    static_job = common | {"job": job, "inputs": [], "outputs": [{"namespace": "d", "name": "t"}]}
    static_dataset = common | {"dataset": {"namespace": "d", "name": "t", "facets": {}}}
    run = json.loads(event(run_id(2), "FAIL", run_id(1)).body)
    for document in (static_job, static_dataset, run):
        assert json.loads(Serde.to_json(event_object(json.dumps(document).encode()))) == document


def test_honest_keeps_first_success_wins() -> None:
    section = {"type": "composite", "continue_on_success": False, "transports": [{"type": "file"}]}
    assert honest(section) == section
