"""Who may ask the API for what, and the API over TLS: real bridges, looked at from outside."""

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from otel_bridge.api.access import needed, warn_if_exposed
from otel_bridge.config import load
from otel_bridge.model import ConfigError
from otel_bridge.settings import Api, ApiKey, Endpoint, Secret, Tls
from otel_bridge.testing import BridgeProcess
from tests.receive.test_credentials import Authority

READ, WRITE, BOTH = "read-key-0123456789", "write-key-0123456789", "both-key-0123456789"
KEYS = [
    {"name": "prometheus", "key": READ},
    {"name": "spark", "key": WRITE, "roles": ["write"]},
    {"name": "admin", "key": BOTH, "roles": ["read", "write"]},
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    with BridgeProcess(tmp_path_factory.mktemp("guarded"), settings={"api": {"keys": KEYS}}) as bridge:
        bridge.wait(lambda: bridge.health()["accepting"], "accepts")
        yield bridge


def ask(
    bridge: BridgeProcess, path: str, *authorization: str, method: str = "GET", body: bytes = b""
) -> tuple[int, http.client.HTTPMessage, Any]:
    connection = http.client.HTTPConnection(bridge.endpoints.api, timeout=20)
    try:
        connection.putrequest(method, path)
        for value in authorization:
            connection.putheader("Authorization", value)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        read = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, answer.headers, json.loads(read) if read and is_json else read.decode()
    finally:
        connection.close()


def bearer(key: str) -> str:
    return f"Bearer {key}"


def test_what_everybody_may_see(guarded: BridgeProcess) -> None:
    status, _, index = ask(guarded, "/")
    assert status == 200
    [schema] = [url for url in index["facets"] if "OtelTrace" in url]
    assert ask(guarded, schema[schema.index("/facets") :])[0] == 200
    assert ask(guarded, "/health")[::2] == (200, {"status": "ok", "accepting": True})
    assert ask(guarded, "/health", method="HEAD")[0] == 200


def test_a_schema_answers_whatever_credentials_come_along(guarded: BridgeProcess) -> None:
    assert ask(guarded, "/", bearer("somebody else's"))[0] == 200


def test_with_the_role_read(guarded: BridgeProcess) -> None:
    for key in (READ, BOTH):
        assert "received" in ask(guarded, "/health", bearer(key))[2]
        assert "otel_bridge_received_total" in ask(guarded, "/metrics", bearer(key))[2]
    assert ask(guarded, "/metrics", f"bearer   {READ}")[0] == 200


def test_a_key_without_the_role_read(guarded: BridgeProcess) -> None:
    assert ask(guarded, "/health", bearer(WRITE))[::2] == (200, {"status": "ok", "accepting": True})
    status, headers, body = ask(guarded, "/metrics", bearer(WRITE))
    assert status == 403
    assert "insufficient_scope" in headers["WWW-Authenticate"]
    assert "'spark'" in body["error"]
    assert WRITE not in body["error"]


@pytest.mark.parametrize(
    "authorization",
    [
        (), ("",), ("Bearer",), ("Bearer ",), (bearer(READ[:-1]),), (bearer(READ + "x"),), (bearer(READ.upper()),),
        (f"Basic {READ}",), (READ,), (bearer(READ), bearer(READ)), (bearer("x"), bearer(READ)),
        (bearer(f"{READ} {READ}"),), ("Bearer \xff\xfe",),
    ],
)  # fmt: skip
def test_without_an_accepted_key(guarded: BridgeProcess, authorization: tuple[str, ...]) -> None:
    status, headers, body = ask(guarded, "/metrics", *authorization)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith('Bearer realm="otel-bridge"')
    assert "Authorization: Bearer" in body["error"]


def test_a_wrong_key_is_told_so_by_health_too(guarded: BridgeProcess) -> None:
    assert ask(guarded, "/health", bearer("wrong"))[0] == 401


@pytest.mark.parametrize(
    "path", ["/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/lineage/", "/nothing", "/facets/x"]
)
def test_writing_needs_the_role_write_under_any_path(guarded: BridgeProcess, path: str) -> None:
    def refused(*authorization: str) -> int:
        return ask(guarded, path, *authorization, method="POST", body=b"[]")[0]

    assert refused() == refused(bearer("wrong")) == 401
    assert refused(bearer(READ)) == 403
    assert refused(bearer(WRITE)) not in {401, 403}


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/metrics/",
        "//metrics",
        "/%6detrics",
        "/facets",
        "/facets%2f..%2fmetrics",
        "/health/",
        "/api/v1/lineage",
        "/\\metrics",
    ],
)
def test_other_paths_need_a_key_whether_they_exist_or_not(guarded: BridgeProcess, path: str) -> None:
    status, _, body = ask(guarded, path)
    assert status == 401 or (status == 404 and list(body) == ["error"] and path.startswith("/facets%2f"))


