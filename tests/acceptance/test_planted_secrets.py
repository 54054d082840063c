"""Secrets are planted wherever an operator or a pipeline can put one, and looked for in everything that comes out."""

import http.client
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.cli import main
from otel_bridge.testing import BridgeProcess, Sink
from otel_bridge.testing.sink import Answer, Request
from tests.otlp import logs as logs_request
from tests.otlp import pairs, record, span, span_id, trace_id
from tests.otlp import traces as traces_request

LEAKS = Path(__file__).with_name("leaks")
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def planted(name: str) -> str:
    return f"planted-{name}"


OPERATOR = [
    planted(name)
    for name in (
        "grpc-token", "http-token", "api-key-read", "api-key-write", "from-file", "from-variable", "bearer", "header",
        "basic-header", "in-query", "openlineage-api-key", "openlineage-header", "sasl-password", "key-password",
        "librdkafka", "nested", "nested-header", "datadog", "stream-password", "stream-key-password", "stream-librdkafka",
    )
]  # fmt: skip
PIPELINE = [
    planted(name)
    for name in (
        "sql-password", "url-password", "error-token", "stack-password", "environment", "parameter", "extraction",
        "source-code", "open-run",
    )
]  # fmt: skip
ATTEMPTED = planted("wrong-credential")
UNREACHABLE = "stream"


def echo(request: Request) -> Answer | None:
    """A server that answers with what it was sent: refuses `refused` for good, `shaky` the first time."""
    name = request.event["job"]["name"]
    said = json.dumps({"path": request.path, "headers": dict(request.headers)})
    if name == "refused":
        return Answer(400, said.encode())
    if name == "moved":
        return Answer(302, said.encode(), {"Location": f"https://elsewhere{request.path}"})
    if name == "cut":
        cut = next(value for value in request.headers.values() if "planted-" in value)[:-3]
        return Answer(400, f"you sent {cut}".encode())
    return None


def configuration(folder: Path, sink: Sink) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (folder / "key").write_text(planted("from-file") + "\n")
    keys = [
        {"name": "reader", "key": planted("api-key-read")},
        {"name": "writer", "key": planted("api-key-write"), "roles": ["write"]},
        {"name": "filed", "key": {"file": str(folder / "key")}},
        {"name": "varied", "key": {"env": "SOME_KEY"}},
    ]
    kafka = {
        "brokers": ["127.0.0.1:1"], "topics": ["none"],
        "sasl": {"mechanism": "PLAIN", "username": "u", "password": planted("sasl-password")},
        "tls": {"key_password": planted("key-password")},
        "config": {"sasl.oauthbearer.client.secret": planted("librdkafka")},
    }  # fmt: skip
    settings = {
        "receive": {
            "grpc": {"bearer_tokens": [planted("grpc-token")]},
            "http": {"bearer_tokens": [planted("http-token")]},
            "kafka": [kafka],
        },
        "api": {"keys": keys},
    }
    web = {
        "name": "web", "type": "http", "url": f"{sink.url}?token={planted('in-query')}",
        "bearer_token": planted("bearer"),
        "headers": {"X-Api-Key": planted("header"), "X-Basic": f"Basic {planted('basic-header')}"},
        "retry": {"first": "50ms"},
    }  # fmt: skip
    client = {
        "name": "client", "type": "openlineage",
        "transport": {
            "type": "http", "url": sink.url, "auth": {"type": "api_key", "apiKey": planted("openlineage-api-key")},
            "custom_headers": {"X-More": planted("openlineage-header")},
        },
    }  # fmt: skip
    inner = {
        "type": "http", "url": sink.url, "auth": {"type": "api_key", "apiKey": planted("nested")},
        "custom_headers": {"X-Nested": planted("nested-header")},
    }  # fmt: skip
    outer = {"type": "composite", "transports": [{"type": "composite", "transports": {"inner": inner}}]}
    nested = {"name": "nested", "type": "openlineage", "transport": outer}
    datadog = {"type": "datadog", "site": sink.url, "apiKey": planted("datadog")}
    dog = {"name": "dog", "type": "openlineage", "transport": datadog}
    stream = {
        "name": UNREACHABLE, "type": "kafka", "brokers": ["127.0.0.1:1"], "topic": "none",
        "sasl": {"mechanism": "PLAIN", "username": "u", "password": planted("stream-password")},
        "tls": {"key_password": planted("stream-key-password")},
        "config": {"sasl.oauthbearer.client.secret": planted("stream-librdkafka"), "debug": "security"},
    }  # fmt: skip
    archive = {"name": "archive", "type": "file", "path": str(folder / "events.ndjson")}
    return settings, [web, client, nested, dog, stream, archive]


