"""OpenLineage's own configuration and transports."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from delivering import Delivering, Log, destination, event, run_id, wait

from otel_bridge.deliver import from_environment
from otel_bridge.deliver.adaptation import event_object, honest
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
        ({}, "transport: [", "names no transport"),
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
    kafka = pytest.importorskip("confluent_kafka")
    producer = kafka.Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    config = {"bootstrap.servers": f"{broker.host}:{broker.port}"}
    log.add([event(run_id(1)), event(run_id(2), "START", run_id(1))])
    with Delivering(
        log, destination("openlineage", transport={"type": "kafka", "topic": "ol", "config": config})
    ):
        wait(lambda: log.standing("openlineage").delivered == 2)
    consumer = kafka.Consumer(config | {"group.id": "t", "auto.offset.reset": "earliest"})
    consumer.subscribe(["ol"])
    messages = []
    wait(lambda: (m := consumer.poll(0.5)) and not m.error() and (messages.append(m) or len(messages) == 2))
    consumer.close()
    assert {m.key() for m in messages} == {b"run:ns/job", b"run:ns/parent"}


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