def test_needed_by_default() -> None:
    assert [needed(method, "/new") for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "X")] == [
        "read", "read", "write", "write", "write", "write", "write",
    ]  # fmt: skip
    assert {needed("POST", path) for path in ("/", "/health", "/facets/a/b.json")} == {"write"}


def test_the_log_names_keys_and_holds_none(guarded: BridgeProcess) -> None:
    for _ in range(20):
        ask(guarded, "/metrics", bearer("guessed-key-987"))
    ask(guarded, "/metrics", bearer(WRITE))
    guarded.wait(lambda: "api_key_lacks_role" in guarded.log(), "logs the refusal")
    log = guarded.log()
    assert "spark" in log
    assert log.count("api_requests_without_accepted_key") == 1
    assert not [key for key in (READ, WRITE, BOTH, "guessed-key-987") if key in log]


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bridge", *arguments]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60)


def test_the_command_takes_its_key_from_the_configuration(guarded: BridgeProcess) -> None:
    config = ("--config", str(guarded.directory / "bridge.json"))
    assert "received" in json.loads(run("health", *config, cwd=guarded.directory).stdout)
    data = ("--data-dir", str(guarded.data_dir))
    assert list(json.loads(run("health", *data, cwd=guarded.directory).stdout)) == ["status", "accepting"]
    asked = run("health", *data, cwd=guarded.directory, OTEL_BRIDGE_API_KEY=BOTH)
    assert "received" in json.loads(asked.stdout)
    wrong = run("health", *data, "--api-key", "wrong", cwd=guarded.directory)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "OTEL_BRIDGE_API_KEY" in wrong.stderr


def test_without_keys_everything_is_open(lineage_bridge: BridgeProcess) -> None:
    assert ask(lineage_bridge, "/metrics")[0] == 200
    assert "received" in ask(lineage_bridge, "/health", bearer("whatever"))[2]