def failed_run() -> Span:
    one = span(
        trace_id(), span_id(), job="failing", error=f"bearer {planted('error-token')}",
        openlineage__sql=f"ALTER USER etl PASSWORD '{planted('sql-password')}'",
        openlineage__job__source_code=f"connect(password='{planted('source-code')}')",
        openlineage__run__facets={
            "environmentVariables": {
                "environmentVariables": [{"name": "DB_PASSWORD", "value": planted("environment")}]
            },
            "executionParameters": {"parameters": [{"key": "api_key", "value": planted("parameter")}]},
            "extractionError": {
                "totalTasks": 1, "failedTasks": 1,
                "errors": [{"errorMessage": f"password={planted('extraction')}"}],
            },
        },
    )  # fmt: skip
    said = {
        "exception.type": "OperationalError",
        "exception.message": f"postgres://etl:{planted('url-password')}@db/shop",
        "exception.stacktrace": f"connect(host='db', password='{planted('stack-password')}')\nOperationalError: no",
    }
    one.events.add(name="exception", attributes=pairs(said))
    return one


class Case:
    """A bridge that everything was done to."""

    def __init__(self, bridge: BridgeProcess, outputs: dict[str, str]) -> None:
        self.bridge = bridge
        self.outputs = outputs

    def found(self, secrets: list[str], *without: str) -> list[tuple[str, str]]:
        """Which secret is in which output."""
        return [
            (secret, place)
            for place, text in self.outputs.items() if not place.startswith(without or ("\0",))
            for secret in secrets
            if secret in text
        ]  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("secrets")
    with Sink() as sink:
        sink.behave(echo)
        settings, destinations = configuration(folder, sink)
        settings["log"] = {"level": "debug", "format": "text"}
        environ = {"PYTHONPATH": str(LEAKS), "SOME_KEY": planted("from-variable")}
        environ["OTEL_BRIDGE_TRACE"] = json.dumps({"url": "http://127.0.0.1/{trace_id}"})
        with BridgeProcess(folder / "bridge", destinations, settings, environ) as bridge:
            outputs = provoke(bridge)
            case = Case(bridge, outputs)
            outputs |= processes(bridge) | commands(bridge, environ) | configured(folder, settings, environ)
            outputs |= {"sink:" + str(r.number): r.body.decode() for r in sink.requests}
        outputs["log"] = bridge.log_file.read_text()
        outputs |= {
            f"file:{p.name}": p.read_bytes().decode("latin-1")
            for p in bridge.data_dir.iterdir()
            if p.is_file()
        }
        outputs["archive"] = (folder / "events.ndjson").read_text()
        yield case


def provoke(bridge: BridgeProcess) -> dict[str, str]:
    """Send what leads to events, to defects, to dead letters, and to refusals."""
    token = f"Bearer {planted('http-token')}"
    statement = f"ALTER USER etl PASSWORD '{planted('open-run')}'"
    begun = record(
        "openlineage.run.start",
        trace_id(),
        span_id(),
        openlineage__job__name="open",
        openlineage__sql=statement,
    )
    jobs = ("refused", "moved", "cut", "shaky", "broken")
    runs = [span(trace_id(), span_id(), job=job) for job in jobs]
    answers = {
        "answer:taken": post(bridge.endpoints.http, "/v1/traces", traces_request(failed_run(), *runs), token),
        "answer:logs": post(bridge.endpoints.http, "/v1/logs", logs_request(begun), token),
        "answer:wrong": post(bridge.endpoints.http, "/v1/traces", b"", f"Bearer {ATTEMPTED}"),
        "answer:malformed": post(bridge.endpoints.http, "/v1/traces", ATTEMPTED.encode(), token),
        "answer:grpc": over_grpc(bridge),
        "api:index": get(bridge, "/", ""),
        "api:wrong": get(bridge, "/metrics", ATTEMPTED),
        "api:forbidden": get(bridge, "/metrics", planted("api-key-write")),
        "api:unknown": get(bridge, f"/nothing/{ATTEMPTED}", planted("api-key-read")),
    }  # fmt: skip
    bridge.wait(lambda: settled(bridge.health()), "settles everything")
    key = planted("api-key-read")
    return answers | {"api:health": get(bridge, "/health", key), "api:metrics": get(bridge, "/metrics", key)}


def settled(health: dict[str, Any]) -> bool:
    by_name = {d["name"]: d for d in health["destinations"]}
    del by_name[UNREACHABLE]
    nested = by_name.pop("nested")  # it follows the redirect, and finds nobody
    done = [d["waiting"] == 0 and d["events"] >= 10 for d in by_name.values()]
    return (
        all(done)
        and nested["dead"]
        and health["conversion"]["waiting"] == 0
        and health["conversion"]["failed"] == 1
    )


def post(endpoint: str, path: str, body: bytes, authorization: str) -> str:
    connection = http.client.HTTPConnection(endpoint, timeout=20)
    headers = {"Content-Type": "application/x-protobuf", "Authorization": authorization}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = f"{answer.status} {answer.headers} {answer.read()!r}"
    connection.close()
    return text


def get(bridge: BridgeProcess, path: str, key: str) -> str:
    connection = http.client.HTTPConnection(bridge.endpoints.api, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
    answer = connection.getresponse()
    text = f"{answer.status} {answer.headers} {answer.read().decode()}"
    connection.close()
    return text


def over_grpc(bridge: BridgeProcess) -> str:
    with grpc.insecure_channel(bridge.endpoints.grpc) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(TRACES)(b"", timeout=20, metadata=[("authorization", f"Bearer {ATTEMPTED}")])
    return repr(caught.value)


def processes(bridge: BridgeProcess) -> dict[str, str]:
    """What anybody, or anybody with our user id, sees of the processes."""
    children = Path(f"/proc/{bridge.pid}/task/{bridge.pid}/children").read_text().split()
    assert len(children) == 2
    seen = {}
    for pid in (str(bridge.pid), *children):
        seen[f"cmdline:{pid}"] = Path(f"/proc/{pid}/cmdline").read_text()
        seen[f"environ:{pid}"] = Path(f"/proc/{pid}/environ").read_text()
        open_files = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
        assert [name for name in open_files if "settings" in name] == []
    return seen


def commands(bridge: BridgeProcess, environ: dict[str, str]) -> dict[str, str]:
    config = ["--config", str(bridge.directory / "bridge.json")]
    letters = run(["dead-letters", "list", "--format", "json", *config], environ)
    outputs = {"cli:letters": letters}
    for line in letters.splitlines():
        if line.startswith("{"):
            letter = json.loads(line)
            shown = run(["dead-letters", "show", letter["destination"], str(letter["seq"]), *config], environ)
            outputs[f"cli:show {letter['destination']} {letter['seq']}"] = shown
    assert len(outputs) > 6
    for command in ("doctor", "health", "events", "dead-letters list", "config check"):
        outputs[f"cli:{command}"] = run([*command.split(), *config], environ)
    outputs["cli:events json"] = run(["events", "--format", "json", *config], environ)
    outputs["cli:wrong key"] = run(["health", "--api-key", ATTEMPTED, *config], environ)
    outputs["cli:second"] = start(["serve", *config], environ)
    return outputs


def configured(folder: Path, settings: dict[str, Any], environ: dict[str, str]) -> dict[str, str]:
    """Configurations with a mistake beside, or in, a secret."""
    outputs = {}
    mistakes: list[dict[str, Any]] = [
        {"api": {"keys": [*settings["api"]["keys"], *settings["api"]["keys"]]}},
        {"api": {"keys": [{"name": "x", "key": planted("api-key-read") + " y", "rolls": []}]}},
        {"receive": {"grpc": {"bearer_tokens": planted("grpc-token")}}},
        {"receive": {"kafka": [settings["receive"]["kafka"][0] | {"sasl": planted("sasl-password")}]}},
        {"destinations": [{"type": "http", "url": f"http://u:{planted('bearer')}@127.0.0.1"}]},
        {"destinations": [{"type": "http", "url": "http://127.0.0.1", "headers": {"A": planted("header") + "\n"}}]},
        {"destinations": [{"type": "http", "url": "http://127.0.0.1", "bearer_token": [planted("bearer")]}]},
        {"destinations": [{"type": "openlineage", "transport": {"type": "http", "auth": planted("openlineage-api-key")}}]},
        {"destinations": [{"type": "openlineage", "transport": {"type": "http", "url": f"http://u:{planted('bearer')}@h:x"}}]},
        {"destinations": [{"type": "openlineage", "transport": {"type": "datadog", "apiKey": planted("openlineage-api-key"),
                                                                 "site": planted("openlineage-api-key")}}]},
        {"destinations": [{"type": "kafka", "brokers": ["h"], "topic": "t", "config": {
            "ssl.key.password": planted("librdkafka"), "ssl.key.location": __file__, "security.protocol": "ssl"}}]},
    ]  # fmt: skip
    no_yaml = [
        f"receive:\n  http:\n    bearer_tokens: [{planted('http-token')}\napi: 3\n",
        f'destinations:\n- bearer_token: "{planted("bearer")}\n',
        f"api: {{keys: *{planted('api-key-read')}}}\n",
        f"api: {{keys: !{planted('api-key-read')} []}}\n",
        f"destinations:\n- bearer_token: {planted('bearer')}: x\n",
    ]
    for number, text in enumerate([*map(json.dumps, mistakes), *no_yaml]):
        file = folder / f"mistake-{number}.yaml"
        file.write_text(text)
        outputs[f"cli:mistake {number}"] = run(["config", "check", "--config", str(file)], environ)
    for assignment in (f"api.keys:{planted('api-key-read')}", f"api.keys=[{planted('api-key-read')}"):
        outputs[f"cli:mistake {assignment[8]}"] = run(["config", "check", "--set", assignment], environ)
    environ = {
        "OPENLINEAGE__TRANSPORT__TYPE": "http",
        "OPENLINEAGE_API_KEY": planted("openlineage-api-key"),
        "OPENLINEAGE_URL": "nonsense",
    }
    outputs["cli:environment"] = run(["config", "check"], environ)
    outputs["cli:example"] = run(["config", "example"], environ)
    return outputs


def run(arguments: list[str], environ: dict[str, str]) -> str:
    done = CliRunner().invoke(main, arguments, env=environ)
    trace = "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else ""
    return f"{done.exit_code}\n{done.output}\n{trace}"


def start(arguments: list[str], environ: dict[str, str]) -> str:
    command = [sys.executable, "-m", "otel_bridge", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def test_what_was_provoked_is_there(case: Case) -> None:
    """Otherwise nothing could be found in it."""
    log = case.outputs["log"]
    for said in (
        "ZeroDivisionError",
        "ValueError",
        "RuntimeError",
        "uncaught_exception",
        "api_key_lacks_role",
    ):
        assert said in log
    letters = case.outputs["cli:letters"]
    assert {json.loads(line)["destination"] for line in letters.splitlines() if line.startswith("{")} == {
        "web",
        "client",
        "nested",
        "dog",
    }
    assert "***" in letters
    mistakes = {place: said for place, said in case.outputs.items() if place.startswith("cli:mistake")}
    assert {place: said for place, said in mistakes.items() if not said.startswith("2\n")} == {}
    assert "ZeroDivisionError" in case.outputs["cli:doctor"]
    assert "postgres://etl:***@db/shop" in case.outputs["archive"]


def test_secrets_of_the_operator(case: Case) -> None:
    assert case.found([s for s in OPERATOR if s != planted("from-variable")]) == []
    assert case.found([planted("from-variable")], "environ:") == []


def test_secrets_that_were_cut_off(case: Case) -> None:
    assert case.found([secret[:-3] for secret in OPERATOR if secret != planted("from-variable")]) == []


def test_secrets_in_lineage(case: Case) -> None:
    """What was received is kept as it was, and so is the state of runs that are not over: docs/security.md."""
    open_run = planted("open-run")
    assert case.found([secret for secret in PIPELINE if secret != open_run], "file:accepted.db") == []
    assert case.found([open_run], "file:accepted.db", "file:events.db") == []
    assert case.found(PIPELINE) != []


def test_credentials_that_were_tried(case: Case) -> None:
    assert case.found([ATTEMPTED], "file:accepted.db") == []


def test_only_the_owner_can_read_the_journal(case: Case, tmp_path: Path) -> None:
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in case.bridge.data_dir.iterdir()}
    assert oct(case.bridge.data_dir.stat().st_mode & 0o777) == "0o700"
    assert {name: mode for name, mode in modes.items() if mode != "0o600"} == {}