@pytest.mark.parametrize("mutual", [False, True])
def test_over_tls(mutual: bool, tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    ca = Authority(tmp_path / "ca")
    server = ca.issue("localhost")
    tls = {"cert": str(server.cert), "key": str(server.key)} | ({"client_ca": str(ca.cert)} if mutual else {})
    with BridgeProcess(tmp_path / "bridge", settings={"api": {"tls": tls, "keys": KEYS}}) as bridge:
        assert bridge.health()["version"]
        assert f"https://{bridge.endpoints.api}/metrics" in bridge.log()
        config = str(bridge.directory / "bridge.json")
        assert run("health", "--config", config, "--wait", "20s", cwd=tmp_path).returncode == 0
        assert over_tls(bridge, ca, certificate=True) == 200
        if mutual:
            with pytest.raises(OSError):
                over_tls(bridge, ca, certificate=False)
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(bridge, "/health")


def over_tls(bridge: BridgeProcess, ca: Authority, certificate: bool) -> int:
    context = ssl.create_default_context(cafile=str(ca.cert))
    if certificate:
        client = ca.issue("client")
        context.load_cert_chain(client.cert, client.key)
    port = bridge.endpoints.api.rpartition(":")[2]
    connection = http.client.HTTPSConnection("localhost", int(port), timeout=20, context=context)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": bearer(READ)})
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_unusable_certificate_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    junk = str(tmp_path / "junk.pem")
    done = run(
        "serve", "--data-dir", "data", "--set", f"api.tls={{cert: {junk}, key: {junk}}}",
        "--set", "receive.grpc.endpoint=127.0.0.1:0", "--set", "receive.http.endpoint=127.0.0.1:0",
        "--set", "api.endpoint=127.0.0.1:0", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "junk.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_that_anybody_can_reach_is_pointed_out() -> None:
    everywhere, keys = Endpoint("0.0.0.0", 4319), (ApiKey(name="a", key=Secret("k")),)
    tls = Tls(cert="a", key="b")
    assert warned(Api()) == []
    assert warned(Api(endpoint=everywhere)) == ["anybody_on_the_network_can_read_and_send", "not_encrypted"]
    assert warned(Api(endpoint=everywhere, keys=keys)) == ["not_encrypted"]
    assert warned(Api(endpoint=everywhere, tls=tls)) == ["anybody_on_the_network_can_read_and_send"]
    assert warned(Api(endpoint=everywhere, tls=Tls(cert="a", key="b", client_ca="c"))) == []


def warned(api: Api) -> list[str]:
    with structlog.testing.capture_logs() as lines:
        warn_if_exposed(api)
    return [line["event"] for line in lines]


def problems(**tree: Any) -> list[str]:
    flags = [f"{path.replace('__', '.')}={json.dumps(value)}" for path, value in tree.items()]
    with pytest.raises(ConfigError) as caught:
        load(flags=flags, environ={})
    return caught.value.problems


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([{"name": "a", "key": " "}], "would let everybody in"),
        ([{"name": " ", "key": "k"}], "Say who has the key"),
        ([{"name": "a", "key": "k k"}], "visible ASCII"),
        ([{"name": "a", "key": "k\u00e9"}], "visible ASCII"),
        ([{"name": "a", "key": "k", "roles": []}], "Give read, write or both"),
        ([{"name": "a", "key": "k"}, {"name": "a", "key": "l"}], "names must differ"),
        ([{"name": "a", "key": "sesame"}, {"name": "b", "key": "sesame"}], "a, b have the same key"),
        ([{"name": "a", "key": "k", "roles": ["admin"]}], "'read' or 'write'"),
        ([{"name": "a", "key": {"env": "NO_SUCH_VARIABLE"}}], "NO_SUCH_VARIABLE is not set"),
        ([{"name": "a", "key": {"file": "/no/such/file"}}], "can't read /no/such/file"),
        ([{"name": "a", "key": {"env": "A", "file": "b"}}], "{env: NAME} or {file: PATH}"),
        ([{"name": "a", "key": 7}], "{env: NAME} or {file: PATH}"),
    ],
)
def test_problems_of_keys(keys: list[dict[str, Any]], said: str) -> None:
    [line] = problems(api__keys=keys)
    assert said in line
    assert "sesame" not in line


def test_problems_of_tokens() -> None:
    found = problems(
        receive__grpc__bearer_tokens=["good", " sesame", ""], receive__http__bearer_tokens=["\u00e9"]
    )
    assert [line.split(" ")[0] for line in found] == [
        "receive.grpc.bearer_tokens[1]:",
        "receive.grpc.bearer_tokens[2]:",
        "receive.http.bearer_tokens[0]:",
    ]
    assert "sesame" not in str(found)


def test_problems_of_tls_and_of_files() -> None:
    assert "api.tls.cert: no such file: none.pem" in problems(
        api__tls={"cert": "none.pem", "key": "none.key"}
    )
    archive = {"type": "file", "path": "events.ndjson"}
    same = [{"name": "a", **archive}, {"name": "b", **archive | {"path": "./x/../events.ndjson"}}]
    [line] = problems(destinations=same)
    assert "a, b write the same file" in line


def test_secrets_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\ufefffrom-the-file\r\n")
    keys = [
        {"name": "a", "key": {"env": "PROMETHEUS_KEY"}},
        {"name": "b", "key": {"file": str(tmp_path / "key")}},
    ]
    environ = {"PROMETHEUS_KEY": "from-the-variable"}
    settings = load(flags=[f"api.keys={json.dumps(keys)}"], environ=environ)
    assert [key.key.reveal() for key in settings.api.keys] == ["from-the-variable", "from-the-file"]
    assert "from-the" not in repr(settings)
